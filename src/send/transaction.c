#include "send/transaction.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "send/commands.h"
#include "send/fit.h"
#include "send/secure.h"

/* Octets that may be unanswered at once: they are sent again when the link drops. */
#define WINDOW_OCTETS 1048576
/* A message over this is not sent by BDAT before one recipient at least is accepted. */
#define BLIND_OCTETS 1048576

/* --- which message, and may it go ------------------------------------------------------ */

/* Settle a message without asking the peer, where that is possible.  1: it is settled. */
static int job_refused_here(smtp_connection *s, outbox_job *job)
{
  char text[JOB_TEXT_MAX];
  char size[TEXT_NUMBER_MAX];
  char limit[TEXT_NUMBER_MAX];
  if (!job->fit) job->fit = fit_read(job);
  if (!job->fit)
  {
    report_rest(s->out, job, JOB_FAILED, "5.6.0",
                "the message holds a NUL, or a CR or LF that is no line end");
    return 1;
  }
  if ((job->flags & JOB_UTF8) && !(s->extensions & SMTP_EXT_SMTPUTF8))
  {
    text_join(text, sizeof text, "SMTPUTF8 is required, but was not offered by host ", s->peer);
    report_rest(s->out, job, JOB_FAILED, "5.6.7", text);
    return 1;
  }
  if (s->size_max && commands_size(job, s->extensions) > s->size_max)
  {
    text_join(text, sizeof text, "message size ",
              text_number(size, commands_size(job, s->extensions)),
              " exceeds size limit ", text_number(limit, s->size_max), " of server ", s->peer);
    report_rest(s->out, job, JOB_FAILED, "5.3.4", text);
    return 1;
  }
  return 0;
}

/* Is this message to be tried at this address, over this connection? */
static int for_here(smtp_connection const *s, outbox_job const *job)
{
  return candidates_for(s->candidates, job) == s->candidates->at && !(job->alone && s->carried_out);
}

/* The first such message. */
static outbox_job *job_for_here(smtp_connection const *s)
{
  outbox_job *job = outbox_ready(s->jobs);
  while (job && !for_here(s, job)) job = outbox_ready_after(job);
  return job;
}

int transaction_none_here(smtp_connection const *s)
{
  return outbox_ready(s->jobs) && !job_for_here(s);
}

/* Report "done", and forget the job. */
static void job_close(smtp_connection *s, outbox_job *job)
{
  report_done(s->out, job);
  outbox_forget(s->jobs, job);
}

/* The next message to write; NULL: there is none, or enough is unanswered. */
static outbox_job *job_choose(smtp_connection *s)
{
  outbox_job *job;
  if (s->stopping || s->broken || s->sealed) return 0;
  if (s->unanswered >= WINDOW_OCTETS || s->jobs->begun >= s->jobs->begun_most) return 0;
  while ((job = job_for_here(s)))
  {
    if (!job_refused_here(s, job)) break;
    job_close(s, job);
    s->carried_out++;
  }
  return job;
}

static int all_refused(outbox_job const *job)
{
  return job->mail_refused || (job->mail_answered && !job->rcpts_asked && !job->rcpts_accepted);
}

/* --- writing --------------------------------------------------------------------------- */

/*
 * Each of these writes a command or goes on to the next step, and returns 1; 0 when a reply must
 * come first.
 */

static int write_mail(smtp_connection *s, outbox_job *job)
{
  outbox_begin(s->jobs, job);
  s->begun_last = job;
  s->transaction = 1;
  commands_mail(&s->channel, job, s->extensions);
  job->step = OUTBOX_RCPT;
  return exchange_expect(s, PIPELINE_MAIL, job, 0);
}

static int write_rcpt(smtp_connection *s, outbox_job *job)
{
  outbox_rcpt *rcpt;
  while (job->rcpt_next < job->rcpts_len && outbox_rcptp(job, job->rcpt_next)->state != OUTBOX_OWED)
    job->rcpt_next++;
  if (job->mail_refused || job->rcpt_next == job->rcpts_len
   || (job->rcpts_most && job->rcpts_put == job->rcpts_most))
  {
    job->step = OUTBOX_BODY;
    return 1;
  }
  rcpt = outbox_rcptp(job, job->rcpt_next);
  commands_rcpt(&s->channel, job, rcpt, s->extensions);
  job->rcpts_put++;
  job->rcpts_asked++;
  return exchange_expect(s, PIPELINE_RCPT, job, job->rcpt_next++);
}

static int write_body(smtp_connection *s, outbox_job *job)
{
  if (all_refused(job))
  {
    job->step = OUTBOX_WRITTEN;
    return 1;
  }
  if (!(s->extensions & SMTP_EXT_CHUNKING))
  {
    channel_puts(&s->channel, "DATA\r\n");
    job->step = OUTBOX_CONTENT;
    return exchange_expect(s, PIPELINE_DATA, job, 0);
  }
  if (job->length > BLIND_OCTETS && !job->rcpts_accepted) return 0;
  commands_bdat(&s->channel, job);
  channel_put_file(&s->channel, job->fd, job->offset, job->length, 0);
  s->unanswered += job->length;
  job->step = OUTBOX_WRITTEN;
  return exchange_expect(s, PIPELINE_BDAT, job, 0);
}

/*
 * After 354 the peer expects at least a dot, even when no recipient is left (RFC 2920 section 3.1).
 */
static int write_content(smtp_connection *s, outbox_job *job)
{
  if (job->data_refused)
  {
    job->step = OUTBOX_WRITTEN;
    return 1;
  }
  if (!job->data_wanted) return 0;
  if (job->rcpts_accepted)
    channel_put_file(&s->channel, job->fd, job->offset, job->length, job->flags & JOB_DOT);
  job->step = OUTBOX_END;
  return 1;
}

static int write_end(smtp_connection *s, outbox_job *job)
{
  if (job->rcpts_accepted && (job->flags & JOB_UNENDED)) channel_puts(&s->channel, "\r\n");
  channel_puts(&s->channel, ".\r\n");
  s->transaction = 0; /* whatever the reply */
  job->step = OUTBOX_WRITTEN;
  return exchange_expect(s, PIPELINE_CONTENT, job, 0);
}

/*
 * End a transaction that is answered.  Recipients that it had no room for, or that are to be tried
 * elsewhere, go in another one.
 */
static void job_finish(smtp_connection *s, outbox_job *job)
{
  if (job == s->begun_last) s->begun_last = 0;
  s->carried_out++;
  outbox_window_grow(s->jobs);
  if (!outbox_owed(job))
  {
    job_close(s, job);
    return;
  }
  job->cut = 0;
  candidates_again(s->candidates, s->jobs, job);
  outbox_move_last(s->jobs, job);
}

static int write_written(smtp_connection *s, outbox_job *job)
{
  s->writing = 0;
  if (!job->replies) job_finish(s, job);
  return 1;
}

/* May a command be written?  Without PIPELINING only when no reply is due. */
static int must_wait(smtp_connection const *s)
{
  int written = s->writing && s->writing->step == OUTBOX_WRITTEN;
  return !(s->extensions & SMTP_EXT_PIPELINING) && pipeline_head(&s->owed) && !written;
}

/* Before a message is begun, end a transaction that the peer may have open. */
static int write_rset(smtp_connection *s)
{
  channel_puts(&s->channel, "RSET\r\n");
  s->transaction = 0;
  return exchange_expect(s, PIPELINE_RSET, 0, 0);
}

int transaction_write(smtp_connection *s)
{
  if (must_wait(s)) return 0;
  if (!s->writing)
  {
    outbox_job *next = job_choose(s);
    if (!next) return 0;
    if (s->transaction) return write_rset(s);
    s->writing = next;
  }
  switch (s->writing->step)
  {
    case OUTBOX_MAIL: return write_mail(s, s->writing);
    case OUTBOX_RCPT: return write_rcpt(s, s->writing);
    case OUTBOX_BODY: return write_body(s, s->writing);
    case OUTBOX_CONTENT: return write_content(s, s->writing);
    case OUTBOX_END: return write_end(s, s->writing);
    default: return write_written(s, s->writing);
  }
}

void transaction_break(smtp_connection *s)
{
  char text[JOB_TEXT_MAX];
  text_join(text, sizeof text, "unable to read the message's file: ",
            errno ? strerror(errno) : "too short");
  s->broken = s->writing;
  report_rest(s->out, s->broken, JOB_DEFERRED, "4.3.0", text);
  channel_put_file(&s->channel, -1, 0, 0, 0);
}

/* --- replies --------------------------------------------------------------------------- */

static void rcpt_settle(smtp_connection *s, outbox_job *job, size_t rcpt, enum job_status status,
                        char const *code, char const *text)
{
  report_rcpt(s->out, job, rcpt, status, code, text);
  if (!job_status_settled(status)) return;
  job->progress = 1;
  s->settled++;
}

/* Refused for the moment: try another address before that counts (RFC 5321 section 5.1). */
static int rcpt_elsewhere(smtp_connection *s, outbox_job *job, size_t rcpt, char const *code,
                          char const *text)
{
  if (!candidates_elsewhere(s->candidates, job)
   || !outbox_reason_keep(job, rcpt, code, s->out->relay, text)) return 0;
  outbox_rcptp(job, rcpt)->state = OUTBOX_ELSEWHERE;
  log_later(job->id, ": ", text);
  return 1;
}

/* Settle a recipient by a refusal. */
static void refusal_report(smtp_connection *s, outbox_job *job, size_t rcpt,
                           enum pipeline_kind kind)
{
  char text[JOB_TEXT_MAX];
  char code[SMTP_STATUS_MAX];
  int forever = s->reply.code / 100 == 5 && !(kind == PIPELINE_RCPT && s->reply.code == 552)
    && !(s->reply.code == SECURE_DEMANDED && secure_missed(s));
  exchange_code(code, s, forever ? '5' : '4');
  text_join(text, sizeof text, "host ", s->peer, JOB_TEXT_SAID, s->reply.text,
            JOB_TEXT_IN_REPLY, exchange_command(kind), JOB_TEXT_COMMAND);
  if (!forever && rcpt_elsewhere(s, job, rcpt, code, text)) return;
  rcpt_settle(s, job, rcpt, forever ? JOB_FAILED : JOB_DEFERRED, code, text);
}

/* Settle all recipients in a state by the reply. */
static void recipients_refused(smtp_connection *s, outbox_job *job, enum outbox_rcpt_state state,
                               enum pipeline_kind kind)
{
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
    if (outbox_rcptp(job, i)->state == state) refusal_report(s, job, i, kind);
}

/*
 * The status of a recipient that was sent to.  A peer with DSN notifies the sender as asked; for a
 * peer without it we do (RFC 3461 section 5.2.3).
 */
static enum job_status sent_status(smtp_connection const *s, outbox_job const *job, size_t rcpt)
{
  if (s->extensions & SMTP_EXT_DSN) return JOB_SENT;
  return commands_success_wanted(job, outbox_rcptp(job, rcpt)) ? JOB_RELAYED : JOB_SENT;
}

static void recipients_sent(smtp_connection *s, outbox_job *job)
{
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
    if (outbox_rcptp(job, i)->state == OUTBOX_ACCEPTED)
      rcpt_settle(s, job, i, sent_status(s, job, i), s->reply.status, s->reply.text);
}

static void mail_replied(smtp_connection *s, outbox_job *job)
{
  job->mail_answered = 1;
  if (exchange_positive(s)) return;
  job->mail_refused = 1;
  if (job == s->begun_last) s->transaction = 0;
  recipients_refused(s, job, OUTBOX_OWED, PIPELINE_MAIL);
}

/* Does the reply, by its text or status (RFC 3463 X.5.3), object to the number of recipients? */
static int too_many_said(connection_reply const *reply)
{
  return !strcmp(reply->status + 1, ".5.3") || strcasestr(reply->text, "too many recipients");
}

/*
 * Are there too many recipients for this transaction?  452 after some were accepted means that; so
 * do 552 of old servers (RFC 5321 section 4.5.3.1.10), and other codes whose text says so.
 */
static int rcpt_later(smtp_connection const *s, outbox_job const *job)
{
  if (!job->rcpts_accepted) return 0;
  switch (s->reply.code)
  {
    case 452: case 552: return 1;
    case 550: case 554: return too_many_said(&s->reply);
    default: return !strcmp(s->reply.status, "5.5.3") || !strcmp(s->reply.status, "4.5.3");
  }
}

static void rcpt_replied(smtp_connection *s, outbox_job *job, size_t i)
{
  outbox_rcpt *rcpt = outbox_rcptp(job, i);
  job->rcpts_asked--;
  if (rcpt->state != OUTBOX_OWED) return;
  if (exchange_positive(s))
  {
    rcpt->state = OUTBOX_ACCEPTED;
    job->rcpts_accepted++;
  }
  else if (rcpt_later(s, job)) rcpt->state = OUTBOX_LATER;
  else refusal_report(s, job, i, PIPELINE_RCPT);
}

static void data_replied(smtp_connection *s, outbox_job *job)
{
  job->data_wanted = s->reply.code / 100 == 3;
  job->data_refused = !job->data_wanted;
  if (job->data_refused) recipients_refused(s, job, OUTBOX_ACCEPTED, PIPELINE_DATA);
}

/*
 * The peer offered CHUNKING and does not know BDAT, which does not concern the message.  What was
 * sent behind it may have been read as commands, so this connection must send no more.
 */
static int chunking_lied(smtp_connection *s, enum pipeline_kind kind)
{
  if (kind != PIPELINE_BDAT || (s->reply.code != 500 && s->reply.code != 502)) return 0;
  s->lied |= SMTP_EXT_CHUNKING;
  return 1;
}

static void content_replied(smtp_connection *s, outbox_job *job, enum pipeline_kind kind)
{
  if (kind == PIPELINE_BDAT) s->unanswered -= job->length;
  if (chunking_lied(s, kind)) return;
  if (!exchange_positive(s)) recipients_refused(s, job, OUTBOX_ACCEPTED, kind);
  else
  {
    if (job == s->begun_last) s->transaction = 0;
    recipients_sent(s, job);
  }
}

int transaction_replied(smtp_connection *s, pipeline_reply const *e)
{
  switch (e->kind)
  {
    case PIPELINE_MAIL: mail_replied(s, e->job); break;
    case PIPELINE_RCPT: rcpt_replied(s, e->job, e->rcpt); break;
    case PIPELINE_DATA: data_replied(s, e->job); break;
    default: content_replied(s, e->job, e->kind); break;
  }
  if (s->lied) return 0;
  if (!e->job->replies && e->job != s->writing) job_finish(s, e->job);
  return 1;
}
