#include "tls/pump.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "tls/reason.h"

/* What a record holds (RFC 8446 section 5.1). */
#define HELD_MAX 16384
#define LINES_RECORD_MAX 4096
#define CLOSED_MS 60000

/* One way: octets that came from one side and are not with the other one yet. */
typedef struct way
{
  int ended;             /* no more come */
  int over;              /* no more go */
  short tls;             /* what the library waits for at the TCP descriptor; 0: nothing */
  short clear;           /* likewise at the clear one */
  size_t pos;
  size_t len;
  char s[HELD_MAX];
} way;

typedef struct pump
{
  SSL *ssl;
  int tcp;
  int clear;
  int lines;
  int tls_ready;         /* there may be something to read */
  int clear_ready;
  int64_t deadline_ms;   /* 0: nobody has closed the clear side */
  way out;               /* from the clear side to the peer */
  way in;
} pump;

static int held(way const *w)
{
  return w->pos < w->len;
}

static void way_close(way *w)
{
  w->ended = w->over = 1;
  w->pos = w->len;
}

/* Nobody reads there any more; what was written before is still read from it. */
static void clear_closed(pump *p)
{
  way_close(&p->in);
  p->clear_ready = 1;
  if (!p->deadline_ms) p->deadline_ms = wallclock_steady_ms() + CLOSED_MS;
}

/* Nothing reaches the peer any more.  What the peer has sent is still handed over. */
static void peer_lost(pump *p)
{
  way_close(&p->out);
  shutdown(p->clear, SHUT_RD);
}

/* Does the library wait for the descriptor, and for what? */
static int waits(pump const *p, int result, short *events)
{
  int const error = SSL_get_error(p->ssl, result);
  *events = error == SSL_ERROR_WANT_READ ? POLLIN : error == SSL_ERROR_WANT_WRITE ? POLLOUT : 0;
  return *events;
}

static int blocked(void)
{
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

/* --- out.  Each of these returns 1 when something has changed --------------------------------- */

static int out_read(pump *p)
{
  way *w = &p->out;
  ssize_t const r = read(p->clear, w->s, sizeof w->s);
  if (r == -1 && errno == EINTR) return 1;
  /* a full buffer: there may be more; one that is closed never makes us wait */
  p->clear_ready = r == (ssize_t)sizeof w->s || p->deadline_ms;
  if (r == -1 && blocked()) return 0;
  w->ended = r <= 0;
  w->pos = 0;
  w->len = r > 0 ? (size_t)r : 0;
  return 1;
}

/* How much goes into the next record. */
static int record_length(pump const *p)
{
  char const *s = p->out.s + p->out.pos, *lf;
  size_t n = p->out.len - p->out.pos;
  if (!p->lines) return (int)n;
  lf = memchr(s, '\n', n);
  if (lf) n = (size_t)(lf - s) + 1;
  return n > LINES_RECORD_MAX ? LINES_RECORD_MAX : (int)n;
}

static int out_write(pump *p)
{
  way *w = &p->out;
  int r;
  reason_forget();
  r = SSL_write(p->ssl, w->s + w->pos, record_length(p));
  if (r > 0) w->pos += (size_t)r;
  else if (waits(p, r, &w->tls)) return 0;
  else peer_lost(p);
  return 1;
}

static int out_end(pump *p)
{
  int r;
  reason_forget();
  r = SSL_shutdown(p->ssl);
  if (r < 0 && waits(p, r, &p->out.tls)) return 0;
  shutdown(p->tcp, SHUT_WR);
  p->out.over = 1;
  return 1;
}

static int out_move(pump *p)
{
  way *w = &p->out;
  w->tls = w->clear = 0;
  if (w->over) return 0;
  if (held(w)) return out_write(p);
  if (w->ended) return out_end(p);
  w->clear = POLLIN;
  return p->clear_ready && out_read(p);
}

/* --- in --------------------------------------------------------------------------------------- */

/* The peer has ended, in an orderly way or not. */
static void in_ended(pump *p, int orderly)
{
  p->in.ended = 1;
  if (!orderly) peer_lost(p);
}

static int in_read(pump *p)
{
  way *w = &p->in;
  int r;
  reason_forget();
  r = SSL_read(p->ssl, w->s, sizeof w->s);
  w->pos = 0;
  w->len = r > 0 ? (size_t)r : 0;
  p->tls_ready = r == (int)sizeof w->s || SSL_has_pending(p->ssl);
  if (r > 0) return 1;
  p->tls_ready = 0;
  if (waits(p, r, &w->tls)) return 0;
  in_ended(p, SSL_get_error(p->ssl, r) == SSL_ERROR_ZERO_RETURN);
  return 1;
}

static int in_write(pump *p)
{
  way *w = &p->in;
  ssize_t const r = write(p->clear, w->s + w->pos, w->len - w->pos);
  if (r >= 0) w->pos += (size_t)r;
  else if (blocked())
  {
    w->clear = POLLOUT;
    return 0;
  }
  else if (errno != EINTR) clear_closed(p);
  return 1;
}

static int in_end(pump *p)
{
  shutdown(p->clear, SHUT_WR);
  p->in.over = 1;
  return 1;
}

static int in_move(pump *p)
{
  way *w = &p->in;
  w->tls = w->clear = 0;
  if (w->over) return 0;
  if (held(w)) return in_write(p);
  if (w->ended) return in_end(p);
  w->tls = POLLIN;
  return p->tls_ready && in_read(p);
}

/* --- both ------------------------------------------------------------------------------------- */

/* For poll(2): milliseconds until the last moment, -1: there is none, 0: it is over. */
static int left_ms(pump const *p)
{
  return p->deadline_ms ? wallclock_left_ms(p->deadline_ms) : -1;
}

/*
 * Wait for what either way waits for.  A descriptor that nothing is wanted of is left out: it would
 * tell of its end again and again.  The clear one is asked for that until it has told.
 */
static void pump_wait(pump *p)
{
  short const clear = p->out.clear | p->in.clear, tls = p->out.tls | p->in.tls;
  struct pollfd x[2] =
  {
    { .fd = p->deadline_ms ? -1 : p->clear, .events = clear },
    { .fd = tls ? p->tcp : -1, .events = tls }
  };
  if (poll(x, 2, left_ms(p)) == -1) return;
  if (x[0].revents & ~POLLOUT) p->clear_ready = 1;
  if (x[1].revents) p->tls_ready = 1;
  if (x[0].revents & (POLLHUP | POLLERR)) clear_closed(p);
}

void pump_run(SSL *ssl, int clear, int lines)
{
  static pump p;
  p.ssl = ssl;
  p.tcp = SSL_get_fd(ssl);
  p.clear = clear;
  p.lines = lines;
  p.tls_ready = p.clear_ready = 1;
  while (!(p.out.over && p.in.over) && left_ms(&p))
    if (!(out_move(&p) | in_move(&p))) pump_wait(&p);
}
