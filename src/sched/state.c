#include "sched/state.h"

#include "sched/moment.h"

/* SplitMix64, by its published constants. */
uint64_t state_random(sched *s)
{
  uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

int state_lately(sched const *s, uint64_t since_us, uint64_t span_us)
{
  return moment_lately(s->now_us, since_us, span_us);
}

int state_jumped(sched const *s, uint64_t span_us)
{
  return s->jumped_us && state_lately(s, s->jumped_us, span_us);
}
