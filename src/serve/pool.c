#include "serve/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <io.h>

#include "base/log.h"
#include "base/text.h"
#include "base/wallclock.h"
#include "base/worker.h"
#include "smtp/chars.h"

extern char **environ;

/* Whoever nobody needed in one such time is let go: a minute after the last need, at the latest. */
#define PERIOD_MS 30000
/*
 * More are started when none has come back for so long, or when they come back and it is still not
 * enough after so long: a start costs as much as many short connections.
 */
#define SHORT_STUCK_MS 3
#define SHORT_BUSY_MS 100
/* Whoever is not ready by then hangs. */
#define START_MS 30000
/* After a start that failed. */
#define PAUSE_MS 1000

/* --- idle ones ------------------------------------------------------------------------------- */

static void idle_push(pool *p, pool_worker *w)
{
  w->state = POOL_IDLE;
  w->idle_next = p->idle;
  p->idle = w;
  p->count_idle++;
  p->came_back = 1;
}

static void idle_remove(pool *p, pool_worker *w)
{
  pool_worker **at = &p->idle;
  while (*at != w) at = &(*at)->idle_next;
  *at = w->idle_next;
  p->count_idle--;
  if (p->count_idle < p->idle_least) p->idle_least = p->count_idle;
}

/* Nothing is handed to it any more; when it has nothing to do, it ends, or is told to. */
static void worker_leave(pool *p, pool_worker *w)
{
  if (w->state == POOL_IDLE) idle_remove(p, w);
  if (w->state == POOL_STARTING) p->count_starting--;
  if (w->state == POOL_STARTING && w->pid) kill(w->pid, SIGTERM);
  w->state = POOL_LEAVING;
  p->count_able--;
  p->untidy = 1;
}

/* --- starting -------------------------------------------------------------------------------- */

/*
 * The program has its end of the socket as descriptor 0, and our log, and nothing else, whatever we
 * were started with or libowfat has opened; no signal is blocked in it.
 */
static int program_start(pool const *p, int end, pid_t *pid)
{
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t none, usual;
  int e;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  e = posix_spawn_file_actions_adddup2(&files, end, 0);
  if (!e) e = posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  if (!e) e = posix_spawn_file_actions_addclosefrom_np(&files, 3);
  if (!e) e = posix_spawnp(pid, p->program[0], &files, &attributes, p->program, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  errno = e;
  return !e;
}

/* Start a process for it, at the other end of its socket.  1, or 0 with errno. */
static int worker_begin_process(pool *p, pool_worker *w)
{
  int pair[2], good;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1) return 0;
  good = fcntl(pair[1], F_SETFL, 0) == 0 && program_start(p, pair[1], &w->pid);
  if (good) good = io_fd_flags(pair[0], IO_FD_NONBLOCK);
  close(pair[1]);
  if (!good) return close(pair[0]), 0;
  w->fd = pair[0];
  io_setcookie(w->fd, w);
  io_wantread(w->fd);
  return 1;
}

static int worker_start(pool *p)
{
  pool_worker *w = calloc(1, sizeof *w);
  if (w && worker_begin_process(p, w))
  {
    w->ready_end_ms = wallclock_steady_ms() + START_MS;
    w->next = p->first;
    p->first = w;
    p->count++;
    p->count_able++;
    p->count_starting++;
    return 1;
  }
  log_line("warning: unable to start ", p->program[0], ": ", strerror(errno));
  free(w);
  p->pause_until_ms = wallclock_steady_ms() + PAUSE_MS;
  return 0;
}

static void workers_start(pool *p, unsigned int count)
{
  while (count-- && p->count < p->most && worker_start(p)) continue;
}

unsigned int pool_connections(pool const *p)
{
  return p->count - p->count_idle - p->count_starting;
}

/* --- connections ----------------------------------------------------------------------------- */

static int file_same(struct stat const *a, struct stat const *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size
    && a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Has the file changed that workers read when they begin?  One that cannot be read is all zero. */
static int watched_changed(pool *p)
{
  struct stat st;
  int changed;
  if (!p->watched) return 0;
  if (stat(p->watched, &st) == -1) memset(&st, 0, sizeof st);
  changed = !file_same(&st, &p->watched_was);
  p->watched_was = st;
  return changed;
}

void pool_renew(pool *p)
{
  pool_worker *w;
  for (w = p->first; w; w = w->next) if (w->state != POOL_LEAVING) worker_leave(p, w);
}

int pool_hand(pool *p, int fd, client const *who)
{
  if (watched_changed(p)) pool_renew(p);
  while (p->idle)
  {
    pool_worker *w = p->idle;
    idle_remove(p, w);
    w->state = POOL_BUSY;
    w->client = *who;
    w->uses++;
    w->turn = ++p->turns;
    if (io_passfd(w->fd, fd) == 0) return w->serves = 1;
    worker_leave(p, w);
  }
  return 0;
}

unsigned int pool_count(pool const *p, client const *who)
{
  unsigned int n = 0;
  pool_worker const *w;
  for (w = p->first; w; w = w->next)
    n += w->serves && client_same(&w->client, who);
  return n;
}

/* --- what they say --------------------------------------------------------------------------- */

/* A worker has read the settings when its connection began: those of a later one are newer. */
static void most_learn(pool *p, pool_worker const *w, uint64_t most)
{
  if (!most || most > UINT32_MAX || w->turn < p->most_turn) return;
  p->most = (unsigned int)most;
  p->most_turn = w->turn;
}

static void worker_idle(pool *p, pool_worker *w, uint64_t most)
{
  most_learn(p, w, most);
  w->serves = 0;
  if (w->state == POOL_STARTING) p->count_starting--;
  if (w->state == POOL_STARTING || w->state == POOL_BUSY) idle_push(p, w);
  if (w->uses >= p->uses_most || p->count_able > p->most) worker_leave(p, w);
}

/* It will not be idle, and another one would be no better.  Of several in a pause one is told. */
static void start_failed(pool *p, pool_worker *w, char const *how)
{
  int64_t const now_ms = wallclock_steady_ms();
  if (now_ms >= p->pause_until_ms)
  {
    log_line("warning: ", p->program[0], how);
    p->pause_until_ms = now_ms + PAUSE_MS;
  }
  if (w->pid) kill(w->pid, SIGKILL);
}

/* It ends without our doing, or says what no worker says. */
static void worker_gone(pool *p, pool_worker *w)
{
  if (w->state == POOL_STARTING) start_failed(p, w, " ended before it was ready");
  worker_leave(p, w);
}

void pool_hear(pool *p, pool_worker *w)
{
  char word[WORKER_WORD_MAX];
  uint64_t most;
  int64_t const len = io_tryread(w->fd, word, sizeof word);
  if (len == -1 || w->state == POOL_LEAVING) return;
  if (len > 0 && smtp_number_scan(word, (size_t)len, &most)) worker_idle(p, w, most);
  else worker_gone(p, w);
}

/* --- the end --------------------------------------------------------------------------------- */

static void worker_ended(pool *p, pid_t pid)
{
  pool_worker *w = p->first;
  while (w && w->pid != pid) w = w->next;
  if (!w) return;
  w->pid = 0;
  if (w->state != POOL_LEAVING) worker_gone(p, w);
  p->count--;
  p->untidy = 1;
}

/* Close the descriptors of those that leave, and forget those that have ended. */
static void pool_tidy(pool *p)
{
  pool_worker **at = &p->first;
  while (*at)
  {
    pool_worker *w = *at;
    if (w->state == POOL_LEAVING && w->fd != -1)
    {
      io_close(w->fd);
      w->fd = -1;
    }
    if (w->pid)
    {
      at = &w->next;
      continue;
    }
    *at = w->next;
    free(w);
  }
  p->untidy = 0;
}

static void end_log(pool const *p, pid_t pid, int wstat)
{
  char id[TEXT_NUMBER_MAX], number[TEXT_NUMBER_MAX];
  if (!WIFSIGNALED(wstat) || WTERMSIG(wstat) == SIGTERM) return;
  log_line("warning: ", p->program[0], "[", text_number(id, (uint64_t)pid),
           "] was killed by signal ", text_number(number, (uint64_t)WTERMSIG(wstat)));
}

void pool_reap(pool *p)
{
  int wstat;
  pid_t pid;
  while ((pid = waitpid(-1, &wstat, WNOHANG)) > 0)
  {
    end_log(p, pid, wstat);
    worker_ended(p, pid);
  }
}

/* --- how many -------------------------------------------------------------------------------- */

/* Those behind in the list have been idle for longest. */
static void idle_leave(pool *p, unsigned int count)
{
  while (count--)
  {
    pool_worker *w = p->idle;
    while (w->idle_next) w = w->idle_next;
    worker_leave(p, w);
  }
}

static void period_begin(pool *p, int64_t now_ms)
{
  p->idle_least = p->count_idle;
  p->period_end_ms = p->count_idle > p->few ? now_ms + PERIOD_MS : 0;
}

/* Returns the milliseconds until it is due; -1: nobody could be let go. */
static int64_t pool_shrink(pool *p, int64_t now_ms)
{
  if (p->period_end_ms && now_ms >= p->period_end_ms)
  {
    if (p->idle_least > p->few) idle_leave(p, p->idle_least - p->few);
    p->period_end_ms = 0;
  }
  if (!p->period_end_ms) period_begin(p, now_ms);
  return p->period_end_ms ? p->period_end_ms - now_ms : -1;
}

/*
 * So many wait, and nobody is idle: how many workers are to be started?  *left_ms is the time until
 * that is to be asked again; -1: not as long as some are starting, or there may be no more.
 */
static unsigned int pool_short(pool *p, unsigned int waiting, int64_t now_ms, int64_t *left_ms)
{
  *left_ms = -1;
  if (p->count_starting || p->count >= p->most) return 0;
  if (!p->count_able) return 1;
  if (!p->short_since_ms)
  {
    p->short_since_ms = now_ms;
    p->came_back = 0;
  }
  *left_ms = p->short_since_ms + (p->came_back ? SHORT_BUSY_MS : SHORT_STUCK_MS) - now_ms;
  if (*left_ms > 0) return 0;
  p->short_since_ms = 0;
  *left_ms = -1;
  return p->count_able < waiting ? p->count_able : waiting;
}

/* How many workers are lacking? */
static unsigned int pool_lacks(pool *p, unsigned int waiting, int64_t now_ms, int64_t *left_ms)
{
  *left_ms = -1;
  if (!waiting) p->short_since_ms = 0;
  if (p->count_able < p->few) return p->few - p->count_able;
  return waiting && !p->count_idle ? pool_short(p, waiting, now_ms, left_ms) : 0;
}

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
  return a_ms == -1 || (b_ms != -1 && b_ms < a_ms) ? b_ms : a_ms;
}

/* Give up those that hang before they are ready.  Returns when that is due, as pool_keep(). */
static int64_t starts_watch(pool *p, int64_t now_ms)
{
  int64_t left_ms = -1;
  pool_worker *w;
  if (!p->count_starting) return -1;
  for (w = p->first; w; w = w->next)
  {
    if (w->state != POOL_STARTING) continue;
    if (w->ready_end_ms > now_ms)
    {
      left_ms = sooner(left_ms, w->ready_end_ms - now_ms);
      continue;
    }
    start_failed(p, w, " was not ready within 30 seconds");
    worker_leave(p, w);
  }
  return left_ms;
}

int64_t pool_keep(pool *p, unsigned int waiting)
{
  int64_t const now_ms = wallclock_steady_ms();
  int64_t const shrink_ms = pool_shrink(p, now_ms);
  int64_t left_ms = -1, watch_ms;
  if (now_ms >= p->pause_until_ms)
    workers_start(p, pool_lacks(p, waiting, now_ms, &left_ms));
  watch_ms = starts_watch(p, now_ms);
  if (now_ms < p->pause_until_ms) left_ms = p->pause_until_ms - now_ms;
  if (p->untidy) pool_tidy(p);
  return sooner(sooner(shrink_ms, watch_ms), left_ms);
}

void pool_begin(pool *p)
{
  watched_changed(p);
  pool_keep(p, 0);
}

void pool_end(pool *p)
{
  pool_worker const *w;
  pool_renew(p);
  for (w = p->first; w; w = w->next) if (w->pid) kill(w->pid, SIGTERM);
}
