#include "qmgr/outcome.h"

#include <fcntl.h>
#include <string.h>

#include <skalibs/djbunix.h>

#include "qmgr/requests.h"
#include "base/log.h"
#include "smtp/reply.h"

void delivery_result(delivery *d, job *j, job_result const *result)
{
  job_recipient const *r = job_answer(j, result);
  if (!r) return;
  totals_count(d->totals, d->core, r->status);
  pass_note(j->from, r->status == JOB_DEFERRED);
  if (r->status == JOB_DEFERRED) return;
  j->active->owed--;
  if (r->status != JOB_SENT) j->active->untold = 1;
}

/* --- back to the lists ----------------------------------------------------------------------- */

/* What became of one domain's recipients in a job, or-ed. */
enum { OUTCOME_DEFERRED = 1, OUTCOME_UNTRIED = 2, OUTCOME_REQUESTED_MEANWHILE = 4 };

static unsigned int outcome_of(delivery *d, job const *j, domain *x)
{
  unsigned int outcome = 0;
  size_t i;
  for (i = 0; i < job_count(j); i++)
  {
    job_recipient const *r = job_recipients(j) + i;
    if (r->domain != x || (r->answered && r->status != JOB_DEFERRED)) continue;
    if (r->answered) domain_deferred(&d->core->sched, x, core_now_us(d->core), r->attempts + 1);
    outcome |= r->answered ? OUTCOME_DEFERRED : OUTCOME_UNTRIED;
    if (domain_requested_since(x, r->requests)) outcome |= OUTCOME_REQUESTED_MEANWHILE;
  }
  return outcome;
}

/* So often was the domain requested when the job was made. */
static unsigned int requests_before(job const *j, domain const *x)
{
  job_recipient const *r = job_recipients(j);
  while (r->domain != x) r++;
  return r->requests;
}

/* Who requested it wants it tried once more in the same pass. */
static int cut_again(job const *j, domain *x)
{
  return j->from && j->from->kind == PASS_FLUSH
    && domain_cut(x, j->from, j->active->id, job_attempts(j) + 1, j->bytes);
}

/*
 * Whatever is still owed goes back to its list, or to those of its pass that were cut off; what was
 * requested while it was out, out again.
 */
static void take_back(delivery *d, job *j, domain *x, enum came came)
{
  sched *s = &d->core->sched;
  char const *id = j->active->id;
  unsigned int outcome = outcome_of(d, j, x);
  if (!outcome) return;
  if (came == CAME_CUT && outcome == OUTCOME_DEFERRED && cut_again(j, x)) return;
  if (!list_record(d->lists, list_of(x), j->from, id, outcome & OUTCOME_UNTRIED))
    j->active->keep_new |= KEEP_NEW_SOON;
  if (outcome & OUTCOME_REQUESTED_MEANWHILE)
    domain_requested_meanwhile(s, x, id, j->cause, requests_before(j, x));
  else if (came == CAME_AGAIN && (outcome & OUTCOME_UNTRIED))
    domain_try(s, x, id, pass_again(j->from, j->cause));
}

/*
 * The last job is back, and the sender is to be told something.  Where that cannot be noted down,
 * the message's lists keep it: whoever reads it there sees that it is untold.
 */
static void note(delivery *d, job *j)
{
  active *a = j->active;
  size_t i;
  if (a->jobs > 1 || !a->untold || notices_due(d->notices, a->id)) return;
  a->keep_new |= KEEP_NEW_SOON;
  for (i = 0; i < job_count(j); i++)
    if (job_last_of(j, i))
      list_record(d->lists, list_of(job_recipients(j)[i].domain), j->from, a->id, 1);
}

/* --- the log --------------------------------------------------------------------------------- */

static void unanswered_log(delivery *d, job const *j, message const *m, char const *code,
                           char const *text)
{
  size_t i;
  for (i = 0; i < job_count(j); i++)
  {
    job_recipient const *r = job_recipients(j) + i;
    if (!r->answered && r->number < message_rcpts(m))
      delivery_log(d, j->active->id, message_string(m, message_rcptp(m, r->number)->address),
                   code, "deferred", text);
  }
}

/*
 * It was handed out, and waits again though nobody has said a word about it: who follows it by its
 * id is told why.
 */
static void undone_log(delivery *d, job const *j, char const *why)
{
  char code[SMTP_STATUS_MAX];
  char const *text = strchr(why, ' ');
  enum queue_place where;
  int fd;
  if (!text || (size_t)(text - why) >= sizeof code) return;
  fd = queuedir_open_message(d->core->queue, j->active->id, O_RDONLY, &where);
  if (fd == -1) return;
  memcpy(code, why, (size_t)(text - why));
  code[text - why] = 0;
  if (message_read(&d->message, fd)) unanswered_log(d, j, &d->message, code, text + 1);
  fd_close(fd);
}

/* --- all of it ------------------------------------------------------------------------------- */

void delivery_back(delivery *d, job *j, enum came came, char const *why)
{
  active *a = j->active;
  domain *through = j->through;
  pass *from = j->from;
  enum cause cause = j->cause;
  size_t i;
  if (came == CAME_UNDONE) undone_log(d, j, why);
  for (i = 0; i < job_count(j); i++)
    if (job_last_of(j, i)) take_back(d, j, job_recipients(j)[i].domain, came);
  note(d, j);
  if (cause == CAUSE_BY_ID) delivery_request_tried(d, a->id);
  a->jobs--;
  delivery_inactive(d, a);
  job_in(j);
  job_free(j);
  if (through) pass_job_in(&d->core->sched, through, from, cause, came);
}

void delivery_told(delivery *d, char const *id)
{
  message *m = &d->message;
  enum queue_place where;
  int fd = active_find(&d->actives, id) ? -1 : messages_take(d->messages, m, id, &where);
  if (fd == -1) return;
  if (!message_owed(m) && !message_any_untold(m)) messages_finish(d->messages, id, where);
  fd_close(fd);
}
