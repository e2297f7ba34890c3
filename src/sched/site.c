#include "sched/site.h"

#include <string.h>

#include "sched/moment.h"

/* Where there are many, a site to which nothing leads is remembered no longer than this... */
#define KEEP_MANY_US SECOND_US
/*
 * ...and else as long as it could be left alone; for so many times as long what was found out about
 * it.
 */
#define KEEP_WORTH 24

void site_add(sched *s, site *x, void *owner)
{
  memset(x, 0, sizeof *x);
  x->owner = owner;
  health_init(&x->health);
  x->waiter.place.owner = x;
  x->runnable.owner = x;
  x->source = source_use(&s->quota.unknown);
  x->probe.kind = TIMER_SITE;
  x->probe.owner = x;
  known_add(&s->sites, &x->known, x, s->now_us);
}

void site_restore(sched *s, site *x, uint64_t since_us, uint64_t failures, uint64_t next_us)
{
  health_restore(&x->health, s->now_us, since_us, failures, next_us, s->backoff_max_us);
  timer_set(&s->timers, &x->probe, x->health.next_us);
}

void site_used(sched const *s, site *x)
{
  x->known.used_us = s->now_us;
}

/* While a site that is down may not be tried, somebody needs to know that. */
static uint64_t remembered_us(sched const *s, site const *x)
{
  uint64_t from_us = x->known.used_us;
  if (knowns_many(&s->sites)) return from_us + KEEP_MANY_US;
  if (x->health.state == HEALTH_DOWN && x->health.next_us > from_us) from_us = x->health.next_us;
  return from_us + (x->worth_knowing ? KEEP_WORTH : 1) * s->backoff_max_us;
}

int site_idle(sched const *s, site const *x)
{
  return !x->domains.count && !x->away && !x->reversal && !x->connections.count
    && !x->runnable.row && !x->waiter.lane
    && x != s->turn.site && remembered_us(s, x) <= s->now_us;
}

void site_leave(sched *s, site *x)
{
  timer_clear(&s->timers, &x->probe);
  quota_forget(&s->quota, x->source);
  known_leave(&s->sites, &x->known);
}

int site_open(sched const *s, site const *x)
{
  return health_open(&x->health, s->now_us);
}

/* --- on whose account ------------------------------------------------------------------------ */

void site_account_set(sched *s, site *x, source *from)
{
  source_use(from);
  quota_forget(&s->quota, x->source);
  x->source = from;
}

int site_learns(sched const *s, site const *x)
{
  return !x->health.proven && (x->source == &s->quota.unknown || x->source->key.null);
}

void site_learn(sched *s, site *x, source *from)
{
  if (!site_learns(s, x)) return;
  if (x->source == &s->quota.unknown || !from->key.null) site_account_set(s, x, from);
}

source *site_account(sched *s, site const *x, source *from)
{
  if (x->health.proven) return &s->quota.sure;
  return from ? from : x->source;
}

int site_unknown(sched const *s, site const *x)
{
  return !x->health.proven && x->source == &s->quota.unknown;
}

/* --- turns ----------------------------------------------------------------------------------- */

void site_wake(sched *s, site *x)
{
  if (!x->runnable.row && x->ready.count) row_add(&s->runnable, &x->runnable);
}

void site_ready(sched *s, site *x, row_place *p)
{
  if (!p->row) row_add(&x->ready, p);
  site_wake(s, x);
}

void site_ready_first(sched *s, site *x, row_place *p)
{
  if (!p->row) row_add_first(&x->ready, p);
  site_wake(s, x);
}

void site_set_back(site *x, uint64_t by_us)
{
  health_set_back(&x->health, by_us);
  x->known.used_us = moment_earlier(x->known.used_us, by_us);
}
