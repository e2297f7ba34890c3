#include "send/session-internal.h"

#include <errno.h>
#include <string.h>

#include "send/clock.h"
#include "send/envelope.h"
#include "send/text.h"

/* --- which message, and may it go ------------------------------------------------------ */

/* What can be said of a message without asking the peer.  1: it is settled. */
static int job_refused_here(session *s, work_job *job)
{
  char text[JOB_TEXT_MAX];
  char size[TEXT_NUMBER_MAX];
  char limit[TEXT_NUMBER_MAX];
  if ((job->flags & JOB_UTF8) && !(s->extensions & SMTP_EXT_SMTPUTF8))
  {
    text_join(text, sizeof text, "SMTPUTF8 is required, but was not offered by host ", s->peer);
    report_rest(s->out, job, JOB_FAILED, "5.6.7", text);
    return 1;
  }
  if (s->size_max && envelope_size(job, s->extensions) > s->size_max)
  {
    text_join(text, sizeof text, "message size ", text_number(size, envelope_size(job, s->extensions)),
              " exceeds size limit ", text_number(limit, s->size_max), " of server ", s->peer);
    report_rest(s->out, job, JOB_FAILED, "5.3.4", text);
    return 1;
  }
  return 0;
}

/* The next message to be written, or NULL: none is there, or enough is unanswered. */
static work_job *job_choose(session *s)
{
  work_job *job;
  if (s->stopping || s->broken) return 0;
  if (s->unanswered >= SESSION_WINDOW_OCTETS) return 0;
  while ((job = work_ready(s->jobs)))
  {
    if (!job_refused_here(s, job)) break;
    session_job_close(s, job);
    s->carried_out++;
  }
  return job;
}

static int all_refused(work_job const *job)
{
  return job->mail_refused || (job->mail_answered && !job->rcpts_asked && !job->rcpts_accepted);
}

/* --- writing --------------------------------------------------------------------------- */

/* Each returns 1 when it has put something or gone a step on, 0 when a reply must come first. */

static int write_mail(session *s, work_job *job)
{
  if (s->transaction)
  {
    wire_puts(&s->wire, "RSET\r\n");
    s->transaction = 0;
    return session_expect(s, EXPECTED_RSET, 0, 0);
  }
  job->state = WORK_BEGUN;
  job->begun_us = clock_us();
  s->begun_last = job;
  s->transaction = 1;
  envelope_mail(&s->wire, job, s->extensions);
  job->step = WORK_RCPT;
  return session_expect(s, EXPECTED_MAIL, job, 0);
}

static int write_rcpt(session *s, work_job *job)
{
  work_rcpt *rcpt;
  while (job->rcpt_next < job->rcpts_len && work_rcptp(job, job->rcpt_next)->state != WORK_OWED) job->rcpt_next++;
  if (job->mail_refused || job->rcpt_next == job->rcpts_len)
  {
    job->step = WORK_BODY;
    return 1;
  }
  rcpt = work_rcptp(job, job->rcpt_next);
  envelope_rcpt(&s->wire, job, rcpt, s->extensions);
  job->rcpts_asked++;
  return session_expect(s, EXPECTED_RCPT, job, job->rcpt_next++);
}

static int write_body(session *s, work_job *job)
{
  if (all_refused(job))
  {
    job->step = WORK_WRITTEN;
    return 1;
  }
  if (!(s->extensions & SMTP_EXT_CHUNKING))
  {
    wire_puts(&s->wire, "DATA\r\n");
    job->step = WORK_CONTENT;
    return session_expect(s, EXPECTED_DATA, job, 0);
  }
  if (job->length > SESSION_BLIND_OCTETS && !job->rcpts_accepted) return 0;
  envelope_bdat(&s->wire, job);
  wire_put_file(&s->wire, job->fd, job->offset, job->length, 0);
  s->unanswered += job->length;
  job->step = WORK_WRITTEN;
  return session_expect(s, EXPECTED_BDAT, job, 0);
}

/* After 354 the peer wants at least a dot, also when nobody is left to get the message (RFC 2920 section 3.1). */
static int write_content(session *s, work_job *job)
{
  if (job->data_refused)
  {
    job->step = WORK_WRITTEN;
    return 1;
  }
  if (!job->data_wanted) return 0;
  if (job->rcpts_accepted) wire_put_file(&s->wire, job->fd, job->offset, job->length, job->flags & JOB_DOT);
  job->step = WORK_END;
  return 1;
}

static int write_end(session *s, work_job *job)
{
  if (job->rcpts_accepted && (job->flags & JOB_UNENDED)) wire_puts(&s->wire, "\r\n");
  wire_puts(&s->wire, ".\r\n");
  s->transaction = 0; /* whatever the reply */
  job->step = WORK_WRITTEN;
  return session_expect(s, EXPECTED_CONTENT, job, 0);
}

/* All of a transaction is answered.  Recipients it had no room for go in another one. */
static void job_finish(session *s, work_job *job)
{
  if (job == s->begun_last) s->begun_last = 0;
  s->carried_out++;
  if (!work_owed(job))
  {
    session_job_close(s, job);
    return;
  }
  work_again(job);
  work_move_last(s->jobs, job);
}

static int write_written(session *s, work_job *job)
{
  s->writing = 0;
  if (!job->replies) job_finish(s, job);
  return 1;
}

/* Without PIPELINING a command is written only when nothing is unanswered. */
static int must_wait(session const *s)
{
  return !(s->extensions & SMTP_EXT_PIPELINING) && expected_head(&s->owed) && s->writing->step != WORK_WRITTEN;
}

int transaction_write(session *s)
{
  if (!s->writing) s->writing = job_choose(s);
  if (!s->writing || must_wait(s)) return 0;
  switch (s->writing->step)
  {
    case WORK_MAIL: return write_mail(s, s->writing);
    case WORK_RCPT: return write_rcpt(s, s->writing);
    case WORK_BODY: return write_body(s, s->writing);
    case WORK_CONTENT: return write_content(s, s->writing);
    case WORK_END: return write_end(s, s->writing);
    default: return write_written(s, s->writing);
  }
}

void transaction_break(session *s)
{
  char text[JOB_TEXT_MAX];
  text_join(text, sizeof text, "unable to read the message's file: ", errno ? strerror(errno) : "too short");
  s->broken = s->writing;
  report_rest(s->out, s->broken, JOB_DEFERRED, "4.3.0", text);
  wire_put_file(&s->wire, -1, 0, 0, 0);
}

/* --- replies --------------------------------------------------------------------------- */

/* Make of a refusal what the recipient is told. */
static void refusal_report(session *s, work_job *job, size_t rcpt, enum expected_kind kind)
{
  char text[JOB_TEXT_MAX];
  char code[SMTP_STATUS_MAX];
  int forever = s->reply.code / 100 == 5 && !(kind == EXPECTED_RCPT && s->reply.code == 552);
  text_join(text, sizeof text, "host ", s->peer, " said: ", s->reply.text, " (in reply to ", session_command(kind), " command)");
  report_rcpt(s->out, job, rcpt, forever ? JOB_FAILED : JOB_DEFERRED, session_code(code, s, forever ? '5' : '4'), text);
}

/* The recipients in a state share the reply's fate. */
static void recipients_refused(session *s, work_job *job, enum work_rcpt_state state, enum expected_kind kind)
{
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
    if (work_rcptp(job, i)->state == state) refusal_report(s, job, i, kind);
}

/* A peer that knows DSN sees to the sender's wish to be told; for one that does not, we do (RFC 3461 section 5.2.3). */
static enum job_status sent_status(session const *s, work_job const *job, size_t rcpt)
{
  if (s->extensions & SMTP_EXT_DSN) return JOB_SENT;
  return envelope_success_wanted(job, work_rcptp(job, rcpt)) ? JOB_RELAYED : JOB_SENT;
}

static void recipients_sent(session *s, work_job *job)
{
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
    if (work_rcptp(job, i)->state == WORK_ACCEPTED)
      report_rcpt(s->out, job, i, sent_status(s, job, i), s->reply.status, s->reply.text);
}

static void mail_replied(session *s, work_job *job)
{
  job->mail_answered = 1;
  if (session_reply_positive(s)) return;
  job->mail_refused = 1;
  if (job == s->begun_last) s->transaction = 0;
  recipients_refused(s, job, WORK_OWED, EXPECTED_MAIL);
}

/*
 * 452 after some were accepted means "no more in this transaction"; 552 is what old servers say
 * for it (RFC 5321 section 4.5.3.1.10).
 */
static void rcpt_replied(session *s, work_job *job, size_t i)
{
  work_rcpt *rcpt = work_rcptp(job, i);
  job->rcpts_asked--;
  if (rcpt->state != WORK_OWED) return;
  if (session_reply_positive(s))
  {
    rcpt->state = WORK_ACCEPTED;
    job->rcpts_accepted++;
  }
  else if ((s->reply.code == 452 || s->reply.code == 552) && job->rcpts_accepted) rcpt->state = WORK_LATER;
  else refusal_report(s, job, i, EXPECTED_RCPT);
}

static void data_replied(session *s, work_job *job)
{
  job->data_wanted = s->reply.code / 100 == 3;
  job->data_refused = !job->data_wanted;
  if (job->data_refused) recipients_refused(s, job, WORK_ACCEPTED, EXPECTED_DATA);
}

static void content_replied(session *s, work_job *job, enum expected_kind kind)
{
  if (kind == EXPECTED_BDAT) s->unanswered -= job->length;
  if (!session_reply_positive(s)) recipients_refused(s, job, WORK_ACCEPTED, kind);
  else
  {
    if (job == s->begun_last) s->transaction = 0;
    recipients_sent(s, job);
  }
}

void transaction_replied(session *s, expected const *e)
{
  switch (e->kind)
  {
    case EXPECTED_MAIL: mail_replied(s, e->job); break;
    case EXPECTED_RCPT: rcpt_replied(s, e->job, e->rcpt); break;
    case EXPECTED_DATA: data_replied(s, e->job); break;
    default: content_replied(s, e->job, e->kind); break;
  }
  if (!e->job->replies && e->job != s->writing) job_finish(s, e->job);
}
