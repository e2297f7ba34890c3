/* Whose turn it is, which connection gets the next message, and who waits for one. */

#include "sched.h"

#include "sched/limit.h"

static enum choice chosen(domain *of, int urgent, int alone, connection **which)
{
  *which = 0;
  return sched_choose(&s, of, site_account(&s, of->site, 0), urgent, alone, which);
}

static source *from(uint64_t number, int null)
{
  return quota_source(&s.quota, &(source_key){ .kind = 'u', .null = null, .number = number });
}

static void proven(connection *one, site *to)
{
  up(one, to);
  sched_served(&s, one, 1);
}

/* --- one that has room ---------------------------------------------------------------------------- */

static void check_room(void)
{
  connection *which;
  begin();
  CHECK("none is there: a new one", chosen(&d, 0, 0, &which) == CHOICE_CONNECT);
  connection_add(&s, c, c, &x, &s.quota.unknown);
  CHECK("the first message goes along", chosen(&d, 0, 0, &which) == CHOICE_CONNECTION
        && which == c);
  connection_given(&s, c, 1, 0);
  CHECK("not a second one before it is up", chosen(&d, 0, 0, &which) == CHOICE_NONE);
  c->up = 1;
  CHECK("then it does", chosen(&d, 0, 0, &which) == CHOICE_CONNECTION);
  c->blocked = 1;
  CHECK("not while it is blocked", chosen(&d, 0, 0, &which) == CHOICE_NONE);
  c->blocked = 0;
  c->leaving = 1;
  CHECK("nor when it leaves", chosen(&d, 0, 0, &which) == CHOICE_NONE);
}

static void check_window(void)
{
  connection *which;
  size_t n = 0;
  begin();
  up(c, &x);
  x.health.limit = 1;
  connection_window(c, 40);
  while (n < 100 && chosen(&d, 0, 0, &which) == CHOICE_CONNECTION)
    connection_given(&s, c, 1, 0), n++;
  CHECK("as many as its window", n == 40);
  connection_window(c, 100000);
  CHECK("no more than 512", c->window == 512);
  connection_sent(&s, c, 0);
  connection_given(&s, c, 4194304, 0);
  CHECK("no more than 4 MiB", chosen(&d, 0, 0, &which) == CHOICE_NONE);
  connection_back(&s, c, 4194304, 0);
  CHECK("until it is back", chosen(&d, 0, 0, &which) == CHOICE_CONNECTION);
}

static void check_alone(void)
{
  connection *which;
  begin();
  up(c, &x);
  x.health.limit = 1;
  connection_given(&s, c, 1, 0);
  CHECK("alone: not with others", chosen(&d, 0, 1, &which) == CHOICE_NONE && x.resting == c);
  CHECK("that one gets nothing more", chosen(&e, 0, 0, &which) == CHOICE_NONE);
  connection_back(&s, c, 1, 0);
  CHECK("once it is at rest", chosen(&d, 0, 1, &which) == CHOICE_CONNECTION && which == c
        && !x.resting);
  connection_given(&s, c, 1, 1);
  CHECK("nobody joins it", chosen(&e, 0, 0, &which) == CHOICE_NONE);
}

static void check_limit(void)
{
  domain_route few = plain;
  connection *which;
  load *l;
  begin();
  few.concurrency = 1;
  route_set(&d, few);
  up(c, &x);
  up(c + 1, &x);
  l = domain_job_out(&d, c);
  connection_given(&s, c, 1, 0);
  CHECK("a domain that may have one keeps to that one", chosen(&d, 0, 0,
      &which) == CHOICE_CONNECTION && which == c);
  CHECK("alone, too", chosen(&d, 0, 1, &which) == CHOICE_NONE);
  CHECK("others go elsewhere", chosen(&e, 0, 0, &which) == CHOICE_CONNECTION && which == c + 1);
  domain_job_in(&d, l);
  CHECK("until it is back", chosen(&d, 0, 0, &which) == CHOICE_CONNECTION && which == c + 1);
  CHECK("the site may have the most of them", x.most == 20);
  l = domain_job_out(&e, c);
  few.concurrency = 2;
  route_set(&e, few);
  domain_job_in(&e, l);
  domains_limit(&x);
  CHECK("as its routes say now", x.most == 2);
}

/* A domain all of whose few connections are busy keeps no other of its site waiting. */
static void check_limited_beside(void)
{
  domain_route few = plain;
  unsigned int tried = 0;
  order o;
  begin();
  few.concurrency = 1;
  route_set(&d, few);
  up(c, &x);
  up(c + 1, &x);
  connection_window(c, 1);
  domain_job_out(&d, c);
  connection_given(&s, c, 1, 0);
  domain_try(&s, &d, "d", CAUSE_DUE);
  domain_try(&s, &e, "1", CAUSE_DUE);
  domain_try(&s, &e, "2", CAUSE_DUE);
  domain_try(&s, &e, "3", CAUSE_DUE);
  sched_turns(&s);
  while (sched_turn(&s, &o))
  {
    CHECK("the other's alone go out", o.kind == ORDER_TRY && o.domain == &e && o.connection == c + 1);
    tried++;
  }
  CHECK("all of them in one turn", tried == 3);
  sched_turns(&s);
  CHECK("and then nothing is to be done", !sched_turn(&s, &o) && !sched_more(&s));
}

static void check_another(void)
{
  connection *which;
  begin();
  up(c, &x);
  connection_window(c, 1);
  connection_given(&s, c, 1, 0);
  CHECK("another is earned", chosen(&d, 0, 0, &which) == CHOICE_CONNECT);
  x.health.in_vain = 1;
  CHECK("not while they end in vain", chosen(&d, 0, 0, &which) == CHOICE_NONE);
  c->stuck = 1;
  CHECK("but beside one that stands still", chosen(&d, 0, 0, &which) == CHOICE_CONNECT);
}

/* --- who waits -------------------------------------------------------------------------------------- */

static void check_waits(void)
{
  connection *which;
  begin();
  s.quota.total = 1;
  up(c, &y);
  CHECK("none is left: it waits", chosen(&d, 0, 0, &which) == CHOICE_NONE && x.waiter.lane
        && s.quota.waiting == 1);
  CHECK("nobody's turn", !sched_more(&s));
  connection_leave(&s, c);
  CHECK("until one ends", sched_more(&s));
  connection_add(&s, c, c, &x, &s.quota.unknown);
  CHECK("with its own it waits no more", !x.waiter.lane && !s.quota.waiting);
}

static void check_not_connected(void)
{
  connection *which;
  begin();
  domain_listed(&s, &d, NOW_US);
  sched_not_connected(&s, CONNECTING_BACKLOG);
  CHECK("not this moment: it waits", chosen(&d, 0, 0, &which) == CHOICE_NONE && x.waiter.lane
        && !s.paused);
  sched_resume(&s);
  CHECK("then it goes", chosen(&d, 0, 0, &which) == CHOICE_CONNECT);
  sched_not_connected(&s, CONNECTING_GOES);
  CHECK("something that all need: a pause", s.paused && chosen(&d, 0, 0, &which) == CHOICE_NONE);
}

static void check_pause(void)
{
  order o;
  begin();
  domain_listed(&s, &d, NOW_US);
  sched_pause(&s);
  sched_turns(&s);
  CHECK("a pause: no turns", !sched_turn(&s, &o) && !sched_more(&s));
  row_leave(&x.runnable);
  sched_resume(&s);
  CHECK("whoever has something is woken after it", x.runnable.row && sched_more(&s));
}

static void check_turn(void)
{
  order o;
  unsigned int n = 0;
  begin();
  domain_listed(&s, &d, NOW_US);
  sched_turns(&s);
  CHECK("whose mail it is is looked for", sched_turn(&s, &o) && o.kind == ORDER_LEARN);
  CHECK("then it is connected", sched_turn(&s, &o) && o.kind == ORDER_CONNECT && o.site == &x);
  connection_add(&s, c, c, &x, o.account);
  c->up = 1;
  CHECK("then claimed", sched_turn(&s, &o) && o.kind == ORDER_CLAIM);
  domain_claimed(&s, &d, CLAIMED);
  while (sched_turn(&s, &o) && o.kind == ORDER_READ)
  {
    domain_read(&s, &d);
    connection_given(&s, c, 1, 0);
    n++;
  }
  CHECK("sixteen in a turn", n == 16 && sched_more(&s));
}

static void check_down(void)
{
  order o;
  begin();
  fails(&x, c);
  domain_listed(&s, &d, NOW_US);
  sched_turns(&s);
  CHECK("down: nothing goes", !sched_turn(&s, &o));
  domain_try(&s, &e, "m", CAUSE_BY_ID);
  sched_turns(&s);
  CHECK("but what was asked for", sched_turn(&s, &o) && o.domain == &e);
}

/* --- given up ---------------------------------------------------------------------------------------------- */

/* What hangs, so long after it was begun; or NULL. */
static connection *hangs(int after_s, int is_up, int is_proven, int urgent)
{
  connection *which;
  begin();
  s.quota.total = 1;
  if (is_proven) proven(c, &y);
  else if (is_up) up(c, &y);
  else connection_add(&s, c, c, &y, &s.quota.unknown);
  chosen(&d, urgent, 0, &which);
  sched_now(&s, AFTER(after_s));
  return connection_hanging(&s);
}

static void check_hanging(void)
{
  tick t;
  connection *which;
  CHECK("not before 30 seconds", !hangs(29, 0, 0, 0));
  CHECK("then it is given up", hangs(30, 0, 0, 0) == c);
  CHECK("for what was asked for after 10", !hangs(9, 0, 0, 1) && hangs(10, 0, 0, 1) == c);
  CHECK("one that is up after five minutes", !hangs(299, 1, 0, 0) && hangs(300, 1, 0, 0) == c);
  CHECK("not one that takes mail", !hangs(10000, 1, 1, 0));
  begin();
  connection_add(&s, c, c, &y, &s.quota.unknown);
  sched_now(&s, AFTER(100));
  CHECK("not while nobody waits", !connection_hanging(&s));
  begin();
  s.quota.total = 2;
  connection_add(&s, c, c, &y, &s.quota.unknown);
  sched_now(&s, AFTER(1));
  connection_add(&s, c + 1, c + 1, &y, &s.quota.unknown);
  chosen(&d, 0, 0, &which);
  sched_turns(&s);
  sched_now(&s, AFTER(100));
  while (sched_tick(&s, &t) && t.idle) connection_leave(&s, t.idle);
  CHECK("its time comes by itself", s.hanging.place || t.hanging || !s.quota.waiting);
}

static void check_idle(void)
{
  tick t;
  begin();
  up(c, &x);
  sched_now(&s, AFTER(1));
  CHECK("idle for a second: it ends", sched_tick(&s, &t) && t.idle == c);
  begin();
  up(c, &x);
  connection_given(&s, c, 1, 0);
  sched_now(&s, AFTER(1));
  CHECK("not with a message", !sched_tick(&s, &t));
}

static void check_crowded(void)
{
  connection *which;
  begin();
  s.quota.total = 1;
  proven(c, &y);
  c->done = 99;
  chosen(&d, 0, 0, &which);
  domain_reroute(&s, &e, &y, &plain);
  CHECK("99 messages, and others wait", chosen(&e, 0, 0, &which) == CHOICE_CONNECTION);
  c->done = 100;
  CHECK("a hundred are enough", chosen(&e, 0, 0, &which) == CHOICE_NONE);
  quota_leave(&s.quota, &x.waiter);
  CHECK("not when nobody waits", chosen(&e, 0, 0, &which) == CHOICE_CONNECTION);
}

/* --- shares ------------------------------------------------------------------------------------------------- */

static size_t fill(source *of, int urgent)
{
  size_t n = 0;
  for (; quota_room(&s.quota, of, urgent); n++) quota_hold(&s.quota, of);
  return n;
}

static void check_shares(void)
{
  source *a, *b;
  begin();
  s.quota.total = 1000;
  a = from(1, 0);
  CHECK("one alone has 400 of 600", fill(a, 0) == 400);
  b = from(2, 0);
  CHECK("who comes new finds some", fill(b, 0) > 100);
  CHECK("what is asked for has half of its fifth besides", fill(from(3, 0), 1) > 0);
  begin();
  s.quota.total = 1000;
  a = from(1, 0);
  b = from(2, 0);
  while (quota_room(&s.quota, a, 0) && quota_room(&s.quota, b, 0))
    quota_hold(&s.quota, a), quota_hold(&s.quota, b);
  CHECK("two have two fifths each", a->held == 240 && b->held == 240);
  begin();
  s.quota.total = 1000;
  CHECK("the null sender has a tenth, two thirds for one", fill(from(1, 1), 0) == 67);
  CHECK("not what is asked for", quota_room(&s.quota, from(1, 1), 1));
  while (s.quota.all < 599) quota_hold(&s.quota, from(s.quota.all, 0));
  CHECK("599 to sites that can hang: one more", quota_room(&s.quota, from(5, 0), 0));
  quota_hold(&s.quota, from(5, 0));
  CHECK("600: none", !quota_room(&s.quota, from(6, 0), 0));
  CHECK("but to sites that take mail", fill(&s.quota.sure, 0) == 200 && quota_full(&s.quota));
  CHECK("a fifth is kept for what is asked for", fill(&s.quota.sure, 1) == 200);
}

static void check_order_of_waiters(void)
{
  waiter w[4];
  source *a, *b;
  begin();
  memset(w, 0, sizeof w);
  s.quota.total = 100;
  a = from(1, 0);
  b = from(2, 0);
  quota_wait(&s.quota, w, a, 0);
  quota_wait(&s.quota, w + 1, a, 0);
  quota_wait(&s.quota, w + 2, b, 0);
  quota_wait(&s.quota, w + 3, b, 1);
  CHECK("what is asked for first", quota_next(&s.quota) == w + 3);
  quota_serve(&s.quota, w + 3);
  CHECK("then who came first", quota_next(&s.quota) == w);
  quota_serve(&s.quota, w);
  CHECK("then another source", quota_next(&s.quota) == w + 2);
  quota_serve(&s.quota, w + 2);
  CHECK("then the first again", quota_next(&s.quota) == w + 1);
  quota_serve(&s.quota, w + 1);
  CHECK("then nobody", !quota_next(&s.quota) && !s.quota.waiting);
}

int main(void)
{
  check_room();
  check_window();
  check_alone();
  check_limit();
  check_limited_beside();
  check_another();
  check_waits();
  check_not_connected();
  check_pause();
  check_turn();
  check_down();
  check_hanging();
  check_idle();
  check_crowded();
  check_shares();
  check_order_of_waiters();
  return CHECK_END();
}
