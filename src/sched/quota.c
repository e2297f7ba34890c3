#include "sched/quota.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* Of connections to sites that can hang, a source may hold so many times what is free. */
#define SHARE_OF_FREE 2

/* --- sources --------------------------------------------------------------------------------- */

static int source_compare(void const *a, void const *b)
{
  source_key const *x = a;
  source_key const *y = b;
  if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
  if (x->null != y->null) return x->null < y->null ? -1 : 1;
  return (x->number > y->number) - (x->number < y->number);
}

static void source_init(source *s, source_key key)
{
  int urgent;
  memset(s, 0, sizeof *s);
  s->key = key;
  s->users = 1;
  for (urgent = 0; urgent < 2; urgent++)
  {
    s->lanes[urgent].turn.owner = s->lanes + urgent;
    s->lanes[urgent].source = s;
    s->lanes[urgent].urgent = urgent;
  }
}

void quota_init(quota *q)
{
  memset(q, 0, sizeof *q);
  source_init(&q->sure, (source_key){ .kind = 's' });
  source_init(&q->unknown, (source_key){ .kind = '?' });
}

static source *source_new(quota *q, source_key key)
{
  source *s = malloc(sizeof *s);
  if (!s) return 0;
  source_init(s, key);
  if (tsearch(s, &q->sources, source_compare)) return s;
  free(s);
  return 0;
}

source *source_use(source *s)
{
  s->users++;
  return s;
}

source *quota_source(quota *q, source_key const *key)
{
  source **found = tfind(key, &q->sources, source_compare);
  source *s = found ? source_use(*found) : source_new(q, *key);
  return s ? s : source_use(&q->unknown);
}

void quota_forget(quota *q, source *s)
{
  if (!s || --s->users) return;
  tdelete(s, &q->sources, source_compare);
  free(s);
}

/* --- how many there are for whom ------------------------------------------------------------- */

/* Where there is more than one, one at the least. */
static size_t kept_for_urgent(quota const *q)
{
  return q->total < 5 ? q->total > 1 : q->total / 5;
}

/* Connections that there may be in all; to sites that can hang. */
static size_t most(quota const *q, int urgent)
{
  return urgent ? q->total : q->total - kept_for_urgent(q);
}

static size_t most_unsure(quota const *q, int urgent)
{
  size_t kept = kept_for_urgent(q);
  return q->total - kept - q->total / 5 + (urgent ? (kept + 1) / 2 : 0);
}

static size_t most_null(quota const *q)
{
  return q->total < 10 ? 1 : q->total / 10;
}

static size_t unsure(quota const *q)
{
  return q->all - q->sure.held;
}

/* Only sure sites may have what is left, if anything is. */
static int only_sure(quota const *q, int urgent)
{
  return unsure(q) >= most_unsure(q, urgent);
}

/* Is it the null sender's, and has that its part? */
static int null_over(quota const *q, source const *s, int urgent)
{
  if (!s->key.null || urgent) return 0;
  return q->null >= most_null(q) || s->held >= SHARE_OF_FREE * (most_null(q) - q->null);
}

int quota_room(quota const *q, source const *s, int urgent)
{
  if (q->all >= most(q, urgent)) return 0;
  if (s == &q->sure) return 1;
  if (null_over(q, s, urgent)) return 0;
  return !only_sure(q, urgent) && s->held < SHARE_OF_FREE * (most_unsure(q, urgent) - unsure(q));
}

int quota_full(quota const *q)
{
  return q->all >= most(q, 0);
}

void quota_hold(quota *q, source *s)
{
  source_use(s)->held++;
  q->all++;
  q->null += s->key.null != 0;
}

void quota_release(quota *q, source *s)
{
  q->all--;
  s->held--;
  q->null -= s->key.null != 0;
  quota_forget(q, s);
}

/* --- who waits ------------------------------------------------------------------------------- */

/* Has it waited in a better place, or the same? */
static int waits_well(waiter const *w, source const *s, int urgent)
{
  lane const *l = w->lane;
  if (!l || l->urgent < urgent) return 0;
  return l->urgent > urgent || !l->source->key.null || s->key.null;
}

void quota_wait(quota *q, waiter *w, source *s, int urgent)
{
  lane *l = s->lanes + urgent;
  if (waits_well(w, s, urgent)) return;
  quota_leave(q, w);
  if (!l->waiters.count) row_add(q->turns + urgent, &l->turn);
  row_add(&l->waiters, &w->place);
  w->lane = l;
  source_use(s);
  q->waiting++;
}

void quota_leave(quota *q, waiter *w)
{
  lane *l = w->lane;
  if (!l) return;
  row_leave(&w->place);
  if (!l->waiters.count) row_leave(&l->turn);
  w->lane = 0;
  q->waiting--;
  quota_forget(q, l->source);
}

void quota_serve(quota *q, waiter *w)
{
  lane *l = w->lane;
  row_leave(&l->turn);
  row_add(q->turns + l->urgent, &l->turn);
  quota_leave(q, w);
}

int source_waits(source const *s)
{
  return s->lanes[0].waiters.count || s->lanes[1].waiters.count;
}

static waiter *lane_first(lane const *l)
{
  return (waiter *)l->waiters.first; /* the place is the first member of a waiter */
}

/*
 * Lanes that are passed over are of sources that hold two or more connections each, or of the null
 * sender.
 */
static waiter *next_in_turn(quota const *q, int urgent)
{
  row_place const *p;
  if (q->all >= most(q, urgent)) return 0;
  if (only_sure(q, urgent)) return lane_first(q->sure.lanes + urgent);
  for (p = q->turns[urgent].first; p; p = p->after)
  {
    lane const *l = p->owner;
    if (quota_room(q, l->source, urgent)) return lane_first(l);
  }
  return 0;
}

waiter *quota_next(quota const *q)
{
  waiter *w = next_in_turn(q, 1);
  return w ? w : next_in_turn(q, 0);
}

waiter *quota_next_without(quota *q, source *s)
{
  waiter *w;
  source_use(s);
  quota_release(q, s);
  w = quota_next(q);
  quota_hold(q, s);
  quota_forget(q, s);
  return w;
}
