#include "sched/timer.h"

#define HEAP(all) array_of(timer *, &(all)->heap)
#define COUNT(all) ((all)->heap.count)

static void put(timers *all, size_t place, timer *t)
{
  HEAP(all)[place - 1] = t;
  t->place = place;
}

static timer *at(timers const *all, size_t place)
{
  return HEAP(all)[place - 1];
}

static void rise(timers *all, timer *t)
{
  size_t place = t->place;
  while (place > 1 && at(all, place / 2)->at_us > t->at_us)
  {
    put(all, place, at(all, place / 2));
    place /= 2;
  }
  put(all, place, t);
}

static void sink(timers *all, timer *t)
{
  size_t place = t->place;
  size_t count = COUNT(all);
  for (;;)
  {
    size_t child = 2 * place;
    if (child > count) break;
    if (child < count && at(all, child + 1)->at_us < at(all, child)->at_us) child++;
    if (at(all, child)->at_us >= t->at_us) break;
    put(all, place, at(all, child));
    place = child;
  }
  put(all, place, t);
}

int timer_set(timers *all, timer *t, uint64_t at_us)
{
  t->at_us = at_us;
  if (!t->place)
  {
    if (!array_add(&all->heap, sizeof t)) return 0;
    put(all, COUNT(all), t);
  }
  rise(all, t);
  sink(all, t);
  return 1;
}

int timer_set_earlier(timers *all, timer *t, uint64_t at_us)
{
  if (t->place && t->at_us <= at_us) return 1;
  return timer_set(all, t, at_us);
}

void timer_clear(timers *all, timer *t)
{
  size_t place = t->place;
  timer *last;
  if (!place) return;
  last = at(all, COUNT(all));
  all->heap.count--;
  t->place = 0;
  if (last == t) return;
  put(all, place, last);
  rise(all, last);
  sink(all, last);
}

/* Those that would be before all time are at its beginning: the order stays. */
void timers_set_back(timers *all, uint64_t by_us)
{
  size_t place;
  for (place = 1; place <= COUNT(all); place++)
    at(all, place)->at_us -= at(all, place)->at_us < by_us ? at(all, place)->at_us : by_us;
}

uint64_t timers_next(timers const *all)
{
  return COUNT(all) ? at(all, 1)->at_us : UINT64_MAX;
}

timer *timers_take(timers *all, uint64_t now_us)
{
  timer *t;
  if (!COUNT(all) || timers_next(all) > now_us) return 0;
  t = at(all, 1);
  timer_clear(all, t);
  return t;
}
