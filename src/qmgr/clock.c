#include "qmgr/clock.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "base/wallclock.h"
#include "queue/queuedir.h"

/* An agent reads the clock later than we did, and a clock may be set right by a little. */
#define AHEAD_US SECOND_US
/* We never wait for more than a minute: then the clock was set forward, or nobody was there. */
#define JUMP_US (3600 * SECOND_US)

int clock_ahead(core const *q, uint64_t us)
{
  return us > core_now_us(q) + AHEAD_US && us > wallclock_us();
}

/* --- queue/clock: "seen=S jumped=S" ---------------------------------------------------------- */

#define SEEN_MAX (sizeof "seen= jumped=\n" + 2 * UINT64_FMT)

void clock_note(core *q)
{
  char line[SEEN_MAX];
  char *end = stpcpy(line, "seen=");
  end += uint64_fmt(end, q->sched.now_us / SECOND_US);
  end = stpcpy(end, " jumped=");
  end += uint64_fmt(end, q->sched.jumped_us / SECOND_US);
  *end++ = '\n';
  /* on a full disk there are worse things to complain of */
  core_file_replace(q, "clock", line, (size_t)(end - line));
}

static void jumped(core *q, uint64_t since_us)
{
  char seconds[UINT64_FMT];
  seconds[uint64_fmt(seconds, (q->sched.now_us - since_us) / SECOND_US)] = 0;
  log_line("clock: ", seconds, " seconds have passed unseen");
  sched_jumped(&q->sched);
  clock_note(q);
}

/* "" where there is none. */
static void note_read(core const *q, char line[SEEN_MAX])
{
  int fd = queuedir_open_file(q->queue, "clock", O_RDONLY, 0);
  ssize_t r = fd == -1 ? 0 : fd_read(fd, line, SEEN_MAX - 1);
  if (fd != -1) fd_close(fd);
  line[r > 0 ? r : 0] = 0;
}

void clock_start(core *q)
{
  char line[SEEN_MAX];
  uint64_t seen_us;
  note_read(q, line);
  sched_init(&q->sched, wallclock_us(), (uint64_t)wallclock_us() ^ (uint64_t)getpid() << 32);
  seen_us = core_line_number(line, "seen=") * SECOND_US;
  q->sched.jumped_us = core_line_number(line, " jumped=") * SECOND_US;
  if (q->sched.jumped_us > q->sched.now_us) q->sched.jumped_us = 0;
  if (seen_us && seen_us + JUMP_US < q->sched.now_us) jumped(q, seen_us);
  else clock_note(q);
}

/* --- while we run ---------------------------------------------------------------------------- */

static void set_back(core *q, uint64_t by_us)
{
  char seconds[UINT64_FMT];
  seconds[uint64_fmt(seconds, by_us / SECOND_US)] = 0;
  if (by_us >= AHEAD_US) log_line("clock: set back by ", seconds, " seconds");
  core_set_back(q, by_us);
}

uint64_t clock_read(core *q)
{
  uint64_t before_us = core_now_us(q);
  uint64_t by_us = sched_now(&q->sched, wallclock_us());
  if (by_us) set_back(q, by_us);
  else if (core_now_us(q) - before_us > JUMP_US) jumped(q, before_us);
  return by_us;
}
