#include "qmgr/notices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include "base/directory.h"
#include "base/log.h"
#include "job/job.h"
#include "queue/queuedir.h"

/* Names of notice/ looked at in one piece. */
#define NOTICE_TURN 64
/* A connection without work is kept so long. */
#define IDLE_US SECOND_US
/* When bounce-put is not there. */
#define ABSENT_US (5 * SECOND_US)
/*
 * When it cannot do something now: a recipient is being sent to.  Out of step with probes, which
 * come in whole seconds.
 */
#define LATER_US (SECOND_US * 7 / 10)

/* --- the marks ------------------------------------------------------------------------------- */

static size_t pending_find(notices const *n, char const *id)
{
  size_t i = 0;
  while (i < n->pending_len && memcmp(n->pending[i].id, id, ID_LEN)) i++;
  return i;
}

int notices_due(notices *n, char const *id)
{
  size_t i = pending_find(n, id);
  if (queuedir_notice(n->core->queue, id) == -1)
  {
    core_complain(n->core, "make notice/", id, strerror(errno));
    return 0;
  }
  if (i < n->pending_len) n->pending[i].again = 1;
  n->look = 1;
  return 1;
}

void notices_look(notices *n)
{
  n->look = 1;
}

void notices_over(notices *n, char const *id)
{
  if (queuedir_unnotice(n->core->queue, id) == -1)
    log_line("warning: unable to remove notice/", id, ": ", strerror(errno));
}

void notices_start(notices *n)
{
  n->fd = -1;
  n->look = 1;
  n->timer.kind = CORE_NOTICES;
  if (mkdirat(n->core->queue, "notice", 0770) == -1 && errno != EEXIST)
    log_line("warning: unable to make queue/notice: ", strerror(errno));
}

/* --- the connection -------------------------------------------------------------------------- */

static void look_later(notices *n, uint64_t wait_us)
{
  n->later = 1;
  timer_set_earlier(&n->core->timers, &n->timer, core_now_us(n->core) + wait_us);
}

/* What was asked and not answered is asked again. */
static void hang_up(notices *n)
{
  fd_close(n->fd);
  n->fd = -1;
  if (n->pending_len) look_later(n, ABSENT_US);
  n->pending_len = n->out_len = n->in_len = n->in_done = 0;
}

static int connected(notices *n)
{
  if (n->fd != -1) return 1;
  n->fd = core_connect(n->core, "bounce");
  if (n->fd != -1) return 1;
  core_complain(n->core, "connect to ", "run/bounce", strerror(errno));
  look_later(n, ABSENT_US);
  return 0;
}

void notices_timer(notices *n)
{
  n->look |= n->later;
  n->later = 0;
  if (n->fd != -1 && !n->pending_len && !n->look) hang_up(n);
}

void notices_writable(notices *n)
{
  log_flush(); /* what bounce-put will say of them comes behind it */
  while (n->out_len)
  {
    ssize_t w = job_send(n->fd, n->out, n->out_len, 0, 0);
    if (w <= 0) return; /* that the other end is gone is seen when reading */
    n->out_len -= (size_t)w;
    memmove(n->out, n->out + w, n->out_len);
  }
}

/* --- asking ---------------------------------------------------------------------------------- */

static void ask(notices *n, char const *id)
{
  if (pending_find(n, id) < n->pending_len) return;
  memcpy(n->pending[n->pending_len].id, id, ID_LEN + 1);
  n->pending[n->pending_len++].again = 0;
  memcpy(n->out + n->out_len, id, ID_LEN);
  n->out_len += ID_LEN;
  n->out[n->out_len++] = '\n';
}

static int marks_open(notices *n)
{
  if (n->directory) return 1;
  n->directory = directory_open(n->core->queue, "notice");
  if (n->directory) return 1;
  core_pause(n->core, "read ", "notice");
  return 0;
}

static void marks_close(notices *n)
{
  closedir(n->directory);
  n->directory = 0;
}

static void marks_piece(notices *n)
{
  unsigned int turn;
  for (turn = 0; turn < NOTICE_TURN && n->pending_len < NOTICES_WINDOW; turn++)
  {
    struct dirent const *entry = readdir(n->directory);
    if (!entry)
    {
      marks_close(n);
      break;
    }
    if (!id_ok(entry->d_name, strlen(entry->d_name))) continue;
    if (!connected(n))
    {
      marks_close(n);
      return;
    }
    ask(n, entry->d_name);
  }
  if (n->fd != -1) notices_writable(n);
}

int notices_run(notices *n)
{
  if (n->core->sched.paused || (!n->look && !n->directory) || n->pending_len == NOTICES_WINDOW)
    return 0;
  if (!n->directory) n->look = 0;
  if (marks_open(n)) marks_piece(n);
  return (n->look || n->directory) && n->pending_len < NOTICES_WINDOW;
}

/* --- answers --------------------------------------------------------------------------------- */

/* "ID WORD ...": 1 when the sender of a message that was asked for was told. */
static int answered(notices *n, char const *line, size_t len, char id[ID_LEN + 1])
{
  job_field name, word;
  size_t i;
  int later, again;
  if (!job_field_next(&line, &len, &name) || !id_ok(name.s, name.len)) return 0;
  if (!job_field_next(&line, &len, &word)) return 0;
  later = job_field_is(&word, JOB_ANSWER_LATER);
  i = pending_find(n, name.s);
  if (i == n->pending_len) return 0;
  memcpy(id, n->pending[i].id, ID_LEN + 1);
  again = n->pending[i].again;
  memmove(n->pending + i, n->pending + i + 1, (--n->pending_len - i) * sizeof *n->pending);
  if (later) look_later(n, LATER_US);
  if (!n->pending_len)
    timer_set_earlier(&n->core->timers, &n->timer, core_now_us(n->core) + IDLE_US);
  n->look |= again;
  return !later && !again;
}

int notices_told_next(notices *n, char id[ID_LEN + 1])
{
  char *s, *end;
  while ((end = memchr(s = n->in + n->in_done, '\n', n->in_len - n->in_done)))
  {
    n->in_done += (size_t)(end + 1 - s);
    if (answered(n, s, (size_t)(end - s), id)) return 1;
  }
  return 0;
}

void notices_readable(notices *n)
{
  ssize_t r;
  n->in_len -= n->in_done;
  memmove(n->in, n->in + n->in_done, n->in_len);
  n->in_done = 0;
  /* no answer is so long */
  r = n->in_len == sizeof n->in ? 0
    : fd_read(n->fd, n->in + n->in_len, sizeof n->in - n->in_len);
  if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (r <= 0) hang_up(n);
  else n->in_len += (size_t)r;
}
