#include "base/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/nonblocking.h"
#include "base/wallclock.h"

#define CLOSE_S 1
/*
 * The most reads in a row without a wait, before the clock and the order to stop are looked at all
 * the same.
 */
#define BUSY_READS 16

int wire_init(wire *w, int in, int out, int stop)
{
  w->state = WIRE_OPEN;
  w->in_fd = in;
  w->out_fd = out;
  w->stop = stop;
  w->hurried = 0;
  w->busy = 0;
  w->skip = 0;
  w->in_pos = w->in_len = w->out_pos = w->out_len = 0;
  return nonblocking_set(in) && nonblocking_set(out);
}

/* Set the end of the next wait: of a tenth of the step where hurried() is to be asked then. */
static void step_divide(wire *w, int64_t now_ms)
{
  int64_t tenth_ms = now_ms + (int64_t)w->tenth_s * 1000;
  w->deadline_ms = w->hurried && tenth_ms < w->end_ms ? tenth_ms : w->end_ms;
}

static void step_begin(wire *w, int64_t now_ms, int64_t end_ms, unsigned int seconds)
{
  w->end_ms = end_ms;
  w->tenth_s = (seconds + 9) / 10;
  step_divide(w, now_ms);
}

void wire_step(wire *w, unsigned int seconds)
{
  int64_t now_ms = wallclock_steady_ms();
  step_begin(w, now_ms, now_ms + (int64_t)seconds * 1000, seconds);
}

void wire_step_on(wire *w, int64_t end_ms, unsigned int seconds)
{
  step_begin(w, wallclock_steady_ms(), end_ms, seconds);
}

void wire_hurry(wire *w, int (*hurried)(void *data), void *data)
{
  w->hurried = hurried;
  w->data = data;
}

static int wire_over(wire *w, enum wire_state state)
{
  w->state = state;
  return 0;
}

/* A deadline has passed: is the step over, or does hurried() end it?  Else begin the next tenth. */
static int step_over(wire *w)
{
  if (w->deadline_ms >= w->end_ms || (*w->hurried)(w->data)) return 1;
  step_divide(w, wallclock_steady_ms());
  return 0;
}

/* Wait until fd is ready for events (-1: for nothing), or may be.  1; 0 with the state changed. */
static int wire_wait(wire *w, int fd, short events)
{
  struct pollfd x[2] = { { .fd = w->stop, .events = POLLIN }, { .fd = fd, .events = events } };
  int r = poll(x, 2, wallclock_left_ms(w->deadline_ms));
  w->busy = 0;
  if (r == -1 && errno != EINTR) return wire_over(w, WIRE_LOST);
  if (r == 0 && wallclock_steady_ms() >= w->deadline_ms)
    return !step_over(w) || wire_over(w, WIRE_TIMEOUT);
  if (x[0].revents) return wire_over(w, WIRE_STOPPED);
  return 1;
}

static int blocked(void)
{
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

int wire_flush(wire *w)
{
  while (w->out_pos < w->out_len)
  {
    ssize_t n = write(w->out_fd, w->out + w->out_pos, w->out_len - w->out_pos);
    if (n >= 0) w->out_pos += (size_t)n;
    else if (errno == EINTR) continue;
    else if (!blocked()) return wire_over(w, WIRE_LOST);
    else if (!wire_wait(w, w->out_fd, POLLOUT)) return 0;
  }
  w->out_pos = w->out_len = 0;
  return 1;
}

int wire_put(wire *w, char const *s, size_t len)
{
  for (;;)
  {
    size_t room = sizeof w->out - w->out_len;
    size_t n = len < room ? len : room;
    memcpy(w->out + w->out_len, s, n);
    w->out_len += n;
    s += n;
    len -= n;
    if (!len) return 1;
    if (!wire_flush(w)) return 0;
  }
}

/*
 * Look at the clock and the order to stop now and then: a peer that always sends more would keep us
 * from both.  1; 0 with the state changed.
 */
static int wire_look_up(wire *w)
{
  struct pollfd x = { .fd = w->stop, .events = POLLIN };
  if (++w->busy < BUSY_READS) return 1;
  w->busy = 0;
  if (wallclock_steady_ms() >= w->deadline_ms && step_over(w)) return wire_over(w, WIRE_TIMEOUT);
  return poll(&x, 1, 0) < 1 || wire_over(w, WIRE_STOPPED);
}

/* Read once into the empty buffer.  Returns as read(2). */
static ssize_t wire_receive(wire *w)
{
  ssize_t n;
  do n = read(w->in_fd, w->in, sizeof w->in);
  while (n == -1 && errno == EINTR);
  w->in_pos = 0;
  w->in_len = n > 0 ? (size_t)n : 0;
  return n;
}

int wire_fill(wire *w)
{
  ssize_t n;
  if (w->in_pos < w->in_len) return 1;
  if (!wire_flush(w) || !wire_look_up(w)) return 0;
  while ((n = wire_receive(w)) <= 0)
  {
    if (n == 0 || !blocked()) return wire_over(w, WIRE_LOST);
    if (!wire_wait(w, w->in_fd, POLLIN)) return 0;
  }
  return 1;
}

char const *wire_peek(wire *w, size_t *len)
{
  *len = w->in_len - w->in_pos;
  return w->in + w->in_pos;
}

void wire_taken(wire *w, size_t len)
{
  w->in_pos += len;
}

void wire_continue(wire *w, wire const *other)
{
  w->in_pos = 0;
  w->in_len = other->in_len - other->in_pos;
  memcpy(w->in, other->in + other->in_pos, w->in_len);
}

void wire_wipe(wire *w)
{
  explicit_bzero(w->in, w->in_pos);
  explicit_bzero(w->in + w->in_len, sizeof w->in - w->in_len);
}

/* Take one more octet.  1 when it ends the line. */
static int line_take(wire_line *line, int *cr, char c)
{
  int ends = c == '\n' && *cr;
  if (!ends && (*cr || c == '\n')) line->faults |= WIRE_BARE;
  if (line->len == sizeof line->s) line->faults |= WIRE_LONG;
  else line->s[line->len++] = c;
  *cr = c == '\r';
  return ends;
}

int wire_line_read(wire *w, wire_line *line)
{
  int ended = 0, cr = 0;
  line->len = 0;
  line->faults = 0;
  while (!ended)
  {
    char const *s;
    size_t len, i = 0;
    if (!wire_fill(w)) return 0;
    s = wire_peek(w, &len);
    while (i < len && !ended) ended = line_take(line, &cr, s[i++]);
    wire_taken(w, i);
  }
  if (!line->faults) line->len -= 2;
  return 1;
}

/* Like wire_fill(); also reads what a server sent that reads nothing more. */
static int reply_fill(wire *w)
{
  return wire_fill(w) || (w->state == WIRE_LOST && wire_receive(w) > 0);
}

/* Pass over the rest of a line, as far as it is in the buffer. */
static void reply_skip(wire *w)
{
  size_t len;
  char const *s = wire_peek(w, &len), *lf = memchr(s, '\n', len);
  w->skip = !lf;
  wire_taken(w, lf ? (size_t)(lf - s) + 1 : len);
}

/* Take as much of a line as is in the buffer.  1 when the line ends, or is cut. */
static int reply_take(wire *w, char *out, size_t *len)
{
  size_t n, most = WIRE_REPLY_MAX - *len;
  char const *s = wire_peek(w, &n), *lf;
  if (n > most) n = most;
  lf = memchr(s, '\n', n);
  if (lf) n = (size_t)(lf - s);
  memcpy(out + *len, s, n);
  *len += n;
  wire_taken(w, n + !!lf);
  w->skip = *len == WIRE_REPLY_MAX;
  return lf || w->skip;
}

int wire_reply_read(wire *w, char *s, size_t *len)
{
  int ended = 0;
  *len = 0;
  while (!ended)
  {
    if (!reply_fill(w)) return 0;
    if (w->skip) reply_skip(w);
    else ended = reply_take(w, s, len);
  }
  if (!w->skip && *len && s[*len - 1] == '\r') --*len;
  return 1;
}

int wire_pause(wire *w, unsigned int seconds)
{
  if (!wire_flush(w)) return 0;
  wire_step(w, seconds);
  /* nobody is waited for: there is nothing to hurry */
  w->deadline_ms = w->end_ms;
  while (wire_wait(w, -1, 0)) continue;
  if (w->state != WIRE_TIMEOUT) return 0;
  w->state = WIRE_OPEN;
  return 1;
}

static void wire_drain(wire *w)
{
  for (;;)
  {
    size_t len;
    wire_peek(w, &len);
    wire_taken(w, len);
    if (!len && !wire_fill(w)) return;
  }
}

int wire_drop(wire *w)
{
  w->stop = -1;
  wire_step(w, CLOSE_S);
  return wire_flush(w);
}

void wire_close(wire *w)
{
  if (wire_drop(w) && shutdown(w->out_fd, SHUT_WR) == 0) wire_drain(w);
}
