#include "sched/domain.h"

#include <limits.h>
#include <string.h>

#include "sched/backoff.h"
#include "sched/moment.h"

/* A message that somebody else has in hand, while it was requested: try again then. */
#define LOOK_AGAIN_US SECOND_US
/*
 * How long at the most a domain for which nothing waits stays known, for what comes next; and where
 * there are many.
 */
#define KEEP_US (60 * SECOND_US)
#define KEEP_MANY_US SECOND_US

/* --- what is to be done ---------------------------------------------------------------------- */

void domain_order(sched *s, domain *d, enum order_kind kind)
{
  d->orders |= 1u << kind;
  if (!d->ordered.row) row_add(&s->orders, &d->ordered);
}

int domain_ordered(domain const *d, enum order_kind kind)
{
  return (d->orders & 1u << kind) != 0;
}

void domain_claim(sched *s, domain *d, enum pass_kind kind)
{
  d->claim = kind;
  domain_order(s, d, ORDER_CLAIM);
}

/* --- moments --------------------------------------------------------------------------------- */

uint64_t domain_expiry_us(domain const *d)
{
  uint64_t at = d->oldest_us == NEVER_US ? NEVER_US : d->oldest_us + d->route.lifetime_us;
  return at < d->expiry_after_us ? d->expiry_after_us : at;
}

uint64_t domain_warning_us(domain const *d)
{
  uint64_t at;
  if (!d->route.delaywarning_us || d->warning.row || d->unwarned_us == NEVER_US) return NEVER_US;
  at = d->unwarned_us + d->route.delaywarning_us;
  return at < d->warn_after_us ? d->warn_after_us : at;
}

static void wait_until(sched *s, domain *d, uint64_t at_us)
{
  if (at_us == NEVER_US) timer_clear(&s->timers, &d->timer);
  else timer_set(&s->timers, &d->timer, at_us);
}

/* The earliest of its moments but for the next try. */
static uint64_t other_us(domain const *d)
{
  uint64_t at = d->look_again_us;
  if (domain_expiry_us(d) < at) at = domain_expiry_us(d);
  if (domain_warning_us(d) < at) at = domain_warning_us(d);
  return at;
}

void domain_wait(sched *s, domain *d)
{
  uint64_t at = other_us(d);
  wait_until(s, d, !domain_parked(d) && d->due_us < at ? d->due_us : at);
}

void domain_wait_other(sched *s, domain *d)
{
  wait_until(s, d, other_us(d));
}

void domain_unwarned(domain *d, uint64_t arrival_us)
{
  if (arrival_us > d->warned_us && arrival_us < d->unwarned_us) d->unwarned_us = arrival_us;
}

static void oldest_note(sched *s, domain *d, uint64_t arrival_us)
{
  uint64_t unwarned_us = d->unwarned_us;
  domain_unwarned(d, arrival_us);
  if (arrival_us >= d->oldest_us && unwarned_us == d->unwarned_us) return;
  if (arrival_us < d->oldest_us) d->oldest_us = arrival_us;
  domain_wait(s, d);
}

uint64_t domain_due_us(sched const *s, uint64_t last_us, uint64_t attempts)
{
  return last_us + backoff_delay(s->backoff_min_us, s->backoff_max_us, attempts);
}

void domain_deferred(sched *s, domain *d, uint64_t last_us, uint64_t attempts)
{
  uint64_t due_us = domain_due_us(s, last_us, attempts);
  if (due_us >= d->due_us) return;
  d->due_us = due_us;
  domain_wait(s, d);
}

/* --- knowing them ---------------------------------------------------------------------------- */

void domain_add(sched *s, domain *d, void *owner, site *x, domain_route const *route)
{
  memset(d, 0, sizeof *d);
  d->owner = owner;
  d->in_site.owner = d->ready.owner = d->warning.owner = d->sweeping.owner = d->ordered.owner = d;
  d->oldest_us = d->unwarned_us = d->due_us = d->look_again_us = NEVER_US;
  d->timer.kind = TIMER_DOMAIN;
  d->timer.owner = d;
  known_add(&s->domains, &d->known, d, s->now_us);
  domain_reroute(s, d, x, route);
}

void domain_used(sched const *s, domain *d)
{
  d->known.used_us = s->now_us;
}

static void site_change(sched *s, domain *d, site *x)
{
  int ready = d->ready.row != 0;
  /* what is out there counts no more: its end wakes the other site; unless the domain goes home */
  while (!d->home && d->loads.first) row_leave(d->loads.first);
  row_leave(&d->ready);
  row_leave(&d->in_site);
  if (d->site) site_used(s, d->site);
  if (d->site) d->site->most_stale = 1;
  d->site = x;
  if (!x) return;
  row_add(&x->domains, &d->in_site);
  if (ready) site_ready(s, x, &d->ready);
}

void domain_reroute(sched *s, domain *d, site *x, domain_route const *route)
{
  if (x != d->site) site_change(s, d, x);
  d->route = *route;
  x->most_stale = 1;
}

unsigned int domain_concurrency(domain const *d)
{
  return d->home ? UINT_MAX : d->route.concurrency;
}

int domain_parked(domain const *d)
{
  return d->route.parked && !d->home;
}

static uint64_t keep_us(sched const *s)
{
  if (knowns_many(&s->domains)) return KEEP_MANY_US;
  return s->backoff_max_us < KEEP_US ? s->backoff_max_us : KEEP_US;
}

static int nothing_requested(domain const *d)
{
  return !d->request_open && !d->request_pending && d->look_again_us == NEVER_US
    && !d->at_once.count;
}

int domain_idle(sched const *s, domain const *d)
{
  return !d->home && !d->waiting && !d->untried && !d->ready.row && !d->pass && !d->jobs
    && !d->warning.row && nothing_requested(d) && !d->orders
    && d->known.used_us + keep_us(s) <= s->now_us;
}

void domain_leave(sched *s, domain *d)
{
  timer_clear(&s->timers, &d->timer);
  if (d->home) d->home->away--;
  site_change(s, d, 0);
  array_free(&d->at_once);
  array_free(&d->dropped);
  known_leave(&s->domains, &d->known);
}

void domains_limit(site *x)
{
  row_place const *p;
  if (!x->most_stale) return;
  x->most = 0;
  for (p = x->domains.first; p; p = p->after)
  {
    domain const *d = p->owner;
    if (d->route.concurrency > x->most) x->most = d->route.concurrency;
  }
  x->most_stale = 0;
}

/* --- its list -------------------------------------------------------------------------------- */

void domain_recorded(sched *s, domain *d, uint64_t arrival_us)
{
  d->waiting = 1;
  oldest_note(s, d, arrival_us);
}

int domain_waits(sched *s, domain *d, int untried)
{
  if (domain_parked(d)) return health_parked(&d->site->health, s->now_us);
  if (!untried) return 0;
  d->untried = 1;
  if (!d->pass) site_ready(s, d->site, &d->ready);
  return 0;
}

int domain_listed(sched *s, domain *d, uint64_t oldest_us)
{
  d->waiting = 1;
  if (oldest_us != NEVER_US) oldest_note(s, d, oldest_us);
  return domain_waits(s, d, 1);
}

void domain_damaged(domain *d)
{
  if (d->pass) d->pass->damaged = 1;
}

/* --- requests -------------------------------------------------------------------------------- */

void domain_request_over(sched *s, domain *d)
{
  d->request_again = 0;
  if (!d->request_open) return;
  d->request_open = 0;
  domain_order(s, d, ORDER_REQUEST_OVER);
}

static void look_again(sched *s, domain *d, uint64_t at_us)
{
  d->look_again_us = at_us;
  domain_wait(s, d);
}

void domain_look_again(sched *s, domain *d)
{
  look_again(s, d, s->now_us + LOOK_AGAIN_US);
}

/* What is looked at now need not be looked at again soon. */
static void request_begin(sched *s, domain *d)
{
  d->look_again_us = NEVER_US;
  if (d->route.held) domain_request_over(s, d);
  else domain_claim(s, d, PASS_FLUSH);
}

uint64_t domain_rest_us(sched const *s, domain const *d)
{
  uint64_t site_us = health_rest_us(&d->site->health, s->now_us);
  uint64_t own_us = backoff_rest_us(d->vain_us, s->now_us);
  return site_us > own_us ? site_us : own_us;
}

/* However often it is requested: what failed a moment ago is tried once, after that moment. */
void domain_request_in_time(sched *s, domain *d)
{
  uint64_t rest_us = domain_rest_us(s, d);
  if (rest_us) look_again(s, d, rest_us);
  else request_begin(s, d);
}

/* What was tried before now is tried once more. */
static void request_anew(sched *s, domain *d)
{
  d->requested_us = s->now_us;
  if (d->pass) d->request_pending = 1;
  else domain_request_in_time(s, d);
}

void domain_request(sched *s, domain *d)
{
  d->request_open = 1;
  d->own_requests = ++d->requests;
  request_anew(s, d);
}

static int own_since(domain const *d, unsigned int requests)
{
  return (int)(d->own_requests - requests) > 0;
}

int domain_requested_since(domain const *d, unsigned int requests)
{
  return d->home ? d->requests != requests : own_since(d, requests);
}

void domain_request_anew(domain *d)
{
  d->request_open = 0;
}

/* A pass that a reversal has requested dies with it; what is to be tried at once does not. */
void domain_requested_meanwhile(sched *s, domain *d, char const *id, enum cause cause,
                                unsigned int requests)
{
  int now = d->home ? own_since(d, requests) : cause == CAUSE_DUE;
  if (now)
  {
    domain_try(s, d, id, CAUSE_FLUSH_ANEW);
    return;
  }
  d->request_again |= !d->home;
  request_anew(s, d);
}

/* requested_us stays: what was tried since then is not tried again for the same request. */
void domain_request_looked_at(sched *s, domain *d)
{
  d->look_again_us = NEVER_US;
  domain_request_in_time(s, d);
  domain_wait(s, d);
}

/* --- messages to be tried at once ------------------------------------------------------------ */

static at_once *at_once_last(domain const *d)
{
  return d->at_once.count ? array_of(at_once, &d->at_once) + d->at_once.count - 1 : 0;
}

at_once const *domain_at_once(domain const *d)
{
  return at_once_last(d);
}

int domain_try(sched *s, domain *d, char const *id, enum cause cause)
{
  at_once *u = at_once_last(d);
  int next = u && !strcmp(u->id, id);
  if (next && u->cause >= cause) return 0;
  if (!next) u = strlen(id) < sizeof u->id ? array_add(&d->at_once, sizeof *u) : 0;
  if (!u) return 0;
  if (!next) strcpy(u->id, id);
  u->cause = cause;
  site_ready(s, d->site, &d->ready);
  return 1;
}

void domain_at_once_take(domain *d, char id[SCHED_ID_MAX], enum cause *cause)
{
  at_once const *u = domain_at_once(d);
  strcpy(id, u->id);
  *cause = u->cause;
  d->at_once.count--;
}

void domain_drop(sched *s, domain *d)
{
  array none = d->dropped;
  if (!d->at_once.count || d->dropped.count) return;
  d->dropped = d->at_once;
  d->at_once = none;
  domain_order(s, d, ORDER_DROP);
}

void domain_at_once_requested(domain *d)
{
  at_once *all = array_of(at_once, &d->at_once);
  size_t from, to = 0;
  for (from = 0; from < d->at_once.count; from++)
    if (all[from].cause >= CAUSE_FLUSH_ANEW) all[to++] = all[from];
  d->at_once.count = to;
}

int domain_dropped(domain *d, at_once *u)
{
  if (!d->dropped.count) return 0;
  *u = array_of(at_once, &d->dropped)[--d->dropped.count];
  return 1;
}

/* --- its site -------------------------------------------------------------------------------- */

void domain_open(sched *s, domain *d)
{
  if (domain_parked(d) || !d->waiting) return;
  d->untried = 1;
  if (!d->pass) site_ready(s, d->site, &d->ready);
}

/* --- time ------------------------------------------------------------------------------------ */

uint64_t domain_warn_begin(sched const *s, domain *d)
{
  d->unwarned_us = NEVER_US;
  return s->now_us > d->route.delaywarning_us ? s->now_us - d->route.delaywarning_us : 0;
}

/*
 * What was recorded meanwhile and is as old was perhaps not seen: then all of it is looked at once
 * more.
 */
void domain_warned(sched *s, domain *d, uint64_t to_us, int opened)
{
  if (opened && d->unwarned_us > to_us) d->warned_us = to_us;
  row_leave(&d->warning);
  domain_wait(s, d);
}

static void pass_set_back(pass *p, uint64_t by_us)
{
  p->begun_us = moment_earlier(p->begun_us, by_us);
  p->requested_us = moment_earlier(p->requested_us, by_us);
}

/*
 * What stands for the arrival of a message stays: ids keep their times.  But new ones may be as old
 * as now.
 */
void domain_set_back(sched *s, domain *d, uint64_t by_us)
{
  d->known.used_us = moment_earlier(d->known.used_us, by_us);
  d->expiry_after_us = moment_earlier(d->expiry_after_us, by_us);
  d->warn_after_us = moment_earlier(d->warn_after_us, by_us);
  d->look_again_us = moment_earlier(d->look_again_us, by_us);
  d->due_us = moment_earlier(d->due_us, by_us);
  d->requested_us = moment_earlier(d->requested_us, by_us);
  d->vain_us = moment_earlier(d->vain_us, by_us);
  if (d->pass) pass_set_back(d->pass, by_us);
  if (d->warned_us > s->now_us) d->warned_us = s->now_us;
  domain_wait(s, d);
}
