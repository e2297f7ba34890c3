#ifndef SMTPD_ATRN_H
#define SMTPD_ATRN_H

/*
 * ATRN (RFC 2645): a customer whom nobody can call has come for his mail.  His connection is handed
 * to qmgr, and mail goes the other way on it.
 */

#include "smtp/command.h"
#include "smtpd/session.h"

/* Does it stand in the reply to EHLO? */
extern int atrn_offered(session const *s);

extern int atrn_verb(session *s, smtp_command const *command);

#endif
