/* How long after an attempt that failed the next one is made. */

#include "sched/backoff.h"

#include "check.h"

static void check_delay(void)
{
  CHECK("first", backoff_delay(60, 3600, 1) == 60 && backoff_delay(60, 3600, 0) == 60);
  CHECK("doubles", backoff_delay(60, 3600, 2) == 120 && backoff_delay(60, 3600, 3) == 240
    && backoff_delay(60, 3600, 6) == 1920);
  CHECK("no more than max", backoff_delay(60, 3600, 7) == 3600 && backoff_delay(60, 3600, 8) == 3600);
  CHECK("after more than can be counted", backoff_delay(60, 3600, UINT64_MAX) == 3600);
  CHECK("always the same", backoff_delay(7, 7, 1) == 7 && backoff_delay(7, 7, 99) == 7);
  CHECK("max under min", backoff_delay(60, 10, 1) == 10);
  CHECK("no overflow", backoff_delay(1, UINT64_MAX, 200) == UINT64_MAX);
}

static void check_spread(void)
{
  uint64_t random, delay, least = UINT64_MAX, most = 0;
  for (random = 0; random < 10000; random++)
  {
    delay = backoff_spread(60, 800, random * 2654435761u);
    if (delay < least) least = delay;
    if (delay > most) most = delay;
  }
  CHECK("over an eighth", least == 701 && most == 800);
  CHECK("not under min", backoff_spread(60, 60, 7) == 60 && backoff_spread(60, 64, 7) == 60);
  CHECK("too little to be spread", backoff_spread(1, 7, 5) == 7);
}

int main(void)
{
  check_delay();
  check_spread();
  return CHECK_END();
}
