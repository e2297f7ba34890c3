#ifndef SMTPD_VERB_H
#define SMTPD_VERB_H

/* What is done for each verb. */

#include "smtp/command.h"
#include "smtpd/session.h"

typedef struct verb
{
  char const *name;
  char const *counted;   /* its name in the count at the end */
  int junk;              /* it brings no message nearer */
  int (*function)(session *s, smtp_command const *command);
} verb;

extern verb const verb_of[SMTP_UNKNOWN + 1];

#endif
