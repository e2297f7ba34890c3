#include "qmgr/totals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "queue/queuedir.h"

/* A kill costs no more than what was counted in this time. */
#define WRITE_US SECOND_US

void totals_read(totals *t, core const *q)
{
  char line[256];
  int fd = queuedir_open_file(q->queue, "totals", O_RDONLY, 0);
  ssize_t r = fd == -1 ? 0 : fd_read(fd, line, sizeof line - 1);
  if (fd != -1) fd_close(fd);
  t->timer.kind = CORE_TOTALS;
  if (r <= 0) return;
  line[r] = 0;
  t->sent = core_line_number(line, "sent=");
  t->deferred = core_line_number(line, "deferred=");
  t->failed = core_line_number(line, "failed=");
}

void totals_count(totals *t, core *q, enum job_status status)
{
  if (status == JOB_DEFERRED) t->deferred++;
  else if (status == JOB_FAILED) t->failed++;
  else t->sent++;
  timer_set_earlier(&q->timers, &t->timer, core_now_us(q) + WRITE_US);
}

static char *number_put(char *out, char const *key, uint64_t number)
{
  out = stpcpy(out, key);
  return out + uint64_fmt(out, number);
}

void totals_write(totals const *t, core const *q)
{
  char line[sizeof "sent= deferred= failed=\n" + 3 * UINT64_FMT];
  char *end = number_put(line, "sent=", t->sent);
  end = number_put(end, " deferred=", t->deferred);
  end = number_put(end, " failed=", t->failed);
  *end++ = '\n';
  if (!core_file_replace(q, "totals", line, (size_t)(end - line)))
    log_line("warning: unable to write totals: ", strerror(errno));
}
