/* The age of messages: given up, kept, in other hands; and senders warned of a delay. */

#include "qmgr/expiry.h"

#include "qmgr-hands.h"

char const *PROG = "qmgr-expiry";

/* Messages are given up an hour after they came. */
#define HOUR_US (3600 * SECOND_US)
#define END_US (NOW_US - AGE_US + HOUR_US)
#define REFUSED "4.2.0 mx.tld[192.0.2.1]:25 450 later"

static message m = MESSAGE_ZERO;
static int fd = -1;

static void begin(char const *name, char const *routes)
{
  hands_make(name);
  conf_put("routes", routes);
  if (!core_settings(&q)) exit(111);
}

/* A message to customer.tld and a.tld, whose time is over. */
static void begin_old(char const *name)
{
  begin(name, "customer.tld [192.0.2.1] lifetime=1h\na.tld [192.0.2.2] lifetime=2h\n* -\n");
  mail_make(ID1, "customer.tld", "a.tld");
  mail_move(ID1, QUEUE_CUR);
  at(END_US + SECOND_US);
}

static void mail_read(void)
{
  enum queue_place place;
  fd = queuedir_open_message(q.queue, ID1, O_RDWR | O_APPEND, &place);
  if (fd == -1 || !message_read(&m, fd)) exit(111);
}

/* Has it expired for this domain; and what becomes of it? */
static int expired(char const *name)
{
  mail_read();
  return delivery_expired(&d, &get(name)->domain, &m, ID1);
}

static enum expiry expire(char const *name)
{
  enum expiry came;
  mail_read();
  came = delivery_expire(&d, get(name), &m, ID1, fd);
  close(fd);
  mail_read();
  close(fd);
  return came;
}

static void test_expired(void)
{
  begin_old("expired");
  CHECK("never tried", !expired("customer.tld"));
  mail_result(ID1, END_US - SECOND_US, "0 deferred " REFUSED);
  CHECK("not since its time is over", !expired("customer.tld"));
  mail_result(ID1, END_US, "0 deferred " REFUSED);
  CHECK("then", expired("customer.tld"));
  CHECK("not for another domain", !expired("a.tld"));
  at(END_US - SECOND_US);
  CHECK("not before", !expired("customer.tld"));

  begin_old("down");
  get("customer.tld")->domain.site->health.state = HEALTH_DOWN;
  get("customer.tld")->domain.site->health.failed_us = END_US - 1;
  CHECK("its site failed before", !expired("customer.tld"));
  get("customer.tld")->domain.site->health.failed_us = END_US;
  CHECK("its site failed after that", expired("customer.tld"));

  begin("parked", "* [192.0.2.1] park lifetime=1h\n");
  mail_make(ID1, "customer.tld", 0);
  at(END_US + SECOND_US);
  CHECK("parked: without being tried", expired("customer.tld"));
  sched_jumped(&q.sched);
  CHECK("parked: not when time has passed unseen", !expired("customer.tld"));
  at(END_US + HOUR_US + SECOND_US);
  CHECK("parked: until it could be asked for", expired("customer.tld"));
}

static void test_expire(void)
{
  begin_old("expire");
  mail_result(ID1, END_US, "0 deferred " REFUSED);
  CHECK("expire", expire("customer.tld") == EXPIRY_OVER && message_rcptp(&m, 0)->settled
        && message_rcptp(&m, 0)->status == JOB_FAILED
        && !strcmp(message_string(&m, message_rcptp(&m, 0)->code), "5.4.7")
        && strstr(message_string(&m, message_rcptp(&m, 0)->reason), "delivery time expired")
        && strstr(message_string(&m, message_rcptp(&m, 0)->reason), "450 later"));
  CHECK("expire: the other waits on", !message_rcptp(&m, 1)->settled);
  CHECK("expire: its sender is told", there("notice/" ID1) && message_any_untold(&m));
  CHECK("expire: said", logged(ID1 ": to=<u@customer.tld>, relay=none, delay=3601, ") == 1
        && logged("dsn=5.4.7, status=expired (") == 1
        && logged(ID1 ": from=<a@b.tld>, status=expired, returned to sender") == 1);
  CHECK("expire: counted", all_totals.failed == 1 && !all_totals.sent && !all_totals.deferred);
  log_forget();
  CHECK("expire: it is not owed there", expire("customer.tld") == EXPIRY_OVER);
  CHECK("expire: the other is not that old", expire("a.tld") == EXPIRY_KEEP
        && all_totals.failed == 1 && !logged("expired"));

  begin_old("both");
  mail_result(ID1, END_US + HOUR_US, "0 deferred " REFUSED);
  mail_result(ID1, END_US + HOUR_US, "1 deferred " REFUSED);
  at(END_US + HOUR_US + SECOND_US);
  CHECK("both at once: one notice tells of them", expire("a.tld") == EXPIRY_OVER
        && !message_owed(&m) && all_totals.failed == 2 && logged("returned to sender") == 1);
}

static void test_kept(void)
{
  int other;
  enum queue_place place;
  begin_old("kept");
  mail_result(ID1, END_US, "0 deferred " REFUSED);
  other = queuedir_open_message(q.queue, ID1, O_RDWR | O_APPEND, &place);
  if (message_lock_rcpt(other, 1) != 1) exit(111);
  CHECK("in other hands", expire("customer.tld") == EXPIRY_BUSY && !message_rcptp(&m, 0)->settled
        && !there("notice/" ID1));
  close(other);
  unlinkat(q.queue, "notice", AT_REMOVEDIR);
  put("notice", "");
  CHECK("its sender cannot be told", expire("customer.tld") == EXPIRY_KEEP);

  begin_old("stale");
  mail_result(ID1, END_US, "0 deferred " REFUSED);
  mail_read();
  mail_result(ID1, END_US, "0 sent 2.0.0 mx.tld 250 ok");
  CHECK("sent since it was read", delivery_expire(&d, get("customer.tld"), &m, ID1, fd) == EXPIRY_OVER
        && !all_totals.failed && !there("notice/" ID1));
}

/* --- looks ----------------------------------------------------------------------------------- */

static int sweep(void)
{
  int n = 0;
  while (n++ < 100 && delivery_sweep_more(&d)) delivery_sweep(&d);
  return n < 100;
}

/* An id too young to have expired. */
static void young_make(char id[ID_LEN + 1])
{
  id_format(id, END_US, 5);
}

static void test_sweep(void)
{
  char young[ID_LEN + 1], text[100], left[100];
  list *l;
  begin_old("sweep");
  young_make(young);
  mail_result(ID1, END_US, "0 deferred " REFUSED);
  mail_make(ID2, "customer.tld", 0);
  mail_result(ID2, END_US + SECOND_US / 2, "0 deferred " REFUSED);
  mail_move(ID2, QUEUE_HOLD);
  mail_make(ID3, "customer.tld", 0);
  snprintf(text, sizeof text, ID1 "\n" ID2 "\n" ID3 "\n1h8qabcde00009\n%s\n", young);
  snprintf(left, sizeof left, ID2 "\n" ID3 "\n%s\n", young);
  put("flush/customer.tld", text);
  l = get("customer.tld");
  list_found(&all_lists, l);
  domain_timer(&q.sched, &l->domain);
  CHECK("sweep: the list is claimed", ordered("customer.tld", ORDER_CLAIM)
        && l->domain.claim == PASS_EXPIRY && list_claim(&all_lists, l) == CLAIMED
        && delivery_sweep_more(&d));
  CHECK("sweep: read through", sweep() && ordered("customer.tld", ORDER_SETTLE)
        && there("notice/" ID1) && !there("notice/" ID2));
  list_settle(&all_lists, l);
  CHECK("sweep: on hold, not tried, young: they stay", holds("flush/customer.tld", left));
  CHECK("sweep: one has expired", all_totals.failed == 1);
}

static void test_busy(void)
{
  list *l;
  begin_old("busy");
  mail_result(ID1, END_US, "0 deferred " REFUSED);
  put("flush/customer.tld", ID1 "\n");
  l = get("customer.tld");
  list_found(&all_lists, l);
  domain_timer(&q.sched, &l->domain);
  list_claim(&all_lists, l);
  mail_read();
  if (message_lock_rcpt(fd, 0) != 1) exit(111);
  CHECK("busy: the pass knows", sweep() && l->domain.pass->busy);
  close(fd);
  list_settle(&all_lists, l);
  CHECK("busy: it stays", holds("flush/customer.tld", ID1 "\n") && !all_totals.failed);
}

static void test_warned(void)
{
  char young[ID_LEN + 1], text[100];
  list *l;
  begin("warned", "customer.tld [192.0.2.1] delaywarning=1h\n* -\n");
  at(END_US + SECOND_US);
  young_make(young);
  mail_make(ID1, "customer.tld", 0);
  mail_make(ID2, "customer.tld", 0);
  mail_make(ID3, "customer.tld", 0);
  mail_make(young, "customer.tld", 0);
  mail_move(ID2, QUEUE_HOLD);
  mail_result(ID3, END_US, "0 sent 2.0.0 mx.tld 250 ok");
  snprintf(text, sizeof text, ID1 "\n" ID2 "\n" ID3 "\n%s\n", young);
  put("claim/customer.tld", text);
  put("flush/customer.tld", "1h8qabcdf00008\n");
  mail_make("1h8qabcdf00008", "customer.tld", 0);
  l = get("customer.tld");
  list_found(&all_lists, l);
  domain_unwarned(&l->domain, id_time(ID1));
  domain_timer(&q.sched, &l->domain);
  CHECK("warned: there is something to look through", delivery_sweep_more(&d));
  CHECK("warned", sweep() && there("notice/" ID1) && there("notice/1h8qabcdf00008"));
  snprintf(text, sizeof text, "notice/%s", young);
  CHECK("warned: not those on hold, sent, young", !there("notice/" ID2) && !there("notice/" ID3)
        && !there(text));
  CHECK("warned: up to then", l->domain.warned_us == END_US + SECOND_US - HOUR_US
        && l->domain.unwarned_us == id_time(young) && !d.delay.domain);
  unlinkat(q.queue, "notice/" ID1, 0);
  at(END_US + HOUR_US + SECOND_US);
  domain_timer(&q.sched, &l->domain);
  CHECK("warned: the young one in its time", sweep() && there(text));
  CHECK("warned: once", !there("notice/" ID1) && l->domain.unwarned_us == NEVER_US);
}

int main(void)
{
  qmgr_begin();
  test_expired();
  test_expire();
  test_kept();
  test_sweep();
  test_busy();
  test_warned();
  qmgr_end();
  return 0;
}
