#ifndef SEND_REPORT_H
#define SEND_REPORT_H

/*
 * Results of deliveries: each goes into the message's journal, into the log, and to qmgr, in this
 * order.
 */

#include <stdint.h>
#include <stralloc.h>

#include "job/job.h"
#include "send/outbox.h"
#include "smtp/domain.h"

/* Room for "host[address]:port". */
#define REPORT_RELAY_MAX (SMTP_DOMAIN_MAX + 64)

typedef struct report
{
  int fd;               /* the job socket; from the command line: standard output */
  int from_commandline; /* 1: recipients' lines only, with their addresses */
  int gone;             /* nobody reads the reports any more */
  stralloc out;         /* not yet written */
  char relay[REPORT_RELAY_MAX]; /* of the connection, or "none" */
  uint64_t connect_us;  /* when the connection was begun */
  uint64_t open_us;     /* when the connection was ready for mail; 0: not yet */
  int any_deferred;
  int any_failed;
} report;

extern void report_init(report *r, int fd, int from_commandline);
/* Give back the memory. */
extern void report_free(report *r);

/* Report a recipient's result: the recipient is settled.  text is cleaned. */
extern void report_rcpt(report *r, outbox_job *job, size_t rcpt, enum job_status status,
                        char const *code, char const *text);

/* The same for a recipient that was tried at another server, relay, before. */
extern void report_rcpt_at(report *r, outbox_job *job, size_t rcpt, enum job_status status,
                           char const *relay, char const *code, char const *text);

/* The same for all of a job's recipients that are not settled. */
extern void report_rest(report *r, outbox_job *job, enum job_status status, char const *code,
                        char const *text);

/* The same for the log alone: the recipients were not tried, and are owed as before. */
extern void report_untried(report *r, outbox_job const *job, char const *code, char const *text);

/* The job is done; the connection ended with the job on it; the job was not tried. */
extern void report_done(report *r, outbox_job const *job);
extern void report_cut(report *r, outbox_job const *job);
extern void report_back(report *r, outbox_job const *job);

/* Ask qmgr to give us no more messages than these at once; before report_up(). */
extern void report_window(report *r, size_t messages);
extern void report_up(report *r, char const *text);
extern void report_lost(report *r, int dropped);
/* id: the message at the head of the connection, or "-" */
extern void report_vain(report *r, char const *id, char const *code, char const *text);
/* The connection to tls-io is wanted that only qmgr can make. */
extern void report_tls(report *r);
/* The same of the server of MTA-STS policies; or why that is of no use, in the log where there is no qmgr. */
extern void report_policy(report *r);
extern void report_policy_missing(report *r, char const *why);
extern void report_without(report *r, char const *extension);
extern void report_down(report *r, char const *code, char const *text);

/*
 * Write all reports and log lines.  A report that cannot be written is lost: qmgr reads the
 * journals.
 */
extern void report_flush(report *r);

#endif
