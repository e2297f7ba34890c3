#ifndef SMTPD_RECEIVE_H
#define SMTPD_RECEIVE_H

/* DATA and BDAT. */

#include "smtp/command.h"
#include "smtpd/session.h"

/*
 * The least octets in a tenth of the time for 64 KiB, under clients_stress(): half of what a tenth
 * of 64 KiB would be, 109 octets a second.
 */
#define RECEIVE_STEP 65536
#define RECEIVE_TENTH_LEAST (RECEIVE_STEP / 20)
/*
 * The least octets a second of a message since its content began, under clients_stress(), once a
 * tenth of the time for a message has passed.
 */
#define RECEIVE_RATE_LEAST 500

/* Is the present content slower than RECEIVE_RATE_LEAST? */
extern int receive_slow(session const *s);

extern int receive_data(session *s, smtp_command const *command);
extern int receive_bdat(session *s, smtp_command const *command);

#endif
