/* The clock: where it was when we were there last, set back, set forward. */

#include "qmgr/clock.h"
#include "base/wallclock.h"

#include "qmgr.h"

char const *PROG = "qmgr-clock";

static uint64_t seen_s, jumped_s;

/* A clock that was noted down, seconds from the one that the machine has; 0: no such thing. */
static void begin(char const *name, int64_t seen, int64_t jumped)
{
  uint64_t now_s = wallclock_us() / SECOND_US;
  char line[100];
  instance_make(name);
  memset(&q.sched, 0, sizeof q.sched);
  log_forget();
  if (!seen && !jumped) return;
  snprintf(line, sizeof line, "seen=%llu jumped=%llu\n",
           seen ? (unsigned long long)now_s + (unsigned long long)seen : 0,
           jumped ? (unsigned long long)now_s + (unsigned long long)jumped : 0);
  put("clock", line);
}

static void noted(void)
{
  char line[100];
  int fd = openat(q.queue, "clock", O_RDONLY | O_CLOEXEC);
  ssize_t r = fd == -1 ? 0 : read(fd, line, sizeof line - 1);
  line[r > 0 ? r : 0] = 0;
  if (fd != -1) close(fd);
  seen_s = core_line_number(line, "seen=");
  jumped_s = core_line_number(line, " jumped=");
}

/* Is a moment now, or was it so many seconds ago, but for what the test takes? */
static int about(uint64_t us, int64_t seconds)
{
  int64_t off = (int64_t)wallclock_us() - (int64_t)us - seconds * (int64_t)SECOND_US;
  return off > -2 * (int64_t)SECOND_US && off < 30 * (int64_t)SECOND_US;
}

static void test_start(void)
{
  begin("none", 0, 0);
  clock_start(&q);
  noted();
  CHECK("no note", about(core_now_us(&q), 0) && !q.sched.jumped_us && seen_s
        && seen_s == core_now_us(&q) / SECOND_US && !jumped_s && !logged("clock"));
  begin("lately", -100, -5000);
  clock_start(&q);
  noted();
  CHECK("a moment ago", about(q.sched.jumped_us, 5000) && about(seen_s * SECOND_US, 0)
        && about(jumped_s * SECOND_US, 5000) && !logged("clock"));
  begin("nearly", -3500, 0);
  clock_start(&q);
  CHECK("less than an hour ago", !q.sched.jumped_us && !logged("clock"));
  begin("long", -7200, -9000);
  clock_start(&q);
  noted();
  CHECK("two hours ago", q.sched.jumped_us == core_now_us(&q)
        && jumped_s == core_now_us(&q) / SECOND_US && logged("clock: 72") == 1
        && logged(" seconds have passed unseen") == 1);
  begin("future", 7200, 3600);
  clock_start(&q);
  CHECK("in the future", !q.sched.jumped_us && about(core_now_us(&q), 0) && !logged("clock"));
  begin("junk", 0, 0);
  put("clock", "seen=x jumped=99999999999999999999999999999999999999999999999999999999999\n");
  clock_start(&q);
  CHECK("junk", about(core_now_us(&q), 0) && !logged("clock"));
  begin("directory", 0, 0);
  obstruct("clock");
  clock_start(&q);
  CHECK("a directory", about(core_now_us(&q), 0) && there("clock") && !logged("clock"));
}

static void test_read(void)
{
  timer t = { .kind = CORE_MINUTE };
  uint64_t at_us, by_us;
  begin("read", 0, 0);
  clock_start(&q);
  at_us = core_now_us(&q);
  CHECK("it goes on", !clock_read(&q) && core_now_us(&q) >= at_us && !logged("clock"));

  q.sched.now_us += 100 * SECOND_US;
  at_us = core_now_us(&q);
  timer_set(&q.timers, &t, at_us + 60 * SECOND_US);
  core_complain(&q, "x", "y", "z");
  by_us = clock_read(&q);
  CHECK("set back", by_us == at_us - core_now_us(&q) && by_us > 60 * SECOND_US
        && by_us <= 100 * SECOND_US && logged("clock: set back by ") == 1);
  CHECK("set back: what is to come keeps its distance",
        timers_next(&q.timers) == core_now_us(&q) + 60 * SECOND_US);
  CHECK("set back: what is said, too", q.said[SAY_SHORT].us == core_now_us(&q));
  CHECK("set back: that is no jump", !q.sched.jumped_us && !logged("unseen"));

  log_forget();
  q.sched.now_us = wallclock_us() + SECOND_US * 9 / 10;
  by_us = clock_read(&q);
  CHECK("set right by a little: no word", by_us < SECOND_US && !logged("clock"));

  q.sched.now_us = wallclock_us() - 3500 * SECOND_US;
  CHECK("forward, less than an hour", !clock_read(&q) && !q.sched.jumped_us && !logged("clock"));
  q.sched.now_us = wallclock_us() - 7200 * SECOND_US;
  CHECK("forward", !clock_read(&q) && q.sched.jumped_us == core_now_us(&q)
        && logged(" seconds have passed unseen") == 1);
  noted();
  CHECK("forward: noted", jumped_s == core_now_us(&q) / SECOND_US && seen_s == jumped_s);
}

static void test_note(void)
{
  begin("note", 0, 0);
  clock_start(&q);
  q.sched.now_us = 1700000000 * SECOND_US;
  q.sched.jumped_us = 1600000000 * SECOND_US + 5;
  clock_note(&q);
  CHECK("note", holds("clock", "seen=1700000000 jumped=1600000000\n"));
}

static void test_ahead(void)
{
  uint64_t now_us;
  begin("ahead", 0, 0);
  clock_start(&q);
  now_us = wallclock_us();
  CHECK("ahead", clock_ahead(&q, now_us + 3600 * SECOND_US));
  CHECK("the past", !clock_ahead(&q, now_us - 1) && !clock_ahead(&q, 0));
  q.sched.now_us = now_us - 3600 * SECOND_US;
  CHECK("read later than we did", !clock_ahead(&q, now_us - SECOND_US));
  q.sched.now_us = now_us + 3600 * SECOND_US;
  CHECK("no more than a little", !clock_ahead(&q, core_now_us(&q) + SECOND_US)
        && clock_ahead(&q, core_now_us(&q) + SECOND_US + 1));
}

int main(void)
{
  qmgr_begin();
  test_start();
  test_read();
  test_note();
  test_ahead();
  qmgr_end();
  return 0;
}
