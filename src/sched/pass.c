#include "sched/pass.h"

#include <stdlib.h>
#include <string.h>

#include "sched/attempt.h"
#include "sched/moment.h"

/*
 * A list with something overdue that cannot expire, or that a pass under way does not let us look
 * at: look again then.
 */
#define EXPIRY_AGAIN_US (60 * SECOND_US)
#define BUSY_AGAIN_US (SECOND_US / 4)
/* A pass does not let us look at what was requested. */
#define LOOK_AGAIN_US SECOND_US
/*
 * Delay warnings of one domain are looked for no more often than in an eighth of the delay, or
 * this.
 */
#define WARN_AGAIN_US (600 * SECOND_US)
/* A list that is obstructed: somebody has to take that away. */
#define OBSTRUCTED_US (60 * SECOND_US)

/* --- its beginning --------------------------------------------------------------------------- */

static int pass_begin(sched *s, domain *d, int more)
{
  pass *p = calloc(1, sizeof *p);
  if (!p) return 0;
  p->kind = d->claim;
  p->begun_us = s->now_us;
  p->requested_us = d->requested_us;
  p->reversal = d->home != 0;
  p->oldest_us = d->oldest_us;
  cuts_init(&p->cuts, d->site->drops);
  d->pass = p;
  d->waiting = more;
  d->untried = more || (p->kind == PASS_EXPIRY && d->untried);
  d->oldest_us = NEVER_US;
  if (p->kind != PASS_EXPIRY) d->due_us = NEVER_US;
  return 1;
}

static void retry_later(sched *s, domain *d)
{
  d->untried = 0;
  d->due_us = s->now_us + OBSTRUCTED_US;
  domain_wait(s, d);
}

/* Its turn goes on. */
static void retry_claimed(sched *s, domain *d, enum claimed how)
{
  if (how == CLAIM_OBSTRUCTED) retry_later(s, d);
  else if (how != CLAIM_NOTHING) site_ready_first(s, d->site, &d->ready);
}

/*
 * Where it cannot be taken up now, the user looks again at what was requested; nobody but us knows
 * of what has no file.
 */
static void flush_stuck(sched *s, domain *d)
{
  d->request_open = 0;
  if (d->home || d->request_again) d->look_again_us = s->now_us + LOOK_AGAIN_US;
}

static void flush_claimed(sched *s, domain *d, enum claimed how)
{
  if (how == CLAIM_NOTHING) domain_request_over(s, d);
  else if (how == CLAIM_STUCK) flush_stuck(s, d);
  else if (how == CLAIM_OBSTRUCTED) d->look_again_us = s->now_us + OBSTRUCTED_US;
  else site_ready(s, d->site, &d->ready);
  if (!d->pass) domain_wait(s, d);
}

static void expiry_claimed(sched *s, domain *d)
{
  if (d->pass) row_add(&s->sweeps, &d->sweeping);
  else timer_set(&s->timers, &d->timer, s->now_us + EXPIRY_AGAIN_US);
}

int domain_claimed(sched *s, domain *d, enum claimed how)
{
  if ((how == CLAIMED || how == CLAIMED_MORE) && !pass_begin(s, d, how == CLAIMED_MORE))
    how = CLAIM_STUCK;
  if (how == CLAIM_NOTHING) d->waiting = d->untried = 0;
  if (d->claim == PASS_FLUSH) flush_claimed(s, d, how);
  else if (d->claim == PASS_RETRY) retry_claimed(s, d, how);
  else expiry_claimed(s, d);
  return d->pass != 0;
}

/* --- its way --------------------------------------------------------------------------------- */

static int flushed(domain const *d)
{
  return d->pass && d->pass->kind == PASS_FLUSH;
}

/* What came back untried before its domain was parked stands in the list. */
static void at_once_skip(domain *d)
{
  while (domain_parked(d) && !flushed(d) && domain_at_once(d) && !domain_at_once(d)->cause)
    d->at_once.count--;
}

/* All is read, and nothing of it is to go out at once. */
static int handed_out(domain const *d)
{
  return d->pass && d->pass->read_through && !domain_at_once(d);
}

int domain_alone(domain const *d)
{
  return handed_out(d) && cuts_ready(&d->pass->cuts, d->pass->jobs);
}

int domain_resting(domain const *d)
{
  return handed_out(d) && (d->pass->jobs || d->pass->over) && !domain_alone(d);
}

int domain_forced(domain const *d)
{
  at_once const *u = domain_at_once(d);
  if (flushed(d) && (!d->pass->read_through || domain_alone(d))) return 1;
  return u && u->cause;
}

int domain_urgent(domain const *d)
{
  return domain_forced(d) || flushed(d);
}

pass *domain_pass(domain const *d)
{
  return d->pass && d->pass->kind != PASS_EXPIRY ? d->pass : 0;
}

/* It is over once all that was handed out is back, and what was cut off was tried alone. */
static void pass_check(sched *s, domain *d)
{
  pass *p = d->pass;
  if (!handed_out(d) || p->over || domain_ordered(d, ORDER_GIVE_BACK)) return;
  if (!p->jobs && !cuts_left(&p->cuts, d->site->drops))
  {
    p->over = 1;
    domain_order(s, d, ORDER_SETTLE);
  }
  else if (domain_alone(d)) site_ready(s, d->site, &d->ready);
}

static enum next retry_begin(sched *s, domain *d)
{
  if (domain_parked(d) || !d->untried) return NEXT_NOTHING;
  if (!domain_ordered(d, ORDER_CLAIM)) domain_claim(s, d, PASS_RETRY);
  return NEXT_ORDER;
}

enum next domain_next(sched *s, domain *d, char id[SCHED_ID_MAX], enum cause *cause)
{
  pass *p = d->pass;
  at_once_skip(d);
  if (domain_at_once(d)) return domain_at_once_take(d, id, cause), NEXT_ID;
  if (!p) return retry_begin(s, d);
  *cause = CAUSE_ALONE;
  if (domain_alone(d)) return cuts_take(&p->cuts, id), NEXT_ID;
  *cause = p->kind == PASS_FLUSH ? CAUSE_FLUSH : CAUSE_DUE;
  if (p->kind != PASS_EXPIRY && !p->read_through) return NEXT_READ;
  pass_check(s, d);
  return NEXT_NOTHING;
}

int domain_more(domain const *d)
{
  return domain_at_once(d) || d->pass || (d->untried && !domain_parked(d));
}

void domain_read(sched *s, domain *d)
{
  site_ready(s, d->site, &d->ready);
}

void domain_read_through(sched *s, domain *d, int damaged)
{
  d->pass->damaged |= damaged;
  d->pass->read_through = 1;
  row_leave(&d->sweeping);
  pass_check(s, d);
}

int domain_cut(domain *d, pass *from, char const *id, uint64_t attempts, uint64_t bytes)
{
  return from && from == d->pass && cuts_add(&from->cuts, id, attempts, bytes);
}

int domain_given_up(domain *d, char id[SCHED_ID_MAX])
{
  return cuts_give_up(&d->pass->cuts, id);
}

/* --- what went out --------------------------------------------------------------------------- */

load *domain_job_out(domain *d, connection *c)
{
  d->jobs++;
  return c ? load_add(&d->loads, &c->loads) : 0;
}

void domain_job_in(domain *d, load *l)
{
  d->jobs--;
  load_take(l);
}

static void pass_free(pass *p)
{
  cuts_free(&p->cuts);
  free(p);
}

void pass_job_out(pass *p)
{
  if (p) p->jobs++;
}

void pass_note(pass *p, int deferred)
{
  if (!p) return;
  if (deferred) p->deferred = 1;
  else p->settled = 1;
}

enum cause pass_again(pass const *from, enum cause cause)
{
  int at_home = from && from->given_back && !from->reversal;
  if (cause == CAUSE_BY_ID || cause == CAUSE_FLUSH_ANEW) return CAUSE_FLUSH_ANEW;
  return cause == CAUSE_FLUSH && at_home ? CAUSE_FLUSH_ANEW : CAUSE_DUE;
}

void pass_busy(pass *p)
{
  p->busy = 1;
}

void pass_job_in(sched *s, domain *d, pass *from, enum cause cause, enum came came)
{
  if (from)
  {
    from->jobs--;
    if (cause == CAUSE_ALONE && (came == CAME_CUT || came == CAME_DONE))
      cuts_back(&from->cuts, came == CAME_CUT);
    if (from->given_back && !from->jobs) pass_free(from);
  }
  pass_check(s, d);
}

/* --- its end --------------------------------------------------------------------------------- */

/*
 * What is overdue was just looked at, and waits for its last try, for mercy to end, or for somebody
 * who has it in hand: an agent that has just said that the site is down lets go at once.
 */
static uint64_t expiry_again_us(sched const *s, domain const *d, int busy)
{
  health const *h = &d->site->health;
  uint64_t at = s->now_us + EXPIRY_AGAIN_US;
  uint64_t later = d->due_us;
  if (busy) return health_rest_us(h, s->now_us) ? s->now_us + BUSY_AGAIN_US : at;
  if (d->route.parked) later = mercy_us(s, d->route.lifetime_us);
  else if (h->state == HEALTH_DOWN) later = h->next_us;
  return later != NEVER_US && later > at ? later : at;
}

/*
 * What to do next for a domain that has no pass.  What is overdue may be looked at from then on: at
 * once after a pass that tried it, or a failure of the site.
 */
static void proceed(sched *s, domain *d, uint64_t expiry_after_us)
{
  if (d->request_pending)
  {
    d->request_pending = 0;
    domain_request_in_time(s, d);
  }
  else if (d->look_again_us == NEVER_US && !domain_ordered(d, ORDER_CLAIM))
    domain_request_over(s, d);
  d->expiry_after_us = 0;
  if (domain_expiry_us(d) <= s->now_us) d->expiry_after_us = expiry_after_us;
  domain_wait(s, d);
  if (d->untried && !domain_parked(d)) site_ready(s, d->site, &d->ready);
}

/* All of it has expired: no connection is made for that. */
static void nothing_left(domain *d)
{
  d->untried = 0;
  if (!domain_at_once(d)) row_leave(&d->ready);
}

void domain_settled(sched *s, domain *d, int given_back)
{
  pass *p = d->pass;
  int looked = p->kind == PASS_EXPIRY && p->begun_us > d->site->health.failed_us;
  uint64_t again_us = looked ? expiry_again_us(s, d, p->busy) : s->now_us;
  if (p->kind == PASS_FLUSH && p->deferred && !p->settled) d->vain_us = s->now_us;
  if (given_back) domain_recorded(s, d, p->oldest_us);
  row_leave(&d->sweeping);
  d->pass = 0;
  pass_free(p);
  if (!d->waiting) nothing_left(d);
  proceed(s, d, again_us);
}

/* Its jobs may still be out: then it lives until they are back. */
static void pass_given_back(sched *s, domain *d)
{
  pass *p = d->pass;
  d->pass = 0;
  domain_recorded(s, d, p->oldest_us);
  p->given_back = 1;
  if (!p->jobs) pass_free(p);
  proceed(s, d, s->now_us);
}

void domain_given_back(sched *s, domain *d, int done)
{
  if (done)
  {
    pass_given_back(s, d);
    return;
  }
  d->pass->damaged = d->pass->read_through = 1;
  cuts_free(&d->pass->cuts); /* the claim holds them */
  pass_check(s, d);
}

/* --- its site, and time ---------------------------------------------------------------------- */

void domain_pass_end(sched *s, domain *d)
{
  if (!d->pass) proceed(s, d, s->now_us);
  else if (d->pass->kind != PASS_EXPIRY && !d->pass->over) domain_order(s, d, ORDER_GIVE_BACK);
}

void domain_close(sched *s, domain *d)
{
  domain_drop(s, d);
  domain_pass_end(s, d);
}

void domain_rerouted(sched *s, domain *d)
{
  if (domain_parked(d) && d->pass && d->pass->kind == PASS_RETRY) domain_close(s, d);
  if (site_open(s, d->site)) domain_open(s, d);
  domain_wait(s, d);
}

static void warning_begin(sched *s, domain *d)
{
  uint64_t pause_us = d->route.delaywarning_us / 8;
  if (pause_us < SECOND_US) pause_us = SECOND_US;
  d->warn_after_us = s->now_us + (pause_us < WARN_AGAIN_US ? pause_us : WARN_AGAIN_US);
  row_add(&s->warnings, &d->warning);
  domain_wait(s, d);
}

/* A pass does not let us look now. */
static void timer_later(sched *s, domain *d, int expiry)
{
  timer_set(&s->timers, &d->timer, s->now_us + (expiry ? EXPIRY_AGAIN_US : LOOK_AGAIN_US));
}

/* It has its turn, or waits for its site; what else there is to look at does not wait for that. */
static void due_now(sched *s, domain *d)
{
  domain_wait_other(s, d);
  if (site_open(s, d->site)) domain_open(s, d);
}

/* Its list is gone, and what was to happen to that with it; a request may still be looked at. */
static void list_gone(sched *s, domain *d)
{
  d->due_us = d->oldest_us = NEVER_US;
  domain_wait(s, d);
}

void domain_timer(sched *s, domain *d)
{
  int expiry = domain_expiry_us(d) <= s->now_us;
  if (domain_warning_us(d) <= s->now_us) warning_begin(s, d);
  else if (d->pass) timer_later(s, d, expiry);
  else if (d->look_again_us <= s->now_us) domain_request_looked_at(s, d);
  else if (!d->waiting) list_gone(s, d);
  else if (expiry) domain_claim(s, d, PASS_EXPIRY);
  else due_now(s, d);
}
