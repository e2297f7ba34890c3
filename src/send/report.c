#include "send/report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/wallclock.h"
#include "job/journal.h"
#include "smtp/reply.h"

void report_init(report *r, int fd, int from_commandline)
{
  memset(r, 0, sizeof *r);
  r->fd = fd;
  r->from_commandline = from_commandline;
  strcpy(r->relay, "none");
}

void report_free(report *r)
{
  stralloc_free(&r->out);
}

/* --- to qmgr ------------------------------------------------------------------------ */

/*
 * Append a line.  Without memory it is lost, as if qmgr had ended: the next qmgr reads the journal.
 */
static void out_add(report *r, char const *s, size_t len)
{
  if (!stralloc_catb(&r->out, s, len)) r->gone = 1;
}

static void out_join(report *r, char const *const *words)
{
  for (; *words; words++) out_add(r, *words, strlen(*words));
}
#define out_line(r, ...) out_join((r), (char const *const []){ __VA_ARGS__, "\n", 0 })

static ssize_t out_write(report *r, char const *s, size_t len)
{
  return r->from_commandline ? write(r->fd, s, len) : job_send(r->fd, s, len, 0, 0);
}

void report_flush(report *r)
{
  size_t done = 0;
  log_flush(); /* first our lines: qmgr's "removed" must come behind them */
  while (!r->gone && done < r->out.len)
  {
    ssize_t n = out_write(r, r->out.s + done, r->out.len - done);
    if (n >= 0) done += (size_t)n;
    else if (errno != EINTR) r->gone = 1;
  }
  r->out.len = 0;
}

/* --- the journal -------------------------------------------------------------------- */

static void journal_write(outbox_job const *job, uint64_t now_us, job_result const *result)
{
  char line[JOB_LINE_MAX];
  size_t len = job_journal_format(line, sizeof line, now_us, result);
  if (journal_append(job->fd, job->offset + job->length, line, len)) return;
  log_line(job->id, ": unable to write to the journal: ", strerror(errno));
}

/* --- the log ------------------------------------------------------------------------ */

static uint64_t since(uint64_t earlier, uint64_t later)
{
  return later > earlier ? later - earlier : 0;
}

/*
 * Postfix's four delays: before the message came here, waiting here, setting up the connection
 * (only for messages that waited for that), and the transmission.
 */
typedef struct delays
{
  char total[TEXT_SECONDS_MAX];
  char before[TEXT_SECONDS_MAX];
  char here[TEXT_SECONDS_MAX];
  char connect[TEXT_SECONDS_MAX];
  char transmit[TEXT_SECONDS_MAX];
} delays;

static void delays_make(delays *d, report const *r, outbox_job const *job, uint64_t now_us)
{
  uint64_t begun = job->state == OUTBOX_BEGUN ? job->begun_us : now_us;
  uint64_t open = r->open_us ? r->open_us : now_us;
  uint64_t const begun_connecting =
    r->connect_us > job->received_us ? r->connect_us : job->received_us;
  uint64_t set_up = r->connect_us ? since(begun_connecting, open) : 0;
  uint64_t here = since(job->received_us, begun);
  text_seconds(d->total, since(job->arrival_us, now_us));
  text_seconds(d->before, since(job->arrival_us, job->received_us));
  text_seconds(d->here, since(set_up, here));
  text_seconds(d->connect, set_up);
  text_seconds(d->transmit, since(begun, now_us));
}

static void result_log(report const *r, outbox_job const *job, char const *address, uint64_t now_us,
                       enum job_status status, char const *relay, char const *code,
                       char const *text)
{
  static char const *const words[] =
  {
    [JOB_SENT] = "sent", [JOB_DEFERRED] = "deferred", [JOB_FAILED] = "bounced",
    [JOB_RELAYED] = "sent"
  };
  delays d;
  delays_make(&d, r, job, now_us);
  log_later(job->id, ": to=<", address, ">, relay=", relay, ", delay=", d.total,
                 ", delays=", d.before, "/", d.here, "/", d.connect, "/", d.transmit,
                 ", dsn=", code, ", status=", words[status], " (", text, ")");
}

/* --- results ------------------------------------------------------------------------ */

static void result_tell(report *r, outbox_job const *job, char const *address,
                        job_result const *result)
{
  char line[JOB_LINE_MAX];
  size_t len = job_result_format(line, sizeof line, result);
  char const *text = line;
  if (!len) return;
  line[len] = 0;
  if (r->from_commandline)
  {
    text = memchr(line, ' ', len); /* the address instead of the number */
    if (text) out_line(r, "<", address, ">", text);
  }
  else out_line(r, "rcpt ", job->id, " ", text);
}

void report_rcpt_at(report *r, outbox_job *job, size_t rcpt, enum job_status status,
                    char const *relay, char const *code, char const *text)
{
  outbox_rcpt *to = outbox_rcptp(job, rcpt);
  char const *address = outbox_string(job, to->address);
  uint64_t now_us = wallclock_us();
  char clean[JOB_TEXT_MAX];
  job_result result = { .recipient = to->number, .status = status };
  size_t len = text_join(clean, sizeof clean, text);

  smtp_text_clean(clean, len);
  result.code = (job_field){ code, strlen(code) };
  result.relay = (job_field){ relay, strlen(relay) };
  result.text = (job_field){ clean, len };

  to->state = OUTBOX_SETTLED;
  if (status == JOB_DEFERRED) r->any_deferred = 1;
  if (status == JOB_FAILED) r->any_failed = 1;
  journal_write(job, now_us, &result);
  result_tell(r, job, address, &result);
  result_log(r, job, address, now_us, status, relay, code, clean);
}

void report_rcpt(report *r, outbox_job *job, size_t rcpt, enum job_status status, char const *code,
                 char const *text)
{
  report_rcpt_at(r, job, rcpt, status, r->relay, code, text);
}

void report_rest(report *r, outbox_job *job, enum job_status status, char const *code,
                 char const *text)
{
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
    if (outbox_rcptp(job, i)->state != OUTBOX_SETTLED) report_rcpt(r, job, i, status, code, text);
}

void report_untried(report *r, outbox_job const *job, char const *code, char const *text)
{
  char clean[JOB_TEXT_MAX];
  uint64_t now_us = wallclock_us();
  size_t i;
  smtp_text_clean(clean, text_join(clean, sizeof clean, text));
  for (i = 0; i < job->rcpts_len; i++)
    if (outbox_rcptp(job, i)->state != OUTBOX_SETTLED)
      result_log(r, job, outbox_string(job, outbox_rcptp(job, i)->address), now_us, JOB_DEFERRED,
                 r->relay, code, clean);
}

void report_done(report *r, outbox_job const *job)
{
  if (!r->from_commandline) out_line(r, "done ", job->id);
}

/* Report with a recipient, by which qmgr tells this job from others of the same message. */
static void out_came(report *r, char const *word, outbox_job const *job)
{
  char number[TEXT_NUMBER_MAX];
  if (!r->from_commandline)
    out_line(r, word, job->id, " ", text_number(number, outbox_rcptp(job, 0)->number));
}

void report_cut(report *r, outbox_job const *job)
{
  out_came(r, "cut ", job);
}

void report_back(report *r, outbox_job const *job)
{
  out_came(r, "back ", job);
}

void report_tls(report *r)
{
  out_line(r, "tls");
}

void report_policy(report *r)
{
  out_line(r, "policy");
}

void report_policy_missing(report *r, char const *why)
{
  if (!r->from_commandline) out_line(r, "policy ", why);
  else log_line("warning: no policy of MTA-STS: ", why);
}

void report_without(report *r, char const *extension)
{
  if (!r->from_commandline) out_line(r, "without ", extension);
}

void report_lost(report *r, int dropped)
{
  if (!r->from_commandline) out_line(r, dropped ? "lost drop" : "lost");
}

void report_window(report *r, size_t messages)
{
  char number[TEXT_NUMBER_MAX];
  if (!r->from_commandline) out_line(r, "window ", text_number(number, messages));
}

void report_up(report *r, char const *text)
{
  if (!r->from_commandline) out_line(r, "up ", r->relay, " ", text);
}

static void out_reason(report *r, char const *word, char const *code, char const *text)
{
  char clean[JOB_TEXT_MAX];
  smtp_text_clean(clean, text_join(clean, sizeof clean, text));
  if (!r->from_commandline) out_line(r, word, code, " ", clean);
}

void report_vain(report *r, char const *id, char const *code, char const *text)
{
  char word[JOB_ID_MAX + 16];
  text_join(word, sizeof word, "vain ", id, " ");
  out_reason(r, word, code, text);
}

void report_down(report *r, char const *code, char const *text)
{
  out_reason(r, "down ", code, text);
}
