#include "smtpd/envelope.h"

#include <errno.h>
#include <string.h>

#include "smtp/domain.h"
#include "smtpd/clients.h"
#include "smtpd/parameters.h"

/* Recipients of one message: RFC 5321 section 4.5.3.1.8 asks for 100 at least. */
#define SESSION_RCPTS_MAX 1000
/*
 * So many more recipients, until session_forgive(), are refused without counting as errors; then
 * each counts as one.
 */
#define SESSION_RCPTS_OVER 1000

/*
 * Read the argument; conf/lenient is read only when the argument is malformed without it.  1, or 0:
 * session_broken().
 */
static int argument_read(session *s, smtp_argument *argument, enum smtp_argument_verdict *verdict,
                         smtp_command const *command, int flags)
{
  flags |= SMTP_PATH_UTF8;
  *verdict = smtp_argument_scan(argument, command, flags);
  if (*verdict != SMTP_ARGUMENT_PATH) return 1;
  if (s->lenient == -1 && !conf_switch(s->conf, "lenient", &s->lenient)) return session_broken(s);
  if (s->lenient) *verdict = smtp_argument_scan(argument, command, flags | SMTP_PATH_LENIENT);
  return 1;
}

static int string_copy(stralloc *out, char const *s)
{
  if (!stralloc_copyb(out, s, strlen(s) + 1)) return 0;
  out->len--;
  return 1;
}

static int parameters_refuse(session *s, enum parameters_verdict verdict)
{
  if (verdict == PARAMETERS_SYNTAX)
    return session_refuse(s, "501 5.5.4 Error: bad parameter, or given twice");
  if (verdict == PARAMETERS_UNKNOWN)
    return session_refuse(s, "555 5.5.4 Error: unsupported parameter");
  errno = ENOMEM;
  return session_broken(s);
}

/* May the address be used: is it ASCII, or was SMTPUTF8 given (RFC 6531 section 3.4)? */
static int address_sayable(smtp_argument const *argument, int smtputf8)
{
  return smtputf8 || !smtp_domain_utf8(argument->text, strlen(argument->text));
}

static int unsayable_refuse(session *s)
{
  return session_refuse(s, "553 5.6.7 Error: the address needs SMTPUTF8");
}

/* --- MAIL --- */

static int size_refuse(session *s)
{
  int r = session_refuse(s, SESSION_SAYS_TOO_LARGE);
  session_log_reject(s, "", "MAIL", 0);
  return r;
}

/* No error of the client's, but repeating MAIL achieves nothing. */
static int room_refuse(session *s)
{
  int r = session_junk(s) && session_reply(s, SESSION_SAYS_NO_ROOM);
  if (r) session_log_reject(s, "", "MAIL", 0);
  return r;
}

static int sender_refuse(session *s)
{
  int r = session_refuse(s, "554 5.7.1 <", s->sender.s,
                         ">: Sender address rejected: Source routing is not allowed");
  session_log_reject(s, "", "MAIL", 0);
  return r;
}

static int mail_begin(session *s, parameters_mail const *mail)
{
  s->mail = 1;
  s->smtputf8 = mail->smtputf8;
  s->chunk_refused = 0;
  return session_reply(s, "250 2.1.0 Ok");
}

int envelope_mail(session *s, smtp_command const *command)
{
  smtp_argument argument;
  parameters_mail mail;
  enum smtp_argument_verdict argued;
  enum parameters_verdict verdict;
  int taken;

  if (!*s->helo) return session_refuse(s, SESSION_SAYS_UNGREETED);
  if (s->mail) return session_refuse(s, "503 5.5.1 Error: nested MAIL command");
  if (!argument_read(s, &argument, &argued, command, SMTP_PATH_NULL)) return 0;
  switch (argued)
  {
    case SMTP_ARGUMENT_SYNTAX: return session_refuse(s, "501 5.5.4 Syntax: MAIL FROM:<address>");
    case SMTP_ARGUMENT_PATH: return session_refuse(s, "501 5.1.7 Bad sender address syntax");
    case SMTP_ARGUMENT_GOOD: break;
  }
  verdict = parameters_mail_read(&mail, &s->parameters, argument.parameters,
                                 argument.parameterslen, s->auth_offered);
  if (verdict != PARAMETERS_GOOD) return parameters_refuse(s, verdict);
  if (!address_sayable(&argument, mail.smtputf8)) return unsayable_refuse(s);
  if (!string_copy(&s->sender, argument.text)) return session_broken(s);
  if (!policy_mail(&s->policy, &argument.path, &s->domain, &taken)) return session_broken(s);
  if (!taken) return sender_refuse(s);
  if (!session_databytes(s) || !session_minfree(s)) return 0;
  if (s->databytes && mail.size > s->databytes) return size_refuse(s);
  if (!session_room(s, mail.size)) return room_refuse(s);
  return mail_begin(s, &mail);
}

/* --- RCPT --- */

typedef struct rcpt_refusal
{
  char const *code;
  char const *text;
} rcpt_refusal;

#define RCPT_REJECTED ">: Recipient address rejected: "

static rcpt_refusal const rcpt_refusals[] =
{
  [POLICY_NOT_A_DOMAIN] = { "501 5.1.3 <", RCPT_REJECTED "No such name is possible" },
  [POLICY_NO_RELAY] = { "554 5.7.1 <", ">: Relay access denied" },
  [POLICY_SOURCE_ROUTE] = { "554 5.7.1 <", RCPT_REJECTED "Source routing is not allowed" },
  [POLICY_LITERAL] = { "550 5.1.2 <", RCPT_REJECTED "No mail is sent to address literals" },
  [POLICY_UNKNOWN] = { "550 5.1.1 <", RCPT_REJECTED "User unknown" }
};

static int rcpt_refuse(session *s, char const *to, enum policy_verdict verdict)
{
  rcpt_refusal const *refusal = rcpt_refusals + verdict;
  int r = session_refuse(s, refusal->code, to, refusal->text);
  session_log_reject(s, "", "RCPT", to);
  return r;
}

/*
 * Refuse a recipient too many.  That is no error of the client's, which sends the rest in another
 * transaction; a client that goes on and on ignores the replies.  The first refusal of a
 * transaction is logged.
 */
static int rcpt_too_many(session *s, char const *to, char const *what)
{
  static char const code[] = "452 4.5.3 <", text[] = ">: Recipient address rejected: Too many ";
  int r = s->rcpts_over++ < SESSION_RCPTS_OVER ? session_reply(s, code, to, text, what)
    : session_refuse(s, code, to, text, what);
  if (s->full) s->unlogged++;
  else session_log_reject(s, "", "RCPT", to);
  s->full = 1;
  return r;
}

/* --- names that may be made up --- */

static int subdomain_known(session const *s)
{
  size_t i;
  for (i = 0; i < s->subdomains_names.len; i += strlen(s->subdomains_names.s + i) + 1)
    if (!strcmp(s->subdomains_names.s + i, s->domain.s)) return 1;
  return 0;
}

/*
 * conf/relayclients, which are exempt, are read only where the limit matters.  1, or 0:
 * session_broken().
 */
static int subdomains_read(session *s)
{
  int exempt = 0;
  if (s->subdomains != UINT64_MAX) return 1;
  if (!conf_subdomains(s->conf, &s->subdomains)) return session_broken(s);
  if (s->subdomains && !policy_trusted(&s->policy, &exempt)) return session_broken(s);
  if (exempt) s->subdomains = 0;
  return 1;
}

/*
 * May the client use one more subdomain?  All sessions of a client share the limit; sessions from
 * this host have one each, since a proxy here takes mail from many clients.
 */
static int subdomain_left(session *s)
{
  if (s->subdomains_used >= s->subdomains) return 0;
  if (session_this_host(s) || !session_queue(s)) return 1;
  return clients_subdomain_take(s->queue, &s->client.address, (unsigned int)s->subdomains,
                                &s->subdomains_next) != 0;
}

/*
 * May the session send to the recipient's domain too?  A domain that a list names is counted
 * nowhere.  Subdomains of a ".domain" can be made up without end, and each has a list, and a site
 * to be looked up.  1, or 0: session_broken().
 */
static int subdomain_admit(session *s, int *yes)
{
  *yes = 1;
  if (!s->policy.subdomain) return 1;
  if (!subdomains_read(s)) return 0;
  if (!s->subdomains || subdomain_known(s)) return 1;
  *yes = subdomain_left(s);
  if (!*yes) return 1;
  s->subdomains_used++;
  return stralloc_catb(&s->subdomains_names, s->domain.s, s->domain.len + 1) || session_broken(s);
}

/* --- taking it --- */

#define NEVER_TOLD "NOTIFY=NEVER"

static int rcpt_add(session *s, enum policy_verdict verdict)
{
  if (verdict == POLICY_NO_NOTICE && !string_copy(&s->parameters_rcpt, NEVER_TOLD))
    return session_broken(s);
  if (!stralloc_catb(&s->rcpts, s->domain.s, s->domain.len + 1)
    || !stralloc_catb(&s->rcpts, s->address.s, s->address.len + 1)
    || !stralloc_catb(&s->rcpts, s->parameters_rcpt.s, s->parameters_rcpt.len + 1))
    return session_broken(s);
  s->nrcpts++;
  return session_reply(s, "250 2.1.5 Ok");
}

int envelope_rcpt(session *s, smtp_command const *command)
{
  smtp_argument argument;
  enum smtp_argument_verdict argued;
  enum parameters_verdict parameters;
  enum policy_verdict verdict;
  int admitted;

  if (!s->mail) return session_refuse(s, SESSION_SAYS_NO_MAIL);
  if (s->content != CONTENT_NONE) return session_refuse(s, "503 5.5.1 Error: RCPT after BDAT");
  s->rcpt_tried = 1;
  if (!argument_read(s, &argument, &argued, command, SMTP_PATH_BARELOCAL)) return 0;
  switch (argued)
  {
    case SMTP_ARGUMENT_SYNTAX: return session_refuse(s, "501 5.5.4 Syntax: RCPT TO:<address>");
    case SMTP_ARGUMENT_PATH: return session_refuse(s, "501 5.1.3 Bad recipient address syntax");
    case SMTP_ARGUMENT_GOOD: break;
  }
  parameters = parameters_rcpt_read(&s->parameters_rcpt, argument.parameters,
                                    argument.parameterslen);
  if (parameters != PARAMETERS_GOOD) return parameters_refuse(s, parameters);
  if (!address_sayable(&argument, s->smtputf8)) return unsayable_refuse(s);
  if (s->nrcpts == SESSION_RCPTS_MAX) return rcpt_too_many(s, argument.text, "recipients");
  if (!policy_rcpt(&s->policy, &argument.path, &s->domain, &s->address, &verdict))
    return session_broken(s);
  if (verdict != POLICY_YES && verdict != POLICY_NO_NOTICE)
    return rcpt_refuse(s, argument.text, verdict);
  if (!subdomain_admit(s, &admitted)) return 0;
  return admitted ? rcpt_add(s, verdict) : rcpt_too_many(s, argument.text, "domains");
}
