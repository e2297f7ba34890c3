#include "sched/sched.h"

#include "sched/moment.h"

void sched_init(sched *s, uint64_t now_us, uint64_t random)
{
  size_t total = s->quota.total;
  quota_init(&s->quota);
  s->quota.total = total;
  s->now_us = now_us;
  s->random = random;
  s->hanging.kind = TIMER_HANGING;
}

/* --- orders ---------------------------------------------------------------------------------- */

int sched_order(sched *s, order *o)
{
  domain *d = row_first(&s->orders);
  enum order_kind kind = 0;
  if (!d) return 0;
  while (!(d->orders & 1u << kind)) kind++;
  d->orders &= ~(1u << kind);
  if (!d->orders) row_leave(&d->ordered);
  *o = (order){ .kind = kind, .domain = d };
  return 1;
}

void sched_pause(sched *s)
{
  s->paused = 1;
}

void sched_resume(sched *s)
{
  row_place *p;
  if (s->paused)
    for (p = s->sites.row.first; p; p = p->after) site_wake(s, p->owner);
  s->paused = 0;
  s->connecting = CONNECTING_GOES;
}

void sched_not_connected(sched *s, enum connecting why)
{
  if (why == CONNECTING_GOES) sched_pause(s);
  else s->connecting = why;
}

/* --- time ------------------------------------------------------------------------------------ */

static void set_back(sched *s, uint64_t by_us)
{
  row_place *p;
  s->jumped_us = moment_earlier(s->jumped_us, by_us);
  timers_set_back(&s->timers, by_us);
  for (p = s->sites.row.first; p; p = p->after) site_set_back(p->owner, by_us);
  for (p = s->domains.row.first; p; p = p->after) domain_set_back(s, p->owner, by_us);
}

uint64_t sched_now(sched *s, uint64_t now_us)
{
  uint64_t before_us = s->now_us;
  s->now_us = now_us;
  if (now_us >= before_us) return 0;
  set_back(s, before_us - now_us);
  return before_us - now_us;
}

void sched_jumped(sched *s)
{
  s->jumped_us = s->now_us;
}

uint64_t sched_next_us(sched const *s)
{
  return timers_next(&s->timers);
}

static void domains_open(sched *s, site *x)
{
  row_place *p;
  for (p = x->domains.first; p; p = p->after) domain_open(s, p->owner);
  site_wake(s, x);
}

/* 1: something has to end. */
static int hanging_look(sched *s, tick *t)
{
  t->hanging = connection_hanging(s);
  connections_look_later(s, t->hanging != 0);
  return t->hanging != 0;
}

static int idle_look(sched *s, connection *c, tick *t)
{
  if (c->jobs) return 0;
  if (reversal_waits(s, c)) timer_set(&s->timers, &c->idle, s->now_us + SECOND_US);
  else t->idle = c;
  return t->idle != 0;
}

int sched_tick(sched *s, tick *t)
{
  timer *due;
  *t = (tick){ .idle = 0 };
  while (!s->orders.count && (due = timers_take(&s->timers, s->now_us))) switch (due->kind)
  {
    case TIMER_SITE: domains_open(s, due->owner); break;
    case TIMER_DOMAIN: domain_timer(s, due->owner); break;
    case TIMER_CONNECTION: if (idle_look(s, due->owner, t)) return 1; break;
    default: if (hanging_look(s, t)) return 1; break;
  }
  return s->orders.count != 0;
}

/* --- the word of a site ---------------------------------------------------------------------- */

int sched_answered(sched *s, connection *c, int *was_down)
{
  site *x = c->site;
  int newly;
  c->up = 1;
  c->stuck = 0;
  c->up_us = s->now_us;
  *was_down = x->health.state == HEALTH_DOWN;
  newly = health_answered(&x->health, s->now_us);
  if (newly)
  {
    timer_clear(&s->timers, &x->probe);
    domains_open(s, x);
  }
  site_wake(s, x);
  return newly;
}

/* Whoever takes mail is on nobody's account, until he fails. */
static void prove(sched *s, site *x)
{
  if (x->health.proven) return;
  connections_trust(s, x);
  site_account_set(s, x, &s->quota.unknown);
}

int sched_served(sched *s, connection *c, int took)
{
  site *x = c->site;
  prove(s, x);
  domains_limit(x);
  if (took) health_grow(&x->health, x->most);
  return health_served(&x->health);
}

void sched_lost(sched *s, connection *c, int drop)
{
  connection_ended(s, c);
  if (drop) c->site->drops++;
}

/* A reversal has no back-off: it is over when its connection has ended. */
static void site_failed(sched *s, site *x)
{
  row_place *p;
  if (x->reversal) return;
  if (health_failed(&x->health, s->now_us, s->backoff_min_us, s->backoff_max_us, state_random(s)))
    timer_set(&s->timers, &x->probe, x->health.next_us);
  for (p = x->domains.first; p; p = p->after) domain_close(s, p->owner);
  site_wake(s, x);
}

/* Others work: it has had enough of them. */
static void has_enough(site *x)
{
  health_shrink(&x->health, (unsigned int)x->connections.count);
}

enum vain sched_vain(sched *s, connection *c, char const *id, int drop, int too_many)
{
  int works = connection_another_works(c);
  connection_ended(s, c);
  if (works && too_many)
  {
    has_enough(c->site);
    c->leaving = 1;
    return VAIN_LEAVE;
  }
  if (works || !health_in_vain(&c->site->health, id, drop)) return VAIN_GO_ON;
  site_failed(s, c->site);
  return VAIN_FAILED;
}

int sched_refused(sched *s, connection *c)
{
  if (!connection_another_up(c))
  {
    site_failed(s, c->site);
    return 1;
  }
  has_enough(c->site);
  return 0;
}

/* --- looks ----------------------------------------------------------------------------------- */

domain *sched_sweep(sched const *s)
{
  return row_first(&s->sweeps);
}

domain *sched_warning(sched const *s)
{
  return row_first(&s->warnings);
}

void sched_forget_begin(sched *s)
{
  knowns_begin(&s->domains, s->now_us);
  knowns_begin(&s->sites, s->now_us);
}

int sched_forget(sched *s, unsigned int *left, domain **d, site **x)
{
  knowns_begin_many(&s->domains, s->now_us);
  knowns_begin_many(&s->sites, s->now_us);
  while (*left)
  {
    --*left;
    *d = knowns_next(&s->domains);
    *x = 0;
    if (*d && domain_idle(s, *d)) return 1;
    *d = 0;
    *x = knowns_next(&s->sites);
    if (*x && site_idle(s, *x)) return 1;
    if (!sched_forget_more(s)) return 0;
  }
  return 0;
}

int sched_forget_more(sched const *s)
{
  return s->domains.left || s->sites.left;
}
