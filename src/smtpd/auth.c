#include "smtpd/auth.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "auth/ask.h"
#include "base/log.h"
#include "base/wallclock.h"
#include "smtp/base64.h"
#include "smtp/chars.h"
#include "smtp/domain.h"

/* How long a client waits for a refusal, whatever was wrong. */
#define REFUSAL_S 2
/* With so many refusals the session ends. */
#define REFUSALS_MAX 3

/* Some octets of a client's, behind which there is a zero. */
typedef struct octets
{
  size_t len;
  char s[SMTP_COMMAND_MAX];
} octets;

/* One AUTH. */
typedef struct exchange
{
  session *s;
  char const *initial;     /* the response in the command itself; NULL: there is none */
  size_t initiallen;
  char const *refusal;     /* why the client is refused: a reply; NULL: the session is over */
  octets first;            /* responses */
  octets second;
  char challenge[1 + 2 * 16 + 1 + 20 + 1 + SMTP_DOMAIN_MAX + 2]; /* "<RANDOM.SECONDS@me>" */
  auth_claim claim;
  int foreign;             /* whoever it is wants to be somebody else: a password is no matter */
  int proved;              /* the user is known already: there is nothing to ask */
} exchange;

/* --- responses --- */

static int refuse(exchange *x, char const *reply)
{
  x->refusal = reply;
  return 0;
}

static int decode(exchange *x, octets *out, char const *s, size_t len)
{
  /* that is how nothing at all is written in a command */
  if (len == 1 && *s == '=') len = 0;
  if (!smtp_base64_scan(out->s, &out->len, s, len))
    return refuse(x, "501 5.5.2 Error: not base64");
  out->s[out->len] = 0;
  return 1;
}

/* Send a challenge, and read what the client says to it.  1, or 0 as every function here. */
static int challenge_answered(exchange *x, octets *out, char const *challenge)
{
  session *s = x->s;
  char coded[SMTP_BASE64_MAX(sizeof x->challenge)];
  smtp_base64_format(coded, challenge, strlen(challenge));
  if (!session_reply(s, "334 ", coded)) return 0;
  s->tenth = 0;
  wire_step(&s->wire, s->timeout[CONF_TIMEOUT_COMMAND]);
  if (!wire_line_read(&s->wire, &s->line)) return 0;
  if (s->line.faults & WIRE_LONG) return refuse(x, "500 5.5.6 Error: line too long");
  if (s->line.faults) return refuse(x, "501 5.5.2 Error: not base64");
  if (s->line.len == 1 && *s->line.s == '*')
    return refuse(x, "501 5.7.0 Authentication cancelled");
  return decode(x, out, s->line.s, s->line.len);
}

/* The client's first response: part of the command, or what it says to a challenge. */
static int first_response(exchange *x, char const *challenge)
{
  if (x->initial) return decode(x, &x->first, x->initial, x->initiallen);
  return challenge_answered(x, &x->first, challenge);
}

/* --- mechanisms: each sets user and proof of the claim --- */

static auth_field field(char const *s, size_t len)
{
  return (auth_field){ s, len };
}

/* [authzid] NUL authcid NUL passwd (RFC 4616 section 2). */
static int plain(exchange *x)
{
  octets const *in = &x->first;
  char const *user, *password;
  size_t const whole = 2;
  size_t nuls = 0, i;
  if (!first_response(x, "")) return 0;
  for (i = 0; i < in->len; i++) nuls += !in->s[i];
  if (nuls != whole) return refuse(x, "501 5.5.2 Error: not of the form of PLAIN");
  user = in->s + strlen(in->s) + 1;
  password = user + strlen(user) + 1;
  x->foreign = *in->s && strcmp(in->s, user);
  x->claim.user = field(user, strlen(user));
  x->claim.proof = field(password, strlen(password));
  return 1;
}

static int login(exchange *x)
{
  if (!first_response(x, "Username:") || !challenge_answered(x, &x->second, "Password:")) return 0;
  if (memchr(x->first.s, 0, x->first.len) || memchr(x->second.s, 0, x->second.len))
    return refuse(x, "501 5.5.2 Error: NUL in a response");
  x->claim.user = field(x->first.s, x->first.len);
  x->claim.proof = field(x->second.s, x->second.len);
  return 1;
}

/* A challenge that nobody can foresee, nor has been used before (RFC 2195 section 2).  1 or 0. */
static int challenge_make(exchange *x)
{
  uint64_t number[2];
  if (getrandom(number, sizeof number, 0) != sizeof number)
    return refuse(x, "454 4.7.0 Temporary authentication failure");
  snprintf(x->challenge, sizeof x->challenge, "<%016llx%016llx.%llu@%s>",
           (unsigned long long)number[0], (unsigned long long)number[1],
           (unsigned long long)(wallclock_us() / SECOND_US), x->s->me.s);
  return 1;
}

static int digest_ok(char const *s)
{
  size_t i = 0;
  while (smtp_digit(s[i]) || (s[i] >= 'a' && s[i] <= 'f')) i++;
  return i == 32 && !s[i];
}

/* user SP digest; there may be spaces in the user's name. */
static int cram_md5(exchange *x)
{
  octets *in = &x->first;
  char *space;
  if (x->initial) return refuse(x, "501 5.7.0 Error: CRAM-MD5 has no initial response");
  if (!challenge_make(x) || !challenge_answered(x, in, x->challenge)) return 0;
  space = strrchr(in->s, ' ');
  if (strlen(in->s) != in->len || !space || !digest_ok(space + 1))
    return refuse(x, "501 5.5.2 Error: not of the form of CRAM-MD5");
  x->claim.kind = AUTH_CRAM;
  x->claim.user = field(in->s, (size_t)(space - in->s));
  x->claim.proof = field(space + 1, strlen(space + 1));
  x->claim.challenge = field(x->challenge, strlen(x->challenge));
  *space = 0;
  return 1;
}

/* The user whose certificate the client has, by name or as a matter of course (RFC 4422 appendix A). */
static int external(exchange *x)
{
  octets const *in = &x->first;
  char const *user = x->s->identity.name;
  if (!first_response(x, "")) return 0;
  if (memchr(in->s, 0, in->len)) return refuse(x, "501 5.5.2 Error: NUL in a response");
  x->proved = !in->len || !strcmp(in->s, user);
  x->foreign = !x->proved;
  if (!x->proved) user = in->s;
  x->claim.user = field(user, strlen(user));
  return 1;
}

enum
{
  MECHANISM_PLAIN = 1, MECHANISM_LOGIN = 2, MECHANISM_CRAM_MD5 = 4, MECHANISM_EXTERNAL = 8
};

static struct mechanism
{
  char const *name;
  unsigned int bit;
  int (*talk)(exchange *x);
} const mechanisms[] =
{
  { "PLAIN", MECHANISM_PLAIN, &plain },
  { "LOGIN", MECHANISM_LOGIN, &login },
  { "CRAM-MD5", MECHANISM_CRAM_MD5, &cram_md5 }, { "EXTERNAL", MECHANISM_EXTERNAL, &external }
};
#define MECHANISMS (sizeof mechanisms / sizeof *mechanisms)

/* --- what is offered --- */

/* Those that auth-check can answer for; local users are known without it. */
static unsigned int answered_for(session const *s)
{
  if (s->client.local) return 0;
  if (conf_exists(s->conf, "authsecrets"))
    return MECHANISM_PLAIN | MECHANISM_LOGIN | MECHANISM_CRAM_MD5;
  return conf_exists(s->conf, "checkpassword") ? MECHANISM_PLAIN | MECHANISM_LOGIN : 0;
}

/* All there are for this client. */
static unsigned int possible(session const *s)
{
  return answered_for(s) | (s->identity.certified ? MECHANISM_EXTERNAL : 0u);
}

int auth_known(session const *s)
{
  return possible(s) || (!s->client.local && conf_exists(s->conf, CONF_CLIENTCERTS));
}

/* Those of them that the client may use here.  1, or 0: session_broken(). */
static int offered(session *s, unsigned int all, unsigned int *these)
{
  int clear = 0;
  *these = all;
  if (!all || *s->secured) return 1;
  if (!conf_switch(s->conf, "authclear", &clear)) return session_broken(s);
  *these &= clear ? MECHANISM_CRAM_MD5 : 0u;
  return 1;
}

int auth_announce(session *s)
{
  char line[sizeof "250-AUTH PLAIN LOGIN CRAM-MD5 EXTERNAL"] = "250-AUTH", *end = line + strlen(line);
  unsigned int these;
  size_t i;
  if (!offered(s, possible(s), &these)) return 0;
  s->auth_offered = !!these;
  for (i = 0; i < MECHANISMS; i++)
    if (these & mechanisms[i].bit) end = stpcpy(stpcpy(end, " "), mechanisms[i].name);
  return !these || session_reply(s, line);
}

/* --- the answer --- */

/* As Postfix says it: what bans a client for its failures takes no notice of ours. */
static void failure_log(exchange const *x, struct mechanism const *mechanism, char const *what,
                        char const *why)
{
  if (!session_may_log(x->s)) return;
  log_line("warning: ", x->s->who, ": SASL ", mechanism->name, " authentication failed: ", what,
           why, ", sasl_username=", x->claim.user.s);
}

static int accept_user(exchange const *x, struct mechanism const *mechanism)
{
  session *s = x->s;
  identity_set(&s->identity, mechanism->name, x->claim.user.s, x->claim.user.len);
  /* who may relay has no limit of them */
  s->subdomains = UINT64_MAX;
  return session_reply(s, "235 2.7.0 Authentication successful");
}

static int refuse_user(exchange const *x, struct mechanism const *mechanism)
{
  session *s = x->s;
  failure_log(x, mechanism, "authentication failure", "");
  if (!wire_pause(&s->wire, REFUSAL_S)) return 0;
  if (++s->auth_refused < REFUSALS_MAX)
    return session_refuse(s, "535 5.7.8 Error: authentication failed");
  s->end = SESSION_ERRORS;
  return 0;
}

static int put_off(exchange const *x, struct mechanism const *mechanism, char const *why)
{
  failure_log(x, mechanism, "Connection lost to authentication server: ", why);
  return session_junk(x->s)
    && session_reply(x->s, "454 4.7.0 Temporary authentication failure");
}

/* The ends of the connection, for a checkpassword. */
static void addresses_tell(exchange *x)
{
  peer const *client = &x->s->client, *own = &x->s->policy.own;
  policy_own(&x->s->policy);
  if (!*own->ip) return;
  x->claim.client = field(client->ip, strlen(client->ip));
  x->claim.own = field(own->ip, strlen(own->ip));
}

static enum auth_verdict ask(exchange *x, char reason[AUTH_ANSWER_MAX])
{
  session *s = x->s;
  if (x->foreign || x->claim.user.len > CONF_ACCOUNT_MAX) return AUTH_NO;
  if (x->proved) return AUTH_YES;
  addresses_tell(x);
  return auth_ask(s->instance, &x->claim, s->timeout[CONF_TIMEOUT_AUTH], s->stop, reason);
}

static int answer(exchange *x, struct mechanism const *mechanism)
{
  char reason[AUTH_ANSWER_MAX] = "";
  if (!wire_flush(&x->s->wire)) return 0;
  switch (ask(x, reason))
  {
    case AUTH_YES: return accept_user(x, mechanism);
    case AUTH_NO: return refuse_user(x, mechanism);
    default: return put_off(x, mechanism, reason);
  }
}

/* --- the verb --- */

static int talk(session *s, struct mechanism const *mechanism, char const *initial, size_t len)
{
  exchange x = { .s = s, .initial = len ? initial : 0, .initiallen = len };
  int r;
  if (mechanism->talk(&x)) r = answer(&x, mechanism);
  else r = x.refusal && session_refuse(s, x.refusal);
  explicit_bzero(&x, sizeof x);
  return r;
}

/* Split the argument: a mechanism, and maybe a response.  1; 0: there is more, or nothing. */
static int argument_split(smtp_command const *command, size_t *namelen, char const **initial,
                          size_t *initiallen)
{
  char const *s = command->argument, *end = s + command->argumentlen;
  char const *space = memchr(s, ' ', command->argumentlen);
  *namelen = space ? (size_t)(space - s) : command->argumentlen;
  *initial = s + *namelen;
  while (*initial < end && **initial == ' ') ++*initial;
  *initiallen = (size_t)(end - *initial);
  return *namelen && !memchr(*initial, ' ', *initiallen);
}

static struct mechanism const *mechanism_find(char const *name, size_t len, unsigned int all)
{
  size_t i;
  for (i = 0; i < MECHANISMS; i++)
    if (all & mechanisms[i].bit && smtp_word_is(name, len, mechanisms[i].name))
      return mechanisms + i;
  return 0;
}

static int auth(session *s, smtp_command const *command, unsigned int all)
{
  struct mechanism const *mechanism;
  char const *initial;
  size_t len, initiallen;
  unsigned int these;
  if (!argument_split(command, &len, &initial, &initiallen))
    return session_refuse(s, "501 5.5.4 Syntax: AUTH mechanism [initial-response]");
  mechanism = mechanism_find(command->argument, len, all);
  if (!mechanism) return session_refuse(s, "504 5.5.4 Error: no such authentication mechanism");
  if (!offered(s, all, &these)) return 0;
  if (!(these & mechanism->bit))
    return session_refuse(s, "538 5.7.11 Error: encryption required for this mechanism");
  return talk(s, mechanism, initial, initiallen);
}

/* Why AUTH is not for now, whatever its argument; NULL: it is. */
static char const *untimely(session const *s, unsigned int all)
{
  if (!all) return "502 5.5.1 Error: command not implemented";
  if (!s->esmtp) return "503 5.5.1 Error: send EHLO first";
  if (s->identity.method) return "503 5.5.1 Error: already authenticated";
  return s->mail ? "503 5.5.1 Error: MAIL transaction in progress" : 0;
}

int auth_verb(session *s, smtp_command const *command)
{
  unsigned int const all = possible(s);
  char const *refusal = untimely(s, all);
  int r = refusal ? session_refuse(s, refusal) : auth(s, command, all);
  explicit_bzero(s->line.s, sizeof s->line.s);
  wire_wipe(&s->wire);
  return r;
}
