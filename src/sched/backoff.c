#include "sched/backoff.h"

#include "sched/moment.h"

uint64_t backoff_rest_us(uint64_t failed_us, uint64_t now_us)
{
  return moment_lately(now_us, failed_us, BACKOFF_REST_US) ? failed_us + BACKOFF_REST_US : 0;
}

uint64_t backoff_delay(uint64_t min, uint64_t max, uint64_t n)
{
  uint64_t delay = min;
  while (n-- > 1 && delay < max) delay = delay > max / 2 ? max : delay * 2;
  return delay < max ? delay : max;
}

uint64_t backoff_spread(uint64_t min, uint64_t delay, uint64_t random)
{
  uint64_t less = delay / 8 ? random % (delay / 8) : 0;
  return delay - less < min ? min : delay - less;
}
