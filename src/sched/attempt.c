#include "sched/attempt.h"

#include "sched/moment.h"

/* Parked mail is given so long to be asked for, after time has passed unseen. */
#define MERCY_US (86400 * SECOND_US)

int attempt_due(sched *s, domain *d, pass const *from, enum cause cause, attempt const *a)
{
  if (!a->count || a->ahead || !from) return 1;
  if (cause == CAUSE_FLUSH_ANEW || cause == CAUSE_BY_ID) return 1;
  if (cause == CAUSE_ALONE && a->cut && from->kind == PASS_FLUSH) return 1;
  if (from->kind == PASS_FLUSH && a->last_us < from->requested_us) return 1;
  if (from->kind == PASS_RETRY && domain_due_us(s, a->last_us, a->count) <= s->now_us) return 1;
  domain_deferred(s, d, a->last_us, a->count);
  return 0;
}

uint64_t mercy_us(sched const *s, uint64_t lifetime_us)
{
  return s->jumped_us ? s->jumped_us + (lifetime_us < MERCY_US ? lifetime_us : MERCY_US) : 0;
}

int domain_overdue(sched const *s, domain const *d, uint64_t arrival_us)
{
  return arrival_us + d->route.lifetime_us <= s->now_us;
}

/*
 * Its time is over, and it, or its site, was tried in vain after that.  Where a clock was set
 * forward or the machine was off, nobody is told that mail could not be delivered which nobody has
 * tried to deliver.  Parked mail is never tried unasked: it expires without, but when time has
 * passed unseen whoever it is for can first ask for it.
 */
int attempt_expired(sched const *s, domain const *d, uint64_t arrival_us, attempt const *a)
{
  health const *h = &d->site->health;
  uint64_t end_us = arrival_us + d->route.lifetime_us;
  if (!domain_overdue(s, d, arrival_us)) return 0;
  if (a->count && a->last_us >= end_us && !a->ahead) return 1;
  if (d->route.parked) return mercy_us(s, d->route.lifetime_us) <= s->now_us;
  return h->state == HEALTH_DOWN && h->failed_us >= end_us;
}
