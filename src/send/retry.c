#include "send/retry.h"

#include <string.h>

#include "send/report.h"
#include "send/text.h"

void retry_give_up(session *s, work_job *job)
{
  int cut = job->cut;
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
  {
    work_rcpt const *rcpt = work_rcptp(job, i);
    if (rcpt->state == WORK_SETTLED) continue;
    if (rcpt->code) text_join(s->out->relay, sizeof s->out->relay, work_string(job, rcpt->relay));
    report_rcpt(s->out, job, i, JOB_DEFERRED, rcpt->code ? work_string(job, rcpt->code) : s->code,
                rcpt->code ? work_string(job, rcpt->reason) : s->text);
  }
  if (cut) report_cut(s->out, job);
  else report_done(s->out, job);
  work_forget(s->jobs, job);
}

void retry_begun(session *s)
{
  work_job *job;
  work_job *next;
  for (job = s->jobs->first; job; job = next)
  {
    next = job->next;
    job->progress = 0;
    if (job->state != WORK_BEGUN) continue;
    if (work_owed(job))
    {
      work_again(s->jobs, job);
      continue;
    }
    report_done(s->out, job);
    work_forget(s->jobs, job);
  }
}

/* --- the message whose turn it was ------------------------------------------------------- */

static void reason_keep(session *s, work_job *job)
{
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
    if (work_rcptp(job, i)->state != WORK_SETTLED) work_reason_keep(job, i, s->code, s->out->relay, s->text);
}

/*
 * 421 to a RCPT after others were accepted: those are enough for one transaction (RFC 5321 section 4.5.3.1.10).
 * Where some were settled, the rest goes on as well.
 */
static int got_further(session const *s, work_job *job)
{
  if (s->loss == SESSION_LOSS_REFUSED && s->lost_at == EXPECTED_RCPT && job->rcpts_accepted)
  {
    job->rcpts_most = job->rcpts_accepted;
    return 1;
  }
  return job->progress;
}

static int in_vain(session const *s)
{
  return !s->settled && !s->carried_out;
}

static int others_ready(session const *s, work_job const *but)
{
  work_job const *job = work_ready(s->jobs);
  if (job == but) job = work_ready_after(job);
  return job != 0;
}

/*
 * The connection ended at its MAIL.  A server that takes so many messages and no more does that to any of them; where it
 * had taken none, it may mean this one, and the others go first.  Is that what was found out by now?
 */
static int meant(session const *s, work_job *job)
{
  int before = job->struck;
  if (in_vain(s)) job->struck = 1;
  return before ? in_vain(s) || !others_ready(s, job) : in_vain(s) && !others_ready(s, job);
}

/* It did not go here.  Elsewhere, or behind the others, or not now. */
static void head_lost(session *s, work_job *job, int taken)
{
  reason_keep(s, job);
  way_tried(s->way, job);
  job->cut = 1;
  if (way_for(s->way, job) != WAY_NONE) text_log_later(job->id, ": ", s->text);
  else if (taken || meant(s, job))
  {
    retry_give_up(s, job);
    return;
  }
  else
  {
    text_log_later(s->text);
    way_untried(s->way, job);
  }
  work_move_last(s->jobs, job);
}

/* --- all of them ------------------------------------------------------------------------- */

/*
 * A connection that settled nothing says something of the site; not where there were so many on the wire when it ended
 * that they may have been too much for the link.
 */
static int counts_as_vain(session const *s, size_t begun)
{
  return in_vain(s) && (begun < 2 || s->loss != SESSION_LOSS_CLOSED);
}

int retry_lost(session *s)
{
  size_t begun = s->jobs->begun;
  work_job *head = s->head && work_owed(s->head) ? s->head : 0;
  int taken = head && head->mail_answered && !head->mail_refused;
  int further = s->loss == SESSION_LOSS_LIED || (head && got_further(s, head));
  char id[JOB_ID_MAX + 1];
  text_join(id, sizeof id, head ? head->id : "-");
  retry_begun(s);
  if (head && !further) head_lost(s, head, taken);
  else if (!further) text_log_later(s->text);
  if (!further && counts_as_vain(s, begun)) report_vain(s->out, id, s->code, s->text);
  else report_lost(s->out, s->loss == SESSION_LOSS_CLOSED);
  work_window_narrow(s->jobs, in_vain(s) ? 1 : begun / 2);
  return further || !in_vain(s);
}
