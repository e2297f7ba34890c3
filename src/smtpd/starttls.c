#include "smtpd/starttls.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <skalibs/djbunix.h>

#include "base/log.h"
#include "base/text.h"
#include "job/job.h"
#include "smtp/chars.h"
#include "tls/handover.h"

/* tls-io gives up a handshake by itself, and says why: we wait so much longer. */
#define HANDSHAKE_MORE_S 5
/* Octets of what a client said too early that are logged. */
#define EARLY_SHOWN 100

/* --- asking tls-io ------------------------------------------------------------------------ */

/* Only a connection that is one descriptor twice can be handed over. */
static int one_socket(void)
{
  struct stat in, out;
  return fstat(0, &in) == 0 && fstat(1, &out) == 0 && S_ISSOCK(in.st_mode)
    && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

static int engine_ask(handover *e, session const *s, int fd)
{
  tls_request request;
  tls_request_accept(&request, s->timeout[SMTP_TIMEOUT_TLS], conf_exists(s->conf, CONF_CLIENTCERTS),
                     s->tls_lines);
  tls_request_end(&request);
  return handover_ask(e, fd, s->stop, &request);
}

/* Will tls-io take the connection?  1; 0 after a line in the log. */
static int engine_ready(handover *e, session *s)
{
  char reason[TLS_ANSWER_MAX];
  int fd = one_socket() ? job_connect(s->instance, "run/tls", SOCK_STREAM) : (errno = ENOTSOCK, -1);
  if (fd != -1 && engine_ask(e, s, fd)) return 1;
  if (fd == -1) text_join(reason, sizeof reason, strerror(errno));
  else
  {
    log_clean(reason, sizeof reason, e->answer.reason.s, e->answer.reason.len);
    fd_close(fd);
  }
  if (session_may_log(s)) log_line("warning: TLS is not available for ", s->who, ": ", reason);
  return 0;
}

/* --- the handshake ------------------------------------------------------------------------ */

/*
 * Make the handshake, which ends sooner for a client that is mute while most connections are taken.
 * 1; 0 with the reason in the answer: then nobody can use the connection any more.
 */
static int engine_shake(handover *e, session *s)
{
  s->tenth = 0;
  wire_hurry(&e->wire, s->wire.hurried, s->wire.data);
  wire_step(&e->wire, s->timeout[SMTP_TIMEOUT_TLS] + HANDSHAKE_MORE_S);
  return handover_make(e, 0);
}

/* Copy a word, as much of it as there is room for before end.  Returns behind it. */
static char *word_put(char *out, char const *end, tls_field const *word)
{
  size_t room = (size_t)(end - out), len = word->len < room ? word->len : room;
  memcpy(out, word->s, len);
  return out + len;
}

/* "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)" */
static void secured_set(session *s, tls_answer const *answer)
{
  static char const with[] = " with cipher ", bits[] = " bits)";
  size_t const room = (sizeof s->secured - sizeof with - sizeof bits) / 3;
  char *out = s->secured;
  out = stpcpy(word_put(out, out + room, &answer->protocol), with);
  out = stpcpy(word_put(out, out + room, &answer->cipher), " (");
  stpcpy(word_put(out, out + room, &answer->bits), bits);
}

/*
 * The client knows nothing of us any more, nor we of it (RFC 3207 section 4.2): only what limits it
 * is kept.
 */
static void forget(session *s)
{
  session_reset(s);
  identity_forget(&s->identity);
  s->subdomains = UINT64_MAX;
  s->auth_offered = 0;
  *s->helo = 0;
  s->esmtp = 0;
}

/* From now on the client is where tls-io is.  1, or 0 with errno. */
static int move(handover *e, session *s)
{
  int fd = e->wire.in_fd;
  policy_own(&s->policy);
  if (fd_copy(0, fd) == -1 || fd_copy(1, fd) == -1) return 0;
  fd_close(fd);
  wire_continue(&s->wire, &e->wire);
  return 1;
}

/* What conf/clientcerts has to name to know the client, in Postfix's words. */
static void certificate_log(session *s, tls_answer const *answer, char const *user)
{
  char certificate[TLS_PRINT_LEN + 1], key[TLS_PRINT_LEN + 1];
  if (!session_may_log(s)) return;
  log_line(s->who, ": fingerprint=",
           log_clean(certificate, sizeof certificate, answer->certificate.s, answer->certificate.len),
           ", pkey_fingerprint=", log_clean(key, sizeof key, answer->key.s, answer->key.len),
           *user ? ", ccert_user=" : "", user);
}

/* Whose certificate has the client shown?  1; or 0: session_broken(). */
static int certificate_know(session *s, tls_answer const *answer)
{
  char user[CONF_ACCOUNT_MAX + 1];
  if (!answer->certificate.len) return 1;
  if (!conf_clientcert(s->conf, &answer->certificate, &answer->key, user)) return session_broken(s);
  certificate_log(s, answer, user);
  if (*user) identity_certify(&s->identity, user);
  return 1;
}

static int shaken(handover *e, session *s)
{
  if (!move(e, s)) return session_broken(s);
  secured_set(s, &e->answer);
  forget(s);
  if (session_may_log(s))
    log_line(tls_trust_name(e->answer.trust), " TLS connection established from ", s->who, ": ",
             s->secured);
  return certificate_know(s, &e->answer);
}

static int unshaken(handover *e, session *s)
{
  char reason[TLS_ANSWER_MAX];
  s->end = SESSION_HANDSHAKE;
  fd_close(e->wire.in_fd);
  if (session_may_log(s))
    log_line("SSL_accept error from ", s->who, ": ",
             log_clean(reason, sizeof reason, e->answer.reason.s, e->answer.reason.len));
  return 0;
}

static int handshake(handover *e, session *s)
{
  return engine_shake(e, s) ? shaken(e, s) : unshaken(e, s);
}

/* How much of it may be logged: of its first line, and nothing where that is AUTH, with a password. */
static size_t early_shown(char const *s, size_t len)
{
  size_t n = 0;
  while (n < len && s[n] != '\r' && s[n] != '\n') n++;
  return n >= 4 && smtp_word_is(s, 4, "AUTH") ? 0 : n;
}

/*
 * What came behind STARTTLS may be another's: who sits on the wire can put commands there, for the
 * client to be told the replies over TLS.
 */
static void early_drop(session *s)
{
  char begin[EARLY_SHOWN + 1];
  size_t len;
  char const *early = wire_peek(&s->wire, &len);
  if (len && session_may_log(s))
    log_line("improper command pipelining after STARTTLS from ", s->who, ": ",
             log_clean(begin, sizeof begin, early, early_shown(early, len)));
  wire_taken(&s->wire, len);
}

/* --- beginning ----------------------------------------------------------------------------- */

int starttls_offered(session *s)
{
  if (*s->secured || s->client.local) return 0;
  if (!session_tls(s)) return -1;
  return s->tls != CONF_TLS_NONE;
}

int starttls_verb(session *s, smtp_command const *command)
{
  handover e;
  int offered;
  if (command->argumentlen) return session_refuse(s, "501 5.5.4 Syntax: STARTTLS");
  if (*s->secured) return session_refuse(s, "554 5.5.1 Error: TLS already active");
  offered = starttls_offered(s);
  if (offered == -1) return 0;
  if (!offered) return session_refuse(s, "502 5.5.1 Error: command not implemented");
  if (!engine_ready(&e, s))
    return session_reply(s, "454 4.7.0 TLS not available due to local problem");
  if (session_reply(s, "220 2.0.0 Ready to start TLS") && wire_flush(&s->wire))
  {
    early_drop(s);
    return handshake(&e, s);
  }
  fd_close(e.wire.in_fd);
  return 0;
}

int starttls_first(session *s)
{
  handover e;
  if (engine_ready(&e, s)) return handshake(&e, s);
  s->end = SESSION_NO_TLS;
  return 0;
}
