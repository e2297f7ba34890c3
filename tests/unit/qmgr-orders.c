/*
 * The scheduler and all hands together, with this test at the other end of run/send: what it wants
 * done is done, and what agents say is told to it.
 */

#include "qmgr/orders.h"

#include "qmgr-hands.h"

char const *PROG = "qmgr-orders";

#define CLAIM "claim/customer.tld"
#define FLUSH "flush/customer.tld"
#define ASKED "asked/customer.tld"
#define SITE "site/[192.0.2.1]:25"
#define SENT "sent 2.0.0 mx.tld[192.0.2.1]:25 250 ok"
#define REFUSED "deferred 4.2.0 mx.tld[192.0.2.1]:25 450 later"

static int listener = -1;
static int peer = -1;
static char got[20000];

/* A message in cur/, and in the list of customer.tld. */
static void waiting_make(char const *id)
{
  mail_make(id, "customer.tld", 0);
  mail_move(id, QUEUE_CUR);
  if (!flush_record(q.queue, "customer.tld", id, 1)) exit(111);
}

/* As the loop does. */
static void turn(void)
{
  orders_run(&d);
  orders_turns(&d);
  agents_flush(&all_agents);
  orders_run(&d);
}

static list *begin(char const *name)
{
  hands_make(name);
  listener = listener_make("send", 10);
  waiting_make(ID1);
  waiting_make(ID2);
  return get("customer.tld");
}

static void request(list *l)
{
  put(ASKED, "");
  domain_request(&q.sched, &l->domain);
  turn();
}

static list *begin_requested(char const *name)
{
  list *l = begin(name);
  request(l);
  peer = peer_accept(listener);
  return l;
}

static agent *only(void)
{
  connection *c = row_first(&q.sched.connections);
  return c ? agent_of(c) : 0;
}

/* What has come to the agent since then; its descriptors are closed. */
static char const *received(void)
{
  size_t len = 0, n;
  ssize_t r;
  int fds[JOB_FDS_MAX];
  while (len < sizeof got - 1 && (r = job_receive(peer, got + len, sizeof got - 1 - len, fds, &n)) > 0)
  {
    len += (size_t)r;
    while (n) close(fds[--n]);
  }
  got[len] = 0;
  return got;
}

/* It says so, and the loop goes on. */
static void says(char const *text)
{
  say(peer, text);
  orders_agent_readable(&d, only());
  turn();
}

/* A result, which stands in the journal first. */
static void answers(char const *id, char const *result)
{
  char line[300];
  snprintf(line, sizeof line, "0 %s", result);
  mail_result(id, core_now_us(&q), line);
  snprintf(line, sizeof line, "rcpt %s 0 %s\ndone %s\n", id, result, id);
  says(line);
}

static int state_is(char const *name, char const *word)
{
  sitefile file;
  return sitefile_read(q.queue, name, &file) && !strcmp(sitefile_state_name(file.state), word);
}

/* --- a flush --------------------------------------------------------------------------------- */

static void test_flush(void)
{
  list *l = begin_requested("flush");
  CHECK("flush: claimed, connected, one goes ahead", there(CLAIM) && peer != -1 && only()
        && strstr(received(), "site [192.0.2.1]:25 ") && strstr(got, "\nmail " ID1 " ")
        && !strstr(got, ID2));
  CHECK("flush: it is active", active_find(&d.actives, ID1) && l->domain.pass
        && l->domain.pass->kind == PASS_FLUSH && l->domain.jobs);
  says("window 20\nup mx.tld[192.0.2.1]:25 250 hi\n");
  CHECK("flush: then the others", strstr(received(), "mail " ID2 " ") && only()->connection.window == 20);
  CHECK("flush: the site is up", state_is("[192.0.2.1]:25", "up") && there(ASKED) && there(CLAIM));
  answers(ID1, SENT);
  CHECK("flush: sent and removed", !in_place(QUEUE_CUR, ID1) && in_place(QUEUE_CUR, ID2) && there(ASKED));
  answers(ID2, REFUSED);
  CHECK("flush: the end", !there(CLAIM) && !there(ASKED) && holds(FLUSH, ID2 "\n") && !l->domain.pass
        && in_place(QUEUE_CUR, ID2) && all_totals.sent == 1 && all_totals.deferred == 1);
  CHECK("flush: not tried again", (turn(), !*received()) && !active_find(&d.actives, ID2));

  at(AFTER(2));
  orders_timers(&d);
  CHECK("a connection without work ends", !only() && read(peer, got, 1) == 0 && all_agents.dead);
  agents_forget_dead(&all_agents);
  request(l);
  peer = peer_accept(listener);
  CHECK("requested again", peer != -1 && strstr(received(), "mail " ID2 " "));
  answers(ID2, REFUSED);
  CHECK("requested again: the end", holds(FLUSH, ID2 "\n") && !there(ASKED) && !there(CLAIM));
  at(AFTER(3));
  request(l);
  CHECK("in vain a moment ago: it rests", !*received() && there(ASKED) && !there(CLAIM));
  /* another one was made, for what might have been behind it */
  while (peer_accept(listener) != -1) ;
  at(AFTER(7));
  orders_timers(&d);
  turn();
  peer = peer_accept(listener);
  CHECK("and then it is tried", peer != -1 && strstr(received(), "mail " ID2 " "));
}

static void test_gone(void)
{
  list *l = begin("gone");
  put(FLUSH, "1h8qabcde00009\n" ID1 "\n" ID1 "\n");
  mail_result(ID1, NOW_US, "0 " SENT);
  request(l);
  turn();
  CHECK("nothing is owed: removed", !in_place(QUEUE_CUR, ID1) && logged(ID1 ": removed") == 1);
  CHECK("nothing is left of the list", !there(CLAIM) && !there(FLUSH) && !there(ASKED)
        && !l->domain.waiting);
}

/* Not due, on hold, in other hands: a pass reads them, and they are in the list at its end. */
static void test_kept(void)
{
  enum queue_place place;
  list *l = begin("kept");
  int other;
  mail_result(ID1, NOW_US - 10 * SECOND_US, "0 " REFUSED);
  if (queuedir_move(q.queue, ID2, QUEUE_CUR, QUEUE_HOLD) == -1) exit(111);
  waiting_make(ID3);
  other = queuedir_open_message(q.queue, ID3, O_RDWR | O_APPEND, &place);
  if (message_lock_rcpt(other, 0) != 1) exit(111);
  list_found(&all_lists, l);
  turn();
  peer = peer_accept(listener);
  CHECK("kept: a pass", peer != -1 && !strstr(received(), "mail") && !l->domain.pass && !there(CLAIM));
  CHECK("kept", holds(FLUSH, ID1 "\n" ID2 "\n" ID3 "\n") && !there("notice/" ID1));
  CHECK("kept: until the first is due",
        l->domain.due_us == NOW_US - 10 * SECOND_US + q.settings.backoff.min * SECOND_US);
  request(l);
  CHECK("kept: requested", strstr(received(), "mail " ID1 " ") && !strstr(got, ID2)
        && !strstr(got, ID3) && there(ASKED));
  answers(ID1, SENT);
  CHECK("kept: the request is not over", holds(FLUSH, ID2 "\n" ID3 "\n") && there(ASKED)
        && l->domain.look_again_us == AFTER(1));
  close(other);
  at(AFTER(1) - 1);
  orders_timers(&d);
  turn();
  CHECK("kept: not yet", !*received());
  at(AFTER(1));
  domain_timer(&q.sched, &l->domain);
  turn();
  CHECK("kept: when they are in nobody's hands", strstr(received(), "mail " ID3 " "));
  answers(ID3, SENT);
  CHECK("kept: then it is over", holds(FLUSH, ID2 "\n") && !there(ASKED) && in_place(QUEUE_HOLD, ID2));
}

static void test_no_agents(void)
{
  list *l = begin("no-agents");
  unlinkat(q.run, "send", 0);
  request(l);
  CHECK("nobody there: it waits", q.sched.paused && there(CLAIM) && there(ASKED)
        && logged("unable to connect to run/send") == 1);
  listener = listener_make("send", 10);
  turn();
  CHECK("not before the second is over", peer_accept(listener) == -1);
  sched_resume(&q.sched);
  turn();
  peer = peer_accept(listener);
  CHECK("then it goes on", peer != -1 && strstr(received(), "mail " ID1 " "));
}

/* --- a site that fails ----------------------------------------------------------------------- */

static void failed(list const *l, char const *why)
{
  CHECK(why, state_is("[192.0.2.1]:25", "down") && !only() && !active_find(&d.actives, ID1));
  CHECK("the list is a list again", holds(FLUSH, ID1 "\n" ID2 "\n") && !there(CLAIM)
        && !l->domain.pass && !l->claim);
  CHECK("the request was carried out", !there(ASKED) && in_place(QUEUE_CUR, ID1));
  CHECK("not tried unasked", (turn(), peer_accept(listener) == -1));
}

static void test_down(void)
{
  list *l = begin_requested("down");
  received();
  says("down 4.4.1 connect to 192.0.2.1:25: Connection refused\n");
  failed(l, "down");
  CHECK("down: said", logged("site [192.0.2.1]:25: down, 4.4.1 connect to 192.0.2.1:25: Connection") == 1);
  CHECK("down: in time again", timers_next(&q.sched.timers) >= AFTER(q.settings.backoff.min));
  at(AFTER(q.settings.backoff.max + 1));
  orders_timers(&d);
  turn();
  peer = peer_accept(listener);
  CHECK("down: then it is", peer != -1 && strstr(received(), "mail " ID1 " "));
  says("up mx.tld[192.0.2.1]:25 250 hi\n");
  CHECK("up again", state_is("[192.0.2.1]:25", "up") && logged("site [192.0.2.1]:25: up, mx.tld") == 1
        && strstr(received(), "mail " ID2 " "));
}

static void test_silent_end(void)
{
  list *l = begin_requested("silent");
  close(peer);
  orders_agent_readable(&d, only());
  turn();
  failed(l, "an agent ended without a word");
  CHECK("said", logged("down, 4.3.0 the delivery agent ended without a word") == 1);

  l = begin_requested("served");
  received();
  says("up mx.tld[192.0.2.1]:25 250 hi\n");
  answers(ID1, SENT);
  close(peer);
  orders_agent_readable(&d, only());
  turn();
  CHECK("one that has done something: the rest goes to another", state_is("[192.0.2.1]:25", "up")
        && (peer = peer_accept(listener)) != -1 && strstr(received(), "mail " ID2 " "));
}

static void test_vain(void)
{
  int i;
  list *l = begin_requested("vain");
  received();
  for (i = 0; i < 3; i++)
  {
    CHECK("vain: not yet", !state_is("[192.0.2.1]:25", "down") && only());
    says("vain - 4.4.2 conversation with mx.tld timed out\n");
  }
  failed(l, "three in vain");
}

static void test_lost(void)
{
  begin_requested("lost");
  received();
  says("up mx.tld[192.0.2.1]:25 250 hi\n");
  received();
  says("lost drop\n");
  CHECK("lost: it is kept, and not up", only() && !only()->connection.up && there(CLAIM));
  says("back " ID1 " 0\n");
  CHECK("back: it goes out again", active_find(&d.actives, ID1)
        || domain_at_once(&get("customer.tld")->domain));
}

/* --- what nobody has asked for --------------------------------------------------------------- */

static void test_forget(void)
{
  list *l;
  begin_requested("forget");
  received();
  says("up mx.tld[192.0.2.1]:25 250 hi\n");
  answers(ID1, SENT);
  answers(ID2, SENT);
  l = lists_find(&all_lists, "customer.tld");
  CHECK("all is done", l && !l->domain.waiting && !there(FLUSH) && there(SITE));
  get("a.tld")->domain.waiting = 1;
  at(AFTER(2));
  orders_timers(&d);
  sched_forget_begin(&q.sched);
  while (orders_forget(&d)) ;
  CHECK("forget: not so soon", lists_find(&all_lists, "customer.tld"));
  at(AFTER(61));
  sched_forget_begin(&q.sched);
  while (orders_forget(&d)) ;
  CHECK("forget: a list that is empty", !lists_find(&all_lists, "customer.tld")
        && lists_find(&all_lists, "a.tld"));
  CHECK("forget: its site is remembered", there(SITE) && q.sched.sites.row.count == 2);
  at(AFTER(2 * q.settings.backoff.max + 120));
  sched_forget_begin(&q.sched);
  while (orders_forget(&d)) ;
  CHECK("forget: and its site", !there(SITE) && q.sched.sites.row.count == 1);
}

int main(void)
{
  qmgr_begin();
  test_flush();
  test_gone();
  test_kept();
  test_no_agents();
  test_down();
  test_silent_end();
  test_vain();
  test_lost();
  test_forget();
  qmgr_end();
  return 0;
}
