#include "base/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/error.h>
#include <skalibs/iopause.h>

#define CLOSE_S 1
/* Reads in a row without a wait, before the clock and the order to stop are looked at all the same. */
#define BUSY_READS 16

int wire_init(wire *w, int in, int out, int stop)
{
  w->state = WIRE_OPEN;
  w->stop = stop;
  w->hurried = 0;
  w->busy = 0;
  buffer_init(&w->in, &buffer_read, in, w->in_store, sizeof w->in_store);
  buffer_init(&w->out, &buffer_write, out, w->out_store, sizeof w->out_store);
  return ndelay_on(in) == 0 && ndelay_on(out) == 0;
}

/* The next wait lasts no longer than a tenth of the step where somebody is to be asked then. */
static void step_divide(wire *w)
{
  w->deadline = w->end;
  if (!w->hurried) return;
  tain_addsec_g(&w->deadline, (int)w->tenth_s);
  if (tain_less(&w->end, &w->deadline)) w->deadline = w->end;
}

static void step_begin(wire *w, unsigned int seconds)
{
  w->tenth_s = (seconds + 9) / 10;
  step_divide(w);
}

/* The clock is read here, not in the waits alone: a peer that never makes us wait moves on, too. */
void wire_step(wire *w, unsigned int seconds)
{
  tain_now_g();
  tain_addsec_g(&w->end, (int)seconds);
  step_begin(w, seconds);
}

void wire_step_on(wire *w, tain const *end, unsigned int seconds)
{
  tain_now_g();
  w->end = *end;
  step_begin(w, seconds);
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

/* A deadline has passed: is it the step's, or are we in a hurry?  Else the next tenth begins. */
static int step_over(wire *w)
{
  if (!tain_less(&w->deadline, &w->end) || (*w->hurried)(w->data)) return 1;
  step_divide(w);
  return 0;
}

/* Wait until fd (-1: nothing at all) is ready for events, or may be.  1; 0 with the state changed. */
static int wire_wait(wire *w, int fd, short events)
{
  iopause_fd x[2] =
  {
    { .fd = w->stop, .events = IOPAUSE_READ, .revents = 0 },
    { .fd = fd, .events = events, .revents = 0 }
  };
  int r = iopause_g(x, fd == -1 ? 1 : 2, &w->deadline);
  w->busy = 0;
  if (r == -1 && errno != EINTR) return wire_over(w, WIRE_LOST);
  if (r == 0) return !step_over(w) || wire_over(w, WIRE_TIMEOUT);
  if (x[0].revents) return wire_over(w, WIRE_STOPPED);
  return 1;
}

int wire_flush(wire *w)
{
  while (!buffer_isempty(&w->out))
  {
    if (buffer_flush(&w->out)) break;
    if (!error_isagain(errno)) return wire_over(w, WIRE_LOST);
    if (!wire_wait(w, buffer_fd(&w->out), IOPAUSE_WRITE)) return 0;
  }
  return 1;
}

int wire_put(wire *w, char const *s, size_t len)
{
  for (;;)
  {
    size_t n = buffer_putnoflush(&w->out, s, len);
    s += n;
    len -= n;
    if (!len) return 1;
    if (!wire_flush(w)) return 0;
  }
}

/* Whoever always has more to say would keep us from both.  1; 0 with the state changed. */
static int wire_look_up(wire *w)
{
  iopause_fd x = { .fd = w->stop, .events = IOPAUSE_READ, .revents = 0 };
  if (++w->busy < BUSY_READS) return 1;
  w->busy = 0;
  tain_now_g();
  if (!tain_less(&STAMP, &w->deadline)) return wire_over(w, WIRE_TIMEOUT);
  return iopause_g(&x, 1, &STAMP) < 1 ? 1 : wire_over(w, WIRE_STOPPED);
}

int wire_fill(wire *w)
{
  ssize_t r = 0;
  if (!buffer_isempty(&w->in)) return 1;
  if (!wire_flush(w) || !wire_look_up(w)) return 0;
  while (!r)
  {
    r = sanitize_read(buffer_fill(&w->in));
    if (r == -1) return wire_over(w, WIRE_LOST);
    if (!r && !wire_wait(w, buffer_fd(&w->in), IOPAUSE_READ)) return 0;
  }
  return 1;
}

char const *wire_peek(wire *w, size_t *len)
{
  struct iovec v[2];
  buffer_rpeek(&w->in, v);
  *len = v[0].iov_len;
  return v[0].iov_base;
}

void wire_taken(wire *w, size_t len)
{
  buffer_rseek(&w->in, len);
}

/* Take one octet more.  1 when it ends the line. */
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

int wire_pause(wire *w, unsigned int seconds)
{
  if (!wire_flush(w)) return 0;
  wire_step(w, seconds);
  wire_wait(w, -1, 0);
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
  if (wire_drop(w) && shutdown(buffer_fd(&w->out), SHUT_WR) == 0) wire_drain(w);
}
