#include "auth/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/nonblocking.h"
#include "base/wallclock.h"

/* --- requests --- */

static char const *const kinds[] = { [AUTH_PLAIN] = "plain ", [AUTH_CRAM] = "cram " };
#define KINDS (sizeof kinds / sizeof *kinds)

/* Append a piece and its NUL.  0: it does not fit, or holds a NUL. */
static int field_put(char out[AUTH_REQUEST_MAX], size_t *len, auth_field const *field)
{
  if (field->len >= AUTH_REQUEST_MAX - *len || memchr(field->s, 0, field->len)) return 0;
  memcpy(out + *len, field->s, field->len);
  *len += field->len;
  out[(*len)++] = 0;
  return 1;
}

size_t auth_request_format(char out[AUTH_REQUEST_MAX], auth_claim const *claim)
{
  size_t len = strlen(kinds[claim->kind]);
  memcpy(out, kinds[claim->kind], len);
  if (!field_put(out, &len, &claim->user) || !field_put(out, &len, &claim->proof)) return 0;
  if (claim->kind == AUTH_CRAM) return field_put(out, &len, &claim->challenge) ? len : 0;
  if (!claim->client.len) return len;
  return field_put(out, &len, &claim->client) && field_put(out, &len, &claim->own) ? len : 0;
}

/* Take the next piece.  0: there is none. */
static int field_take(char const **s, size_t *len, auth_field *field)
{
  char const *end = *len ? memchr(*s, 0, *len) : 0;
  if (!end) return 0;
  *field = (auth_field){ *s, (size_t)(end - *s) };
  *len -= field->len + 1;
  *s = end + 1;
  return 1;
}

int auth_request_scan(char const *s, size_t len, auth_claim *claim)
{
  size_t kind = 0, n = 0;
  for (; kind < KINDS; kind++)
  {
    n = strlen(kinds[kind]);
    if (len >= n && !memcmp(s, kinds[kind], n)) break;
  }
  if (kind == KINDS) return 0;
  *claim = (auth_claim){ .kind = (enum auth_proof)kind };
  s += n;
  len -= n;
  if (!field_take(&s, &len, &claim->user) || !field_take(&s, &len, &claim->proof)) return 0;
  if (claim->kind == AUTH_CRAM) return field_take(&s, &len, &claim->challenge) && !len;
  if (!len) return 1;
  return field_take(&s, &len, &claim->client) && field_take(&s, &len, &claim->own) && !len;
}

/* --- answers --- */

#define LATER "later "

static void reason_set(char reason[AUTH_ANSWER_MAX], char const *what)
{
  snprintf(reason, AUTH_ANSWER_MAX, "%s", what);
}

size_t auth_answer_format(char out[AUTH_ANSWER_MAX], enum auth_verdict verdict, char const *reason)
{
  /* what is too long is cut in front of the line's end */
  char line[AUTH_ANSWER_MAX - 1];
  if (verdict == AUTH_LATER) snprintf(line, sizeof line, LATER "%s", reason);
  else strcpy(line, verdict == AUTH_YES ? "yes" : "no");
  return (size_t)(stpcpy(stpcpy(out, line), "\n") - out);
}

static int answer_is(char const *s, size_t len, char const *words)
{
  return len == strlen(words) && !memcmp(s, words, len);
}

enum auth_verdict auth_answer_scan(char const *s, size_t len, char reason[AUTH_ANSWER_MAX])
{
  size_t const head = strlen(LATER);
  *reason = 0;
  if (answer_is(s, len, "yes\n")) return AUTH_YES;
  if (answer_is(s, len, "no\n")) return AUTH_NO;
  if (len > head && len <= AUTH_ANSWER_MAX && !memcmp(s, LATER, head) && s[len - 1] == '\n')
    snprintf(reason, AUTH_ANSWER_MAX, "%.*s", (int)(len - head - 1), s + head);
  else reason_set(reason, len ? "an answer that makes no sense" : "no answer");
  return AUTH_LATER;
}

/* --- asking --- */

typedef struct inquiry
{
  int socket;
  int stop;
  int64_t end_ms;
} inquiry;

/* Wait until the socket is ready.  1; 0 with errno: ETIMEDOUT, or ECANCELED when told to stop. */
static int inquiry_wait(inquiry const *q, short events)
{
  struct pollfd x[2] =
    { { .fd = q->stop, .events = POLLIN }, { .fd = q->socket, .events = events } };
  int r = poll(x, 2, wallclock_left_ms(q->end_ms));
  if (r == -1) return errno == EINTR;
  if (!r) errno = ETIMEDOUT;
  else if (x[0].revents) errno = ECANCELED;
  return r && !x[0].revents;
}

/* The socket's path by way of the instance's descriptor, which no path is too long for. */
static int inquiry_connect(inquiry *q, int instance, unsigned int seconds)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct timeval const most = { .tv_sec = seconds };
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" AUTH_SOCKET, instance);
  q->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (q->socket == -1) return 0;
  /* where the backlog is full, a descriptor that does not block would be told so at once */
  return setsockopt(q->socket, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) == 0
    && connect(q->socket, (struct sockaddr const *)&address, sizeof address) == 0
    && nonblocking_set(q->socket);
}

static int inquiry_send(inquiry const *q, char const *s, size_t len)
{
  while (len)
  {
    ssize_t n = send(q->socket, s, len, MSG_NOSIGNAL);
    if (n >= 0) s += n, len -= (size_t)n;
    else if (errno != EAGAIN && errno != EINTR) return 0;
    else if (!inquiry_wait(q, POLLOUT)) return 0;
  }
  return shutdown(q->socket, SHUT_WR) == 0;
}

/* Read up to the end of the file.  1 with *len, which may be max: there was more; 0 with errno. */
static int inquiry_receive(inquiry const *q, char *s, size_t max, size_t *len)
{
  *len = 0;
  while (*len < max)
  {
    ssize_t n = recv(q->socket, s + *len, max - *len, 0);
    if (n > 0) *len += (size_t)n;
    else if (!n) return 1;
    else if (errno != EAGAIN && errno != EINTR) return 0;
    else if (!inquiry_wait(q, POLLIN)) return 0;
  }
  return 1;
}

enum auth_verdict auth_ask(int instance, auth_claim const *claim, unsigned int seconds, int stop,
                           char reason[AUTH_ANSWER_MAX])
{
  char request[AUTH_REQUEST_MAX], answer[AUTH_ANSWER_MAX + 1];
  inquiry q = { -1, stop, wallclock_steady_ms() + (int64_t)seconds * 1000 };
  size_t len = auth_request_format(request, claim), answered;
  enum auth_verdict verdict = AUTH_LATER;
  if (!len) reason_set(reason, "too long a request");
  else if (inquiry_connect(&q, instance, seconds) && inquiry_send(&q, request, len)
   && inquiry_receive(&q, answer, sizeof answer, &answered))
    verdict = auth_answer_scan(answer, answered, reason);
  else reason_set(reason, strerror(errno));
  explicit_bzero(request, sizeof request);
  if (q.socket != -1) close(q.socket);
  return verdict;
}
