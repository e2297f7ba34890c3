/* When queue-list says that a recipient is tried next: the moment that qmgr waits for. */

#include "list/delay.h"

#include "base/wallclock.h"
#include "check.h"
#include "sched/backoff.h"

#define NOW_US (UINT64_C(1763711153) * SECOND_US)
#define ARRIVED_US (NOW_US - 9000 * SECOND_US)

static delays w = { .backoff = { 60, 3600 }, .now_us = NOW_US };
static message const m = { .arrival_us = ARRIVED_US };

static uint64_t next_us(delay_domain const *d, unsigned int attempts, uint64_t last_us)
{
  message_recipient const r = { .attempts = attempts, .last_us = last_us };
  return delay_next_us(&w, d, &m, &r);
}

static void check_backoff(uint64_t min, uint64_t max)
{
  delay_domain const d = { .state = SITEFILE_UP };
  uint64_t last_us = NOW_US - 10 * SECOND_US;
  unsigned int n;
  int same = 1;
  w.backoff.min = min;
  w.backoff.max = max;
  for (n = 1; n < 100; n++)
    if (next_us(&d, n, last_us) != last_us + backoff_delay(min, max, n) * SECOND_US) same = 0;
  CHECK("after each attempt qmgr's delay", same);
}

static void check_recipient(void)
{
  delay_domain const up = { .state = SITEFILE_UP }, parked = { .route = { .parked = 1 } };
  message_recipient const settled = { .settled = 1 };
  CHECK("never tried: due since it arrived", next_us(&up, 0, 0) == ARRIVED_US);
  CHECK("tried under a wrong clock: due", next_us(&up, 3, NOW_US + 2 * SECOND_US) <= NOW_US);
  CHECK("tried this moment", next_us(&up, 1, NOW_US + SECOND_US / 2) > NOW_US + 60 * SECOND_US);
  CHECK("parked", next_us(&parked, 0, 0) == 0);
  CHECK("settled", delay_next_us(&w, &up, &m, &settled) == 0);
}

static void check_site(void)
{
  delay_domain d = { .state = SITEFILE_DOWN, .probe_us = NOW_US + 100 * SECOND_US };
  uint64_t last_us = NOW_US - 10 * SECOND_US;
  CHECK("not before its site", next_us(&d, 1, last_us) == d.probe_us);
  CHECK("not before its own time", next_us(&d, 2, last_us) == last_us + 120 * SECOND_US);
  d.probe_us = 0;
  CHECK("a site that is due delays nothing", next_us(&d, 1, last_us) == last_us + 60 * SECOND_US);
}

int main(void)
{
  check_backoff(1, 1);
  check_backoff(5, 7);
  check_backoff(60, 3600);
  check_recipient();
  check_site();
  return CHECK_END();
}
