/* How a site does: what makes it fail, for how long it is left alone, what it has earned. */

#include "sched.h"

static char const *const heads[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l" };

/* After how many connections in vain has it failed?  0: not after twelve. */
static unsigned int failed_after(int proven, int drop, int same)
{
  unsigned int n;
  begin();
  up(c, &x);
  if (proven) sched_served(&s, c, 1);
  for (n = 0; n < 12; n++)
    if (sched_vain(&s, c, same ? "a" : heads[n], drop, 0) == VAIN_FAILED) return n + 1;
  return 0;
}

static void check_vain(void)
{
  CHECK("three in vain are a failure", failed_after(0, 0, 0) == 3);
  CHECK("and where they just end", failed_after(0, 1, 0) == 3);
  CHECK("ten where something was settled", failed_after(1, 1, 0) == 10);
  CHECK("three where the site says something", failed_after(1, 0, 0) == 3);
  CHECK("not the same message again and again", failed_after(0, 0, 1) == 0);
  begin();
  up(c, &x);
  sched_vain(&s, c, "a", 0, 0);
  sched_vain(&s, c, "b", 0, 0);
  sched_served(&s, c, 0);
  sched_vain(&s, c, "c", 0, 0);
  CHECK("what is settled in between counts", sched_vain(&s, c, "d", 0, 0) == VAIN_GO_ON);
}

/* Of the nth failure in a row, in its bounds? */
static int left_alone(unsigned int n, uint64_t most_s)
{
  uint64_t us;
  while (n--)
  {
    if (x.health.state == HEALTH_DOWN) sched_now(&s, x.health.next_us);
    fails(&x, c);
  }
  us = x.health.next_us - s.now_us;
  return us <= most_s * SECOND_US && us >= (most_s - most_s / 8) * SECOND_US
    && us >= s.backoff_min_us;
}

static void check_backoff(void)
{
  begin();
  CHECK("the first number", left_alone(1, 60));
  CHECK("doubles", left_alone(1, 120) && left_alone(1, 240) && left_alone(1, 480));
  CHECK("up to the second", left_alone(1, 600) && left_alone(3, 600));
  sched_now(&s, x.health.next_us);
  up(c, &x);
  connection_leave(&s, c);
  CHECK("a greeting forgives nothing", left_alone(1, 600));
  sched_now(&s, x.health.next_us);
  up(c, &x);
  sched_served(&s, c, 0);
  connection_leave(&s, c);
  CHECK("a refusal for good does", left_alone(1, 60));
}

static void check_asked(void)
{
  uint64_t next_us;
  begin();
  fails(&x, c);
  next_us = x.health.next_us;
  sched_now(&s, AFTER(10));
  fails(&x, c);
  CHECK("what was asked for lengthens no back-off", x.health.next_us == next_us
        && x.health.failures == 1);
  CHECK("not open before", !site_open(&s, &x) && (sched_now(&s, next_us - 1), !site_open(&s, &x)));
  CHECK("open then", (sched_now(&s, next_us), site_open(&s, &x)));
}

static void check_wakes(void)
{
  tick t;
  begin();
  fails(&x, c);
  domain_listed(&s, &d, NOW_US);
  route_set(&e, (domain_route){ .parked = 1, .concurrency = 20, .lifetime_us = plain.lifetime_us });
  domain_listed(&s, &e, NOW_US);
  d.untried = 0;
  row_leave(&d.ready);
  sched_now(&s, x.health.next_us);
  sched_tick(&s, &t);
  CHECK("the probe is due", d.untried && d.ready.row && x.runnable.row);
  CHECK("what is parked is not", !e.ready.row && !e.untried);
  d.untried = 0;
  row_leave(&d.ready);
  up(c, &x);
  CHECK("with its answer all goes", d.untried && d.ready.row);
  CHECK("but what is parked", !e.ready.row && !e.untried);
}

static void check_earned(void)
{
  begin();
  CHECK("one, while nothing is known", x.health.limit == 1);
  up(c, &x);
  CHECK("five, once it answered", x.health.limit == 5);
  sched_served(&s, c, 1);
  sched_served(&s, c, 0);
  CHECK("one more for what it took", x.health.limit == 6);
  while (x.health.limit < 20) sched_served(&s, c, 1);
  sched_served(&s, c, 1);
  CHECK("up to the route's", x.health.limit == 20);
}

static void check_enough(void)
{
  begin();
  up(c, &x);
  connection_given(&s, c, 1, 0);
  connection_add(&s, c + 1, c + 1, &x, site_account(&s, &x, 0));
  CHECK("refused while another is up", !sched_refused(&s, c + 1) && x.health.state == HEALTH_UP);
  CHECK("then it has had enough", x.health.limit == 1);
  CHECK("421 while another works", sched_vain(&s, c + 1, "a", 0, 1) == VAIN_LEAVE && c[1].leaving);
  CHECK("in vain while another works", sched_vain(&s, c + 1, "a", 0, 0) == VAIN_GO_ON
        && !x.health.in_vain);
  CHECK("refused by all", sched_refused(&s, c) == 1 || c[1].up == 0);
}

static void check_restored(void)
{
  begin();
  site_restore(&s, &x, AFTER(-100), 3, AFTER(50));
  CHECK("its back-off goes on", !site_open(&s, &x) && x.probe.at_us == AFTER(50)
        && x.health.failures == 3);
  begin();
  site_restore(&s, &x, AFTER(100), 3, AFTER(150));
  CHECK("a failure of the future delays nothing", site_open(&s, &x));
  begin();
  site_restore(&s, &x, AFTER(-100), 3, AFTER(601));
  CHECK("nor a wait that is too long", site_open(&s, &x));
}

static void check_idle(void)
{
  begin();
  sched_now(&s, AFTER(599));
  CHECK("remembered for the longest back-off", !site_idle(&s, &y));
  CHECK("then forgotten", (sched_now(&s, AFTER(600)), site_idle(&s, &y)));
  CHECK("not what a domain leads to", !site_idle(&s, &x));
  y.worth_knowing = 1;
  CHECK("longer what is worth knowing", !site_idle(&s, &y));
  begin();
  fails(&y, c);
  sched_now(&s, y.health.next_us + 599 * SECOND_US);
  CHECK("down: from when it may be tried", !site_idle(&s, &y));
  begin();
  up(c, &y);
  sched_now(&s, AFTER(1000));
  CHECK("not with a connection", !site_idle(&s, &y));
}

static void check_trust(void)
{
  begin();
  up(c, &x);
  sched_served(&s, c, 1);
  CHECK("a site that takes mail is on nobody's account", c->source == &s.quota.sure
        && s.quota.sure.held == 1);
  CHECK("what it gets then, too", site_account(&s, &x, 0) == &s.quota.sure);
  connection_leave(&s, c);
  fails(&x, c);
  CHECK("until it fails", site_account(&s, &x, 0) != &s.quota.sure);
}

static void check_set_back(void)
{
  begin();
  fails(&x, c);
  sched_now(&s, AFTER(10));
  sched_now(&s, AFTER(-990));
  CHECK("the clock is set back: as far away as before", !site_open(&s, &x)
        && x.health.next_us <= AFTER(-930)
        && x.probe.at_us == x.health.next_us);
  CHECK("its failure, too", x.health.failed_us == AFTER(-1000));
}

int main(void)
{
  check_vain();
  check_backoff();
  check_asked();
  check_wakes();
  check_earned();
  check_enough();
  check_restored();
  check_idle();
  check_trust();
  check_set_back();
  return CHECK_END();
}
