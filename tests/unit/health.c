/* How a site does: when it may be tried, and how many connections it has earned. */

#include "sched/health.h"

#include <string.h>

#include "sched/backoff.h"
#include "check.h"

#define SECOND UINT64_C(1000000)
#define MIN (60 * SECOND)
#define MAX (3600 * SECOND)
/* Some moment. */
#define NOW (1800000000 * SECOND)

static health h;

static int fails(uint64_t now)
{
  return health_failed(&h, now, MIN, MAX, 0);
}

static void check_unknown(void)
{
  health_init(&h);
  CHECK("unknown: tried unasked", health_open(&h, NOW) && h.limit == 1 && !health_rest_us(&h, NOW));
  CHECK("parked: newly", health_parked(&h, NOW) && h.since_us == NOW);
  CHECK("parked: once", !health_parked(&h, NOW + 1) && h.since_us == NOW);
  CHECK("parked: still unknown", h.state == HEALTH_UNKNOWN && health_open(&h, NOW));
}

static void check_down(void)
{
  health_init(&h);
  CHECK("fails", fails(NOW) && h.state == HEALTH_DOWN && h.since_us == NOW && h.failures == 1);
  CHECK("not before its time", h.next_us == NOW + MIN && !health_open(&h, NOW + MIN - 1) && health_open(&h, NOW + MIN));
  CHECK("rests, whoever asks", health_rest_us(&h, NOW) == NOW + BACKOFF_REST_US
    && health_rest_us(&h, NOW + BACKOFF_REST_US - 1) && !health_rest_us(&h, NOW + BACKOFF_REST_US));
  h.next_us = NOW + SECOND;
  CHECK("no longer than unasked", health_rest_us(&h, NOW) == NOW + SECOND && !health_rest_us(&h, NOW + SECOND));
  h.next_us = NOW + MIN;
  CHECK("asked for: its back-off stays", !fails(NOW + 10 * SECOND) && h.next_us == NOW + MIN && h.failures == 1);
  CHECK("asked for: it has failed now", h.failed_us == NOW + 10 * SECOND && health_rest_us(&h, NOW + 12 * SECOND));
  CHECK("due: fails again", fails(NOW + MIN) && h.failures == 2 && h.next_us == NOW + MIN + 2 * MIN);
  CHECK("down since the first", h.since_us == NOW);
  h.failures = 1000;
  CHECK("no longer than the longest", fails(h.next_us) && h.next_us == NOW + 3 * MIN + MAX);
  CHECK("parked mail changes nothing", !health_parked(&h, NOW));
}

static void check_up(void)
{
  health_init(&h);
  fails(NOW);
  CHECK("answers", health_answered(&h, NOW + 1) && h.state == HEALTH_UP && h.since_us == NOW + 1 && !h.next_us);
  CHECK("once", !health_answered(&h, NOW + 2) && h.since_us == NOW + 1);
  CHECK("a greeting forgives nothing", h.failures == 1 && !h.proven);
  CHECK("fails behind it: longer", fails(NOW + 3) && h.failures == 2 && h.next_us == NOW + 3 + 2 * MIN);
  health_answered(&h, NOW + 4);
  CHECK("serves: forgiven", health_served(&h) && !h.failures && h.proven);
  CHECK("serves on", !health_served(&h));
  CHECK("fails: proves nothing any more", fails(NOW + 5) && !h.proven && h.failures == 1);
  CHECK("serves while down: an agent that was on its way", !health_served(&h) && h.failures == 1 && h.state == HEALTH_DOWN);
}

static void check_limit(void)
{
  unsigned int i;
  health_init(&h);
  health_answered(&h, NOW);
  CHECK("some at first", h.limit == HEALTH_LIMIT_FIRST);
  for (i = 0; i < 100; i++) health_grow(&h, 20);
  CHECK("as many as may be", h.limit == 20);
  health_shrink(&h, 12);
  CHECK("one less than were refused", h.limit == 11);
  health_shrink(&h, 1);
  CHECK("one at the least", h.limit == 1);
  health_grow(&h, 20);
  CHECK("grows again", h.limit == 2);
  fails(NOW);
  CHECK("one to see whether it is there", h.limit == 1);
}

static void check_vain(void)
{
  unsigned int i;
  health_init(&h);
  health_answered(&h, NOW);
  CHECK("one, and another", !health_in_vain(&h, "a", 1) && !health_in_vain(&h, "b", 1));
  CHECK("the same say nothing new", !health_in_vain(&h, "a", 1) && !health_in_vain(&h, "b", 1) && h.in_vain == 2);
  CHECK("a third one", health_in_vain(&h, "c", 1));
  health_init(&h);
  CHECK("without a message", !health_in_vain(&h, "-", 1) && !health_in_vain(&h, "-", 1) && health_in_vain(&h, "-", 1));
  health_init(&h);
  health_in_vain(&h, "a", 1);
  health_served(&h);
  CHECK("served between", !h.in_vain && !health_in_vain(&h, "a", 1) && h.in_vain == 1);
  for (i = 1; i + 1 < HEALTH_VAIN_MAX_PROVEN && !health_in_vain(&h, "-", 1); i++) ;
  CHECK("the link's, where it has served", i + 1 == HEALTH_VAIN_MAX_PROVEN && health_in_vain(&h, "-", 1));
  health_init(&h);
  health_served(&h);
  CHECK("but not what it said", !health_in_vain(&h, "-", 0) && !health_in_vain(&h, "-", 0) && health_in_vain(&h, "-", 0));
  fails(NOW);
  CHECK("a failure counts for all", !h.in_vain);
}

static void check_restored(void)
{
  health_init(&h);
  health_restore(&h, NOW, NOW - 500 * SECOND, 3, NOW + 100 * SECOND, MAX);
  CHECK("goes on", !health_open(&h, NOW) && health_open(&h, NOW + 100 * SECOND) && h.since_us == NOW - 500 * SECOND);
  CHECK("with its failures", fails(NOW + 100 * SECOND) && h.failures == 4 && h.next_us == NOW + 100 * SECOND + 8 * MIN);
  health_init(&h);
  health_restore(&h, NOW, NOW + SECOND, 3, NOW + 100 * SECOND, MAX);
  CHECK("failed in the future: due", health_open(&h, NOW) && h.since_us == NOW && h.failures == 3);
  health_init(&h);
  health_restore(&h, NOW, NOW, 3, NOW + MAX + 1, MAX);
  CHECK("waits longer than any may: due", health_open(&h, NOW));
  health_init(&h);
  health_restore(&h, NOW, NOW, 3, NOW + MAX, MAX);
  CHECK("waits as long as any may", !health_open(&h, NOW + MAX - 1));
}

static void check_clock(void)
{
  health_init(&h);
  fails(NOW);
  health_set_back(&h, 1000 * SECOND);
  CHECK("set back: keeps its distance", h.next_us == NOW + MIN - 1000 * SECOND && h.failed_us == NOW - 1000 * SECOND
    && h.since_us == NOW - 1000 * SECOND);
  health_set_back(&h, NOW);
  CHECK("set back: not before all time", !h.since_us && !h.failed_us && !h.next_us);
  health_init(&h);
  fails(NOW);
  CHECK("a failure of the future gives no rest", !health_rest_us(&h, NOW - 1));
}

int main(void)
{
  check_unknown();
  check_down();
  check_up();
  check_limit();
  check_vain();
  check_restored();
  check_clock();
  return CHECK_END();
}
