#ifndef SMTPD_RECEIVE_H
#define SMTPD_RECEIVE_H

/* DATA and BDAT. */

#include "smtp/command.h"
#include "smtpd/session.h"

/*
 * What a tenth of the time for 64 KiB must bring where others wait: half of what all of it must,
 * and so 109 octets a second.
 */
#define RECEIVE_STEP 65536
#define RECEIVE_TENTH_LEAST (RECEIVE_STEP / 20)
/*
 * Octets a second that a message must have come at, all in all, where others wait and it has had a
 * tenth of its time.
 */
#define RECEIVE_RATE_LEAST 500

/* Is the content in hand slower than that? */
extern int receive_slow(session const *s);

extern int receive_data(session *s, smtp_command const *command);
extern int receive_bdat(session *s, smtp_command const *command);

#endif
