#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/allreadwrite.h>
#include <skalibs/iopause.h>
#include <skalibs/selfpipe.h>
#include <skalibs/sig.h>
#include <skalibs/strerr.h>
#include <skalibs/tai.h>
#include <skalibs/types.h>

#include "base/instance.h"
#include "base/log.h"
#include "base/service.h"
#include "flush/trigger.h"
#include "qmgr/clock.h"
#include "qmgr/expiry.h"
#include "qmgr/intake.h"
#include "qmgr/orders.h"
#include "qmgr/outcome.h"
#include "qmgr/requests.h"
#include "qmgr/reversals.h"
#include "start/options.h"
#include "start/program.h"

#define USAGE "qmgr [-C DIR] [-d FD]"
#define dieusage() strerr_dieusage(100, USAGE)

/* A descriptor for every agent, one for every pass. */
#define FILES_MAX 65536

char const *PROG = "qmgr";

typedef struct qmgr
{
  core core;
  hops hops;
  agents agents;
  lists lists;
  messages messages;
  notices notices;
  totals totals;
  delivery delivery;
  intake intake;
  reversals reversals;
  timer minute;
  int lock;
  int signals;
  /* of iopause_fd: signals, trigger, bounce-put, deeds, run/turn, then polled */
  genalloc polls;
  genalloc polled;           /* of agent *, as they were when we began to wait */
} qmgr;

/* --- time ------------------------------------------------------------------------------------ */

static void settings_reread(qmgr *q)
{
  if (!core_settings(&q->core))
  {
    log_line("warning: settings stay as they were: ", conf_error());
    return;
  }
  lists_refresh(&q->lists);
  orders_run(&q->delivery);
  intake_look(&q->intake);
}

static void minute_passed(qmgr *q)
{
  timer_set(&q->core.timers, &q->minute, core_now_us(&q->core) + MINUTE_US);
  clock_note(&q->core);
  sched_resume(&q->core.sched);
  if (settings_changed(&q->core.settings, q->core.conf)) settings_reread(q);
  intake_clean(&q->intake);
  intake_look(&q->intake);
}

static void timers_run(qmgr *q)
{
  timer *t;
  orders_timers(&q->delivery);
  while ((t = timers_take(&q->core.timers, core_now_us(&q->core)))) switch (t->kind)
  {
    case CORE_REQUEST: delivery_request_timer(&q->delivery, t->owner); break;
    case CORE_PAUSE: sched_resume(&q->core.sched); break;
    case CORE_NOTICES: notices_timer(&q->notices); break;
    case CORE_TOTALS: totals_write(&q->totals, &q->core); break;
    default: minute_passed(q); break;
  }
}

static void time_passed(qmgr *q)
{
  uint64_t by_us = clock_read(&q->core);
  if (!by_us) return;
  agents_set_back(&q->agents, by_us);
  intake_set_back(&q->intake, by_us);
}

/* --- waiting --------------------------------------------------------------------------------- */

static uint64_t earlier_of(uint64_t a_us, uint64_t b_us)
{
  return a_us < b_us ? a_us : b_us;
}

/* When to look again, though nothing has happened. */
static uint64_t next_look_us(qmgr const *q)
{
  uint64_t pause_us = intake_hints_pause_us(&q->intake);
  uint64_t timer_us = earlier_of(sched_next_us(&q->core.sched), timers_next(&q->core.timers));
  return pause_us ? earlier_of(pause_us, timer_us) : timer_us;
}

static void deadline_set(qmgr const *q, int more, tain *deadline)
{
  uint64_t now_us = core_now_us(&q->core);
  uint64_t at = next_look_us(q);
  uint64_t wait = more || at <= now_us ? 0 : (at - now_us) / 1000 + 1;
  if (wait > 60000) wait = 60000;
  tain_now_g();
  tain_addsec_g(deadline, 0);
  if (wait)
  {
    tain delay;
    tain_from_millisecs(&delay, (int)wait);
    tain_add_g(deadline, &delay);
  }
}

/* 0: stop. */
static int signals_read(qmgr *q)
{
  for (;;) switch (selfpipe_read())
  {
    case -1: strerr_diefusys(111, "read signals");
    case 0: return 1;
    case SIGHUP: settings_reread(q); break;
    default: return 0;
  }
}

static void agents_events(qmgr *q, iopause_fd const *x, size_t n)
{
  agent *const *polled = genalloc_s(agent *, &q->polled);
  size_t i;
  for (i = 0; i < n; i++)
  {
    agent *a = polled[i];
    if (a->fd == x[i].fd && (x[i].revents & (IOPAUSE_READ | IOPAUSE_EXCEPT)))
      orders_agent_readable(&q->delivery, a);
    if (a->fd == x[i].fd && (x[i].revents & IOPAUSE_WRITE)) agent_writable(&q->agents, a);
  }
  agents_forget_dead(&q->agents);
}

static void notices_events(qmgr *q, short revents)
{
  char id[ID_LEN + 1];
  if (revents & IOPAUSE_WRITE) notices_writable(&q->notices);
  if (!(revents & (IOPAUSE_READ | IOPAUSE_EXCEPT))) return;
  notices_readable(&q->notices);
  while (notices_told_next(&q->notices, id))
  {
    delivery_told(&q->delivery, id);
    notices_over(&q->notices, id);
  }
}

/* Those before the agents'; a descriptor of -1 is passed over. */
#define POLLS_OWN 5

static void polls_own(qmgr const *q, iopause_fd *x)
{
  int paused = intake_hints_pause_us(&q->intake) != 0;
  x[0] = (iopause_fd){ .fd = q->signals, .events = IOPAUSE_READ };
  x[1] = (iopause_fd){ .fd = paused ? -1 : q->intake.trigger.fd, .events = IOPAUSE_READ };
  x[2] = (iopause_fd){ .fd = q->notices.fd, .events = IOPAUSE_READ };
  if (q->notices.out_len) x[2].events |= IOPAUSE_WRITE;
  x[3] = (iopause_fd){ .fd = paused ? -1 : q->intake.deeds.fd, .events = IOPAUSE_READ };
  x[4] = (iopause_fd){ .fd = reversals_wanted(&q->reversals), .events = IOPAUSE_READ };
}

static void polls_agents(qmgr const *q, iopause_fd *x, agent **polled)
{
  row_place const *p = q->core.sched.connections.first;
  size_t i;
  for (i = 0; p; p = p->after, i++)
  {
    agent *a = agent_of(p->owner);
    polled[i] = a;
    x[i] = (iopause_fd){ .fd = a->fd, .events = IOPAUSE_READ };
    if (a->connection.blocked && !q->core.sched.paused) x[i].events |= IOPAUSE_WRITE;
  }
}

/* Returns how many agents there are. */
static size_t polls_fill(qmgr *q)
{
  size_t n = q->core.sched.connections.count;
  if (!genalloc_ready(iopause_fd, &q->polls, POLLS_OWN + n)
   || !genalloc_ready(agent *, &q->polled, n + 1))
    strerr_diefusys(111, "wait for events");
  polls_own(q, genalloc_s(iopause_fd, &q->polls));
  polls_agents(q, genalloc_s(iopause_fd, &q->polls) + POLLS_OWN, genalloc_s(agent *, &q->polled));
  return n;
}

/* Wait for something to happen, and see to it.  0: stop. */
static int events_run(qmgr *q, int more)
{
  size_t n = polls_fill(q);
  iopause_fd *x = genalloc_s(iopause_fd, &q->polls);
  tain deadline;
  deadline_set(q, more, &deadline);
  if (iopause_g(x, (unsigned int)(POLLS_OWN + n), &deadline) == -1)
    strerr_diefusys(111, "wait for events");
  time_passed(q);
  if ((x[0].revents & IOPAUSE_READ) && !signals_read(q)) return 0;
  agents_events(q, x + POLLS_OWN, n);
  notices_events(q, x[2].revents);
  if (x[3].revents & IOPAUSE_READ) intake_hints(&q->intake, &q->intake.deeds);
  if (x[1].revents & IOPAUSE_READ) intake_hints(&q->intake, &q->intake.trigger);
  if (x[4].revents & IOPAUSE_READ) reversals_readable(&q->reversals);
  return 1;
}

/* --- the loop -------------------------------------------------------------------------------- */

/* One piece of everything.  1 when there is more to do. */
static int turn(qmgr *q)
{
  int more;
  timers_run(q);
  /* first: a list that cannot be claimed must not keep what is asked for waiting */
  more = intake_run(&q->intake);
  more |= reversals_run(&q->reversals);
  orders_run(&q->delivery);
  orders_turns(&q->delivery);
  delivery_sweep(&q->delivery);
  orders_run(&q->delivery);
  more |= delivery_sweep_more(&q->delivery);
  more |= notices_run(&q->notices);
  more |= orders_forget(&q->delivery);
  more |= hops_clean(&q->hops, intake_settled(&q->intake));
  return more || sched_more(&q->core.sched);
}

static void run(qmgr *q)
{
  int more;
  do
  {
    more = turn(q);
    log_flush();
    agents_flush(&q->agents);
    agents_forget_dead(&q->agents);
  }
  while (events_run(q, more));
}

/* --- beginning and end ----------------------------------------------------------------------- */

static void options_read(int argc, char const *const *argv, char const **directory,
                         unsigned int *ready_fd)
{
  program_option const all[] = {
    { .letter = 'C', .text = directory },
    { .letter = 'd', .number = ready_fd, .least = 3, .most = INT_MAX }
  };
  if (program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE) != argc) dieusage();
}

static void files_allow(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == -1) return;
  limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void directories_open(qmgr *q, char const *path)
{
  int instance;
  q->core.queue = program_queue(&path, &instance);
  q->core.run = instance_openat(instance, "run");
  if (q->core.run == -1) strerr_diefusys(111, "open ", path, "/run");
  q->core.conf = conf_open(instance);
  if (q->core.conf == -1) strerr_dief(conf_exit_code(), conf_error());
  fd_close(instance);
}

/*
 * A qmgr that was killed may have left messages in no list.  Flush-rebuild, which stays beside us,
 * looks at queue/boot.
 */
static void lists_distrust(qmgr const *q)
{
  int fd = queuedir_open_file(q->core.queue, "boot", O_WRONLY, 0);
  if (fd == -1 && errno == ENOENT) return;
  if (fd == -1 || ftruncate(fd, 1) == -1) strerr_warnwusys("write queue/boot");
  if (fd != -1) fd_close(fd);
}

/*
 * The mark that says we run: an octet in queue/lock, a hole, for which a full disk has room.  Taken
 * away at a clean stop; on the disk now, since after a power cut it must not be missing.
 */
static void lock_mark(qmgr const *q)
{
  struct stat st;
  if (fstat(q->lock, &st) == -1) strerr_diefusys(111, "look at queue/lock");
  if (st.st_size) lists_distrust(q);
  if (ftruncate(q->lock, 1) == -1 || fsync(q->lock) == -1) strerr_warnwusys("mark queue/lock");
}

static void queue_lock(qmgr *q, char const *path)
{
  q->lock = queuedir_open_file(q->core.queue, "lock", O_RDWR | O_CREAT, 0660);
  if (q->lock == -1) strerr_diefusys(111, "open ", path, "/queue/lock");
  if (flock(q->lock, LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) strerr_diefusys(111, "lock ", path, "/queue/lock");
  strerr_dief(1, "another qmgr has ", path, "/queue");
}

/*
 * A flush-rebuild that the run script left behind is ours to bury, whether it ended before now or
 * ends later.
 */
static void children_ignore(void)
{
  int status;
  if (!sig_ignore(SIGCHLD)) strerr_diefusys(111, "ignore signals");
  while (wait_nohang(&status) > 0) ;
}

static int signals_open(void)
{
  int fd = selfpipe_init();
  if (fd == -1) strerr_diefusys(111, "catch signals");
  if (!selfpipe_trap(SIGTERM) || !selfpipe_trap(SIGINT) || !selfpipe_trap(SIGHUP))
    strerr_diefusys(111, "catch signals");
  if (!sig_ignore(SIGPIPE)) strerr_diefusys(111, "ignore signals");
  children_ignore();
  return fd;
}

/* Who stands on what. */
static void modules_join(qmgr *q)
{
  q->hops.core = q->agents.core = q->lists.core = q->messages.core = q->notices.core = &q->core;
  q->lists.hops = &q->hops;
  q->lists.agents = &q->agents;
  q->messages.lists = &q->lists;
  q->delivery = (delivery){
    .core = &q->core, .hops = &q->hops, .agents = &q->agents, .lists = &q->lists,
    .messages = &q->messages,
    .notices = &q->notices, .totals = &q->totals, .message = MESSAGE_ZERO
  };
  q->intake.delivery = &q->delivery;
  q->reversals.lists = &q->lists;
}

static void hints_open(qmgr *q, char const *path)
{
  q->intake.trigger.fd = trigger_open(q->core.queue);
  if (q->intake.trigger.fd == -1) strerr_diefusys(111, "open ", path, "/queue/trigger");
  q->intake.deeds.deeds = 1;
  q->intake.deeds.fd = trigger_open_deeds(q->core.queue);
  if (q->intake.deeds.fd == -1) strerr_diefusys(111, "open ", path, "/queue/deeds");
}

static void qmgr_open(qmgr *q, char const *path)
{
  modules_join(q);
  directories_open(q, path);
  queue_lock(q, path);
  clock_start(&q->core);
  if (!core_settings(&q->core)) strerr_dief(conf_exit_code(), conf_error());
  hints_open(q, path);
  reversals_open(&q->reversals);
  q->minute.kind = CORE_MINUTE;
  q->core.pause.kind = CORE_PAUSE;
  timer_set(&q->core.timers, &q->minute, core_now_us(&q->core) + MINUTE_US);
}

/*
 * flush-rebuild asks for queue/clean after a boot.  The lists are on the disk before it: after a
 * power cut it must not speak for lists that were lost.
 */
static void stop_cleanly(qmgr *q)
{
  int fd;
  lists_give_back(&q->lists);
  totals_write(&q->totals, &q->core);
  if (flush_sync(q->core.queue) == -1) strerr_diefusys(111, "sync the lists");
  fd = queuedir_open_file(q->core.queue, "clean", O_WRONLY | O_CREAT, 0660);
  if (fd == -1) strerr_diefusys(111, "make queue/clean");
  fd_close(fd);
  if (ftruncate(q->lock, 0) == -1) strerr_warnwusys("take the mark from queue/lock");
}

int main(int argc, char const *const *argv)
{
  static qmgr q;
  char const *directory = 0;
  unsigned int ready_fd = 0;

  options_read(argc, argv, &directory, &ready_fd);
  if (!service_ready_ok(ready_fd)) strerr_diefusys(100, "use the descriptor of -d");
  if (!tain_now_set_stopwatch_g()) strerr_diefusys(111, "read the clock");
  umask(007);
  files_allow();
  q.signals = signals_open();
  program_end_with_parent();
  qmgr_open(&q, directory);
  lock_mark(&q);
  unlinkat(q.core.queue, "clean", 0);
  totals_read(&q.totals, &q.core);
  notices_start(&q.notices);
  intake_start(&q.intake);
  service_ready(ready_fd);
  run(&q);
  stop_cleanly(&q);
  return 0;
}
