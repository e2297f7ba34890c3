#ifndef SMTPD_AUTH_H
#define SMTPD_AUTH_H

/*
 * AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN and CRAM-MD5 (RFC 2195); EXTERNAL (RFC 4422 appendix A)
 * for who has a user's certificate.  Passwords and digests are handed to auth-check, and kept no
 * longer than that takes.
 */

#include "smtp/command.h"
#include "smtpd/session.h"

/*
 * Put the line of the reply to EHLO, where there is a mechanism to offer: inside TLS those that
 * auth-check can answer for, and EXTERNAL; in clear, where conf/authclear is 1, CRAM-MD5.  Sets s->auth_offered.
 */
extern int auth_announce(session *s);

/* Can a client of this session make itself known at all? */
extern int auth_known(session const *s);

extern int auth_verb(session *s, smtp_command const *command);

#endif
