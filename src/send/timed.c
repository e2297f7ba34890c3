#include "send/timed.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/wallclock.h"

int timed_wait(int fd, short events, int64_t deadline_ms)
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

int timed_connected(int fd, int64_t deadline_ms)
{
  int e = ETIMEDOUT;
  socklen_t size = sizeof e;
  if (timed_wait(fd, POLLOUT, deadline_ms) && getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &size) == -1)
    return 0;
  if (e) errno = e;
  return !e;
}

static int again(void)
{
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

int timed_write(int fd, void const *from, size_t len, int64_t deadline_ms)
{
  unsigned char const *s = from;
  while (len)
  {
    ssize_t n = send(fd, s, len, MSG_NOSIGNAL);
    if (n == -1 && (!again() || !timed_wait(fd, POLLOUT, deadline_ms))) return 0;
    if (n <= 0) continue;
    s += n;
    len -= (size_t)n;
  }
  return 1;
}

int timed_read(int fd, void *to, size_t len, int64_t deadline_ms)
{
  unsigned char *s = to;
  while (len)
  {
    ssize_t n;
    if (!timed_wait(fd, POLLIN, deadline_ms)) return 0;
    n = recv(fd, s, len, 0);
    if (n == 0 || (n == -1 && !again())) return 0;
    if (n == -1) continue;
    s += n;
    len -= (size_t)n;
  }
  return 1;
}
