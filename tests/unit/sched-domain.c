/* Domains: what is tried when, requests, expiry, what is remembered. */

#include "sched.h"

static domain_route parked(void)
{
  domain_route r = plain;
  r.parked = 1;
  return r;
}

/* --- one recipient ------------------------------------------------------------------------------ */

typedef struct due_case
{
  char const *name;
  int kind;                  /* of the pass; -1: there is none */
  enum cause cause;
  uint64_t count;
  int last_s;
  int ahead;
  int cut;
  int due;
} due_case;

/* Requested, and begun, now; back-off 60 s. */
static due_case const dues[] =
{
  { "never tried", PASS_RETRY, CAUSE_DUE, 0, 0, 0, 0, 1 },
  { "tried a minute ago", PASS_RETRY, CAUSE_DUE, 1, -60, 0, 0, 1 },
  { "tried a moment less ago", PASS_RETRY, CAUSE_DUE, 1, -59, 0, 0, 0 },
  { "twice: two minutes", PASS_RETRY, CAUSE_DUE, 2, -119, 0, 0, 0 },
  { "twice, and they are over", PASS_RETRY, CAUSE_DUE, 2, -120, 0, 0, 1 },
  { "often: the longest back-off", PASS_RETRY, CAUSE_DUE, 40, -599, 0, 0, 0 },
  { "often, and it is over", PASS_RETRY, CAUSE_DUE, 40, -600, 0, 0, 1 },
  { "in the future", PASS_RETRY, CAUSE_DUE, 1, 100, 1, 0, 1 },
  { "not in a pass", -1, CAUSE_DUE, 1, -1, 0, 0, 1 },
  { "before it was requested", PASS_FLUSH, CAUSE_FLUSH, 9, -1, 0, 0, 1 },
  { "since it was requested", PASS_FLUSH, CAUSE_FLUSH, 1, 0, 0, 0, 0 },
  { "requested meanwhile", PASS_RETRY, CAUSE_FLUSH_ANEW, 1, 0, 0, 0, 1 },
  { "by its id", PASS_RETRY, CAUSE_BY_ID, 1, 0, 0, 0, 1 },
  { "cut in this flush", PASS_FLUSH, CAUSE_ALONE, 1, 0, 0, 1, 1 },
  { "alone, but not cut", PASS_FLUSH, CAUSE_ALONE, 1, 0, 0, 0, 0 },
  { "cut a moment ago, in a retry", PASS_RETRY, CAUSE_ALONE, 1, 0, 0, 1, 0 }
};

static void check_due(void)
{
  size_t i;
  for (i = 0; i < sizeof dues / sizeof *dues; i++)
  {
    due_case const *t = dues + i;
    pass p = { .kind = (enum pass_kind)t->kind, .begun_us = NOW_US, .requested_us = NOW_US };
    attempt a = { .count = t->count, .last_us = AFTER(t->last_s), .ahead = t->ahead,
      .cut = t->cut };
    int due;
    begin();
    due = attempt_due(&s, &d, t->kind == -1 ? 0 : &p, t->cause, &a);
    CHECK(t->name, due == t->due);
    CHECK(t->name, due || d.due_us != NEVER_US);
  }
}

typedef struct expiry_case
{
  char const *name;
  int parked;
  int age_s;                 /* beyond its lifetime */
  uint64_t count;
  int tried_s;               /* after its end */
  int down_s;                /* the site failed so long after its end; -1: it is not down */
  int jumped_s;              /* so long ago; 0: never */
  int expired;
} expiry_case;

static expiry_case const expiries[] =
{
  { "not yet", 0, -1, 1, -100, 5, 0, 0 },
  { "not tried after its end", 0, 100, 1, -1, -1, 0, 0 },
  { "tried after its end", 0, 100, 1, 0, -1, 0, 1 },
  { "its site failed after its end", 0, 100, 0, 0, 0, 0, 1 },
  { "its site failed before its end", 0, 100, 0, 0, -2, 0, 0 },
  { "parked", 1, 0, 0, 0, -1, 0, 1 },
  { "parked, and time passed unseen", 1, 100, 0, 0, -1, 86399, 0 },
  { "a day later", 1, 100, 0, 0, -1, 86400, 1 },
  { "parked, and tried after its end", 1, 100, 1, 1, -1, 10, 1 },
  { "parked, and its site is down", 1, 100, 0, 0, 50, 10, 0 }
};

static void check_expired(void)
{
  size_t i;
  for (i = 0; i < sizeof expiries / sizeof *expiries; i++)
  {
    expiry_case const *t = expiries + i;
    uint64_t end_us = AFTER(-t->age_s);
    attempt a = { .count = t->count, .last_us = end_us + (uint64_t)(t->tried_s * 1000000) };
    begin();
    if (t->parked) route_set(&d, parked());
    if (t->down_s != -1) x.health.state = HEALTH_DOWN;
    x.health.failed_us = end_us + (uint64_t)(t->down_s * 1000000);
    s.jumped_us = t->jumped_s ? AFTER(-t->jumped_s) : 0;
    CHECK(t->name, attempt_expired(&s, &d, end_us - d.route.lifetime_us, &a) == t->expired);
  }
  begin();
  s.jumped_us = NOW_US;
  CHECK("mercy is a day", mercy_us(&s, 100000 * SECOND_US) == AFTER(86400));
  CHECK("or a lifetime", mercy_us(&s, 1000 * SECOND_US) == AFTER(1000));
}

/* --- requests --------------------------------------------------------------------------------------- */

static void check_requests(void)
{
  begin();
  domain_listed(&s, &d, NOW_US);
  domain_request(&s, &d);
  hands();
  CHECK("a request claims the list", seen[ORDER_CLAIM] == 1 && d.pass
        && d.pass->kind == PASS_FLUSH);
  CHECK("whatever its site's state", domain_forced(&d) && domain_urgent(&d));
  sched_now(&s, AFTER(1));
  domain_request(&s, &d);
  hands();
  CHECK("one more while it is under way waits", !seen[ORDER_CLAIM] && d.request_pending);
  domain_read_through(&s, &d, 0);
  hands();
  CHECK("and is carried out after it", seen[ORDER_SETTLE] == 1 && seen[ORDER_CLAIM] == 1
        && !seen[ORDER_REQUEST_OVER]
        && d.pass && d.pass->requested_us == AFTER(1));
  domain_read_through(&s, &d, 0);
  hands();
  CHECK("then it is over", seen[ORDER_REQUEST_OVER] == 1 && !d.pass && !d.request_open);
}

static void check_nothing(void)
{
  begin();
  claim_how = CLAIM_NOTHING;
  domain_request(&s, &d);
  hands();
  CHECK("nothing waits: no connection", seen[ORDER_REQUEST_OVER] == 1 && !d.ready.row
        && !x.runnable.row);
  begin();
  route_set(&d, (domain_route){ .held = 1, .parked = 1 });
  domain_listed(&s, &d, NOW_US);
  domain_request(&s, &d);
  hands();
  CHECK("nobody may try it", seen[ORDER_REQUEST_OVER] == 1 && !seen[ORDER_CLAIM]);
  begin();
  claim_how = CLAIM_STUCK;
  domain_listed(&s, &d, NOW_US);
  domain_request(&s, &d);
  hands();
  CHECK("stuck: told again", !d.request_open && !seen[ORDER_REQUEST_OVER]);
  begin();
  claim_how = CLAIM_OBSTRUCTED;
  domain_listed(&s, &d, NOW_US);
  domain_request(&s, &d);
  hands();
  CHECK("obstructed: a minute later", d.request_open && d.look_again_us == AFTER(60)
        && d.timer.at_us == AFTER(60));
}

static void check_rest(void)
{
  tick t;
  begin();
  domain_listed(&s, &d, NOW_US);
  fails(&x, c);
  sched_now(&s, AFTER(1));
  domain_request(&s, &d);
  domain_request(&s, &d);
  hands();
  CHECK("a site that failed a moment ago rests", !seen[ORDER_CLAIM] && d.look_again_us == AFTER(5));
  sched_now(&s, AFTER(5));
  while (sched_tick(&s, &t)) hands();
  CHECK("then it is tried, once", d.pass && d.look_again_us == NEVER_US);
  pass_note(d.pass, 1);
  domain_read_through(&s, &d, 0);
  hands();
  domain_request(&s, &d);
  hands();
  CHECK("so does a domain whose flush settled nothing", !d.pass && d.look_again_us == AFTER(10));
  begin();
  domain_listed(&s, &d, NOW_US);
  d.look_again_us = NOW_US;
  fails(&x, c);
  domain_timer(&s, &d);
  hands();
  CHECK("what is looked at again, too", !seen[ORDER_CLAIM] && d.look_again_us == AFTER(5));
}

static void check_meanwhile(void)
{
  char id[SCHED_ID_MAX];
  enum cause cause;
  begin();
  domain_listed(&s, &d, NOW_US);
  domain_requested_meanwhile(&s, &d, "m", CAUSE_DUE, d.requests);
  CHECK("out unasked: at once", domain_next(&s, &d, id, &cause) == NEXT_ID
        && cause == CAUSE_FLUSH_ANEW && !strcmp(id, "m"));
  domain_requested_meanwhile(&s, &d, "m", CAUSE_FLUSH, d.requests);
  hands();
  CHECK("out since it was requested: anew", seen[ORDER_CLAIM] == 1 && d.claim == PASS_FLUSH
        && !d.at_once.count);
  begin();
  domain_listed(&s, &d, NOW_US);
  claim_how = CLAIM_STUCK;
  domain_requested_meanwhile(&s, &d, "m", CAUSE_FLUSH, d.requests);
  hands();
  CHECK("anew, and its list is stuck: soon, for it has no file", d.look_again_us == AFTER(1));
}

static void check_at_once(void)
{
  char id[SCHED_ID_MAX];
  enum cause cause;
  begin();
  domain_try(&s, &d, "m", CAUSE_BY_ID);
  CHECK("by its id: forced", domain_forced(&d) && d.ready.row);
  CHECK("once", !domain_try(&s, &d, "m", CAUSE_BY_ID));
  fails(&x, c);
  CHECK("dropped with its site", seen[ORDER_DROP] == 1 && !d.at_once.count);
  begin();
  domain_try(&s, &d, "m", CAUSE_DUE);
  CHECK("came back untried: not forced", !domain_forced(&d));
  CHECK("forced once it is requested", domain_try(&s, &d, "m", CAUSE_BY_ID)
        && domain_forced(&d) && d.at_once.count == 1);
  begin();
  domain_try(&s, &d, "m", CAUSE_DUE);
  route_set(&d, parked());
  CHECK("not once it is parked", domain_next(&s, &d, id, &cause) == NEXT_NOTHING);
  domain_try(&s, &d, "m", CAUSE_BY_ID);
  CHECK("but by its id", domain_next(&s, &d, id, &cause) == NEXT_ID);
}

/* --- what waits ---------------------------------------------------------------------------------------- */

static void check_parked(void)
{
  char id[SCHED_ID_MAX];
  enum cause cause;
  begin();
  route_set(&d, parked());
  CHECK("the first parked mail", domain_listed(&s, &d, NOW_US) && !domain_waits(&s, &d, 1));
  domain_open(&s, &d);
  CHECK("is never tried unasked", !d.untried && !d.ready.row && domain_next(&s, &d, id,
      &cause) == NEXT_NOTHING);
  d.untried = 1;
  CHECK("whatever it was before", domain_next(&s, &d, id, &cause) == NEXT_NOTHING && !d.orders);
  domain_deferred(&s, &d, NOW_US, 1);
  CHECK("nor has it a time", d.timer.at_us == AFTER(432000));
  route_set(&d, plain);
  domain_rerouted(&s, &d);
  CHECK("until its route says so", d.untried && d.ready.row);
}

static void check_given_back(void)
{
  char id[SCHED_ID_MAX];
  enum cause cause;
  pass *p;
  begin();
  domain_listed(&s, &d, NOW_US);
  CHECK("its turn claims the list", domain_next(&s, &d, id, &cause) == NEXT_ORDER);
  hands();
  p = d.pass;
  CHECK("a retry", p && p->kind == PASS_RETRY && !d.waiting && d.oldest_us == NEVER_US);
  CHECK("that reads", domain_next(&s, &d, id, &cause) == NEXT_READ && cause == CAUSE_DUE);
  pass_job_out(p);
  fails(&x, c);
  CHECK("its site fails: a list again", seen[ORDER_GIVE_BACK] == 1 && !d.pass && d.waiting
        && d.oldest_us == NOW_US);
  pass_job_in(&s, &d, p, CAUSE_DUE, CAME_UNDONE);
  CHECK("what was out is back", !d.orders);
}

/* A claim that cannot be given back: nothing of it is tried, not what was cut off either. */
static void check_not_given_back(void)
{
  begin();
  domain_listed(&s, &d, NOW_US);
  domain_request(&s, &d);
  hands();
  CHECK("a pass", d.pass && d.pass->kind == PASS_FLUSH && domain_cut(&d, d.pass, "a", 1, 1));
  domain_given_back(&s, &d, 0);
  CHECK("nothing is tried alone", !domain_alone(&d) && d.pass->over);
  hands();
  CHECK("its list is one again", seen[ORDER_SETTLE] == 1 && !d.pass && d.waiting);
}

/* A request that is to be looked at again is so though the list is gone meanwhile, and was due. */
static void check_gone(void)
{
  tick t;
  begin();
  domain_deferred(&s, &d, NOW_US, 1);
  domain_look_again(&s, &d);
  d.look_again_us = AFTER(70);
  sched_now(&s, AFTER(61));
  sched_tick(&s, &t);
  sched_now(&s, AFTER(71));
  sched_tick(&s, &t);
  hands();
  CHECK("looked at", seen[ORDER_CLAIM] == 1);
}

/* A list that is looked through for expired mail is so once, though something is to be tried at once. */
static void check_swept(void)
{
  begin();
  domain_listed(&s, &d, NOW_US);
  domain_claim(&s, &d, PASS_EXPIRY);
  hands();
  CHECK("looked through", sched_sweep(&s) == &d && domain_try(&s, &d, "a", CAUSE_BY_ID));
  domain_read_through(&s, &d, 0);
  CHECK("once", !sched_sweep(&s) && d.pass);
}

static void check_settled(void)
{
  begin();
  domain_listed(&s, &d, NOW_US);
  domain_request(&s, &d);
  hands();
  pass_job_out(d.pass);
  domain_read_through(&s, &d, 0);
  hands();
  CHECK("not over while something is out", d.pass && !seen[ORDER_SETTLE] && domain_resting(&d));
  pass_job_in(&s, &d, d.pass, CAUSE_FLUSH, CAME_DONE);
  hands();
  CHECK("over when it is back", !d.pass && seen[ORDER_SETTLE] == 1);
  domain_listed(&s, &d, NOW_US);
  domain_request(&s, &d);
  hands();
  domain_damaged(&d);
  domain_read_through(&s, &d, 0);
  hands();
  CHECK("what could not be recorded stays", !d.pass && d.waiting && d.oldest_us == NOW_US);
}

static void check_emptied(void)
{
  begin();
  domain_listed(&s, &d, NOW_US - plain.lifetime_us);
  fails(&x, c);
  domain_timer(&s, &d);
  hands();
  CHECK("overdue: looked through", d.pass && d.pass->kind == PASS_EXPIRY
        && sched_sweep(&s) == &d && d.untried);
  domain_read_through(&s, &d, 0);
  hands();
  CHECK("all has expired: nothing is to be tried", !d.pass && !d.untried && !d.ready.row);
}

static void check_obstructed(void)
{
  char id[SCHED_ID_MAX];
  enum cause cause;
  begin();
  claim_how = CLAIM_OBSTRUCTED;
  domain_deferred(&s, &d, AFTER(-500), 1);
  domain_listed(&s, &d, NOW_US);
  domain_next(&s, &d, id, &cause);
  hands();
  CHECK("in the way: a minute later", !d.untried && d.due_us == AFTER(60)
        && d.timer.at_us == AFTER(60));
  begin();
  claim_how = CLAIM_NOTHING;
  domain_listed(&s, &d, NOW_US);
  domain_next(&s, &d, id, &cause);
  hands();
  CHECK("there is none: nothing waits", !d.untried && !d.waiting && !d.pass);
}

/* --- time ---------------------------------------------------------------------------------------------------- */

static void check_set_back(void)
{
  begin();
  domain_listed(&s, &d, NOW_US);
  domain_deferred(&s, &d, NOW_US, 1);
  d.look_again_us = AFTER(100);
  d.vain_us = AFTER(-1);
  d.requested_us = AFTER(-2);
  timer_set(&s.timers, &d.timer, AFTER(60));
  CHECK("set back by", sched_now(&s, AFTER(-1000)) == 1000 * SECOND_US);
  CHECK("its time is as far away", d.due_us == AFTER(-940) && d.look_again_us == AFTER(-900)
        && d.timer.at_us == AFTER(-940));
  CHECK("what was asked for is as long ago", d.requested_us == AFTER(-1002)
        && d.vain_us == AFTER(-1001));
  CHECK("mail is as old as it is", d.oldest_us == NOW_US);
}

static void check_timers_set_back(void)
{
  connection one;
  begin();
  memset(&one, 0, sizeof one);
  connection_add(&s, &one, &one, &x, &s.quota.unknown);
  sched_now(&s, AFTER(-1000));
  CHECK("a connection's, too", one.idle.at_us == AFTER(-999) && sched_next_us(&s) == AFTER(-999));
}

static void check_warnings(void)
{
  domain_route r = plain;
  tick t;
  uint64_t to_us;
  r.delaywarning_us = 1000 * SECOND_US;
  begin();
  route_set(&d, r);
  domain_listed(&s, &d, NOW_US);
  CHECK("a delay warning has its time", d.timer.at_us == AFTER(1000));
  domain_deferred(&s, &d, NOW_US, 1);
  sched_now(&s, AFTER(60));
  while (sched_tick(&s, &t)) hands();
  CHECK("that it keeps when a try is due", d.timer.at_us == AFTER(1000));
  sched_now(&s, AFTER(1000));
  while (sched_tick(&s, &t)) hands();
  CHECK("then it is looked through", sched_warning(&s) == &d);
  to_us = domain_warn_begin(&s, &d);
  domain_unwarned(&d, AFTER(500));
  domain_warned(&s, &d, to_us, 1);
  while (sched_tick(&s, &t)) hands();
  CHECK("once", to_us == NOW_US && !sched_warning(&s) && d.warned_us == NOW_US
        && d.timer.at_us == AFTER(1500));
  begin();
  domain_listed(&s, &d, NOW_US);
  CHECK("none where nobody wants any", d.timer.at_us == AFTER(432000));
}

/* --- remembered ------------------------------------------------------------------------------------------------ */

static void check_idle(void)
{
  begin();
  sched_now(&s, AFTER(59));
  CHECK("remembered for a minute", !domain_idle(&s, &d));
  sched_now(&s, AFTER(60));
  CHECK("then forgotten", domain_idle(&s, &d));
  domain_listed(&s, &d, NOW_US);
  CHECK("not what waits", !domain_idle(&s, &d));
  begin();
  sched_now(&s, AFTER(60));
  domain_job_out(&d, c);
  CHECK("not what is out", !domain_idle(&s, &d));
  begin();
  domain_look_again(&s, &d);
  sched_now(&s, AFTER(60));
  CHECK("not what is to be looked at", !domain_idle(&s, &d));
  begin();
  s.backoff_max_us = 10 * SECOND_US;
  sched_now(&s, AFTER(10));
  CHECK("no longer than the longest back-off", domain_idle(&s, &d));
}

int main(void)
{
  check_due();
  check_expired();
  check_requests();
  check_nothing();
  check_rest();
  check_meanwhile();
  check_at_once();
  check_parked();
  check_given_back();
  check_not_given_back();
  check_gone();
  check_swept();
  check_settled();
  check_emptied();
  check_obstructed();
  check_set_back();
  check_timers_set_back();
  check_warnings();
  check_idle();
  return CHECK_END();
}
