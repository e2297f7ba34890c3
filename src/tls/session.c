#include "tls/session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/nonblocking.h"
#include "base/text.h"
#include "base/wallclock.h"
#include "job/job.h"
#include "smtp/domain.h"
#include "tls/ask.h"
#include "tls/certificate.h"
#include "tls/handshake.h"
#include "tls/pump.h"
#include "tls/verify.h"

/* Programs write a request at once. */
#define REQUEST_MS 30000
#define REASON_MAX 300
/* Octets that the kernel holds for the peer before more is taken; those on their way do not count. */
#define UNSENT_MAX 65536

typedef struct session
{
  int clear;
  int tcp;
  SSL *ssl;
  verify judged;
  tls_asked asked;       /* points into line */
  size_t len;
  char line[TLS_REQUEST_MAX];
} session;

/* --- answers ---------------------------------------------------------------------------------- */

/* Write an answer: the socket has room for one.  1; 0 where nobody reads it. */
static int answer_write(int clear, tls_answer const *answer)
{
  char line[TLS_ANSWER_MAX];
  size_t const len = tls_answer_format(line, answer);
  ssize_t r;
  do r = write(clear, line, len);
  while (r == -1 && errno == EINTR);
  return r == (ssize_t)len;
}

static int answer_reason(session const *s, enum tls_answer_kind kind, char const *reason)
{
  tls_answer const answer = { .kind = kind, .reason = tls_field_of(reason) };
  answer_write(s->clear, &answer);
  return 0;
}

void session_refuse(int clear, char const *reason)
{
  session const s = { .clear = clear };
  answer_reason(&s, TLS_NO, reason);
}

/* --- the request ------------------------------------------------------------------------------ */

/* Wait for the other end to say something.  A time below 0 does not end. */
static int clear_wait(session const *s, int ms)
{
  struct pollfd x = { .fd = s->clear, .events = POLLIN };
  int r;
  do r = poll(&x, 1, ms);
  while (r == -1 && errno == EINTR);
  return r == 1;
}

static int line_whole(session const *s)
{
  return s->len >= 2 && !memcmp(s->line + s->len - 2, "\r\n", 2);
}

/* Read what there is of the line.  1; 0 where nothing more comes, or fits. */
static int line_read(session *s)
{
  ssize_t const r = read(s->clear, s->line + s->len, sizeof s->line - s->len);
  if (r > 0) s->len += (size_t)r;
  return r > 0 || (r == -1 && (errno == EINTR || errno == EAGAIN));
}

static int request_read(session *s)
{
  int64_t const deadline_ms = wallclock_steady_ms() + REQUEST_MS;
  while (!line_whole(s))
  {
    int const left_ms = wallclock_left_ms(deadline_ms);
    if (!left_ms || !clear_wait(s, left_ms)) return answer_reason(s, TLS_NO, "no request");
    if (!line_read(s)) return s->len ? answer_reason(s, TLS_NO, "no whole request") : 0;
  }
  return 1;
}

/* 1, after "ready"; 0 where the answer is no. */
static int request_take(session *s, SSL_CTX *context, int server)
{
  static tls_answer const ready = { .kind = TLS_READY };
  if (!request_read(s)) return 0;
  if (!tls_request_scan(s->line, s->len - 2, &s->asked))
    return answer_reason(s, TLS_NO, "the request makes no sense");
  if (s->asked.connect == server)
    return answer_reason(s, TLS_NO, server ? "this is for servers" : "this is for clients");
  if (!context)
    return answer_reason(s, TLS_NO, "there is no certificate and key that could be used");
  s->ssl = SSL_new(context);
  return s->ssl ? answer_write(s->clear, &ready) : answer_reason(s, TLS_NO, "out of memory");
}

/* --- the connection --------------------------------------------------------------------------- */

/*
 * Take the descriptor with "go", which comes in one piece as it was written.  Whoever asked may
 * take any time: that the peer does not take to STARTTLS ends the socket.
 */
static int connection_take(session *s)
{
  char go[sizeof TLS_GO];
  int fds[JOB_FDS_MAX], i = 0;
  size_t n = 0;
  ssize_t r;
  if (!clear_wait(s, -1)) return 0;
  r = job_receive(s->clear, go, sizeof go, fds, &n);
  if (r == 0) return 0;
  if (r == sizeof TLS_GO - 1 && !memcmp(go, TLS_GO, (size_t)r) && n == 1)
  {
    s->tcp = fds[0];
    return 1;
  }
  while (n) close(fds[i++]), n--;
  return answer_reason(s, TLS_FAILED, "there is no connection with go");
}

static int connection_ok(int fd)
{
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

static int connection_prepare(session *s)
{
  int const on = 1, unsent = UNSENT_MAX;
  if (!connection_ok(s->tcp) || !nonblocking_set(s->tcp) || SSL_set_fd(s->ssl, s->tcp) != 1)
    return answer_reason(s, TLS_FAILED, "this is no connection");
  /* whole records are written: there is nothing to wait for */
  setsockopt(s->tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  /* the program at the clear side cannot see how much has still to be sent */
  setsockopt(s->tcp, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
  return 1;
}

/* --- the handshake ---------------------------------------------------------------------------- */

/*
 * A session is resumed only where the client was asked for a certificate as it would be now: what
 * a ticket has kept of it takes the place of the certificate.
 */
static int server_prepare(session *s)
{
  static unsigned char const asked[] = "ccert", unasked[] = "none";
  unsigned char const *id = s->asked.certificate ? asked : unasked;
  s->judged = (verify){ .asked = &s->asked, .trust = TLS_UNTRUSTED };
  SSL_set_accept_state(s->ssl);
  if (s->asked.certificate) SSL_set_verify(s->ssl, SSL_VERIFY_PEER, 0);
  return SSL_set_session_id_context(s->ssl, id, sizeof asked - 1);
}

static int client_prepare(session *s)
{
  char name[SMTP_DOMAIN_MAX + 1] = "";
  memcpy(name, s->asked.name.s, s->asked.name.len); /* a domain: tls_request_scan() */
  SSL_set_connect_state(s->ssl);
  if (*name && SSL_set_tlsext_host_name(s->ssl, name) != 1) return 0;
  return verify_begin(&s->judged, s->ssl, &s->asked);
}

/* What the peer has of a handshake that has failed is an alert, and the end. */
static int handshake_failed(session *s, char const *why)
{
  char reason[REASON_MAX];
  if (s->judged.why)
    text_join(reason, sizeof reason, TLS_NOT_VERIFIED ": ", s->judged.why);
  else text_join(reason, sizeof reason, why);
  shutdown(s->tcp, SHUT_WR);
  return answer_reason(s, TLS_FAILED, reason);
}

static int hands_shake(session *s)
{
  char const *why = "out of memory";
  if (s->asked.connect ? client_prepare(s) : server_prepare(s))
    why = handshake(s->ssl, s->clear, s->asked.timeout_s);
  return !why || handshake_failed(s, why);
}

/* --- what has come of it ------------------------------------------------------------------------ */

static int answer_done(session const *s, tls_answer *answer)
{
  char used[TEXT_NUMBER_MAX], of[TEXT_NUMBER_MAX], bits[2 * TEXT_NUMBER_MAX];
  int all = 0;
  int const some = SSL_CIPHER_get_bits(SSL_get_current_cipher(s->ssl), &all);
  text_join(bits, sizeof bits, text_number(used, (uint64_t)some), "/",
            text_number(of, (uint64_t)all));
  answer->kind = TLS_DONE;
  answer->protocol = tls_field_of(SSL_get_version(s->ssl));
  answer->cipher = tls_field_of(SSL_get_cipher_name(s->ssl));
  answer->bits = tls_field_of(bits);
  return answer_write(s->clear, answer);
}

static int answer_certificate(session const *s, X509 *certificate)
{
  certificate_print whole, key;
  char subject[CERTIFICATE_NAME_MAX], issuer[CERTIFICATE_NAME_MAX];
  tls_answer answer = { .trust = s->judged.trust };
  if (!certificate_print_of(certificate, whole) || !certificate_key_print_of(certificate, key))
    return answer_reason(s, TLS_FAILED, "out of memory");
  certificate_name(X509_get_subject_name(certificate), subject);
  certificate_name(X509_get_issuer_name(certificate), issuer);
  answer.certificate = tls_field_of(whole);
  answer.key = tls_field_of(key);
  answer.subject = tls_field_of(subject);
  answer.issuer = tls_field_of(issuer);
  return answer_done(s, &answer);
}

static int answer_tls(session const *s)
{
  X509 *certificate = SSL_get1_peer_certificate(s->ssl);
  tls_answer anonymous = { .trust = TLS_ANONYMOUS };
  int const done = certificate ? answer_certificate(s, certificate) : answer_done(s, &anonymous);
  X509_free(certificate);
  return done;
}

void session_run(int clear, SSL_CTX *context, int server)
{
  static session s;
  s.clear = clear;
  s.tcp = -1;
  if (!nonblocking_set(clear)) return;
  if (request_take(&s, context, server) && connection_take(&s) && connection_prepare(&s)
      && hands_shake(&s) && answer_tls(&s)) pump_run(s.ssl, clear, s.asked.lines);
}
