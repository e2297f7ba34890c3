#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "qmgr/qmgr-internal.h"

/* A kill costs no more than what was counted in this time. */
#define WRITE_US SECOND_US

void totals_read(qmgr *q)
{
  totals *t = &q->totals;
  char line[256];
  int fd = queuedir_open_file(q->queue, "totals", O_RDONLY, 0);
  ssize_t r = fd == -1 ? 0 : fd_read(fd, line, sizeof line - 1);
  if (fd != -1) fd_close(fd);
  t->timer.kind = TIMER_TOTALS;
  if (r <= 0) return;
  line[r] = 0;
  t->sent = qmgr_line_number(line, "sent=");
  t->deferred = qmgr_line_number(line, "deferred=");
  t->failed = qmgr_line_number(line, "failed=");
}

void totals_count(qmgr *q, enum job_status status)
{
  totals *t = &q->totals;
  if (status == JOB_DEFERRED) t->deferred++;
  else if (status == JOB_FAILED) t->failed++;
  else t->sent++;
  timer_set_earlier(&q->timers, &t->timer, q->now_us + WRITE_US);
}

static char *number_put(char *out, char const *key, uint64_t number)
{
  out = stpcpy(out, key);
  return out + uint64_fmt(out, number);
}

void totals_write(qmgr *q)
{
  totals const *t = &q->totals;
  char line[sizeof "sent= deferred= failed=\n" + 3 * UINT64_FMT];
  char *end = number_put(line, "sent=", t->sent);
  end = number_put(end, " deferred=", t->deferred);
  end = number_put(end, " failed=", t->failed);
  *end++ = '\n';
  if (!qmgr_file_replace(q, "totals", line, (size_t)(end - line)))
    log_line("warning: unable to write totals: ", strerror(errno));
}
