#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "qmgr/qmgr-internal.h"
#include "queue/totals.h"

/* A kill costs no more than what was counted in this time. */
#define WRITE_US SECOND_US

void totals_read(qmgr *q)
{
  totals *t = &q->totals;
  totals_line line;
  totals_line_read(&line, q->queue);
  t->timer.kind = TIMER_TOTALS;
  t->sent = line.sent;
  t->deferred = line.deferred;
  t->failed = line.failed;
}

void totals_count(qmgr *q, enum job_status status)
{
  totals *t = &q->totals;
  if (status == JOB_DEFERRED) t->deferred++;
  else if (status == JOB_FAILED) t->failed++;
  else t->sent++;
  timer_set_earlier(&q->timers, &t->timer, q->now_us + WRITE_US);
}

void totals_write(qmgr *q)
{
  totals const *t = &q->totals;
  totals_line const line = { .sent = t->sent, .deferred = t->deferred, .failed = t->failed };
  char text[TOTALS_LINE_MAX];
  if (!qmgr_file_replace(q, "totals", text, totals_line_format(text, &line)))
    log_line("warning: unable to write totals: ", strerror(errno));
}
