#ifndef SMTPD_ETRN_H
#define SMTPD_ETRN_H

/* ETRN. */

#include "smtp/command.h"
#include "smtpd/session.h"

extern int etrn_verb(session *s, smtp_command const *command);

#endif
