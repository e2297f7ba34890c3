#include "send/dnstcp.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/wallclock.h"

/* Octets of the length before a message. */
#define LENGTH_LEN 2
/* The first two flag octets: QR, and TC. */
#define ANSWER_BIT 0x80
#define CUT_BIT 0x02

/* Wait until the socket is ready for events.  1; 0: the time is over, or poll(2) failed. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
  struct pollfd p = { .fd = fd, .events = events };
  for (;;)
  {
    int64_t left_ms = deadline_ms - wallclock_steady_ms();
    int r;
    if (left_ms <= 0) return 0;
    r = poll(&p, 1, left_ms < 1000 ? (int)left_ms : 1000);
    if (r > 0) return 1;
    if (r == -1 && errno != EINTR) return 0;
  }
}

static int connected(int fd, struct sockaddr const *server, socklen_t len, int64_t deadline_ms)
{
  int e = 0;
  socklen_t size = sizeof e;
  if (connect(fd, server, len) == 0) return 1;
  return errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline_ms)
    && getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &size) == 0 && !e;
}

static int again(void)
{
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int write_all(int fd, unsigned char const *s, size_t len, int64_t deadline_ms)
{
  while (len)
  {
    ssize_t n = send(fd, s, len, MSG_NOSIGNAL);
    if (n == -1 && (!again() || !wait_for(fd, POLLOUT, deadline_ms))) return 0;
    if (n <= 0) continue;
    s += n;
    len -= (size_t)n;
  }
  return 1;
}

/*
 * Read so many octets.  Wait before each read: a server that sends an octet at a time gets no more
 * time than another.
 */
static int read_all(int fd, unsigned char *s, size_t len, int64_t deadline_ms)
{
  while (len)
  {
    ssize_t n;
    if (!wait_for(fd, POLLIN, deadline_ms)) return 0;
    n = recv(fd, s, len, 0);
    if (n == 0 || (n == -1 && !again())) return 0;
    if (n == -1) continue;
    s += n;
    len -= (size_t)n;
  }
  return 1;
}

/*
 * Is this a whole answer to this very question?  The id is first; the question comes back behind
 * the header.
 */
static int answers(unsigned char const *answer, size_t answer_len, unsigned char const *question,
                   size_t len)
{
  return answer_len >= len && !memcmp(answer, question, 2)
    && answer[2] & ANSWER_BIT && !(answer[2] & CUT_BIT)
    && !memcmp(answer + 4, question + 4, 2)
    && !memcmp(answer + NS_HFIXEDSZ, question + NS_HFIXEDSZ, len - NS_HFIXEDSZ);
}

static int ask(int fd, unsigned char const *question, size_t len, unsigned char *answer,
               int64_t deadline_ms)
{
  unsigned char message[LENGTH_LEN + NS_PACKETSZ];
  unsigned char length[LENGTH_LEN];
  size_t answer_len;
  if (len < NS_HFIXEDSZ || len > NS_PACKETSZ) return -1;
  message[0] = (unsigned char)(len >> 8);
  message[1] = (unsigned char)len;
  memcpy(message + LENGTH_LEN, question, len);
  if (!write_all(fd, message, LENGTH_LEN + len, deadline_ms)) return -1;
  if (!read_all(fd, length, LENGTH_LEN, deadline_ms)) return -1;
  answer_len = (size_t)length[0] << 8 | length[1];
  if (!read_all(fd, answer, answer_len, deadline_ms)) return -1;
  return answers(answer, answer_len, question, len) ? (int)answer_len : -1;
}

int dnstcp_ask(struct sockaddr const *server, socklen_t server_len, unsigned char const *question,
               size_t len, unsigned char *answer, int64_t deadline_ms)
{
  int fd = socket(server->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int answer_len = -1;
  if (fd == -1) return -1;
  if (connected(fd, server, server_len, deadline_ms))
    answer_len = ask(fd, question, len, answer, deadline_ms);
  close(fd);
  return answer_len;
}
