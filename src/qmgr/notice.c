#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include "base/log.h"
#include "qmgr/qmgr-internal.h"

/*
 * A bounce-put, behind run/bounce, is told the id of each message whose sender is to be told something, a line
 * each, and answers "ID done ...", "ID gone" or "ID later WHY".  It decides what to tell; notice/ID is
 * there until it has answered.
 */

/* Names of notice/ looked at in one piece. */
#define NOTICE_TURN 64
/* A connection without work is kept so long. */
#define IDLE_US SECOND_US
/* When bounce-put is not there. */
#define ABSENT_US (5 * SECOND_US)
/* When it cannot do something now: a recipient is being sent to.  Out of step with probes, which come in whole seconds. */
#define LATER_US (SECOND_US * 7 / 10)

/* --- the marks ------------------------------------------------------------------------------ */

int notice_due(qmgr *q, char const *id)
{
  if (queuedir_notice(q->queue, id) == -1)
  {
    qmgr_complain(q, "make notice/", id, strerror(errno));
    return 0;
  }
  q->notices.look = 1;
  return 1;
}

static void notice_over(qmgr *q, char const *id)
{
  deliver_told(q, id);
  if (queuedir_unnotice(q->queue, id) == -1) log_line("warning: unable to remove notice/", id, ": ", strerror(errno));
}

void notices_start(qmgr *q)
{
  notices *n = &q->notices;
  n->fd = -1;
  n->look = 1;
  n->timer.kind = TIMER_NOTICES;
  if (mkdirat(q->queue, "notice", 0770) == -1 && errno != EEXIST)
    log_line("warning: unable to make queue/notice: ", strerror(errno));
}

/* --- the connection --------------------------------------------------------------------------- */

static void look_later(qmgr *q, uint64_t wait_us)
{
  q->notices.later = 1;
  timer_set_earlier(&q->timers, &q->notices.timer, q->now_us + wait_us);
}

/* What was asked and not answered is asked again. */
static void hang_up(qmgr *q)
{
  notices *n = &q->notices;
  fd_close(n->fd);
  n->fd = -1;
  if (n->asked_len) look_later(q, ABSENT_US);
  n->asked_len = n->out_len = n->in_len = 0;
}

static int connected(qmgr *q)
{
  notices *n = &q->notices;
  if (n->fd != -1) return 1;
  n->fd = qmgr_connect(q, "bounce");
  if (n->fd != -1) return 1;
  qmgr_complain(q, "connect to ", "run/bounce", strerror(errno));
  look_later(q, ABSENT_US);
  return 0;
}

void notices_timer(qmgr *q)
{
  notices *n = &q->notices;
  n->look |= n->later;
  n->later = 0;
  if (n->fd != -1 && !n->asked_len && !n->look) hang_up(q);
}

void notices_writable(qmgr *q)
{
  notices *n = &q->notices;
  log_flush(); /* what bounce-put will say of them comes behind it */
  while (n->out_len)
  {
    ssize_t w = job_send(n->fd, n->out, n->out_len, 0, 0);
    if (w <= 0) return; /* that the other end is gone is seen when reading */
    n->out_len -= (size_t)w;
    memmove(n->out, n->out + w, n->out_len);
  }
}

/* --- asking ------------------------------------------------------------------------------------- */

static size_t asked_find(notices const *n, char const *id)
{
  size_t i = 0;
  while (i < n->asked_len && memcmp(n->asked[i], id, ID_LEN)) i++;
  return i;
}

static void ask(qmgr *q, char const *id)
{
  notices *n = &q->notices;
  if (asked_find(n, id) < n->asked_len) return;
  memcpy(n->asked[n->asked_len++], id, ID_LEN + 1);
  memcpy(n->out + n->out_len, id, ID_LEN);
  n->out_len += ID_LEN;
  n->out[n->out_len++] = '\n';
}

static int marks_open(qmgr *q)
{
  notices *n = &q->notices;
  int fd;
  if (n->dir) return 1;
  fd = openat(q->queue, "notice", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  n->dir = fd == -1 ? 0 : fdopendir(fd);
  if (n->dir) return 1;
  if (fd != -1) fd_close(fd);
  qmgr_breathe(q, "read ", "notice");
  return 0;
}

static void marks_close(notices *n)
{
  closedir(n->dir);
  n->dir = 0;
}

static void marks_piece(qmgr *q)
{
  notices *n = &q->notices;
  unsigned int turn;
  for (turn = 0; turn < NOTICE_TURN && n->asked_len < NOTICE_WINDOW; turn++)
  {
    struct dirent const *entry = readdir(n->dir);
    if (!entry)
    {
      marks_close(n);
      break;
    }
    if (!id_ok(entry->d_name, strlen(entry->d_name))) continue;
    if (!connected(q))
    {
      marks_close(n);
      return;
    }
    ask(q, entry->d_name);
  }
  if (n->fd != -1) notices_writable(q);
}

int notices_run(qmgr *q)
{
  notices *n = &q->notices;
  if (q->breathless || (!n->look && !n->dir) || n->asked_len == NOTICE_WINDOW) return 0;
  if (!n->dir) n->look = 0;
  if (marks_open(q)) marks_piece(q);
  return (n->look || n->dir) && n->asked_len < NOTICE_WINDOW;
}

/* --- answers ---------------------------------------------------------------------------------------- */

static void answered(qmgr *q, char const *line, size_t len)
{
  notices *n = &q->notices;
  char id[ID_LEN + 1];
  size_t i;
  if (len < ID_LEN + 1 || !id_ok(line, ID_LEN)) return;
  i = asked_find(n, line);
  if (i == n->asked_len) return;
  memcpy(id, n->asked[i], ID_LEN + 1);
  memmove(n->asked + i, n->asked + i + 1, (--n->asked_len - i) * sizeof *n->asked);
  if (len >= ID_LEN + 6 && !memcmp(line + ID_LEN, " later", 6)) look_later(q, LATER_US);
  else notice_over(q, id);
  if (!n->asked_len) timer_set_earlier(&q->timers, &n->timer, q->now_us + IDLE_US);
}

void notices_readable(qmgr *q)
{
  notices *n = &q->notices;
  size_t from = 0;
  char *end;
  ssize_t r = fd_read(n->fd, n->in + n->in_len, sizeof n->in - n->in_len);
  if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (r <= 0)
  {
    hang_up(q);
    return;
  }
  n->in_len += (size_t)r;
  while ((end = memchr(n->in + from, '\n', n->in_len - from)))
  {
    size_t to = (size_t)(end - n->in);
    answered(q, n->in + from, to - from);
    from = to + 1;
  }
  n->in_len -= from;
  memmove(n->in, n->in + from, n->in_len);
  if (n->in_len == sizeof n->in) hang_up(q); /* no answer is so long */
}
