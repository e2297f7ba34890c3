#ifndef SMTPD_ENVELOPE_H
#define SMTPD_ENVELOPE_H

/* MAIL and RCPT. */

#include "smtp/command.h"
#include "smtpd/session.h"

extern int envelope_mail(session *s, smtp_command const *command);
extern int envelope_rcpt(session *s, smtp_command const *command);

#endif
