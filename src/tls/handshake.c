#include "tls/handshake.h"

#include <errno.h>
#include <poll.h>

#include "base/wallclock.h"
#include "tls/reason.h"

/* What the library waits for, or 0: it does not wait. */
static short events_wanted(SSL const *ssl, int result)
{
  switch (SSL_get_error(ssl, result))
  {
    case SSL_ERROR_WANT_READ: return POLLIN;
    case SSL_ERROR_WANT_WRITE: return POLLOUT;
    default: return 0;
  }
}

/* NULL, or why there is nothing more to wait for. */
static char const *peer_wait(int tcp, short events, int clear, int64_t deadline_ms)
{
  struct pollfd x[2] = { { .fd = tcp, .events = events }, { .fd = clear } };
  int const left = wallclock_left_ms(deadline_ms);
  if (!left) return "timed out";
  if (poll(x, 2, left) == -1 && errno != EINTR) return "out of memory";
  return x[1].revents ? "nobody asks for it any more" : 0;
}

char const *handshake(SSL *ssl, int clear, unsigned int timeout_s)
{
  int64_t const deadline_ms = wallclock_steady_ms() + (int64_t)timeout_s * 1000;
  char const *why = 0;
  while (!why)
  {
    int r;
    short events;
    reason_forget();
    r = SSL_do_handshake(ssl);
    if (r == 1) return 0;
    events = events_wanted(ssl, r);
    why = events ? peer_wait(SSL_get_fd(ssl), events, clear, deadline_ms) : reason_last();
  }
  return why;
}
