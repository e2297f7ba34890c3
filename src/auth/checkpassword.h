#ifndef AUTH_CHECKPASSWORD_H
#define AUTH_CHECKPASSWORD_H

/*
 * Programs that check a password (cr.yp.to/checkpwd/interface.html): they read user, password and a
 * third piece, each with its NUL, from descriptor 3, 512 octets at the most, and run the program
 * that their arguments name where the password is right.
 */

#include "auth/ask.h"

/* How long one may take. */
#define CHECKPASSWORD_S 10

/*
 * Run the command, " true" behind it, by sh.  Its environment has PROTO=TCP, and TCPREMOTEIP and
 * TCPLOCALIP where the claim has addresses; descriptors 0 and 1 are /dev/null, 2 is ours.
 * Exit 0 is yes; 1, 3 and 100 are no, and so is what 512 octets do not hold.  All else is later, with
 * the reason: an end by a signal, or none within CHECKPASSWORD_S.  Call it once in a process.
 */
extern enum auth_verdict checkpassword_run(char const *command, auth_claim const *claim,
                                           char reason[AUTH_ANSWER_MAX]);

#endif
