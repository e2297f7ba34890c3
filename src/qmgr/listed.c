#include "qmgr/listed.h"

#include <errno.h>
#include <string.h>

#include <skalibs/djbunix.h>

#include "qmgr/expiry.h"
#include "qmgr/requests.h"

/* --- whose mail it is ------------------------------------------------------------------------ */

void delivery_learn(delivery *d, list const *l, char const *id)
{
  message *m = &d->message;
  char first[ID_LEN + 1];
  enum queue_place where;
  int fd;
  if (!*id && !list_first(d->lists, l, first)) return;
  fd = messages_take(d->messages, m, *id ? id : first, &where);
  if (fd == -1) return;
  delivery_learn_sender(d, l->domain.site, m);
  fd_close(fd);
}

/* --- what is to be tried --------------------------------------------------------------------- */

/* One message of a list, that is tried. */
typedef struct trial
{
  list *list;
  char const *id;
  pass *from;
  enum cause cause;
  message *message;
  enum queue_place where;
  int fd;
} trial;

enum tried
{
  TRIED_OUT,                 /* a job was handed out */
  TRIED_NOTHING,             /* nothing to do for it now */
  TRIED_BUSY,                /* in other hands than ours: later */
  TRIED_STUCK                /* out of descriptors or the like: later */
};

static void record(delivery *d, trial const *t, int untried)
{
  list_record(d->lists, t->list, t->from, t->id, untried);
}

/* What a look at the domain's recipients found, or-ed: in our hands, or in others'. */
enum { FOUND_NOT_DUE = 1, FOUND_OURS = 2, FOUND_BUSY = 4, FOUND_SHORT = 8 };

/*
 * Does who has it try it for us, and give it back?  A connection that was turned round may just be
 * gone with what was asked for by its id.
 */
static int comes_back(trial const *t, uint64_t recipient)
{
  site const *x = t->list->domain.site;
  if (x->reversal && t->cause == CAUSE_BY_ID) return 0;
  return agents_hold(x, t->id, recipient);
}

static unsigned int collect_one(delivery *d, trial const *t, job *j, size_t n)
{
  domain *x = &t->list->domain;
  attempt last = delivery_attempt(d, t->message, message_rcptp(t->message, n));
  int r;
  if (!attempt_due(&d->core->sched, x, t->from, t->cause, &last)) return FOUND_NOT_DUE;
  r = job_add(j, t->fd, t->message, n, x);
  if (r == 0) return comes_back(t, n) ? FOUND_OURS : FOUND_BUSY;
  return r == -1 ? FOUND_SHORT : 0;
}

static unsigned int collect(delivery *d, trial const *t, job *j)
{
  unsigned int found = 0;
  size_t n;
  for (n = 0; n < message_rcpts(t->message); n++)
    if (message_rcpt_owed(t->message, n, t->list->name)) found |= collect_one(d, t, j, n);
  return found;
}

static int any_cut_last(delivery const *d, message const *m, job const *j)
{
  size_t i;
  for (i = 0; i < job_count(j); i++)
    if (delivery_attempt(d, m, message_rcptp(m, job_recipients(j)[i].number)).cut) return 1;
  return 0;
}

/*
 * What was cut off when it was tried last goes behind the others of its pass; what was requested by
 * its id goes now.
 */
static int put_off(delivery const *d, trial const *t, job const *j)
{
  if (!job_count(j) || (t->cause != CAUSE_DUE && t->cause != CAUSE_FLUSH)) return 0;
  return any_cut_last(d, t->message, j)
    && domain_cut(&t->list->domain, t->from, t->id, job_attempts(j), t->message->content_len);
}

/*
 * An agent that outlived its qmgr has it, or an operator; what is in our hands comes back by
 * itself.
 */
static enum tried busy_later(delivery *d, trial const *t)
{
  sched *s = &d->core->sched;
  domain *x = &t->list->domain;
  if (t->cause == CAUSE_FLUSH_ANEW || (t->from && t->from->kind == PASS_FLUSH))
    domain_look_again(s, x);
  else if (t->cause == CAUSE_DUE) domain_deferred(s, x, core_now_us(d->core), 1);
  return TRIED_BUSY;
}

static void job_empty(job *j)
{
  genalloc_setlen(job_recipient, &j->recipients, 0);
}

/* Fill the job with what is to be tried now; what is not is recorded. */
static enum tried job_fill(delivery *d, trial const *t, job *j)
{
  enum tried tried = TRIED_NOTHING;
  unsigned int found = collect(d, t, j);
  if (found & FOUND_SHORT) core_pause(d->core, "lock ", t->id);
  if (found) record(d, t, found & FOUND_SHORT);
  if (found & FOUND_BUSY) tried = busy_later(d, t);
  if (job_count(j) && !delivery_still_good(d, j, t->message, t->id, t->where, t->fd))
  {
    record(d, t, 1);
    job_empty(j);
  }
  if (put_off(d, t, j)) job_empty(j);
  return tried;
}

/* 1: the agent has the job and the descriptor; 0: the job is gone. */
static int job_send_out(delivery *d, trial const *t, job *j, agent *a)
{
  unsigned int keep_new = t->where == QUEUE_NEW ? KEEP_NEW_SOON : 0;
  active *of = delivery_active(d, t->id, t->where, t->message, keep_new);
  if (!of) job_free(j);
  else if (delivery_hand_over(d, j, a, t->fd, of, t->message)) return 1;
  else delivery_inactive(d, of);
  return 0;
}

static enum tried stuck(delivery *d, trial const *t)
{
  fd_close(t->fd);
  record(d, t, 1);
  core_pause(d->core, "make a job of ", t->id);
  return TRIED_STUCK;
}

static enum tried try_read(delivery *d, trial const *t, agent *a)
{
  enum tried tried;
  job *j = job_new();
  if (!j) return stuck(d, t);
  j->from = t->from;
  j->through = &t->list->domain;
  j->cause = t->cause;
  tried = job_fill(d, t, j);
  if (!job_count(j))
  {
    job_free(j);
    fd_close(t->fd);
    return tried;
  }
  return job_send_out(d, t, j, a) ? TRIED_OUT : stuck(d, t);
}

/* --- one message of a list ------------------------------------------------------------------- */

/* On hold, or not to be touched before its sender was told. */
static int stays(delivery *d, trial const *t)
{
  if (t->where == QUEUE_HOLD) return 1;
  return !active_find(&d->actives, t->id) && !delivery_untold_noted(d, t->message, t->id);
}

static void nothing_owed(delivery *d, trial const *t)
{
  if (!active_find(&d->actives, t->id) && !message_any_untold(t->message))
    messages_finish(d->messages, t->id, t->where);
}

/* It is not tried now: is that so?  Then its list keeps it where something is left. */
static int passed_by(delivery *d, trial const *t)
{
  if (stays(d, t)) return record(d, t, 0), 1;
  if (!message_owed(t->message)) return nothing_owed(d, t), 1;
  if (t->cause != CAUSE_DUE) return 0;
  if (!delivery_expired(d, &t->list->domain, t->message, t->id)) return 0;
  if (delivery_expire(d, t->list, t->message, t->id, t->fd) != EXPIRY_OVER) record(d, t, 0);
  return 1;
}

static enum tried try_one(delivery *d, trial *t, agent *a)
{
  t->fd = messages_take(d->messages, t->message, t->id, &t->where);
  if (t->fd == -1)
  {
    if (!errno) return TRIED_NOTHING;
    record(d, t, 1);
    return TRIED_STUCK;
  }
  delivery_learn_sender(d, t->list->domain.site, t->message);
  if (!passed_by(d, t)) return try_read(d, t, a);
  fd_close(t->fd);
  return TRIED_NOTHING;
}

void delivery_try(delivery *d, list *l, agent *a, char const *id, pass *from, enum cause cause)
{
  trial t = { .list = l, .id = id, .from = from, .cause = cause, .message = &d->message };
  enum tried tried = try_one(d, &t, a);
  if (cause != CAUSE_BY_ID || tried == TRIED_OUT) return;
  if (tried == TRIED_NOTHING) delivery_request_tried(d, id);
  else delivery_request_again(d, id);
  if (tried == TRIED_STUCK) d->look_requests = 1;
}

/* --- released by an operator ----------------------------------------------------------------- */

static void released_look(delivery *d, message const *m, size_t n)
{
  message_recipient const *r = message_rcptp(m, n);
  list *l = r->settled ? 0 : lists_get(d->lists, message_string(m, r->domain));
  if (!l) return;
  list_found(d->lists, l);
  domain_open(&d->core->sched, &l->domain);
}

void delivery_released(delivery *d, char const *id)
{
  message *m = &d->message;
  enum queue_place where;
  int fd = messages_take(d->messages, m, id, &where);
  size_t n;
  if (fd == -1) return;
  fd_close(fd);
  if (message_any_untold(m)) notices_look(d->notices);
  else if (!message_owed(m) && !active_find(&d->actives, id))
    messages_finish(d->messages, id, where);
  for (n = 0; n < message_rcpts(m); n++) released_look(d, m, n);
}
