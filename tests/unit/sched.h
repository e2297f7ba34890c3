#ifndef TESTS_UNIT_SCHED_H
#define TESTS_UNIT_SCHED_H

/* For tests of the scheduler: one of it, some sites and domains, and hands that only count. */

#include <string.h>

#include "sched/moment.h"
#include "sched/sched.h"

#include "check.h"

#define NOW_US UINT64_C(1700000000000000)
#define AFTER(seconds) (NOW_US + (uint64_t)(seconds) * SECOND_US)

static sched s;
static site x, y;
static domain d, e;
static connection c[30];
static domain_route const plain = {
  .lifetime_us = 432000 * SECOND_US, .delaywarning_us = 0, .concurrency = 20
};
static unsigned int seen[ORDER_TRY + 1];
static enum claimed claim_how;

/* begin() forgets what was there before without giving it back; that all is given back is for tests/sim to see. */
extern char const *__lsan_default_options(void);
char const *__lsan_default_options(void)
{
  return "detect_leaks=0";
}

/* Carry out all orders: the list has something, or what claim_how says. */
static inline void hands(void)
{
  order o;
  memset(seen, 0, sizeof seen);
  while (sched_order(&s, &o))
  {
    char id[SCHED_ID_MAX];
    seen[o.kind]++;
    if (o.kind == ORDER_GIVE_BACK) domain_given_back(&s, o.domain, 1);
    if (o.kind == ORDER_CLAIM) domain_claimed(&s, o.domain, claim_how);
    if (o.kind == ORDER_DROP) while (domain_dropped(o.domain, &(at_once){ .cause = CAUSE_DUE })) ;
    if (o.kind != ORDER_SETTLE) continue;
    while (domain_given_up(o.domain, id)) ;
    domain_settled(&s, o.domain, o.domain->pass->damaged);
  }
}

/* Everything new: d and e lead to x, nothing to y. */
static inline void begin(void)
{
  memset(&s, 0, sizeof s);
  memset(c, 0, sizeof c);
  s.quota.total = 100;
  s.backoff_min_us = 60 * SECOND_US;
  s.backoff_max_us = 600 * SECOND_US;
  sched_init(&s, NOW_US, 1);
  site_add(&s, &x, &x);
  site_add(&s, &y, &y);
  domain_add(&s, &d, &d, &x, &plain);
  domain_add(&s, &e, &e, &x, &plain);
  claim_how = CLAIMED;
}

static inline void route_set(domain *of, domain_route route)
{
  domain_reroute(&s, of, of->site, &route);
}

/* A connection that is up; a message on it. */
static inline void up(connection *one, site *to)
{
  int was_down;
  connection_add(&s, one, one, to, site_account(&s, to, 0));
  sched_answered(&s, one, &was_down);
  hands();
}

static inline void fails(site *to, connection *one)
{
  connection_add(&s, one, one, to, site_account(&s, to, 0));
  sched_refused(&s, one);
  hands();
  connection_leave(&s, one);
}

#endif
