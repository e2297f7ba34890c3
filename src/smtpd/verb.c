#include "smtpd/verb.h"

#include <string.h>
#include <skalibs/types.h>

#include "smtp/chars.h"
#include "smtpd/atrn.h"
#include "smtpd/auth.h"
#include "smtpd/envelope.h"
#include "smtpd/etrn.h"
#include "smtpd/receive.h"
#include "smtpd/starttls.h"

/* --- HELO and EHLO --- */

/*
 * Is this a domain name or an address literal?  Loosely: many clients send whatever their host is
 * called.  The name goes into the trace header, so it has no white space and no octet that would
 * end a comment.
 */
static int helo_ok(char const *s, size_t len)
{
  size_t i = 0;
  if (!len || len >= SESSION_HELO_MAX) return 0;
  if (s[0] == '[' && s[len - 1] == ']')
  {
    s++;
    len -= 2;
    if (!len) return 0;
  }
  while (i < len && (smtp_letter(s[i]) || smtp_digit(s[i]) || strchr("-._:", s[i]))) i++;
  return i == len;
}

static int ehlo_reply(session *s)
{
  static char const *const extensions[] =
  {
    "250-PIPELINING", "250-ETRN", "250-ENHANCEDSTATUSCODES", "250-8BITMIME", "250-DSN",
    "250-SMTPUTF8", "250-CHUNKING"
  };
  char size[UINT64_FMT];
  unsigned int i;
  int starttls = starttls_offered(s);
  if (starttls == -1 || !session_databytes(s)) return 0;
  size[uint64_fmt(size, s->databytes)] = 0;
  if (!session_reply(s, "250-", s->me.s) || !session_reply(s, "250-SIZE ", size)) return 0;
  if (starttls && !session_reply(s, "250-STARTTLS")) return 0;
  for (i = 0; i < sizeof extensions / sizeof *extensions; i++)
    if (!session_reply(s, extensions[i])) return 0;
  if (!auth_announce(s) || (atrn_offered(s) && !session_reply(s, "250-ATRN"))) return 0;
  return session_reply(s, "250 HELP");
}

static int helo(session *s, smtp_command const *command)
{
  int esmtp = command->verb == SMTP_EHLO;
  if (!helo_ok(command->argument, command->argumentlen))
    return session_refuse(s, "501 5.5.4 Syntax: ", esmtp ? "EHLO" : "HELO", " hostname");
  session_reset(s);
  memcpy(s->helo, command->argument, command->argumentlen);
  s->helo[command->argumentlen] = 0;
  s->esmtp = esmtp;
  s->auth_offered = 0;
  return esmtp ? ehlo_reply(s) : session_reply(s, "250 ", s->me.s);
}

/* --- small verbs --- */

static int no_argument(session *s, char const *name)
{
  return session_refuse(s, "501 5.5.4 Syntax: ", name);
}

static int rset(session *s, smtp_command const *command)
{
  if (command->argumentlen) return no_argument(s, "RSET");
  session_reset(s);
  return session_reply(s, "250 2.0.0 Ok");
}

static int noop(session *s, smtp_command const *command)
{
  (void)command;
  return session_reply(s, "250 2.0.0 Ok");
}

static int vrfy(session *s, smtp_command const *command)
{
  if (!command->argumentlen) return session_refuse(s, "501 5.5.4 Syntax: VRFY address");
  return session_reply(s,
    "252 2.0.0 Cannot VRFY user, but will accept message and attempt delivery");
}

static int expn(session *s, smtp_command const *command)
{
  (void)command;
  return session_refuse(s, "502 5.5.1 Error: command not implemented");
}

static int help(session *s, smtp_command const *command)
{
  (void)command;
  return session_reply(s,
    "214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP ETRN STARTTLS"
    " AUTH ATRN QUIT");
}

static int quit(session *s, smtp_command const *command)
{
  if (command->argumentlen) return no_argument(s, "QUIT");
  s->end = SESSION_QUIT;
  session_reply(s, "221 2.0.0 Bye");
  return 0;
}

static int unknown(session *s, smtp_command const *command)
{
  (void)command;
  return session_refuse(s, "500 5.5.2 Error: command not recognized");
}

/* --- the table --- */

verb const verb_of[SMTP_UNKNOWN + 1] =
{
  [SMTP_HELO] = { "HELO", "helo", 1, 1, &helo },
  [SMTP_EHLO] = { "EHLO", "ehlo", 1, 1, &helo },
  [SMTP_MAIL] = { "MAIL", "mail", 0, 0, &envelope_mail },
  [SMTP_RCPT] = { "RCPT", "rcpt", 0, 0, &envelope_rcpt },
  [SMTP_DATA] = { "DATA", "data", 0, 0, &receive_data },
  /* its octets have to be read; without MAIL it is refused anyway */
  [SMTP_BDAT] = { "BDAT", "bdat", 0, 1, &receive_bdat },
  [SMTP_RSET] = { "RSET", "rset", 1, 0, &rset },
  [SMTP_NOOP] = { "NOOP", "noop", 1, 1, &noop },
  [SMTP_VRFY] = { "VRFY", "vrfy", 1, 0, &vrfy },
  [SMTP_EXPN] = { "EXPN", "expn", 0, 0, &expn },
  [SMTP_HELP] = { "HELP", "help", 1, 1, &help },
  [SMTP_QUIT] = { "QUIT", "quit", 0, 1, &quit },
  [SMTP_ETRN] = { "ETRN", "etrn", 0, 0, &etrn_verb },
  [SMTP_STARTTLS] = { "STARTTLS", "starttls", 1, 1, &starttls_verb },
  [SMTP_AUTH] = { "AUTH", "auth", 0, 0, &auth_verb },
  [SMTP_ATRN] = { "ATRN", "atrn", 0, 0, &atrn_verb },
  [SMTP_UNKNOWN] = { "UNKNOWN", "unknown", 0, 0, &unknown }
};
