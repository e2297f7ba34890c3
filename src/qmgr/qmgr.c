#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/iopause.h>
#include <skalibs/selfpipe.h>
#include <skalibs/sgetopt.h>
#include <skalibs/sig.h>
#include <skalibs/strerr.h>
#include <skalibs/tai.h>
#include <skalibs/types.h>

#include "base/instance.h"
#include "base/log.h"
#include "flush/trigger.h"
#include "qmgr/qmgr-internal.h"
#include "start/program.h"

#define USAGE "qmgr [-C DIR] [-d FD]"
#define dieusage() strerr_dieusage(100, USAGE)

/* A descriptor for every agent, one for every pass. */
#define FILES_MAX 65536

char const *PROG = "qmgr";

/* --- trees of what has a name ------------------------------------------------------------- */

static int name_compare(void const *a, void const *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void *tree_find(void *const *root, char const *name)
{
  void **found = tfind(&name, root, name_compare);
  return found ? *found : 0;
}

int tree_add(void **root, void *named)
{
  return tsearch(named, root, name_compare) != 0;
}

void tree_take(void **root, void *named)
{
  tdelete(named, root, name_compare);
}

/* --- what several of its files need ------------------------------------------------------- */

/* By way of /proc, since the path of the socket may be longer than an address can be. */
int qmgr_connect(qmgr const *q, char const *name)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  char number[INT_FMT];
  int fd;
  number[int_fmt(number, q->run)] = 0;
  stpcpy(stpcpy(stpcpy(stpcpy(address.sun_path, "/proc/self/fd/"), number), "/"), name);
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd == -1) return -1;
  if (connect(fd, (struct sockaddr const *)&address, sizeof address) == 0) return fd;
  fd_close(fd);
  return -1;
}

static char const aside[] = "site/+new";

/* What is in its way, and is no file, is taken away. */
static int aside_open(qmgr const *q)
{
  int fd = queuedir_open_file(q->queue, aside, O_WRONLY | O_CREAT | O_TRUNC, 0660);
  if (fd != -1 || errno != EINVAL) return fd;
  if (unlinkat(q->queue, aside, 0) == -1 && unlinkat(q->queue, aside, AT_REMOVEDIR) == -1) return -1;
  return queuedir_open_file(q->queue, aside, O_WRONLY | O_CREAT | O_TRUNC, 0660);
}

int qmgr_file_replace(qmgr const *q, char const *path, char const *s, size_t len)
{
  int fd = aside_open(q);
  if (fd == -1) return 0;
  if (allwrite(fd, s, len) < len)
  {
    fd_close(fd);
    return 0;
  }
  fd_close(fd);
  return renameat(q->queue, aside, q->queue, path) == 0;
}

uint64_t qmgr_line_number(char const *line, char const *key)
{
  char const *at = strstr(line, key);
  uint64_t number = 0;
  if (at) uint64_scan(at + strlen(key), &number);
  return number;
}

/* --- time --------------------------------------------------------------------------------------- */

int qmgr_lately(qmgr const *q, uint64_t since_us, uint64_t span_us)
{
  return moment_lately(q->now_us, since_us, span_us);
}

int qmgr_may_say(qmgr *q, enum say kind)
{
  spoken *s = q->said + kind;
  if (s->us && qmgr_lately(q, s->us, MINUTE_US)) return s->unsaid++, 0;
  *s->more = 0;
  if (s->unsaid)
  {
    char *end = stpcpy(s->more, " (and ");
    end += uint64_fmt(end, s->unsaid);
    stpcpy(end, " more)");
  }
  s->us = q->now_us;
  s->unsaid = 0;
  return 1;
}

void qmgr_complain(qmgr *q, char const *what, char const *object, char const *why)
{
  qmgr_say(q, SAY_SHORT, "warning: unable to ", what, object, ": ", why);
}

void qmgr_obstacle(qmgr *q, char const *directory, char const *name, int e)
{
  qmgr_say(q, SAY_OBSTACLE, "warning: passed over ", directory, "/", name, ": ", flush_why(e));
}

void qmgr_breathe(qmgr *q, char const *what, char const *object)
{
  qmgr_complain(q, what, object, strerror(errno));
  if (!q->breathless) timer_set(&q->timers, &q->breath, q->now_us + SECOND_US);
  q->breathless = 1;
}

static void breath_drawn(qmgr *q)
{
  if (q->breathless) site_wake_all(q);
  q->breathless = q->connecting_paused = 0;
}

static void settings_reread(qmgr *q)
{
  if (!settings_read(&q->settings, q->conf))
  {
    log_line("warning: settings stay as they were: ", conf_why());
    return;
  }
  q->crowd.total = q->settings.concurrency.total;
  gates_refresh(q);
  intake_look(q);
}

static void minute_passed(qmgr *q)
{
  timer_set(&q->timers, &q->minute, q->now_us + MINUTE_US);
  clock_note(q);
  breath_drawn(q);
  if (settings_changed(&q->settings, q->conf)) settings_reread(q);
  intake_clean(q);
  intake_look(q);
}

static void timers_run(qmgr *q)
{
  timer *t;
  while ((t = timers_take(&q->timers, q->now_us))) switch (t->kind)
  {
    case TIMER_SITE: site_probe(q, t->owner); break;
    case TIMER_GATE: gate_timer(q, t->owner); break;
    case TIMER_ASKED: deliver_asked_timer(q, t->owner); break;
    case TIMER_AGENT: agent_idle(q, t->owner); break;
    case TIMER_BREATH: breath_drawn(q); break;
    case TIMER_HANGING: agents_give_up(q); break;
    case TIMER_NOTICES: notices_timer(q); break;
    case TIMER_TOTALS: totals_write(q); break;
    default: minute_passed(q); break;
  }
}

/* --- turns ------------------------------------------------------------------------------------------ */

/*
 * Every site that was woken before this turn has its own; what it wakes waits for the next.  When one finds something
 * short, the others are first after the breath.
 */
static void sites_run(qmgr *q)
{
  site *last = q->runnable_last;
  site *s;
  do
  {
    s = q->runnable_first;
    if (!s) return;
    q->runnable_first = s->runnable_next;
    if (!q->runnable_first) q->runnable_last = 0;
    s->runnable = 0;
    site_run(q, s);
  }
  while (s != last && !q->breathless);
}

/*
 * Hints that come one close upon the other are read several at a time: what they ask for is cheaper
 * done together, and the first one has not waited.
 */
#define HINTS_PAUSE_US 1000

static int hints_pause(qmgr const *q)
{
  return qmgr_lately(q, q->hints_us, HINTS_PAUSE_US);
}

/* When to look again, though nothing has happened. */
static uint64_t next_look_us(qmgr const *q)
{
  uint64_t timer_us = timers_next(&q->timers);
  uint64_t hints_us = hints_pause(q) ? q->hints_us + HINTS_PAUSE_US : UINT64_MAX;
  return hints_us < timer_us ? hints_us : timer_us;
}

static void deadline_set(qmgr const *q, int more, tain *deadline)
{
  uint64_t at = next_look_us(q);
  uint64_t wait = more || at <= q->now_us ? 0 : (at - q->now_us) / 1000 + 1;
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

static void agents_events(qmgr *q, agent *const *polled, iopause_fd const *x, size_t n)
{
  size_t i;
  for (i = 0; i < n; i++)
  {
    if (polled[i]->fd == x[i].fd && (x[i].revents & (IOPAUSE_READ | IOPAUSE_EXCEPT))) agent_readable(q, polled[i]);
    if (polled[i]->fd == x[i].fd && (x[i].revents & IOPAUSE_WRITE)) agent_writable(q, polled[i]);
  }
  agents_forget_dead(q);
}

/* Those before the agents'; a descriptor of -1 is passed over. */
#define POLLS_OWN 4

static void polls_fill(qmgr *q, int signals)
{
  size_t n = genalloc_len(agent *, &q->agents);
  iopause_fd *x;
  size_t i;
  if (!genalloc_ready(iopause_fd, &q->polls, POLLS_OWN + n) || !genalloc_copy(agent *, &q->polled, &q->agents))
    strerr_diefusys(111, "wait for events");
  x = genalloc_s(iopause_fd, &q->polls);
  x[0] = (iopause_fd){ .fd = signals, .events = IOPAUSE_READ };
  x[1] = (iopause_fd){ .fd = hints_pause(q) ? -1 : q->intake.trigger.fd, .events = IOPAUSE_READ };
  x[2] = (iopause_fd){ .fd = q->notices.fd, .events = IOPAUSE_READ };
  if (q->notices.out_len) x[2].events |= IOPAUSE_WRITE;
  x[3] = (iopause_fd){ .fd = hints_pause(q) ? -1 : q->intake.deeds.fd, .events = IOPAUSE_READ };
  for (i = 0; i < n; i++)
  {
    agent const *a = genalloc_s(agent *, &q->polled)[i];
    x[POLLS_OWN + i] = (iopause_fd){ .fd = a->fd, .events = IOPAUSE_READ };
    if (a->blocked && !q->breathless) x[POLLS_OWN + i].events |= IOPAUSE_WRITE;
  }
}

/* Wait for something to happen, and see to it.  0: stop. */
static int events_run(qmgr *q, int signals, int more)
{
  size_t n = genalloc_len(agent *, &q->agents);
  iopause_fd *x;
  tain deadline;
  polls_fill(q, signals);
  x = genalloc_s(iopause_fd, &q->polls);
  deadline_set(q, more, &deadline);
  if (iopause_g(x, (unsigned int)(POLLS_OWN + n), &deadline) == -1) strerr_diefusys(111, "wait for events");
  clock_read(q);
  if ((x[0].revents & IOPAUSE_READ) && !signals_read(q)) return 0;
  agents_events(q, genalloc_s(agent *, &q->polled), x + POLLS_OWN, n);
  if (x[2].revents & IOPAUSE_WRITE) notices_writable(q);
  if (x[2].revents & (IOPAUSE_READ | IOPAUSE_EXCEPT)) notices_readable(q);
  if (x[3].revents & IOPAUSE_READ) intake_hints(q, &q->intake.deeds);
  if (x[1].revents & IOPAUSE_READ) intake_hints(q, &q->intake.trigger);
  if ((x[1].revents | x[3].revents) & IOPAUSE_READ) q->hints_us = q->now_us;
  return 1;
}

static void run(qmgr *q, int signals)
{
  int more;
  do
  {
    timers_run(q);
    more = intake_run(q); /* first: a list that cannot be claimed must not keep what is asked for waiting */
    sites_run_crowd(q);
    if (!q->breathless) sites_run(q);
    agents_give_up_later(q);
    more |= gates_sweep(q);
    more |= notices_run(q);
    more |= idle_run(q);
    more |= (!q->breathless && q->runnable_first) || sites_crowd_ready(q);
    log_flush();
    agents_flush(q);
    agents_forget_dead(q);
  }
  while (events_run(q, signals, more));
}

/* --- beginning and end -------------------------------------------------------------------------------- */

static void options_read(int argc, char const *const *argv, char const **directory, unsigned int *ready_fd)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, "C:d:", &scan)) != -1) switch (c)
  {
    case 'C': *directory = scan.arg; break;
    case 'd': if (uint0_scan(scan.arg, ready_fd) && *ready_fd > 2) break;
    /* fall through */
    default: dieusage();
  }
  if (scan.ind != argc) dieusage();
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
  q->queue = program_queue(&path, &instance);
  q->run = instance_openat(instance, "run");
  if (q->run == -1) strerr_diefusys(111, "open ", path, "/run");
  q->conf = conf_open(instance);
  if (q->conf == -1) strerr_dief(conf_exit_code(), conf_why());
  fd_close(instance);
}

/* A qmgr that was killed may have left messages in no list.  Flush-rebuild, which stays beside us, looks at queue/boot. */
static void lists_distrust(qmgr const *q)
{
  int fd = queuedir_open_file(q->queue, "boot", O_WRONLY, 0);
  if (fd == -1 && errno == ENOENT) return;
  if (fd == -1 || ftruncate(fd, 1) == -1) strerr_warnwusys("write queue/boot");
  if (fd != -1) fd_close(fd);
}

/*
 * The mark that says we run: an octet in queue/lock, a hole, for which a full disk has room.  Taken away at a clean
 * stop; on the disk now, since after a power cut it must not be missing.
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
  q->lock = queuedir_open_file(q->queue, "lock", O_RDWR | O_CREAT, 0660);
  if (q->lock == -1) strerr_diefusys(111, "open ", path, "/queue/lock");
  if (flock(q->lock, LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) strerr_diefusys(111, "lock ", path, "/queue/lock");
  strerr_dief(1, "another qmgr has ", path, "/queue");
}

/* A flush-rebuild that the run script left behind is ours to bury, whether it ended before now or ends later. */
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

static void qmgr_open(qmgr *q, char const *path)
{
  directories_open(q, path);
  queue_lock(q, path);
  clock_start(q);
  if (!settings_read(&q->settings, q->conf)) strerr_dief(conf_exit_code(), conf_why());
  crowd_init(&q->crowd);
  q->crowd.total = q->settings.concurrency.total;
  q->intake.trigger.fd = trigger_open(q->queue);
  if (q->intake.trigger.fd == -1) strerr_diefusys(111, "open ", path, "/queue/trigger");
  q->intake.deeds.deeds = 1;
  q->intake.deeds.fd = trigger_open_deeds(q->queue);
  if (q->intake.deeds.fd == -1) strerr_diefusys(111, "open ", path, "/queue/deeds");
  q->minute.kind = TIMER_MINUTE;
  q->breath.kind = TIMER_BREATH;
  q->hanging.kind = TIMER_HANGING;
  srandom((unsigned int)q->now_us ^ (unsigned int)getpid());
  timer_set(&q->timers, &q->minute, q->now_us + MINUTE_US);
}

static void ready_say(unsigned int fd)
{
  if (!fd) return;
  if (fd_write((int)fd, "\n", 1) == -1) strerr_warnwusys("tell the supervisor that we are ready");
  fd_close((int)fd);
}

/*
 * flush-rebuild asks for queue/clean after a boot.  The lists are on the disk before it: after a
 * power cut it must not speak for lists that were lost.
 */
static void stop_cleanly(qmgr *q)
{
  int fd;
  gates_give_back(q);
  totals_write(q);
  if (flush_sync(q->queue) == -1) strerr_diefusys(111, "sync the lists");
  fd = queuedir_open_file(q->queue, "clean", O_WRONLY | O_CREAT, 0660);
  if (fd == -1) strerr_diefusys(111, "make queue/clean");
  fd_close(fd);
  if (ftruncate(q->lock, 0) == -1) strerr_warnwusys("take the mark from queue/lock");
}

int main(int argc, char const *const *argv)
{
  static qmgr q;
  char const *directory = 0;
  unsigned int ready_fd = 0;
  int signals;

  options_read(argc, argv, &directory, &ready_fd);
  if (!tain_now_set_stopwatch_g()) strerr_diefusys(111, "read the clock");
  umask(007);
  files_allow();
  signals = signals_open();
  program_end_with_parent();
  qmgr_open(&q, directory);
  lock_mark(&q);
  unlinkat(q.queue, "clean", 0);
  totals_read(&q);
  notices_start(&q);
  intake_start(&q);
  ready_say(ready_fd);
  run(&q, signals);
  stop_cleanly(&q);
  return 0;
}
