#include "sched/reversal.h"

#include "sched/moment.h"

/* Its connection is kept for so long for what others have in hand. */
#define WAITS_US (30 * SECOND_US)

void reversal_begin(sched *s, site *x, void *owner)
{
  site_add(s, x, owner);
  x->reversal = 1;
}

/* --- its domains ----------------------------------------------------------------------------- */

/* What is out at its home stays there; all else goes by the connection. */
static void request(sched *s, domain *d)
{
  d->requests++;
  d->requested_us = s->now_us;
  d->vain_us = 0;
  d->look_again_us = NEVER_US;
  d->request_pending = 1;
  domain_pass_end(s, d);
}

/* What is out over this one counts no more: its end wakes nobody there. */
static void loads_leave(connection *c, domain *d)
{
  row_place *p;
  for (p = c->loads.first; p; p = p->after)
  {
    load *l = p->owner;
    if (l->in_domain.row == &d->loads) row_leave(&l->in_domain);
  }
}

/* Of a reversal that had the domain. */
static connection *taken_from(site const *x, domain *d)
{
  connection *c = x->reversal ? row_first(&x->connections) : 0;
  int told = c && c->leaving;
  if (!c) return 0;
  loads_leave(c, d);
  c->leaving = 1;
  return told ? 0 : c;
}

connection *reversal_take(sched *s, site *x, domain *d)
{
  site *before = d->site;
  if (before == x || d->route.held) return 0;
  if (!d->home)
  {
    d->home = before;
    before->away++;
  }
  domain_reroute(s, d, x, &d->route);
  request(s, d);
  return taken_from(before, d);
}

/*
 * What the reversal requested dies with it; what others have requested is tried at home.  What is
 * out comes home first: one pass is enough for all of it.
 */
static void requests_go_home(sched *s, domain *d)
{
  int requested = d->request_open || d->request_again;
  d->look_again_us = NEVER_US;
  d->request_pending = requested && !d->jobs;
  if (requested && d->jobs) domain_look_again(s, d);
  domain_at_once_requested(d);
}

static void go_home(sched *s, domain *d)
{
  d->home->away--;
  requests_go_home(s, d);
  if (d->pass) d->untried = 1; /* what it has not come to */
  domain_reroute(s, d, d->home, &d->route);
  d->home = 0;
  domain_pass_end(s, d);
  domain_rerouted(s, d);
}

domain *reversal_release(sched *s, site *x)
{
  domain *d = row_first(&x->domains);
  if (d) go_home(s, d);
  return d;
}

void reversal_leave(sched *s, site *x)
{
  row_leave(&x->runnable);
  site_leave(s, x);
}

/* --- its end --------------------------------------------------------------------------------- */

static int requested(domain const *d, uint64_t until_us)
{
  return d->request_pending || d->look_again_us < until_us || domain_pass(d) || domain_at_once(d);
}

enum came reversal_came(enum cause cause)
{
  return cause == CAUSE_FLUSH_ANEW || cause == CAUSE_BY_ID ? CAME_AGAIN : CAME_UNDONE;
}

int reversal_waits(sched const *s, connection const *c)
{
  uint64_t until_us = c->rest_us + WAITS_US;
  row_place const *p = c->site->domains.first;
  if (!c->site->reversal || c->leaving || !state_lately(s, c->rest_us, WAITS_US)) return 0;
  while (p && !requested(p->owner, until_us)) p = p->after;
  return p != 0;
}
