#include "sched/sched.h"

#include <string.h>

/* Messages handed out in one turn, before the next site has its turn. */
#define SITE_TURN 16
/* Sites that wait for a connection and have their turns in one piece. */
#define WAITERS_TURNS 64

/* --- which connection ------------------------------------------------------------------------ */

static int site_urgent(site const *x)
{
  row_place const *p = x->ready.first;
  while (p && !domain_urgent(p->owner)) p = p->after;
  return p != 0;
}

/*
 * The domains of a site share it: that one of them was requested is reason enough for a connection.
 */
enum choice sched_choose(sched *s, domain *d, source *account, int urgent, int alone,
                         connection **c)
{
  site *x = d->site;
  wish w = {
    .account = account, .loads = &d->loads, .most = domain_concurrency(d), .urgent = urgent,
    .alone = alone
  };
  enum choice choice;
  int wanting;
  domains_limit(x);
  choice = connection_choose(s, x, &w, c, &wanting);
  if (wanting && !urgent && !x->connections.count && site_urgent(x))
  {
    w.urgent = 1;
    choice = connection_choose(s, x, &w, c, &wanting);
  }
  if (choice == CHOICE_NONE && wanting) quota_wait(&s->quota, &x->waiter, account, w.urgent);
  return choice;
}

/* --- whose turn ------------------------------------------------------------------------------ */

static waiter *waiter_next(sched const *s)
{
  int may = s->quota.waiting && !s->paused && s->connecting == CONNECTING_GOES;
  return may ? quota_next(&s->quota) : 0;
}

int sched_more(sched const *s)
{
  return (!s->paused && s->runnable.count) || waiter_next(s);
}

void sched_turns(sched *s)
{
  connections_look_later(s, 0);
  s->turn = (turns){ .sites_left = s->runnable.count, .waiters_left = WAITERS_TURNS };
}

/* It gets its connection on the account on which it has waited. */
static site *waiter_take(sched *s, waiter *w)
{
  site *x = w->place.owner;
  if (w->lane->source != &s->quota.sure) site_account_set(s, x, w->lane->source);
  quota_serve(&s->quota, w);
  return x;
}

static site *runnable_take(sched *s)
{
  site *x = row_first(&s->runnable);
  if (!x || !s->turn.sites_left) return 0;
  s->turn.sites_left--;
  row_leave(&x->runnable);
  return x;
}

/* 1; 0: all have had theirs. */
static int turn_begin(sched *s)
{
  turns *t = &s->turn;
  waiter *w = t->waiters_left ? waiter_next(s) : 0;
  if (w) t->waiters_left--;
  t->site = w ? waiter_take(s, w) : runnable_take(s);
  t->left = SITE_TURN;
  t->resting = t->learned = 0;
  return t->site != 0;
}

static void turn_end(sched *s, int more)
{
  if (more) site_wake(s, s->turn.site);
  s->turn.site = 0;
}

/* The domain whose turn it is; while the site may not be tried, only one that was requested. */
static domain *ready_take(sched const *s, site *x)
{
  row_place *p = x->ready.first;
  int open = site_open(s, x);
  while (p && !open && !domain_forced(p->owner)) p = p->after;
  if (p) row_leave(p);
  return place_owner(p);
}

/* --- a step of a turn ------------------------------------------------------------------------ */

/* The domain's turn goes on when that was done. */
static int step_first(domain *d, enum order_kind kind, order *o)
{
  o->kind = kind;
  row_add_first(&d->site->ready, &d->ready);
  return 1;
}

/* Whose mail it is decides how many connections there are for it. */
static int learn_due(sched const *s, domain const *d)
{
  site const *x = d->site;
  return d != s->turn.learned && site_unknown(s, x) && !x->connections.count
    && quota_room(&s->quota, x->source, domain_urgent(d));
}

static int learn(sched *s, domain *d, order *o)
{
  at_once const *first = domain_at_once(d);
  if (first) strcpy(o->id, first->id);
  s->turn.learned = d;
  return step_first(d, ORDER_LEARN, o);
}

/* It has a connection.  1 with an order; 0: go on. */
static int hand_out(sched *s, domain *d, order *o)
{
  enum next next = domain_next(s, d, o->id, &o->cause);
  if (next == NEXT_ORDER) return 0;
  s->turn.learned = 0;
  s->turn.left--;
  if (next == NEXT_NOTHING) return 0;
  s->turn.resting = 0;
  o->kind = next == NEXT_ID ? ORDER_TRY : ORDER_READ;
  if (next == NEXT_ID && domain_more(d)) site_ready(s, d->site, &d->ready);
  return 1;
}

/* Does it wait for a connection of its own: one at rest, or one of the few that may carry its mail? */
static int waits_alone(domain const *d)
{
  return domain_alone(d) || !limit_allows_more(&d->loads, domain_concurrency(d));
}

/*
 * Such a domain keeps no other from the connections that have room; once round, with nothing handed
 * out, the site waits.
 */
static void no_connection(sched *s, domain *d)
{
  turns *t = &s->turn;
  row_add(&d->site->ready, &d->ready);
  t->left--;
  if (d == t->resting || !waits_alone(d)) turn_end(s, 0);
  else if (!t->resting) t->resting = d;
}

/* 1 with an order; 0: go on. */
static int step(sched *s, domain *d, order *o)
{
  enum choice choice = CHOICE_NONE;
  source *account;
  *o = (order){ .domain = d, .site = d->site };
  if (learn_due(s, d)) return learn(s, d, o);
  account = site_account(s, d->site, 0);
  if (d != s->turn.resting)
    choice = sched_choose(s, d, account, domain_urgent(d), domain_alone(d), &o->connection);
  o->account = account;
  if (choice == CHOICE_CONNECT) return step_first(d, ORDER_CONNECT, o);
  if (choice == CHOICE_CONNECTION) return hand_out(s, d, o);
  no_connection(s, d);
  return 0;
}

/* One domain's step of the turn.  1 with an order; 0: go on. */
static int turn_step(sched *s, order *o)
{
  domain *d = s->turn.left ? ready_take(s, s->turn.site) : 0;
  if (!d)
  {
    turn_end(s, !s->turn.left);
    return 0;
  }
  if (!domain_resting(d)) return step(s, d, o);
  s->turn.left--;
  return 0;
}

int sched_turn(sched *s, order *o)
{
  for (;;)
  {
    if (sched_order(s, o)) return 1;
    if (s->paused)
    {
      if (s->turn.site) turn_end(s, 1);
      return 0;
    }
    if (!s->turn.site && !turn_begin(s)) return 0;
    if (turn_step(s, o)) return 1;
  }
}
