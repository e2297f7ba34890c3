#include "qmgr/core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "flush/flush.h"
#include "job/job.h"
#include "queue/queuedir.h"

/* --- settings, time -------------------------------------------------------------------------- */

int core_settings(core *q)
{
  if (!settings_read(&q->settings, q->conf)) return 0;
  q->sched.backoff_min_us = q->settings.backoff.min * SECOND_US;
  q->sched.backoff_max_us = q->settings.backoff.max * SECOND_US;
  q->sched.quota.total = q->settings.concurrency.total;
  return 1;
}

uint64_t core_now_us(core const *q)
{
  return q->sched.now_us;
}

int core_lately(core const *q, uint64_t since_us, uint64_t span_us)
{
  return moment_lately(q->sched.now_us, since_us, span_us);
}

void core_set_back(core *q, uint64_t by_us)
{
  size_t i;
  timers_set_back(&q->timers, by_us);
  for (i = 0; i < SAY_KINDS; i++) q->said[i].us = moment_earlier(q->said[i].us, by_us);
}

/* --- what is said ---------------------------------------------------------------------------- */

int core_may_say(core *q, enum say kind)
{
  spoken *s = q->said + kind;
  if (s->us && core_lately(q, s->us, MINUTE_US)) return s->unsaid++, 0;
  *s->more = 0;
  if (s->unsaid)
  {
    char *end = stpcpy(s->more, " (and ");
    end += uint64_fmt(end, s->unsaid);
    stpcpy(end, " more)");
  }
  s->us = q->sched.now_us;
  s->unsaid = 0;
  return 1;
}

void core_complain(core *q, char const *what, char const *object, char const *why)
{
  core_say(q, SAY_SHORT, "warning: unable to ", what, object, ": ", why);
}

void core_obstacle(core *q, char const *directory, char const *name, int e)
{
  core_say(q, SAY_OBSTACLE, "warning: passed over ", directory, "/", name, ": ", flush_why(e));
}

void core_pause(core *q, char const *what, char const *object)
{
  core_complain(q, what, object, strerror(errno));
  if (!q->sched.paused) timer_set(&q->timers, &q->pause, q->sched.now_us + SECOND_US);
  sched_pause(&q->sched);
}

void core_pause_until(core *q, uint64_t at_us)
{
  timer_set_earlier(&q->timers, &q->pause, at_us);
}

/* --- sockets and small files ----------------------------------------------------------------- */

int core_connect(core const *q, char const *name)
{
  return job_connect(q->run, name, SOCK_STREAM);
}

static char const aside[] = "site/+new";

/* What is in its way, and is no file, is taken away. */
static int aside_open(core const *q)
{
  int fd = queuedir_open_file(q->queue, aside, O_WRONLY | O_CREAT | O_TRUNC, 0660);
  if (fd != -1 || errno != EINVAL) return fd;
  if (unlinkat(q->queue, aside, 0) == -1 && unlinkat(q->queue, aside, AT_REMOVEDIR) == -1)
    return -1;
  return queuedir_open_file(q->queue, aside, O_WRONLY | O_CREAT | O_TRUNC, 0660);
}

int core_file_replace(core const *q, char const *path, char const *s, size_t len)
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

uint64_t core_line_number(char const *line, char const *key)
{
  char const *at = strstr(line, key);
  uint64_t number = 0;
  if (at) uint64_scan(at + strlen(key), &number);
  return number;
}
