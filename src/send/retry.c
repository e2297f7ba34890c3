#include "send/retry.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "send/report.h"

void retry_give_up(smtp_connection *s, outbox_job *job)
{
  int cut = job->cut;
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
  {
    outbox_rcpt const *rcpt = outbox_rcptp(job, i);
    if (rcpt->state == OUTBOX_SETTLED) continue;
    if (rcpt->code)
      report_rcpt_at(s->out, job, i, JOB_DEFERRED, outbox_string(job, rcpt->relay),
                     outbox_string(job, rcpt->code),
                     outbox_string(job, rcpt->reason));
    else report_rcpt(s->out, job, i, JOB_DEFERRED, s->code, s->text);
  }
  if (cut) report_cut(s->out, job);
  else report_done(s->out, job);
  outbox_forget(s->jobs, job);
}

void retry_begun(smtp_connection *s)
{
  outbox_job *job;
  outbox_job *next;
  for (job = s->jobs->first; job; job = next)
  {
    next = job->next;
    job->progress = 0;
    if (job->state != OUTBOX_BEGUN) continue;
    if (outbox_owed(job))
    {
      candidates_again(s->candidates, s->jobs, job);
      continue;
    }
    report_done(s->out, job);
    outbox_forget(s->jobs, job);
  }
}

/* --- what is known of the loss, before the messages go again ------------------------------ */

typedef struct loss
{
  outbox_job *head;  /* whose reply was or would be due; NULL: none, or it is settled */
  int taken;        /* MAIL was accepted */
  int further;      /* it made progress, or all will next time: none is to blame */
  int vain;         /* the connection settled nothing */
  size_t begun;     /* messages on the wire */
} loss;

/*
 * Did 421 come to a RCPT after others were accepted?  Then those are enough for one transaction
 * (RFC 5321 section 4.5.3.1.10).  Where some were settled, the rest is sent as well.
 */
static int got_further(smtp_connection const *s, outbox_job *job)
{
  if (s->loss == CONNECTION_LOSS_REFUSED && s->lost_at == PIPELINE_RCPT && job->rcpts_accepted)
  {
    job->rcpts_most = job->rcpts_accepted;
    return 1;
  }
  return job->progress;
}

static loss loss_of(smtp_connection const *s)
{
  outbox_job *head = s->head ? s->head : outbox_ready(s->jobs);
  loss l = { .vain = !s->settled && !s->carried_out, .begun = s->jobs->begun };
  if (head && outbox_owed(head)) l.head = head;
  l.taken = l.head && l.head->mail_answered && !l.head->mail_refused;
  l.further = s->loss == CONNECTION_LOSS_LIED || (l.head && got_further(s, l.head));
  return l;
}

/* --- the message whose turn it was -------------------------------------------------------- */

static void reason_keep(smtp_connection *s, outbox_job *job)
{
  size_t i;
  for (i = 0; i < job->rcpts_len; i++)
    if (outbox_rcptp(job, i)->state != OUTBOX_SETTLED)
      outbox_reason_keep(job, i, s->code, s->out->relay, s->text);
}

/*
 * Does the message end connections at its MAIL?  A server that accepts so many messages and no more
 * does that to any message; one that had accepted none may object to this one, and the others are
 * sent first.  When this message ends a connection again, it is to blame.
 */
static int meant(outbox_job *job, int vain)
{
  int known = job->struck || job->alone;
  if (vain) job->struck = 1;
  return known;
}

/*
 * The attempt failed here: send the message to another address, or behind the others, or later.  1
 * where an address is left.
 */
static int head_lost(smtp_connection *s, loss const *l)
{
  outbox_job *job = l->head;
  reason_keep(s, job);
  candidates_tried(s->candidates, job);
  job->cut = 1;
  if (candidates_for(s->candidates, job) != CANDIDATES_NONE)
  {
    log_later(job->id, ": ", s->text);
    return 1;
  }
  if (l->taken || meant(job, l->vain))
  {
    retry_give_up(s, job);
    return 0;
  }
  log_later(s->text);
  candidates_untried(s->candidates, job);
  outbox_move_last(s->jobs, job);
  return 0;
}

/* --- all of them -------------------------------------------------------------------------- */

/*
 * Is the site to be judged by this connection?  Not if so many messages were on the wire when it
 * just ended that they may have been too much for the link.
 */
static int counts(smtp_connection const *s, loss const *l)
{
  return l->vain && !l->further && (l->begun < 2 || s->loss != CONNECTION_LOSS_CLOSED);
}

static void window_narrow(smtp_connection const *s, loss const *l)
{
  if (s->loss == CONNECTION_LOSS_CLOSED) outbox_window_drop(s->jobs);
  else outbox_window_narrow(s->jobs, l->vain ? 1 : l->begun / 2);
}

int retry_lost(smtp_connection *s, candidates *to)
{
  loss l = loss_of(s);
  int vain = counts(s, &l);
  int elsewhere = 0;
  char id[JOB_ID_MAX + 1];
  text_join(id, sizeof id, l.head ? l.head->id : "-");
  window_narrow(s, &l);
  retry_begun(s);
  if (vain) candidates_in_vain(to);
  else if (!l.vain) candidates_settled(to);
  if (l.head && !l.further) elsewhere = head_lost(s, &l);
  else if (!l.further) log_later(s->text);
  if (vain && !elsewhere) report_vain(s->out, id, s->code, s->text);
  else report_lost(s->out, s->loss == CONNECTION_LOSS_CLOSED);
  return !vain || elsewhere;
}
