#include <fcntl.h>
#include <string.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "base/wallclock.h"
#include "qmgr/qmgr-internal.h"

/*
 * The clock is the administrator's: it may be set back or forward while we run, and while we do not.  What is still to
 * come keeps its distance when it is set back; what the queue says of the future was written under a wrong clock.
 */

/* An agent reads the clock later than we did, and a clock may be set right by a little. */
#define AHEAD_US SECOND_US
/* We never wait for more than a minute: then the clock was set forward, or nobody was there. */
#define JUMP_US (3600 * SECOND_US)
/* Parked mail is given so long to be asked for. */
#define MERCY_US (86400 * SECOND_US)

int clock_ahead(qmgr const *q, uint64_t us)
{
  return us > q->now_us + AHEAD_US && us > wallclock_us();
}

int clock_jumped(qmgr const *q, uint64_t span_us)
{
  return q->clock.jumped_us && qmgr_lately(q, q->clock.jumped_us, span_us);
}

uint64_t clock_mercy_us(qmgr const *q, uint64_t lifetime_us)
{
  return q->clock.jumped_us ? q->clock.jumped_us + (lifetime_us < MERCY_US ? lifetime_us : MERCY_US) : 0;
}

/* --- queue/clock: "seen=S jumped=S" --------------------------------------------------------------- */

#define SEEN_MAX (sizeof "seen= jumped=\n" + 2 * UINT64_FMT)

void clock_note(qmgr *q)
{
  char line[SEEN_MAX];
  char *end = stpcpy(line, "seen=");
  end += uint64_fmt(end, q->now_us / SECOND_US);
  end = stpcpy(end, " jumped=");
  end += uint64_fmt(end, q->clock.jumped_us / SECOND_US);
  *end++ = '\n';
  qmgr_file_replace(q, "clock", line, (size_t)(end - line)); /* on a full disk there are worse things to complain of */
}

static void jumped(qmgr *q, uint64_t since_us)
{
  char seconds[UINT64_FMT];
  seconds[uint64_fmt(seconds, (q->now_us - since_us) / SECOND_US)] = 0;
  log_line("clock: ", seconds, " seconds have passed unseen");
  q->clock.jumped_us = q->now_us;
  clock_note(q);
}

/* "" where there is none. */
static void note_read(qmgr const *q, char line[SEEN_MAX])
{
  int fd = queuedir_open_file(q->queue, "clock", O_RDONLY, 0);
  ssize_t r = fd == -1 ? 0 : fd_read(fd, line, SEEN_MAX - 1);
  if (fd != -1) fd_close(fd);
  line[r > 0 ? r : 0] = 0;
}

void clock_start(qmgr *q)
{
  char line[SEEN_MAX];
  uint64_t seen_us;
  note_read(q, line);
  q->now_us = wallclock_us();
  seen_us = qmgr_line_number(line, "seen=") * SECOND_US;
  q->clock.jumped_us = qmgr_line_number(line, " jumped=") * SECOND_US;
  if (q->clock.jumped_us > q->now_us) q->clock.jumped_us = 0;
  if (seen_us && seen_us + JUMP_US < q->now_us) jumped(q, seen_us);
  else clock_note(q);
}

/* --- while we run ----------------------------------------------------------------------------------- */

static void set_back(qmgr *q, uint64_t by_us)
{
  char seconds[UINT64_FMT];
  size_t i;
  seconds[uint64_fmt(seconds, by_us / SECOND_US)] = 0;
  if (by_us >= AHEAD_US) log_line("clock: set back by ", seconds, " seconds");
  q->hints_us = moment_earlier(q->hints_us, by_us);
  q->scarce_us = moment_earlier(q->scarce_us, by_us);
  q->refused_us = moment_earlier(q->refused_us, by_us);
  q->intake.new_since_us = moment_earlier(q->intake.new_since_us, by_us);
  for (i = 0; i < SAY_KINDS; i++) q->said[i].us = moment_earlier(q->said[i].us, by_us);
  q->clock.jumped_us = moment_earlier(q->clock.jumped_us, by_us);
  timers_set_back(&q->timers, by_us);
  sites_set_back(q, by_us);
  gates_set_back(q, by_us);
}

void clock_read(qmgr *q)
{
  uint64_t before_us = q->now_us;
  q->now_us = wallclock_us();
  if (q->now_us < before_us) set_back(q, before_us - q->now_us);
  else if (q->now_us - before_us > JUMP_US) jumped(q, before_us);
}
