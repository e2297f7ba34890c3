#include "send/secure.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "send/auth.h"
#include "send/demand.h"

/*
 * What the kernel holds between us and tls-io: little, so that what was written is soon on the
 * wire, as the times of the dialogue and the look for silence have it.
 */
#define HELD_OCTETS 16384

#define NO_ENGINE "TLS is required, but our TLS engine is unavailable"
#define NO_HANDSHAKE "Cannot start TLS: handshake failure"

static host_address const *host(smtp_connection const *s)
{
  return &s->candidates->hosts.address[s->candidates->at];
}

int secure_wanted(smtp_connection const *s)
{
  return s->where->tls != TLS_NONE && !s->secure.plain && s->secure.step != SECURE_DONE;
}

int secure_dispensable(smtp_connection const *s)
{
  return host(s)->tls.level <= TLS_MAY && !s->where->tlswrap && !auth_wanted(s);
}

/* --- the ways it ends ---------------------------------------------------------------------- */

static void demand_fails(smtp_connection *s, char const *code, char const *text, char const *more)
{
  text_join(s->text, sizeof s->text, text, more);
  exchange_fail(s, code);
}

void secure_not_offered(smtp_connection *s)
{
  demand_fails(s, "4.7.4", "TLS is required, but was not offered by host ", s->peer);
}

/* Once more without TLS; where there is no time for that, text and more are what is said. */
static void end_plain(smtp_connection *s, char const *text, char const *more)
{
  text_join(s->text, sizeof s->text, text, more);
  s->code = "4.7.5";
  exchange_end(s, CONNECTION_END_PLAIN);
}

void secure_failed(smtp_connection *s, char const *why)
{
  int verified = strncmp(why, TLS_NOT_VERIFIED, sizeof TLS_NOT_VERIFIED - 1) != 0;
  log_line("SSL_connect error to ", s->out->relay, ": ", why);
  if (secure_dispensable(s)) end_plain(s, NO_HANDSHAKE, "");
  else demand_fails(s, "4.7.5", verified ? NO_HANDSHAKE : why, "");
}

/* tls-io cannot be had, or cannot do it. */
static enum secure_outcome engine_missing(smtp_connection *s, char const *why)
{
  log_line("warning: no TLS to ", s->out->relay, ": our TLS engine is unavailable: ", why);
  if (s->secure.fd != -1) close(s->secure.fd);
  s->secure.fd = -1;
  s->secure.step = SECURE_NONE;
  if (secure_dispensable(s)) return SECURE_PLAIN;
  demand_fails(s, "4.7.5", NO_ENGINE, "");
  return SECURE_ON;
}

enum secure_outcome secure_unanswered(smtp_connection *s)
{
  return engine_missing(s, strerror(ETIMEDOUT));
}

int secure_missed(smtp_connection const *s)
{
  return s->where->tls != TLS_NONE && !*s->where->turned && s->secure.step != SECURE_DONE
    && (s->secure.plain || s->extensions & SMTP_EXT_STARTTLS);
}

/* --- what is asked ------------------------------------------------------------------------- */

/*
 * The names that a chain from a record may lead to, where it does not name the key itself (RFC 7672
 * section 3.2.2).
 */
static void dane_names_ask(tls_request *r, smtp_connection const *s)
{
  tls_request_match(r, host(s)->tls.dane.base);
  tls_request_match(r, s->where->host);
  if (s->where->exchangers) tls_request_match(r, s->candidates->hosts.domain);
}

/* What is demanded of this host alone: by its TLSA records, or as one that a policy names. */
static void host_ask(tls_request *r, smtp_connection const *s)
{
  host_tls const *tls = &host(s)->tls;
  enum tls_level level = tls->level < TLS_ENCRYPT && s->where->tlswrap ? TLS_ENCRYPT : tls->level;
  char const *name = tls->dane.count ? tls->dane.base : demand_host_name(host(s)->name);
  tls_request_connect(r, name, s->where->timeout_s[SMTP_TIMEOUT_TLS], level);
  if (level == TLS_VERIFY) tls_request_match(r, host(s)->name);
  if (tls->dane.count) dane_names_ask(r, s);
  dane_ask(&tls->dane, r);
  tls_request_end(r);
}

static int request_send(smtp_connection *s)
{
  tls_request r;
  if (host(s)->tls.level != s->where->tls || host(s)->tls.dane.count) host_ask(&r, s);
  else demand_ask(&r, s->where, host(s)->name, s->where->timeout_s[SMTP_TIMEOUT_TLS]);
  return send(s->secure.fd, r.s, r.len, MSG_NOSIGNAL) == (ssize_t)r.len;
}

/* --- the steps ----------------------------------------------------------------------------- */

void secure_begin(smtp_connection *s)
{
  s->state = CONNECTION_SECURING;
  s->secure.step = SECURE_WANTED;
  exchange_step_begins(s);
}

int secure_asks(smtp_connection *s)
{
  if (s->secure.step != SECURE_WANTED) return 0;
  s->secure.step = SECURE_AWAITED;
  return 1;
}

int secure_talks(smtp_connection const *s)
{
  return s->state == CONNECTION_SECURING && s->secure.step <= SECURE_ASKED;
}

enum secure_outcome secure_take(smtp_connection *s, int fd, char const *why)
{
  int const octets = HELD_OCTETS;
  if (s->state != CONNECTION_SECURING || s->secure.step != SECURE_AWAITED)
  {
    if (fd != -1) close(fd);
    return SECURE_ON;
  }
  s->secure.fd = fd;
  if (fd == -1) return engine_missing(s, why);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
  if (!request_send(s)) return engine_missing(s, strerror(errno));
  s->secure.len = 0;
  s->secure.step = SECURE_ASKED;
  return SECURE_ON;
}

/*
 * Hand over the wire.  What the server has said too soon is not believed to be from inside of TLS.
 */
static void wire_give(smtp_connection *s)
{
  if (channel_unread(&s->channel))
  {
    secure_failed(s, "the server said more behind its reply to STARTTLS");
    return;
  }
  if (job_send(s->secure.fd, TLS_GO, sizeof TLS_GO - 1, &s->channel.fd, 1) != sizeof TLS_GO - 1)
  {
    secure_failed(s, strerror(errno));
    return;
  }
  s->secure.wire = s->channel.fd;
  channel_init(&s->channel, s->secure.fd);
  s->secure.fd = -1;
  s->secure.step = SECURE_HANDSHAKE;
  exchange_step_begins(s);
}

static void command_write(smtp_connection *s)
{
  s->secure.step = SECURE_COMMANDED;
  channel_puts(&s->channel, "STARTTLS\r\n");
  exchange_expect(s, PIPELINE_STARTTLS, 0, 0);
}

/* Is it able and willing?  Its line is whole. */
static enum secure_outcome engine_said(smtp_connection *s, size_t len)
{
  char reason[JOB_TEXT_MAX];
  tls_answer answer;
  if (!tls_answer_scan(s->secure.in, len, &answer) || answer.kind != TLS_READY)
    return engine_missing(s, log_clean(reason, sizeof reason, answer.reason.s, answer.reason.len));
  if (s->where->tlswrap) wire_give(s);
  else command_write(s);
  return SECURE_ON;
}

enum secure_outcome secure_read(smtp_connection *s)
{
  secure *e = &s->secure;
  ssize_t n;
  char const *end;
  if (e->step != SECURE_ASKED) return SECURE_ON;
  n = recv(e->fd, e->in + e->len, sizeof e->in - e->len, 0);
  if (n == -1 && (errno == EAGAIN || errno == EINTR)) return SECURE_ON;
  if (n <= 0) return engine_missing(s, n ? strerror(errno) : "it ended");
  e->len += (size_t)n;
  end = memchr(e->in, '\n', e->len);
  if (end) return engine_said(s, (size_t)(end - e->in) - (end > e->in && end[-1] == '\r'));
  return e->len < sizeof e->in ? SECURE_ON : engine_missing(s, "it talks nonsense");
}

enum secure_outcome secure_replied(smtp_connection *s)
{
  if (exchange_positive(s))
  {
    wire_give(s);
    return SECURE_ON;
  }
  close(s->secure.fd);
  s->secure.fd = -1;
  s->secure.step = SECURE_NONE;
  if (!secure_dispensable(s))
  {
    text_join(s->text, sizeof s->text, "TLS is required, but host ", s->peer,
              " refused to start TLS: ", s->reply.text);
    exchange_fail(s, "4.7.4");
    return SECURE_ON;
  }
  if (s->reply.code != 421) return SECURE_PLAIN;
  end_plain(s, "Cannot start TLS: ", s->reply.text);
  return SECURE_ON;
}

/* --- the handshake ------------------------------------------------------------------------- */

static char const *string(char out[TLS_ANSWER_MAX], tls_field const *field)
{
  return log_clean(out, TLS_ANSWER_MAX, field->s, field->len);
}

static void established_log(smtp_connection const *s, tls_answer const *answer)
{
  char protocol[TLS_ANSWER_MAX], cipher[TLS_ANSWER_MAX], bits[TLS_ANSWER_MAX];
  log_later(tls_trust_name(answer->trust), " TLS connection established to ", s->out->relay, ": ",
            string(protocol, &answer->protocol), " with cipher ", string(cipher, &answer->cipher),
            " (", string(bits, &answer->bits), " bits)");
}

/*
 * With TLS_DANE tls-io alone knows whether any of the records is of use: one may hold what is no
 * certificate.
 */
static int verified_wanted(smtp_connection const *s)
{
  enum tls_level const level = host(s)->tls.level;
  return level >= TLS_FINGERPRINT && level != TLS_DANE;
}

enum secure_outcome secure_answer(smtp_connection *s, char const *line, size_t len)
{
  char reason[TLS_ANSWER_MAX];
  tls_answer answer;
  if (!tls_answer_scan(line, len, &answer) || answer.kind != TLS_DONE)
  {
    secure_failed(s, *string(reason, &answer.reason) ? reason : "nonsense of our TLS engine");
    return SECURE_ON;
  }
  established_log(s, &answer);
  if (verified_wanted(s) && answer.trust != TLS_VERIFIED)
  {
    secure_failed(s, TLS_NOT_VERIFIED);
    return SECURE_ON;
  }
  s->secure.step = SECURE_DONE;
  return SECURE_READY;
}
