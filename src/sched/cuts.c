#include "sched/cuts.h"

#include <stdlib.h>
#include <string.h>

/*
 * So many tries in a row may be cut off again: where nothing tells that it is the link's doing, and
 * where something does.
 */
#define IN_VAIN_MAX 2
#define IN_VAIN_MAX_LINK 8

void cuts_init(cuts *c, uint64_t drops)
{
  *c = (cuts){ .most = 1, .drops_before = drops };
}

void cuts_free(cuts *c)
{
  array_free(&c->now);
  array_free(&c->later);
}

int cuts_add(cuts *c, char const *id, uint64_t attempts, uint64_t bytes)
{
  cut *entry;
  if (c->later.count >= CUTS_MAX || strlen(id) >= sizeof entry->id) return 0;
  entry = array_add(&c->later, sizeof *entry);
  if (!entry) return 0;
  strcpy(entry->id, id);
  entry->attempts = attempts;
  entry->bytes = bytes;
  return 1;
}

int cuts_ready(cuts const *c, size_t out)
{
  return c->now.count && out < c->most;
}

static void last_take(array *all, char id[SCHED_ID_MAX])
{
  strcpy(id, array_of(cut, all)[--all->count].id);
}

void cuts_take(cuts *c, char id[SCHED_ID_MAX])
{
  last_take(&c->now, id);
}

void cuts_back(cuts *c, int cut_again)
{
  if (cut_again)
  {
    c->most = 1;
    c->in_vain++;
    return;
  }
  c->most++;
  c->in_vain = 0;
  c->any_went = c->link = 1;
}

/* --- rounds ---------------------------------------------------------------------------------- */

static int compare(void const *a, void const *b)
{
  cut const *x = a;
  cut const *y = b;
  if (x->attempts != y->attempts) return x->attempts < y->attempts ? 1 : -1;
  return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/*
 * A message that does harm ends two connections before it is put off; more of them are the link's.
 */
static void link_judge(cuts *c, uint64_t drops)
{
  if (drops - c->drops_before > 2 * c->later.count) c->link = 1;
}

static int go_on(cuts const *c)
{
  return c->any_went || c->in_vain < (c->link ? IN_VAIN_MAX_LINK : IN_VAIN_MAX);
}

static void round_begin(cuts *c)
{
  array now = c->now;
  c->now = c->later;
  c->later = now;
  c->any_went = 0;
  if (c->now.count) qsort(c->now.items, c->now.count, sizeof(cut), compare);
}

int cuts_left(cuts *c, uint64_t drops)
{
  if (c->now.count) return 1;
  if (!c->later.count) return 0;
  link_judge(c, drops);
  if (!go_on(c)) return 0;
  round_begin(c);
  return 1;
}

int cuts_give_up(cuts *c, char id[SCHED_ID_MAX])
{
  if (!c->later.count) return 0;
  last_take(&c->later, id);
  return 1;
}
