#ifndef TESTS_UNIT_QMGR_H
#define TESTS_UNIT_QMGR_H

/*
 * For tests of qmgr's hands, each linked with no more than what it stands on: an instance in a
 * directory of its own, a core on it, and what is logged.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "qmgr/core.h"
#include "queue/message.h"

#include "check.h"

#define ID1 "1h8qabcde00001"
#define ID2 "1h8qabcdf00002"
#define ID3 "1h8qabcdg00003"
/* The first of them is so old, the others some milliseconds less. */
#define AGE_US (100 * SECOND_US)
#define NOW_US (id_time(ID1) + AGE_US)
#define AFTER(seconds) (NOW_US + (uint64_t)(seconds) * SECOND_US)

static char top[200];
static core q;

/* What is under way at the end is not given back. */
extern char const *__lsan_default_options(void);
char const *__lsan_default_options(void)
{
  return "detect_leaks=0";
}

/* What a sanitizer says is no log line of ours. */
extern void __sanitizer_set_report_fd(void *fd) __attribute__((weak));

/* --- the instance ---------------------------------------------------------------------------- */

/* From here on, what is logged goes to a file. */
static inline void qmgr_begin(void)
{
  char const *tmp = getenv("TMPDIR");
  char path[300];
  int shown = dup(2);
  int fd;
  umask(007);
  signal(SIGPIPE, SIG_IGN);
  snprintf(top, sizeof top, "%s/qmgr.XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp(top)) exit(111);
  snprintf(path, sizeof path, "%s/log", top);
  fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd == -1 || dup2(fd, 2) == -1) exit(111);
  if (__sanitizer_set_report_fd) __sanitizer_set_report_fd((void *)(intptr_t)shown);
}

static inline void qmgr_end(void)
{
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", top);
  if (system(command)) exit(111);
  CHECK_END();
}

static inline int directory_make(int at, char const *name)
{
  int fd;
  if (mkdirat(at, name, 0700) == -1) exit(111);
  fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd == -1) exit(111);
  return fd;
}

static inline void put_at(int at, char const *path, char const *s, size_t len)
{
  int fd = openat(at, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
  if (fd == -1 || write(fd, s, len) != (ssize_t)len) exit(111);
  close(fd);
}
#define put(path, s) put_at(q.queue, (path), (s), strlen(s))
#define conf_put(name, s) put_at(q.conf, (name), (s), strlen(s))

/* A new one, with a core that has just begun; what was there before is left as it is. */
static inline void instance_make(char const *name)
{
  static char const *const places[] = {
    "tmp", "new", "cur", "hold", "corrupt", "flush", "claim", "asked", "site", "notice"
  };
  int all = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int instance = directory_make(all, name);
  size_t i;
  memset(&q, 0, sizeof q);
  q.queue = directory_make(instance, "queue");
  q.conf = directory_make(instance, "conf");
  q.run = directory_make(instance, "run");
  for (i = 0; i < sizeof places / sizeof *places; i++) close(directory_make(q.queue, places[i]));
  conf_put("me", "relay.tld\n");
  conf_put("routes", "customer.tld [192.0.2.1]\nparked.tld [192.0.2.2] park\n* -\n");
  sched_init(&q.sched, NOW_US, 1);
  if (!core_settings(&q)) exit(111);
  close(instance);
  close(all);
}

/* Time passes. */
static inline void at(uint64_t us)
{
  sched_now(&q.sched, us);
}

/* --- files ----------------------------------------------------------------------------------- */

static inline int holds(char const *path, char const *s)
{
  char have[4096];
  int fd = openat(q.queue, path, O_RDONLY | O_CLOEXEC);
  ssize_t r;
  if (fd == -1) return 0;
  r = read(fd, have, sizeof have);
  close(fd);
  return r == (ssize_t)strlen(s) && !memcmp(have, s, (size_t)r);
}

static inline int there(char const *path)
{
  struct stat st;
  return fstatat(q.queue, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline int in_place(enum queue_place place, char const *id)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, place, id);
  return there(path);
}

/* What is in the way of a file. */
static inline void obstruct(char const *path)
{
  close(directory_make(q.queue, path));
}

/* --- messages -------------------------------------------------------------------------------- */

/* A message in new/ of this id, from a@b.tld, to one in each of these domains (NULL: no more). */
static inline void mail_make(char const *id, char const *to1, char const *to2)
{
  static message_writer w = MESSAGE_WRITER_ZERO;
  char const *const to[] = { to1, to2 };
  char address[300], from[QUEUE_PATH_MAX], path[QUEUE_PATH_MAX];
  size_t i;
  if (!message_begin(&w, q.queue, "a@b.tld", 7, "", "x [192.0.2.9] ESMTP")) exit(111);
  for (i = 0; i < 2 && to[i]; i++)
  {
    snprintf(address, sizeof address, "u@%s", to[i]);
    if (!message_rcpt(&w, to[i], address, strlen(address), "")) exit(111);
  }
  if (!message_put(&w, "x\r\n", 3) || !message_commit(&w, 0)) exit(111);
  queuedir_path(from, QUEUE_NEW, w.id);
  queuedir_path(path, QUEUE_NEW, id);
  if (renameat(q.queue, from, q.queue, path) == -1) exit(111);
}

static inline void mail_move(char const *id, enum queue_place to)
{
  if (queuedir_move(q.queue, id, QUEUE_NEW, to) == -1) exit(111);
}

/* A line more in its journal, wherever it is: "N STATUS CODE RELAY TEXT". */
static inline void mail_result(char const *id, uint64_t time_us, char const *text)
{
  enum queue_place place;
  job_result result;
  int fd = queuedir_open_message(q.queue, id, O_RDWR | O_APPEND, &place);
  if (fd == -1 || !job_result_scan(text, strlen(text), &result)
   || !message_journal(fd, time_us, &result))
    exit(111);
  close(fd);
}

/* --- the log --------------------------------------------------------------------------------- */

static inline void log_forget(void)
{
  log_flush();
  if (ftruncate(2, 0) == -1) exit(111);
}

/* How often was it said since then? */
static inline unsigned int logged(char const *text)
{
  static char all[65536];
  char const *s = all;
  unsigned int n = 0;
  ssize_t r;
  log_flush();
  r = pread(2, all, sizeof all - 1, 0);
  all[r > 0 ? r : 0] = 0;
  while ((s = strstr(s, text)))
  {
    s += strlen(text);
    n++;
  }
  return n;
}

/* --- sockets in run/ ------------------------------------------------------------------------- */

static inline int listener_make(char const *name, int backlog)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", q.run, name);
  if (fd == -1 || bind(fd, (struct sockaddr const *)&address, sizeof address) == -1
   || listen(fd, backlog) == -1)
    exit(111);
  return fd;
}

static inline int peer_accept(int listener)
{
  return accept4(listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static inline void say(int peer, char const *s)
{
  if (write(peer, s, strlen(s)) != (ssize_t)strlen(s)) exit(111);
}

#endif
