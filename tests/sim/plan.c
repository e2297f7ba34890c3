#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/moment.h"

uint64_t roll(uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
  uint64_t z = seed + a * UINT64_C(0x9e3779b97f4a7c15) + b * UINT64_C(0xd1b54a32d192ed03)
    + c * UINT64_C(0x8cb92ba72f3d8dd7);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

/* --- numbers in their order, for the plan alone ---------------------------------------------- */

static uint64_t drawn;

static uint64_t below(plan const *p, uint64_t n)
{
  return n ? roll(p->seed, ++drawn, 77, 1) % n : 0;
}

static uint64_t between(plan const *p, uint64_t low, uint64_t high)
{
  return low + below(p, high - low + 1);
}

/* As likely between 1 s and 10 s as between 1000 s and 10000 s. */
static uint64_t some_time(plan const *p)
{
  uint64_t us = SECOND_US / 10;
  uint64_t n = below(p, 17);
  while (n--) us *= 2;
  return us + below(p, us);
}

static deed *deed_add(plan *p, enum deed_kind kind, uint64_t at_us)
{
  deed *d;
  if (!(p->count & (p->count + 1)))
    p->deeds = realloc(p->deeds, (2 * p->count + 2) * sizeof *p->deeds);
  d = p->deeds + p->count++;
  *d = (deed){ .kind = kind, .at_us = at_us };
  return d;
}

/* --- what happens ---------------------------------------------------------------------------- */

static void mails_come(plan *p, uint64_t at_us, uint32_t domain_of, uint64_t n)
{
  while (n--)
  {
    deed *d = deed_add(p, DEED_MAIL, at_us + below(p, SECOND_US));
    d->a = p->mails++;
    d->b = domain_of;
  }
}

static enum mode some_mode(plan const *p)
{
  return below(p, 3) ? (enum mode)below(p, MODE_KINDS) : MODE_UP;
}

static uint32_t some_domain(plan const *p)
{
  return (uint32_t)below(p, p->domains);
}

static uint32_t some_mail(plan const *p)
{
  return p->mails ? (uint32_t)(p->mails - 1 - below(p, p->mails < 50 ? p->mails : 50)) : 0;
}

static void trouble(plan *p, uint64_t at_us)
{
  deed *d;
  switch (below(p, 12))
  {
    case 0: deed_add(p, DEED_BACK, at_us)->n = some_time(p); break;
    case 1: deed_add(p, DEED_FORWARD, at_us)->n = some_time(p); break;
    case 2: deed_add(p, DEED_RESTART, at_us)->n = below(p, 8) ? SECOND_US : some_time(p) / 4; break;
    case 3: case 4: deed_add(p, DEED_PAUSE, at_us)->n = between(p, 1, 20 * SECOND_US); break;
    case 5:
      d = deed_add(p, DEED_CONNECTING, at_us);
      d->a = (uint32_t)between(p, 1, 2);
      d->n = between(p, 1, 60 * SECOND_US);
      break;
    case 6: case 7:
      d = deed_add(p, DEED_STUCK, at_us);
      d->a = some_domain(p);
      d->b = (uint32_t)below(p, 2);
      d->n = some_time(p) / 16;
      break;
    case 8:
      d = deed_add(p, DEED_UNRECORDED, at_us);
      d->a = some_domain(p);
      d->n = some_time(p) / 16;
      break;
    case 9:
      d = deed_add(p, DEED_HOLD, at_us);
      d->a = some_mail(p);
      d->n = some_time(p) / 4;
      break;
    default:
      d = deed_add(p, DEED_ROUTE, at_us);
      d->a = some_domain(p);
      d->n = below(p, 1000000);
      break;
  }
}

static void something(plan *p, uint64_t at_us, unsigned int troubles)
{
  deed *d;
  uint64_t kind = below(p, 100);
  if (kind < 45) mails_come(p, at_us, some_domain(p), below(p, 8) ? 1 : between(p, 1, 60));
  else if (kind < 55) deed_add(p, DEED_FLUSH, at_us)->a = some_domain(p);
  else if (kind < 60) deed_add(p, DEED_BY_ID, at_us)->a = some_mail(p);
  else if (kind < 85)
  {
    d = deed_add(p, DEED_SITE, at_us);
    d->a = (uint32_t)below(p, p->sites);
    d->b = some_mode(p);
  }
  else if (kind < 85 + troubles) trouble(p, at_us);
  else if (kind % 2)
  {
    d = deed_add(p, DEED_REVERSAL, at_us);
    d->a = some_domain(p);
    d->b = some_mode(p);
    d->n = below(p, 1000000);
  }
}

/* A few sites, and anything. */
static void plan_small(plan *p)
{
  uint64_t at_us = SECOND_US;
  uint64_t n = between(p, 5, 400);
  unsigned int troubles = below(p, 3) ? (unsigned int)below(p, 16) : 0;
  p->sites = (uint32_t)between(p, 1, 6);
  p->domains = (uint32_t)between(p, 1, 10);
  p->total = below(p, 3) ? (uint32_t)between(p, 5, 60) : (uint32_t)between(p, 1, 8);
  while (n--)
  {
    at_us += below(p, 3) ? some_time(p) / 64 : some_time(p) / 2;
    something(p, at_us, troubles);
  }
  p->end_us = at_us + MINUTE_US;
}

/* Hundreds of sites that hang, and some that do not. */
static void plan_crowd(plan *p)
{
  uint64_t n;
  uint32_t i;
  p->sites = (uint32_t)between(p, 50, 400);
  p->domains = p->sites + (uint32_t)below(p, 40);
  p->total = (uint32_t)between(p, 8, 60);
  for (i = 0; i < p->sites; i++)
    if (below(p, 10))
    {
      deed *d = deed_add(p, DEED_SITE, below(p, MINUTE_US));
      d->a = i;
      d->b = below(p, 4) ? MODE_MUTE : (uint32_t)below(p, MODE_KINDS);
    }
  for (n = 5 * (uint64_t)p->sites; n--; )
    mails_come(p, below(p, 2 * HOUR_US), some_domain(p), 1);
  for (n = 20; n--; ) deed_add(p, DEED_FLUSH, below(p, 2 * HOUR_US))->a = some_domain(p);
  p->end_us = 2 * HOUR_US;
}

/* Thousands of domains and sites that come and go. */
static void plan_many(plan *p)
{
  uint64_t n;
  p->sites = 3000;
  p->domains = 4000;
  p->total = 200;
  for (n = 12000; n--; ) mails_come(p, below(p, HOUR_US), some_domain(p), 1);
  for (n = 500; n--; )
  {
    deed *d = deed_add(p, DEED_SITE, below(p, HOUR_US));
    d->a = (uint32_t)below(p, p->sites);
    d->b = some_mode(p);
  }
  for (n = 100; n--; ) deed_add(p, DEED_FLUSH, below(p, HOUR_US))->a = some_domain(p);
  p->end_us = HOUR_US;
}

void plan_make(plan *p, uint64_t seed, uint32_t profile)
{
  static uint64_t const mins[] = { 1, 10, 60, 300 };
  static uint64_t const lives[] = { 3600, 14400, 86400, 432000 };
  memset(p, 0, sizeof *p);
  p->seed = roll(seed, 1, 2, 3);
  drawn = 0;
  p->sources = (uint32_t)between(p, 1, 6);
  p->backoff_min_us = mins[below(p, 4)] * SECOND_US;
  p->backoff_max_us = p->backoff_min_us << below(p, 7);
  if (p->backoff_max_us > HOUR_US) p->backoff_max_us = HOUR_US;
  p->lifetime_us = lives[below(p, 4)] * SECOND_US;
  if (profile == 2) plan_many(p);
  else if (profile == 1) plan_crowd(p);
  else plan_small(p);
}

void plan_route(plan const *p, uint32_t of_domain, uint64_t n, uint32_t *to_site,
                domain_route *route)
{
  uint64_t r = roll(p->seed, of_domain, 5, n);
  *to_site = n ? (uint32_t)(r % p->sites) : of_domain % p->sites;
  r /= p->sites;
  memset(route, 0, sizeof *route);
  route->lifetime_us = r % 3 ? p->lifetime_us : p->lifetime_us / 2;
  route->delaywarning_us = r / 3 % 3 ? 0 : p->lifetime_us / 6;
  route->concurrency = r / 9 % 3 ? 20 : 1 + (unsigned int)(r / 27 % 5);
  route->parked = r / 135 % 5 == 0;
  route->held = !n && of_domain % 17 == 16;
  if (route->held) route->parked = 1;
}

/* --- shown ----------------------------------------------------------------------------------- */

static char const *const kinds[] =
{
  "mail", "flush", "by-id", "site", "clock back", "clock forward", "restart", "route", "pause",
    "no connection",
  "list stuck", "unrecorded", "hold", "reversal"
};

static char const *const modes[] =
{
  "up", "slow", "dead", "mute", "silent", "limited", "limited, 421", "defers", "lossy", "vain",
    "421"
};

static void deed_print(plan const *p, deed const *d)
{
  printf("#   %12.6f  %s", (double)d->at_us / 1e6, kinds[d->kind]);
  if (d->kind == DEED_MAIL) printf(" m%u for d%u (s%u)", d->a, d->b, d->b % p->sites);
  else if (d->kind == DEED_BY_ID || d->kind == DEED_HOLD) printf(" m%u", d->a);
  else if (d->kind == DEED_SITE) printf(" s%u %s", d->a, modes[d->b]);
  else if (d->kind == DEED_REVERSAL) printf(" d%u and others, %s", d->a, modes[d->b]);
  else if (d->kind == DEED_FLUSH || d->kind == DEED_ROUTE || d->kind == DEED_UNRECORDED)
    printf(" d%u", d->a);
  else if (d->kind == DEED_STUCK) printf(" d%u%s", d->a, d->b ? ", obstructed" : "");
  else if (d->kind == DEED_CONNECTING)
    printf(" %s", d->a == CONNECTING_SHORT ? "short" : "backlog");
  if (d->kind == DEED_ROUTE) printf(" number %llu", (unsigned long long)d->n);
  else if (d->n) printf(" %.6f s", (double)d->n / 1e6);
  putchar('\n');
}

static void route_print(plan const *p, uint32_t number)
{
  domain_route r;
  uint32_t to;
  plan_route(p, number, 0, &to, &r);
  printf("#   d%u at s%u, lifetime %.0f s, delaywarning %.0f s, concurrency %u%s%s\n", number, to,
         (double)r.lifetime_us / 1e6, (double)r.delaywarning_us / 1e6, r.concurrency,
         r.parked ? ", parked" : "", r.held ? ", held" : "");
}

void plan_print(plan const *p)
{
  size_t i;
  uint32_t n;
  printf("#   %u sites, %u domains, %u connections, back-off %.0f to %.0f s, end %.6f\n",
         p->sites, p->domains,
         p->total, (double)p->backoff_min_us / 1e6, (double)p->backoff_max_us / 1e6,
           (double)p->end_us / 1e6);
  for (n = 0; n < p->domains; n++)
  {
    for (i = 0; i < p->count; i++)
      if ((p->deeds[i].kind == DEED_MAIL && p->deeds[i].b == n)
       || (p->deeds[i].kind != DEED_SITE && p->deeds[i].kind != DEED_MAIL
           && p->deeds[i].a == n)) break;
    if (i < p->count) route_print(p, n);
  }
  for (i = 0; i < p->count; i++) deed_print(p, p->deeds + i);
}
