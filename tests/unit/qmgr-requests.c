/* Requests for one message: behind each domain in which it owes something, and when they are over. */

#include "qmgr/requests.h"

#include <sys/resource.h>

#include "qmgr-hands.h"

char const *PROG = "qmgr-requests";

static void begin(char const *name)
{
  hands_make(name);
  put("asked/=" ID1, "");
}

/* The message, where it waits, to customer.tld and a.tld. */
static void begin_waiting(char const *name)
{
  begin(name);
  mail_make(ID1, "customer.tld", "a.tld");
  mail_move(ID1, QUEUE_CUR);
}

static int asked(void)
{
  return there("asked/=" ID1);
}

/* Is it to be tried at once, as requested by its id? */
static int tries(char const *name)
{
  list const *l = lists_find(&all_lists, name);
  at_once const *u = l ? domain_at_once(&l->domain) : 0;
  return u && l->domain.at_once.count == 1 && !strcmp(u->id, ID1) && u->cause == CAUSE_BY_ID
    && l->domain.ready.row;
}

/* It is tried there. */
static void tried(char const *name)
{
  char id[SCHED_ID_MAX];
  enum cause cause;
  domain_at_once_take(&get(name)->domain, id, &cause);
  delivery_request_tried(&d, id);
}

static void test_request(void)
{
  begin_waiting("request");
  delivery_request(&d, ID1);
  CHECK("request", tries("customer.tld") && tries("a.tld") && logged("flush =" ID1 "\n") == 1);
  CHECK("request: it is there until it was tried", asked());
  delivery_request(&d, ID1);
  CHECK("request: again", tries("customer.tld") && logged("flush =" ID1) == 1);
  tried("customer.tld");
  CHECK("request: behind one of them", asked());
  delivery_request_tried(&d, ID2);
  CHECK("request: another is another", asked());
  tried("a.tld");
  CHECK("request: behind both", !asked());
  delivery_request_tried(&d, ID1);
  CHECK("request: nothing more", !logged("warning"));
  put("asked/=" ID1, "");
  delivery_request(&d, ID1);
  CHECK("request: the next one", asked() && tries("a.tld") && logged("flush =" ID1) == 2);
}

static void test_owed(void)
{
  begin_waiting("owed");
  mail_result(ID1, NOW_US - 60 * SECOND_US, "0 sent 2.0.0 mx.tld 250 ok");
  delivery_request(&d, ID1);
  CHECK("owed: where it owes something", !lists_find(&all_lists, "customer.tld") && tries("a.tld"));
  tried("a.tld");
  CHECK("owed: so once is all", !asked());

  begin_waiting("settled");
  mail_result(ID1, NOW_US - 60 * SECOND_US, "0 sent 2.0.0 mx.tld 250 ok");
  mail_result(ID1, NOW_US - 60 * SECOND_US, "1 sent 2.0.0 mx.tld 250 ok");
  delivery_request(&d, ID1);
  CHECK("owed: nothing", !asked() && !q.sched.domains.row.count);

  begin("new");
  mail_make(ID1, "parked.tld", 0);
  delivery_request(&d, ID1);
  CHECK("in new/, and parked", tries("parked.tld") && asked());
}

static void test_nothing(void)
{
  begin("gone");
  delivery_request(&d, ID1);
  CHECK("gone", !asked() && logged("flush =" ID1 ": nothing waits") == 1);
  begin_waiting("hold");
  if (queuedir_move(q.queue, ID1, QUEUE_CUR, QUEUE_HOLD) == -1) exit(111);
  delivery_request(&d, ID1);
  CHECK("on hold", !asked() && logged("flush =" ID1 ": nothing waits") == 1
        && !q.sched.domains.row.count);
}

/* It was tried in vain a moment ago. */
static void test_rest(void)
{
  timer *t;
  begin_waiting("rest");
  mail_result(ID1, NOW_US - 2 * SECOND_US, "1 deferred 4.2.0 mx.tld 450 later");
  delivery_request(&d, ID1);
  CHECK("rest", !tries("customer.tld") && !tries("a.tld") && asked()
        && timers_next(&q.timers) == AFTER(3));
  delivery_request(&d, ID1);
  CHECK("rest: asked for again", !tries("a.tld") && logged("flush =" ID1) == 1);
  at(AFTER(3));
  t = timers_take(&q.timers, core_now_us(&q));
  CHECK("rest: it is over", t && t->kind == CORE_REQUEST);
  mail_result(ID1, AFTER(2), "0 deferred 4.2.0 mx.tld 450 later");
  delivery_request_timer(&d, t->owner);
  CHECK("rest: then it is tried, whatever has happened meanwhile", tries("customer.tld") && tries("a.tld") && asked()
        && logged("flush =" ID1) == 1);
  tried("customer.tld");
  tried("a.tld");
  CHECK("rest: and over", !asked());

  begin_waiting("site");
  get("a.tld")->domain.site->health.state = HEALTH_DOWN;
  get("a.tld")->domain.site->health.failed_us = NOW_US - SECOND_US;
  get("a.tld")->domain.site->health.next_us = AFTER(60);
  delivery_request(&d, ID1);
  CHECK("rest: its site failed", !tries("customer.tld") && timers_next(&q.timers) == AFTER(4));
  at(AFTER(4));
  t = timers_take(&q.timers, core_now_us(&q));
  mail_result(ID1, NOW_US, "0 sent 2.0.0 mx.tld 250 ok");
  mail_result(ID1, NOW_US, "1 sent 2.0.0 mx.tld 250 ok");
  delivery_request_timer(&d, t->owner);
  CHECK("rest: done meanwhile", !asked() && !tries("a.tld"));
}

static void test_again(void)
{
  struct rlimit limit, none;
  timer *t;
  begin_waiting("again");
  delivery_request(&d, ID1);
  delivery_request_again(&d, ID1);
  CHECK("again: its file stays", asked() && !d.look_requests);
  delivery_request(&d, ID1);
  CHECK("again: it is taken up", logged("flush =" ID1) == 2);

  begin_waiting("waits");
  mail_result(ID1, NOW_US - 2 * SECOND_US, "1 deferred 4.2.0 mx.tld 450 later");
  delivery_request(&d, ID1);
  delivery_request_again(&d, ID1);
  CHECK("again: it waits for nothing", timers_next(&q.timers) == NEVER_US && asked());

  begin_waiting("short");
  getrlimit(RLIMIT_NOFILE, &limit);
  none = limit;
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);
  delivery_request(&d, ID1);
  setrlimit(RLIMIT_NOFILE, &limit);
  CHECK("no descriptors", asked() && q.sched.paused && !logged("flush ="));
  sched_resume(&q.sched);
  mail_result(ID1, NOW_US - 2 * SECOND_US, "1 deferred 4.2.0 mx.tld 450 later");
  delivery_request(&d, ID1);
  CHECK("and then", logged("flush =" ID1) == 1 && asked());
  at(AFTER(3));
  t = timers_take(&q.timers, core_now_us(&q));
  while (t == &q.pause) t = timers_take(&q.timers, core_now_us(&q));
  setrlimit(RLIMIT_NOFILE, &none);
  delivery_request_timer(&d, t->owner);
  setrlimit(RLIMIT_NOFILE, &limit);
  CHECK("no descriptors when its time has come", asked() && d.look_requests && !tries("a.tld"));
}

int main(void)
{
  qmgr_begin();
  test_request();
  test_owed();
  test_nothing();
  test_rest();
  test_again();
  qmgr_end();
  return 0;
}
