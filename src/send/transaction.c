#include "send/session-internal.h"

#include <errno.h>
#include <string.h>

#include "send/clock.h"
#include "send/envelope.h"
#include "send/fit.h"
#include "send/text.h"

/* --- which message, and may it go ------------------------------------------------------ */

/* What can be said of a message without asking the peer.  1: it is settled. */
static int job_refused_here(session *s, work_job *job)
{
  char text[JOB_TEXT_MAX];
  char size[TEXT_NUMBER_MAX];
  char limit[TEXT_NUMBER_MAX];
  if (!job->fit) job->fit = fit_read(job);
  if (!job->fit)
  {
    report_rest(s->out, job, JOB_FAILED, "5.6.0", "the message holds a NUL, or a CR or LF that is no line end");
    return 1;
  }
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

/* Is it to be tried at this very address, over this connection? */
static int for_here(session const *s, work_job const *job)
{
  return way_for(s->way, job) == s->way->at && !(job->alone && s->carried_out);
}

/* The first message that is. */
static work_job *job_for_here(session const *s)
{
  work_job *job = work_ready(s->jobs);
  while (job && !for_here(s, job)) job = work_ready_after(job);
  return job;
}

int transaction_none_here(session const *s)
{
  return work_ready(s->jobs) && !job_for_here(s);
}

/* The next message to be written, or NULL: none is there, or enough is unanswered. */
static work_job *job_choose(session *s)
{
  work_job *job;
  if (s->stopping || s->broken || s->sealed) return 0;
  if (s->unanswered >= SESSION_WINDOW_OCTETS || s->jobs->begun >= s->jobs->begun_most) return 0;
  while ((job = job_for_here(s)))
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
  work_begin(s->jobs, job);
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
  if (job->mail_refused || job->rcpt_next == job->rcpts_len || (job->rcpts_most && job->rcpts_put == job->rcpts_most))
  {
    job->step = WORK_BODY;
    return 1;
  }
  rcpt = work_rcptp(job, job->rcpt_next);
  envelope_rcpt(&s->wire, job, rcpt, s->extensions);
  job->rcpts_put++;
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

/* All of a transaction is answered.  Recipients it had no room for, or that go elsewhere, go in another one. */
static void job_finish(session *s, work_job *job)
{
  if (job == s->begun_last) s->begun_last = 0;
  s->carried_out++;
  work_window_grow(s->jobs);
  if (!work_owed(job))
  {
    session_job_close(s, job);
    return;
  }
  job->cut = 0;
  way_again(s->way, s->jobs, job);
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
  int written = s->writing && s->writing->step == WORK_WRITTEN;
  return !(s->extensions & SMTP_EXT_PIPELINING) && expected_head(&s->owed) && !written;
}

/* Before a message is begun the peer has none open. */
static int write_rset(session *s)
{
  wire_puts(&s->wire, "RSET\r\n");
  s->transaction = 0;
  return session_expect(s, EXPECTED_RSET, 0, 0);
}

int transaction_write(session *s)
{
  if (must_wait(s)) return 0;
  if (!s->writing)
  {
    work_job *next = job_choose(s);
    if (!next) return 0;
    if (s->transaction) return write_rset(s);
    s->writing = next;
  }
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

static void rcpt_settle(session *s, work_job *job, size_t rcpt, enum job_status status, char const *code, char const *text)
{
  report_rcpt(s->out, job, rcpt, status, code, text);
  if (!job_status_settled(status)) return;
  job->progress = 1;
  s->settled++;
}

/* Refused for the moment: another address is asked before that counts (RFC 5321 section 5.1). */
static int rcpt_elsewhere(session *s, work_job *job, size_t rcpt, char const *code, char const *text)
{
  if (!way_elsewhere(s->way, job) || !work_reason_keep(job, rcpt, code, s->out->relay, text)) return 0;
  work_rcptp(job, rcpt)->state = WORK_ELSEWHERE;
  text_log_later(job->id, ": ", text);
  return 1;
}

/* Make of a refusal what the recipient is told. */
static void refusal_report(session *s, work_job *job, size_t rcpt, enum expected_kind kind)
{
  char text[JOB_TEXT_MAX];
  char code[SMTP_STATUS_MAX];
  int forever = s->reply.code / 100 == 5 && !(kind == EXPECTED_RCPT && s->reply.code == 552);
  session_code(code, s, forever ? '5' : '4');
  text_join(text, sizeof text, "host ", s->peer, JOB_TEXT_SAID, s->reply.text,
            JOB_TEXT_IN_REPLY, session_command(kind), JOB_TEXT_COMMAND);
  if (!forever && rcpt_elsewhere(s, job, rcpt, code, text)) return;
  rcpt_settle(s, job, rcpt, forever ? JOB_FAILED : JOB_DEFERRED, code, text);
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
      rcpt_settle(s, job, i, sent_status(s, job, i), s->reply.status, s->reply.text);
}

static void mail_replied(session *s, work_job *job)
{
  job->mail_answered = 1;
  if (session_reply_positive(s)) return;
  job->mail_refused = 1;
  if (job == s->begun_last) s->transaction = 0;
  recipients_refused(s, job, WORK_OWED, EXPECTED_MAIL);
}

/* Do the words or the status (RFC 3463 X.5.3) say that it is the number of recipients? */
static int too_many_said(session_reply const *reply)
{
  return !strcmp(reply->status + 1, ".5.3") || strcasestr(reply->text, "too many recipients");
}

/*
 * 452 after some were accepted means "no more in this transaction"; 552 is what old servers say for it
 * (RFC 5321 section 4.5.3.1.10), and other codes where they say so.
 */
static int rcpt_later(session const *s, work_job const *job)
{
  if (!job->rcpts_accepted) return 0;
  switch (s->reply.code)
  {
    case 452: case 552: return 1;
    case 550: case 554: return too_many_said(&s->reply);
    default: return !strcmp(s->reply.status, "5.5.3") || !strcmp(s->reply.status, "4.5.3");
  }
}

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
  else if (rcpt_later(s, job)) rcpt->state = WORK_LATER;
  else refusal_report(s, job, i, EXPECTED_RCPT);
}

static void data_replied(session *s, work_job *job)
{
  job->data_wanted = s->reply.code / 100 == 3;
  job->data_refused = !job->data_wanted;
  if (job->data_refused) recipients_refused(s, job, WORK_ACCEPTED, EXPECTED_DATA);
}

/*
 * CHUNKING was offered, and BDAT is not known: that is no word about the message.  What was sent behind it may have been
 * taken for commands, so nothing more is said on this connection.
 */
static int chunking_lied(session *s, enum expected_kind kind)
{
  if (kind != EXPECTED_BDAT || (s->reply.code != 500 && s->reply.code != 502)) return 0;
  s->lied |= SMTP_EXT_CHUNKING;
  return 1;
}

static void content_replied(session *s, work_job *job, enum expected_kind kind)
{
  if (kind == EXPECTED_BDAT) s->unanswered -= job->length;
  if (chunking_lied(s, kind)) return;
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
  if (s->lied) session_break_off(s);
  else if (!e->job->replies && e->job != s->writing) job_finish(s, e->job);
}
