#include "sched/connection.h"

#include <string.h>

#include "sched/limit.h"
#include "sched/moment.h"

/* What is handed over before it was answered for: all of it is sent again when the link drops. */
#define WINDOW_BYTES 4194304
/* A connection with nothing to do is kept for the next message this long. */
#define IDLE_US SECOND_US
/* While other sites go without one, a connection ends after so many messages. */
#define CROWDED_MESSAGES 100

/* --- beginning and end ----------------------------------------------------------------------- */

void connection_add(sched *s, connection *c, void *owner, site *x, source *account)
{
  memset(c, 0, sizeof *c);
  c->owner = owner;
  c->in_site.owner = c->in_all.owner = c;
  c->site = x;
  c->window = CONNECTION_WINDOW_UNSAID;
  c->idle.kind = TIMER_CONNECTION;
  c->idle.owner = c;
  c->began_us = c->rest_us = s->now_us;
  c->source = account;
  quota_hold(&s->quota, account);
  quota_leave(&s->quota, &x->waiter);
  row_add(&x->connections, &c->in_site);
  row_add(&s->connections, &c->in_all);
  timer_set(&s->timers, &c->idle, s->now_us + IDLE_US);
}

void connection_leave(sched *s, connection *c)
{
  if (c->site->resting == c) c->site->resting = 0;
  row_leave(&c->in_site);
  row_leave(&c->in_all);
  timer_clear(&s->timers, &c->idle);
  quota_release(&s->quota, c->source);
}

void connections_trust(sched *s, site *x)
{
  row_place *p;
  for (p = x->connections.first; p; p = p->after)
  {
    connection *c = p->owner;
    quota_release(&s->quota, c->source);
    c->source = &s->quota.sure;
    quota_hold(&s->quota, c->source);
  }
}

/* --- what it holds --------------------------------------------------------------------------- */

/*
 * Do sites go without one because others, like this one's, have too many?  For a backlog nobody's
 * are.  One that was turned round cannot be made again later.
 */
static int crowded(sched const *s, connection const *c)
{
  if (c->site->reversal || !s->quota.waiting || s->connecting == CONNECTING_BACKLOG) return 0;
  return s->connecting == CONNECTING_SHORT || quota_full(&s->quota) || source_waits(c->source);
}

void connection_given(sched *s, connection *c, uint64_t bytes, int alone)
{
  c->alone = alone;
  c->jobs++;
  c->unsent++;
  c->bytes += bytes;
  timer_clear(&s->timers, &c->idle);
}

void connection_sent(sched *s, connection *c, int blocked)
{
  int was_blocked = c->blocked;
  c->unsent = 0;
  c->blocked = blocked;
  if (was_blocked && !blocked) site_wake(s, c->site);
}

void connection_back(sched *s, connection *c, uint64_t bytes, int untried)
{
  c->stuck = untried;
  c->jobs--;
  c->bytes -= bytes;
  c->done++;
  c->alone = 0;
  c->rest_us = s->now_us;
  if (!c->jobs) timer_set(&s->timers, &c->idle, s->now_us + (crowded(s, c) ? 0 : IDLE_US));
}

void connection_window(connection *c, uint64_t messages)
{
  if (messages)
    c->window = messages < CONNECTION_WINDOW_MAX ? (size_t)messages : CONNECTION_WINDOW_MAX;
}

void connection_ended(sched const *s, connection *c)
{
  c->up = c->stuck = 0;
  c->began_us = s->now_us;
}

int connection_another_works(connection const *but)
{
  row_place const *p;
  for (p = but->site->connections.first; p; p = p->after)
  {
    connection const *c = p->owner;
    if (c != but && c->up && c->jobs && c->up_us <= but->began_us) return 1;
  }
  return 0;
}

int connection_another_up(connection const *but)
{
  row_place const *p;
  for (p = but->site->connections.first; p; p = p->after)
  {
    connection const *c = p->owner;
    if (c != but && c->up) return 1;
  }
  return 0;
}

/* --- one that has room ----------------------------------------------------------------------- */

/*
 * A window is filled up when there is room for many, which travel together.  With more messages
 * than that leaves in it, another connection is worth it.
 */
static size_t enough(connection const *c)
{
  size_t half = c->window / 2;
  return c->window - (half < CONNECTION_BATCH_MAX ? half : CONNECTION_BATCH_MAX);
}

static int window_open(connection const *c)
{
  return c->jobs < c->window && (c->unsent || c->jobs <= enough(c));
}

static int takes_one(sched const *s, connection const *c, wish const *w)
{
  if (c->alone || c->leaving || c == c->site->resting || c->blocked) return 0;
  if (c->done >= CROWDED_MESSAGES && crowded(s, c)) return 0;
  if (!limit_allows(w->loads, &c->loads, w->most)) return 0;
  if (!c->up) return !c->jobs;
  return window_open(c) && c->bytes < WINDOW_BYTES;
}

/* The less the better.  Who is given some in this turn is given more, until that is enough. */
static size_t load_of(connection const *c)
{
  return c->unsent && c->jobs < enough(c) ? 0 : 1 + c->jobs;
}

static connection *with_room(sched const *s, site const *x, wish const *w)
{
  connection *best = 0;
  row_place const *p;
  for (p = x->connections.first; p; p = p->after)
  {
    connection *c = p->owner;
    if (takes_one(s, c, w) && (!best || load_of(c) < load_of(best))) best = c;
  }
  return best;
}

static connection *at_rest(site const *x)
{
  row_place const *p = x->connections.first;
  for (; p; p = p->after)
  {
    connection *c = p->owner;
    if (!c->jobs && !c->leaving) return c;
  }
  return 0;
}

/* Of those that may carry it. */
static connection *least(site const *x, wish const *w)
{
  connection *best = 0;
  row_place const *p;
  for (p = x->connections.first; p; p = p->after)
  {
    connection *c = p->owner;
    if (limit_allows(w->loads, &c->loads, w->most) && (!best || c->jobs < best->jobs)) best = c;
  }
  return best;
}

/*
 * One for a site of which nothing is known, or at which connections end in vain; beside those that
 * stand still, for one message that a site is silent about must not keep the others waiting.
 */
static unsigned int earned(site const *x)
{
  unsigned int most = 1;
  row_place const *p;
  if (x->health.state == HEALTH_UP && !x->health.in_vain) return x->health.limit;
  for (p = x->connections.first; p; p = p->after)
  {
    connection const *c = p->owner;
    most += c->stuck != 0;
  }
  return most;
}

static enum choice another(sched const *s, site const *x, wish const *w, int *wanting)
{
  size_t n = x->connections.count;
  if (x->reversal || n >= earned(x) || n >= x->most) return CHOICE_NONE;
  if (!limit_allows_more(w->loads, w->most)) return CHOICE_NONE;
  if (s->connecting == CONNECTING_GOES && quota_room(&s->quota, w->account, w->urgent))
    return CHOICE_CONNECT;
  if (!n) *wanting = 1;
  return CHOICE_NONE;
}

/* Where all are busy, one of them is given nothing more. */
static enum choice choose_at_rest(sched const *s, site *x, wish const *w, connection **chosen,
                                  int *wanting)
{
  enum choice choice = CHOICE_CONNECTION;
  *chosen = limit_allows_more(w->loads, w->most) ? at_rest(x) : 0;
  if (!*chosen) choice = another(s, x, w, wanting);
  if (choice != CHOICE_NONE) x->resting = 0;
  else if (!x->resting) x->resting = least(x, w);
  return choice;
}

static enum choice choose_with_room(sched const *s, site const *x, wish const *w,
                                    connection **chosen, int *wanting)
{
  connection *best = with_room(s, x, w);
  *chosen = best;
  if (best && best->jobs < enough(best)) return CHOICE_CONNECTION;
  if (another(s, x, w, wanting) == CHOICE_CONNECT) return CHOICE_CONNECT;
  return best ? CHOICE_CONNECTION : CHOICE_NONE;
}

enum choice connection_choose(sched *s, site *x, wish const *w, connection **chosen, int *wanting)
{
  enum choice choice;
  *chosen = 0;
  *wanting = 0;
  if (s->paused) return CHOICE_NONE;
  choice = w->alone ? choose_at_rest(s, x, w, chosen, wanting)
    : choose_with_room(s, x, w, chosen, wanting);
  if (choice == CHOICE_NONE && s->connecting != CONNECTING_GOES) *wanting = !x->reversal;
  return choice;
}

/* --- given up for others --------------------------------------------------------------------- */

/*
 * While sites wait that there is no connection for, one that has not led to a site so long ends:
 * sooner for what was asked for.  So does one at which nothing was settled in the time that a reply
 * may take, where nothing ever was.
 */
#define HANGING_US (30 * SECOND_US)
#define HANGING_URGENT_US (10 * SECOND_US)
#define HANGING_OPEN_US (300 * SECOND_US)
#define HANGING_LOOK_US SECOND_US

/* It hangs; is it in the way of one that waits, and for so long? */
static int hangs(sched *s, connection const *c)
{
  waiter const *w;
  if (c->up && (c->source == &s->quota.sure || state_lately(s, c->up_us, HANGING_OPEN_US)))
    return 0;
  if (state_lately(s, c->began_us, HANGING_URGENT_US)) return 0;
  w = quota_next_without(&s->quota, c->source);
  return w && (w->lane->urgent || !state_lately(s, c->began_us, HANGING_US));
}

static int waiters_stuck(sched const *s)
{
  return s->quota.waiting && !s->paused && s->connecting == CONNECTING_GOES
    && !quota_next(&s->quota);
}

connection *connection_hanging(sched *s)
{
  connection *oldest = 0;
  row_place const *p;
  if (!waiters_stuck(s)) return 0;
  for (p = s->connections.first; p; p = p->after)
  {
    connection *c = p->owner;
    if ((!oldest || c->began_us < oldest->began_us) && hangs(s, c)) oldest = c;
  }
  return oldest;
}

/* One at a time: whoever waits has its turn before the next. */
void connections_look_later(sched *s, int given_up)
{
  if (!s->quota.waiting) return;
  if (given_up) timer_set(&s->timers, &s->hanging, s->now_us + 1);
  else if (!s->hanging.place) timer_set(&s->timers, &s->hanging, s->now_us + HANGING_LOOK_US);
}
