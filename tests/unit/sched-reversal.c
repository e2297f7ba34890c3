/* Reversals: where mail goes while one lasts, and that all is as before when it is over. */

#include "sched.h"

#define PARKED .parked = 1, .concurrency = 20, .lifetime_us = 432000 * SECOND_US

static site r, r2;
static domain_route const parked = { PARKED };
static domain_route const held = { PARKED, .held = 1 };

/* One of r, with its connection, which is not up yet. */
static void reverse(site *to, connection *over)
{
  reversal_begin(&s, to, to);
  connection_add(&s, over, over, to, &s.quota.sure);
}

static void greets(connection *one)
{
  int was_down;
  sched_answered(&s, one, &was_down);
  hands();
}

static connection *takes(site *to, domain *of)
{
  connection *before = reversal_take(&s, to, of);
  hands();
  return before;
}

static void ends(site *to, connection *over)
{
  connection_leave(&s, over);
  while (reversal_release(&s, to)) ;
  hands();
  reversal_leave(&s, to);
}

/* What is handed out next; ORDER_DOMAIN_KINDS: nothing. */
static enum order_kind next(order *o)
{
  sched_turns(&s);
  while (sched_turn(&s, o))
  {
    if (o->kind >= ORDER_DOMAIN_KINDS) return o->kind;
    if (o->kind == ORDER_CLAIM) domain_claimed(&s, o->domain, claim_how);
    if (o->kind == ORDER_SETTLE) domain_settled(&s, o->domain, 0);
  }
  return ORDER_DOMAIN_KINDS;
}

static void waits(domain *of, domain_route route)
{
  begin();
  route_set(of, route);
  domain_listed(&s, of, NOW_US);
  hands();
}

static void check_taken(void)
{
  order o;
  waits(&d, parked);
  fails(&x, c);
  reverse(&r, c);
  CHECK("nobody had it before", !takes(&r, &d) && seen[ORDER_CLAIM] == 1);
  CHECK("it is there, and its home is known", d.site == &r && d.home == &x && x.away == 1);
  CHECK("parked, at a site that is down: it goes", next(&o) == ORDER_READ && o.connection == c
        && o.cause == CAUSE_FLUSH);
  CHECK("taken twice is once", !takes(&r, &d) && !seen[ORDER_CLAIM] && d.requests == 1);
  CHECK("no other domain of that site", e.site == &x && !e.home);
  begin();
  route_set(&d, held);
  reverse(&r, c);
  takes(&r, &d);
  CHECK("not what nobody may try", d.site == &x && !d.home);
}

static void check_one_connection(void)
{
  connection *one;
  waits(&d, plain);
  reverse(&r, c);
  takes(&r, &d);
  CHECK("it is given one, before its greeting",
        sched_choose(&s, &d, &s.quota.sure, 0, 0, &one) == CHOICE_CONNECTION && one == c);
  connection_given(&s, c, 1, 0);
  CHECK("and no second one, nor another connection",
        sched_choose(&s, &d, &s.quota.sure, 1, 0, &one) == CHOICE_NONE);
  s.connecting = CONNECTING_SHORT;
  sched_choose(&s, &d, &s.quota.sure, 1, 0, &one);
  CHECK("it does not wait for one", !s.quota.waiting);
  greets(c);
  CHECK("more, after its greeting",
        sched_choose(&s, &d, &s.quota.sure, 1, 0, &one) == CHOICE_CONNECTION && one == c);
}

/* Others wait for connections, which are all taken. */
static void crowd(void)
{
  begin();
  s.quota.total = 3;
  reverse(&r, c);
  takes(&r, &d);
  greets(c);
  connection_add(&s, c + 1, c + 1, &y, &s.quota.unknown);
  domain_listed(&s, &e, NOW_US);
  sched_choose(&s, &e, &s.quota.unknown, 0, 0, &(connection *){ 0 });
}

static void check_crowd(void)
{
  connection *one;
  unsigned int n;
  crowd();
  for (n = 0; n < 200; n++)
  {
    connection_given(&s, c, 1, 0);
    connection_sent(&s, c, 0);
    connection_back(&s, c, 1, 0);
  }
  CHECK("others wait", s.quota.waiting == 1);
  CHECK("it goes on all the same",
        sched_choose(&s, &d, &s.quota.sure, 0, 0, &one) == CHOICE_CONNECTION && one == c);
}

static void check_arrives(void)
{
  order o;
  waits(&d, parked);
  reverse(&r, c);
  claim_how = CLAIM_NOTHING;
  takes(&r, &d);
  greets(c);
  claim_how = CLAIMED;
  domain_recorded(&s, &d, NOW_US);
  CHECK("its site is told of no parked mail", !domain_waits(&s, &d, 1));
  CHECK("what comes meanwhile goes too", next(&o) == ORDER_READ && o.connection == c);
}

static void check_over(void)
{
  order o;
  uint64_t next_us;
  waits(&d, parked);
  fails(&x, c);
  next_us = x.health.next_us;
  reverse(&r, c);
  takes(&r, &d);
  greets(c);
  next(&o);
  ends(&r, c);
  CHECK("it goes home", d.site == &x && !d.home && !x.away && !r.domains.count);
  CHECK("its list is one again", !d.pass && d.waiting);
  CHECK("nothing is requested any more", !domain_requested_since(&d, 0) && !d.request_pending
        && d.look_again_us == NEVER_US);
  CHECK("its home is as it was", x.health.state == HEALTH_DOWN && x.health.next_us == next_us
        && x.health.failures == 1);
  sched_now(&s, next_us);
  CHECK("what is parked stays", next(&o) == ORDER_DOMAIN_KINDS);
  waits(&d, plain);
  reverse(&r, c);
  takes(&r, &d);
  ends(&r, c);
  CHECK("what is not parked goes there", next(&o) == ORDER_LEARN || o.kind == ORDER_CONNECT);
}

static void check_requested_too(void)
{
  waits(&d, parked);
  reverse(&r, c);
  takes(&r, &d);
  domain_request(&s, &d);
  hands();
  ends(&r, c);
  CHECK("what somebody requested meanwhile is tried at home", d.pass && d.pass->kind == PASS_FLUSH
        && d.request_open);
}

/* Over it, with no pass, since it came meanwhile. */
static unsigned int out_meanwhile(void)
{
  waits(&d, parked);
  claim_how = CLAIM_NOTHING;
  reverse(&r, c);
  takes(&r, &d);
  greets(c);
  domain_job_out(&d, c);
  return d.requests;
}

static int tried_at_home(enum cause cause)
{
  at_once const *u = domain_at_once(&d);
  return d.site == &x && u && u->cause == cause && !strcmp(u->id, "m");
}

static void check_requested_of_what_is_out(void)
{
  tick t;
  unsigned int out = out_meanwhile();
  domain_request(&s, &d);
  hands();
  CHECK("all of it is out: the request is carried out", seen[ORDER_REQUEST_OVER] == 1);
  ends(&r, c);
  CHECK("it outlives the connection", domain_requested_since(&d, out));
  domain_requested_meanwhile(&s, &d, "m", CAUSE_DUE, out);
  CHECK("what comes home is tried there", tried_at_home(CAUSE_FLUSH_ANEW));
  out = out_meanwhile();
  domain_request(&s, &d);
  hands();
  CHECK("not what goes out after it", !domain_requested_since(&d, d.requests));
  domain_requested_meanwhile(&s, &d, "m", CAUSE_FLUSH, out);
  CHECK("what comes back before the end goes there again", domain_at_once(&d)
        && d.site == &r && domain_at_once(&d)->cause == CAUSE_FLUSH_ANEW);
  ends(&r, c);
  CHECK("and at home, if it could not", tried_at_home(CAUSE_FLUSH_ANEW));
  waits(&d, parked);
  reverse(&r, c);
  takes(&r, &d);
  domain_job_out(&d, c);
  domain_request(&s, &d);
  hands();
  ends(&r, c);
  CHECK("with a pass under way", d.request_open && !d.pass && d.look_again_us == AFTER(1));
  domain_requested_meanwhile(&s, &d, "m", CAUSE_FLUSH, out);
  hands();
  CHECK("all that comes home is tried in one pass", seen[ORDER_CLAIM] == 1 && d.pass
        && !d.request_pending && d.look_again_us == NEVER_US);
  waits(&d, parked);
  reverse(&r, c);
  takes(&r, &d);
  domain_job_out(&d, c);
  domain_request(&s, &d);
  ends(&r, c);
  sched_now(&s, AFTER(1));
  CHECK("whatever comes home", sched_tick(&s, &t) && (hands(), seen[ORDER_CLAIM] == 1));
}

/* It was out when it was requested, before the customer came. */
static void check_requested_before(void)
{
  unsigned int out;
  waits(&d, parked);
  out = d.requests;
  domain_request(&s, &d);
  hands();
  domain_read_through(&s, &d, 0);
  hands();
  reverse(&r, c);
  claim_how = CLAIM_NOTHING;
  takes(&r, &d);
  domain_requested_meanwhile(&s, &d, "m", CAUSE_DUE, out);
  ends(&r, c);
  CHECK("what was requested before", tried_at_home(CAUSE_FLUSH_ANEW));
  waits(&d, parked);
  claim_how = CLAIM_NOTHING;
  reverse(&r, c);
  takes(&r, &d);
  claim_how = CLAIMED;
  domain_recorded(&s, &d, NOW_US);
  domain_requested_meanwhile(&s, &d, "m", CAUSE_DUE, 0);
  hands();
  CHECK("what the customer alone wants is requested anew", seen[ORDER_CLAIM] == 1
        && !domain_at_once(&d));
  ends(&r, c);
  CHECK("while he is there", !domain_at_once(&d) && !d.pass && !d.request_pending
        && d.look_again_us == NEVER_US);
}

/* What was out for a flush is back, and requested anew, when the customer comes. */
static void anew_before(void)
{
  waits(&d, parked);
  domain_requested_meanwhile(&s, &d, "m", CAUSE_FLUSH, d.requests);
  hands();
  reverse(&r, c);
  takes(&r, &d);
  domain_job_out(&d, c);
}

static void check_anew_before(void)
{
  anew_before();
  ends(&r, c);
  CHECK("he takes it along, and is gone", d.look_again_us == AFTER(1) && d.site == &x);
  anew_before();
  domain_read_through(&s, &d, 0);
  hands();
  ends(&r, c);
  CHECK("he has carried it out", d.look_again_us == NEVER_US && !d.pass && !d.request_pending);
}

/* It was out over the first of two, and is back when both are over. */
static void check_comes_late(void)
{
  unsigned int first, second;
  out_meanwhile();
  first = d.requests;
  reverse(&r2, c + 1);
  takes(&r2, &d);
  second = d.requests;
  ends(&r2, c + 1);
  CHECK("nobody but customers has requested it", !domain_requested_since(&d, first));
  domain_request(&s, &d);
  CHECK("requested at home", domain_requested_since(&d, first)
        && domain_requested_since(&d, second));
  CHECK("what goes out then is not", !domain_requested_since(&d, d.requests));
  first = out_meanwhile();
  domain_request(&s, &d);
  second = d.requests;
  reverse(&r2, c + 1);
  takes(&r2, &d);
  ends(&r2, c + 1);
  CHECK("requested between the two", domain_requested_since(&d, first));
  CHECK("what went out in between is not", !domain_requested_since(&d, second));
}

static void check_came(void)
{
  CHECK("nobody else asked", reversal_came(CAUSE_DUE) == CAME_UNDONE
        && reversal_came(CAUSE_FLUSH) == CAME_UNDONE && reversal_came(CAUSE_ALONE) == CAME_UNDONE);
  CHECK("others did", reversal_came(CAUSE_FLUSH_ANEW) == CAME_AGAIN
        && reversal_came(CAUSE_BY_ID) == CAME_AGAIN);
}

/* Out for a flush, and given back untried when the pass of that is no more. */
static void check_again(void)
{
  pass *from;
  waits(&d, parked);
  domain_request(&s, &d);
  hands();
  from = d.pass;
  pass_job_out(from);
  CHECK("its pass goes on", pass_again(from, CAUSE_FLUSH) == CAUSE_DUE);
  reverse(&r, c);
  takes(&r, &d);
  CHECK("a reversal has ended it: it is requested still",
        pass_again(from, CAUSE_FLUSH) == CAUSE_FLUSH_ANEW);
  CHECK("not what was due", pass_again(from, CAUSE_DUE) == CAUSE_DUE);
  from = d.pass;
  pass_job_out(from);
  ends(&r, c);
  CHECK("nor what the reversal alone has requested", pass_again(from, CAUSE_FLUSH) == CAUSE_DUE);
  CHECK("whatever the pass", pass_again(0, CAUSE_BY_ID) == CAUSE_FLUSH_ANEW
        && pass_again(from, CAUSE_FLUSH_ANEW) == CAUSE_FLUSH_ANEW
        && pass_again(0, CAUSE_DUE) == CAUSE_DUE);
}

static void check_busy(void)
{
  tick t;
  waits(&d, parked);
  domain_request(&s, &d);
  hands();
  pass_job_out(d.pass);
  reverse(&r, c);
  takes(&r, &d);
  CHECK("a pass under way gives its list back for it", seen[ORDER_GIVE_BACK] == 1 && d.pass
        && !d.pass->jobs);
  domain_read_through(&s, &d, 0);
  domain_look_again(&s, &d);
  hands();
  sched_now(&s, AFTER(1));
  CHECK("what others have in hand is requested again", (sched_tick(&s, &t), hands(),
        seen[ORDER_CLAIM] == 1));
  CHECK("and waited for", reversal_waits(&s, c));
  sched_now(&s, AFTER(40));
  CHECK("but not for ever", !reversal_waits(&s, c));
}

static void check_requests(void)
{
  unsigned int before;
  begin();
  before = d.requests;
  reverse(&r, c);
  takes(&r, &d);
  CHECK("what was out before is requested meanwhile", domain_requested_since(&d, before));
  before = d.requests;
  CHECK("what goes out now is not", !domain_requested_since(&d, before));
  ends(&r, c);
  CHECK("nor when it comes back after the end", !domain_requested_since(&d, before));
  CHECK("nor what was out before", !domain_requested_since(&d, before - 1));
}

static void check_taken_over(void)
{
  waits(&d, parked);
  reverse(&r, c);
  takes(&r, &d);
  takes(&r, &e);
  domain_job_out(&d, c);
  reverse(&r2, c + 1);
  CHECK("a second one has the connection of the first", takes(&r2, &d) == c && c->leaving);
  CHECK("once", !takes(&r2, &e));
  CHECK("the domain is the second's", d.site == &r2 && d.home == &x && x.away == 2);
  CHECK("it carries none of it there", !d.loads.count);
  ends(&r, c);
  CHECK("the end of the first changes nothing", d.site == &r2);
  ends(&r2, c + 1);
  CHECK("home after the second", d.site == &x && e.site == &x && !x.away);
}

/* What is on its way at home counts there when the domain is back. */
static void check_limit(void)
{
  load *l;
  begin();
  up(c, &x);
  l = domain_job_out(&d, c);
  reverse(&r, c + 1);
  takes(&r, &d);
  CHECK("no limit holds at a reversal", domain_concurrency(&d) > d.route.concurrency);
  ends(&r, c + 1);
  CHECK("the limit of its route is as before", domain_concurrency(&d) == d.route.concurrency
        && d.loads.count == 1);
  domain_job_in(&d, l);
  CHECK("until that is back", !d.loads.count);
}

static void check_fails(void)
{
  begin();
  reverse(&r, c);
  takes(&r, &d);
  CHECK("it refuses", sched_refused(&s, c));
  CHECK("it has no back-off", r.health.state == HEALTH_UNKNOWN && !r.probe.place);
  ends(&r, c);
  CHECK("its home is none the worse", x.health.state == HEALTH_UNKNOWN);
}

static void check_remembered(void)
{
  begin();
  claim_how = CLAIM_NOTHING;
  reverse(&r, c);
  takes(&r, &d);
  takes(&r, &e);
  sched_now(&s, AFTER(100000));
  CHECK("a home is not forgotten", !site_idle(&s, &x));
  CHECK("nor the reversal, nor its domains", !site_idle(&s, &r) && !domain_idle(&s, &d));
  ends(&r, c);
  CHECK("they are afterwards", (sched_now(&s, AFTER(200000)), domain_idle(&s, &d)));
}

int main(void)
{
  check_taken();
  check_one_connection();
  check_crowd();
  check_arrives();
  check_over();
  check_requested_too();
  check_requested_of_what_is_out();
  check_requested_before();
  check_anew_before();
  check_comes_late();
  check_came();
  check_again();
  check_busy();
  check_requests();
  check_taken_over();
  check_limit();
  check_fails();
  check_remembered();
  return CHECK_END();
}
