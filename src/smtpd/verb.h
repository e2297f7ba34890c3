#ifndef SMTPD_VERB_H
#define SMTPD_VERB_H

/* The table of verbs: the function that answers each one. */

#include "smtp/command.h"
#include "smtpd/session.h"

typedef struct verb
{
  char const *name;
  char const *counted;   /* its name in the log line "disconnect" */
  int junk;              /* a command that achieves nothing, see session_junk() */
  int clear;             /* answered before TLS, even where conf/tls asks for it */
  int (*function)(session *s, smtp_command const *command);
} verb;

extern verb const verb_of[SMTP_UNKNOWN + 1];

#endif
