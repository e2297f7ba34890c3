#include "sched/known.h"

#include "sched/moment.h"

/* So many of a kind are no burden.  Where there are more, a round begins so often. */
#define MANY 1000
#define MANY_AGAIN_US (5 * SECOND_US)

void known_add(knowns *all, known *k, void *owner, uint64_t now_us)
{
  k->place.owner = owner;
  k->used_us = now_us;
  row_add(&all->row, &k->place);
}

void known_leave(knowns *all, known *k)
{
  row_leave(&k->place);
  if (!all->left && all->kept) all->kept--;
}

int knowns_many(knowns const *all)
{
  return all->row.count > MANY;
}

void knowns_begin(knowns *all, uint64_t now_us)
{
  if (all->left) return;
  all->left = all->row.count;
  all->begun_us = now_us;
}

/* Twice as many as there were, or many for some time. */
void knowns_begin_many(knowns *all, uint64_t now_us)
{
  if (!knowns_many(all)) return;
  if (all->row.count > MANY + 2 * all->kept || !moment_lately(now_us, all->begun_us, MANY_AGAIN_US))
    knowns_begin(all, now_us);
}

void *knowns_next(knowns *all)
{
  row_place *p = all->row.first;
  if (!all->left || !p)
  {
    all->left = 0;
    return 0;
  }
  all->left--;
  if (!all->left) all->kept = all->row.count;
  row_leave(p);
  row_add(&all->row, p);
  return p->owner;
}
