/* Moments to wait for: what is taken out comes in order, whatever was moved or cleared before. */

#include "sched/timer.h"

#include "check.h"

#define COUNT 500

static uint64_t drawn(void)
{
  static uint64_t state = 1;
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return state >> 33;
}

/* Take all that is due; were they so many, in order, and all of them due? */
static int takes(timers *all, uint64_t now_us, size_t n)
{
  uint64_t last = 0;
  timer *t;
  while ((t = timers_take(all, now_us))) {
    if (!n-- || t->at_us < last || t->at_us > now_us || t->place) return 0;
    last = t->at_us;
  }
  return !n;
}

static void check_one(void)
{
  timers all = { .heap.count = 0 };
  timer t = { .kind = 7 };
  CHECK("none is next", timers_next(&all) == UINT64_MAX);
  CHECK("none is taken", !timers_take(&all, UINT64_MAX));
  timer_clear(&all, &t);
  CHECK("clear of one that is not set", timers_next(&all) == UINT64_MAX);
  CHECK("set", timer_set(&all, &t, 5) && timers_next(&all) == 5);
  CHECK("not due", !timers_take(&all, 4));
  CHECK("due", timers_take(&all, 5) == &t && t.kind == 7 && !t.place);
  CHECK("taken once", !timers_take(&all, 5));
  CHECK("set again", timer_set(&all, &t, 6) && timer_set(&all, &t, 9) && timers_next(&all) == 9);
  CHECK("earlier", timer_set_earlier(&all, &t, 3) && timers_next(&all) == 3);
  CHECK("not later", timer_set_earlier(&all, &t, 4) && timers_next(&all) == 3);
  timer_clear(&all, &t);
  CHECK("cleared", timers_next(&all) == UINT64_MAX);
  CHECK("earlier than none", timer_set_earlier(&all, &t, 4) && timers_next(&all) == 4);
  timer_clear(&all, &t);
  array_free(&all.heap);
}

static void check_many(void)
{
  static timer t[COUNT];
  timers all = { .heap.count = 0 };
  size_t i;
  size_t left = 0;
  for (i = 0; i < COUNT; i++) timer_set(&all, t + i, drawn() % 1000);
  CHECK("in order", takes(&all, 999, COUNT));
  for (i = 0; i < COUNT; i++) timer_set(&all, t + i, drawn() % 1000);
  for (i = 0; i < COUNT; i += 2) timer_set(&all, t + i, drawn() % 1000);
  for (i = 0; i < COUNT; i += 3) timer_clear(&all, t + i);
  for (i = 0; i < COUNT; i += 5) timer_set_earlier(&all, t + i, drawn() % 1000);
  for (i = 0; i < COUNT; i++) left += t[i].place != 0;
  CHECK("in order when moved and cleared", takes(&all, 999, left));
  for (i = 0; i < COUNT; i++) timer_set(&all, t + i, 7);
  CHECK("all of one moment", takes(&all, 7, COUNT));
  for (i = 0; i < COUNT; i++) timer_set(&all, t + i, i);
  CHECK("those that are due", takes(&all, 99, 100) && timers_next(&all) == 100);
  for (i = COUNT; i-- > 0; ) timer_clear(&all, t + i);
  CHECK("none left", timers_next(&all) == UINT64_MAX);
  array_free(&all.heap);
}

static void check_set_back(void)
{
  static timer t[COUNT];
  timers all = { .heap.count = 0 };
  size_t i;
  timers_set_back(&all, 5);
  CHECK("none is set back", timers_next(&all) == UINT64_MAX);
  for (i = 0; i < COUNT; i++) timer_set(&all, t + i, 1000 + drawn() % 1000);
  timer_set(&all, t, 1000);
  timer_set(&all, t + 1, 1999);
  timers_set_back(&all, 600);
  CHECK("as far away as before", timers_next(&all) == 400 && t[1].at_us == 1399);
  CHECK("in order when set back", takes(&all, 1399, COUNT));
  for (i = 0; i < COUNT; i++) timer_set(&all, t + i, drawn() % 1000);
  timers_set_back(&all, 500);
  CHECK("none before all time", !timers_next(&all) && takes(&all, 499, COUNT));
  array_free(&all.heap);
}

int main(void)
{
  check_one();
  check_many();
  check_set_back();
  return CHECK_END();
}
