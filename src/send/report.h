#ifndef SEND_REPORT_H
#define SEND_REPORT_H

/* What became of it: into the message's journal, into the log, and to qmgr, in this order. */

#include <stdint.h>
#include <stralloc.h>

#include "job/job.h"
#include "send/outbox.h"
#include "smtp/domain.h"

/* Room for "host[address]:port". */
#define REPORT_RELAY_MAX (SMTP_DOMAIN_MAX + 64)

typedef struct report
{
  int fd;               /* of the job socket; by hand: of the report */
  int by_hand;          /* 1: recipients' lines only, with their addresses */
  int gone;             /* nobody reads what we say */
  stralloc out;         /* not yet written */
  char relay[REPORT_RELAY_MAX]; /* of the connection, or "none" */
  uint64_t connect_us;  /* when it was begun */
  uint64_t open_us;     /* when it was ready for mail; 0: not yet */
  int any_deferred;
  int any_failed;
} report;

extern void report_init(report *r, int fd, int by_hand);

/* A recipient's result; settles it.  text is cleaned. */
extern void report_rcpt(report *r, outbox_job *job, size_t rcpt, enum job_status status,
                        char const *code, char const *text);

/* The same of a recipient that was tried at another server, relay, before. */
extern void report_rcpt_at(report *r, outbox_job *job, size_t rcpt, enum job_status status,
                           char const *relay, char const *code, char const *text);

/* The same for all of a job's recipients that are not settled. */
extern void report_rest(report *r, outbox_job *job, enum job_status status, char const *code,
                        char const *text);

/* The same for the log alone: they were not tried, and are owed as before. */
extern void report_untried(report *r, outbox_job const *job, char const *code, char const *text);

/* No more about this job; the connection ended with it; it was not tried. */
extern void report_done(report *r, outbox_job const *job);
extern void report_cut(report *r, outbox_job const *job);
extern void report_back(report *r, outbox_job const *job);

/* More messages than these are not worth being here at once; before report_up(). */
extern void report_window(report *r, size_t messages);
extern void report_up(report *r, char const *text);
extern void report_lost(report *r, int dropped);
/* id of the message at its head, or "-" */
extern void report_vain(report *r, char const *id, char const *code, char const *text);
extern void report_without(report *r, char const *extension);
extern void report_down(report *r, char const *code, char const *text);

/* Write it all, log lines too.  What cannot be written is lost: qmgr reads the journals. */
extern void report_flush(report *r);

#endif
