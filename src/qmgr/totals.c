#include "qmgr/totals.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "queue/totals.h"

/* A kill costs no more than what was counted in this time. */
#define WRITE_US SECOND_US

void totals_read(totals *t, core const *q)
{
  totals_line line;
  totals_line_read(&line, q->queue);
  t->timer.kind = CORE_TOTALS;
  t->sent = line.sent;
  t->deferred = line.deferred;
  t->failed = line.failed;
}

void totals_count(totals *t, core *q, enum job_status status)
{
  if (status == JOB_DEFERRED) t->deferred++;
  else if (status == JOB_FAILED) t->failed++;
  else t->sent++;
  timer_set_earlier(&q->timers, &t->timer, core_now_us(q) + WRITE_US);
}

void totals_write(totals const *t, core const *q)
{
  totals_line const line = { .sent = t->sent, .deferred = t->deferred, .failed = t->failed };
  char text[TOTALS_LINE_MAX];
  if (!core_file_replace(q, "totals", text, totals_line_format(text, &line)))
    log_line("warning: unable to write totals: ", strerror(errno));
}
