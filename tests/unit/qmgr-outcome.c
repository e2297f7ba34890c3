/* What became of a job: counted, recorded again, tried again, told of, removed. */

#include "qmgr/outcome.h"
#include "qmgr/requests.h"

#include "qmgr-hands.h"

char const *PROG = "qmgr-outcome";

static message m = MESSAGE_ZERO;
static connection c;
static active *a;

/* A job of the message, that is out behind these recipients of it, of which there are two. */
static job *out(uint64_t first, uint64_t count, enum cause cause)
{
  enum queue_place place;
  int fd = queuedir_open_message(q.queue, ID1, O_RDWR | O_APPEND, &place);
  job *j = job_new();
  uint64_t i;
  if (fd == -1 || !j || !message_read(&m, fd)) exit(111);
  a = delivery_active(&d, ID1, place, &m, 0);
  for (i = first; i < first + count; i++)
    if (job_add(j, fd, &m, i, &get(messages_rcpt_domain(&m, i))->domain) != 1) exit(111);
  j->active = a;
  j->cause = cause;
  a->jobs++;
  job_out(j, &c);
  close(fd);
  return j;
}

static void begin(char const *name)
{
  hands_make(name);
  mail_make(ID1, "customer.tld", "a.tld");
  connection_add(&q.sched, &c, &c, get("customer.tld")->domain.site,
                 site_account(&q.sched, get("customer.tld")->domain.site, 0));
}

/* As an agent does: the journal first. */
static void answers(job *j, char const *text)
{
  job_result r;
  mail_result(ID1, NOW_US, text);
  if (!job_result_scan(text, strlen(text), &r)) exit(111);
  delivery_result(&d, j, &r);
}

/* What is to be tried at once there. */
static int tries(char const *name, enum cause cause)
{
  at_once const *u = domain_at_once(&get(name)->domain);
  return u && !strcmp(u->id, ID1) && u->cause == cause;
}

static int recorded(char const *name)
{
  char path[100];
  snprintf(path, sizeof path, "flush/%s", name);
  return holds(path, ID1 "\n");
}

static int nothing_tried(char const *name)
{
  return !domain_at_once(&get(name)->domain);
}

/* --- the word of an agent -------------------------------------------------------------------- */

static void test_result(void)
{
  job *j;
  begin("result");
  j = out(0, 2, CAUSE_DUE);
  answers(j, "0 sent 2.0.0 mx.tld 250 ok");
  CHECK("sent", a->owed == 1 && !a->untold && all_totals.sent == 1
        && timers_next(&q.timers) == AFTER(1));
  answers(j, "0 failed 5.0.0 mx.tld 550 no");
  CHECK("once", a->owed == 1 && !a->untold && !all_totals.failed);
  answers(j, "1 deferred 4.0.0 mx.tld 450 later");
  CHECK("deferred", a->owed == 1 && !a->untold && all_totals.deferred == 1);
  begin("untold");
  j = out(0, 2, CAUSE_DUE);
  answers(j, "0 failed 5.1.1 mx.tld 550 no");
  CHECK("failed", a->owed == 1 && a->untold && all_totals.failed == 1);
  begin("relayed");
  j = out(0, 2, CAUSE_DUE);
  answers(j, "1 relayed 2.0.0 mx.tld 250 ok");
  CHECK("relayed", a->owed == 1 && a->untold && all_totals.sent == 1 && !all_totals.failed);
}

/* --- it is back ------------------------------------------------------------------------------ */

static void test_done(void)
{
  job *j;
  begin("done");
  j = out(0, 2, CAUSE_DUE);
  answers(j, "0 sent 2.0.0 mx.tld 250 ok");
  answers(j, "1 sent 2.0.0 mx.tld 250 ok");
  delivery_back(&d, j, CAME_DONE, "");
  CHECK("done: removed", !in_place(QUEUE_NEW, ID1) && logged(ID1 ": removed") == 1
        && !active_find(&d.actives, ID1));
  CHECK("done: nowhere recorded", !there("flush/customer.tld") && !there("flush/a.tld")
        && !there("notice/" ID1) && !get("a.tld")->domain.jobs && !c.loads.count);
}

static void test_deferred(void)
{
  job *j, *k;
  begin("deferred");
  j = out(0, 1, CAUSE_DUE);
  k = out(1, 1, CAUSE_DUE);
  answers(j, "0 deferred 4.0.0 mx.tld 450 later");
  delivery_back(&d, j, CAME_DONE, "");
  CHECK("deferred: recorded", recorded("customer.tld") && !get("customer.tld")->domain.untried
        && get("customer.tld")->domain.waiting && nothing_tried("customer.tld"));
  CHECK("deferred: until its time", get("customer.tld")->domain.due_us > NOW_US
        && get("customer.tld")->domain.due_us != NEVER_US);
  CHECK("another job is out", in_place(QUEUE_NEW, ID1) && active_find(&d.actives, ID1) == a
        && a->jobs == 1);
  answers(k, "1 sent 2.0.0 mx.tld 250 ok");
  delivery_back(&d, k, CAME_DONE, "");
  CHECK("the last one is back", in_place(QUEUE_CUR, ID1) && !active_find(&d.actives, ID1)
        && !there("flush/a.tld"));
}

static void test_untried(void)
{
  job *j;
  begin("undone");
  j = out(0, 2, CAUSE_DUE);
  delivery_back(&d, j, CAME_UNDONE, "4.4.1 connect to x: refused");
  CHECK("undone: recorded behind both", recorded("customer.tld") && recorded("a.tld")
        && get("a.tld")->domain.untried && nothing_tried("a.tld") && in_place(QUEUE_CUR, ID1));
  CHECK("undone: said of each",
        logged("to=<u@customer.tld>, relay=none, ") == 1 && logged("to=<u@a.tld>, relay=none, ") == 1
        && logged("dsn=4.4.1, status=deferred (connect to x: refused)") == 2);
  begin("told");
  j = out(0, 2, CAUSE_DUE);
  answers(j, "0 deferred 4.0.0 mx.tld 450 later");
  delivery_back(&d, j, CAME_UNDONE, "4.4.1 x");
  CHECK("undone: not of those that an agent has told of", !logged("to=<u@customer.tld>")
        && logged("to=<u@a.tld>") == 1);
  begin("silent");
  delivery_back(&d, out(0, 2, CAUSE_DUE), CAME_UNDONE, "");
  CHECK("undone: an agent has told of all", !logged("to=<") && recorded("a.tld"));

  begin("again");
  delivery_back(&d, out(0, 2, CAUSE_DUE), CAME_AGAIN, "");
  CHECK("again", recorded("customer.tld") && tries("customer.tld", CAUSE_DUE)
        && tries("a.tld", CAUSE_DUE));
  begin("requested");
  delivery_back(&d, out(0, 1, CAUSE_FLUSH_ANEW), CAME_AGAIN, "");
  CHECK("again: as what was requested", tries("customer.tld", CAUSE_FLUSH_ANEW));
  begin("not-again");
  j = out(0, 2, CAUSE_DUE);
  answers(j, "0 deferred 4.0.0 mx.tld 450 later");
  delivery_back(&d, j, CAME_AGAIN, "");
  CHECK("again: what was not tried", nothing_tried("customer.tld") && tries("a.tld", CAUSE_DUE));

  begin("meanwhile");
  j = out(0, 2, CAUSE_DUE);
  domain_request(&q.sched, &get("customer.tld")->domain);
  answers(j, "0 deferred 4.0.0 mx.tld 450 later");
  answers(j, "1 deferred 4.0.0 mx.tld 450 later");
  delivery_back(&d, j, CAME_DONE, "");
  CHECK("requested while it was out", tries("customer.tld", CAUSE_FLUSH_ANEW)
        && nothing_tried("a.tld"));
}

static void test_unrecorded(void)
{
  job *j;
  begin("unrecorded");
  obstruct("flush/customer.tld");
  j = out(0, 2, CAUSE_DUE);
  delivery_back(&d, j, CAME_UNDONE, "");
  CHECK("it cannot be recorded: it stays", in_place(QUEUE_NEW, ID1) && recorded("a.tld")
        && !active_find(&d.actives, ID1));
  CHECK("and is looked at again", d.look_new);
}

static void test_notice(void)
{
  job *j, *k;
  begin("notice");
  j = out(0, 1, CAUSE_DUE);
  k = out(1, 1, CAUSE_DUE);
  answers(j, "0 failed 5.1.1 mx.tld 550 no");
  delivery_back(&d, j, CAME_DONE, "");
  CHECK("told at the end", !there("notice/" ID1));
  answers(k, "1 sent 2.0.0 mx.tld 250 ok");
  delivery_back(&d, k, CAME_DONE, "");
  CHECK("its sender is to be told", there("notice/" ID1) && in_place(QUEUE_CUR, ID1)
        && !there("flush/customer.tld") && !active_find(&d.actives, ID1));

  begin("no-notice");
  unlinkat(q.queue, "notice", AT_REMOVEDIR);
  put("notice", "");
  j = out(0, 2, CAUSE_DUE);
  answers(j, "0 failed 5.1.1 mx.tld 550 no");
  answers(j, "1 sent 2.0.0 mx.tld 250 ok");
  delivery_back(&d, j, CAME_DONE, "");
  CHECK("that cannot be noted: its lists keep it", recorded("customer.tld") && recorded("a.tld")
        && in_place(QUEUE_NEW, ID1) && d.look_new);
}

static void test_by_id(void)
{
  begin("by-id");
  put("asked/=" ID1, "");
  mail_result(ID1, NOW_US - 60 * SECOND_US, "1 sent 2.0.0 mx.tld 250 ok");
  delivery_request(&d, ID1);
  delivery_back(&d, out(0, 1, CAUSE_DUE), CAME_UNDONE, "");
  CHECK("tried for another cause", there("asked/=" ID1));
  delivery_back(&d, out(0, 1, CAUSE_BY_ID), CAME_UNDONE, "");
  CHECK("tried as requested by its id", !there("asked/=" ID1));
}

/* Of a pass: what comes back of it is recorded at its end. */
static void test_pass(void)
{
  list *l;
  job *j;
  begin("pass");
  l = get("customer.tld");
  put("flush/customer.tld", ID1 "\n");
  l->domain.claim = PASS_FLUSH;
  if (list_claim(&all_lists, l) != CLAIMED) exit(111);
  j = out(0, 1, CAUSE_FLUSH);
  j->from = l->domain.pass;
  j->through = &l->domain;
  pass_job_out(j->from);
  domain_job_out(j->through, 0);
  answers(j, "0 deferred 4.4.2 mx.tld lost connection with mx.tld while sending RCPT TO");
  CHECK("pass: noted", l->domain.pass->deferred && !l->domain.pass->settled);
  delivery_back(&d, j, CAME_CUT, "");
  CHECK("pass: cut off, it goes out alone", !l->claim->kept.len && !l->domain.pass->jobs
        && !l->domain.jobs && domain_at_once(&l->domain) == 0);
  j = out(0, 1, CAUSE_ALONE);
  j->from = l->domain.pass;
  j->through = &l->domain;
  pass_job_out(j->from);
  domain_job_out(j->through, 0);
  answers(j, "0 deferred 4.0.0 mx.tld 450 later");
  delivery_back(&d, j, CAME_DONE, "");
  CHECK("pass: deferred, it is kept for the end", l->claim->kept.len == ID_LEN
        && !there("flush/customer.tld") && in_place(QUEUE_CUR, ID1));
}

/* --- told ------------------------------------------------------------------------------------ */

static void test_told(void)
{
  job *j;
  begin("told-owed");
  mail_move(ID1, QUEUE_CUR);
  delivery_told(&d, ID1);
  CHECK("told: it still owes something", in_place(QUEUE_CUR, ID1));
  mail_result(ID1, NOW_US, "0 sent 2.0.0 mx.tld 250 ok");
  mail_result(ID1, NOW_US, "1 failed 5.0.0 mx.tld 550 no");
  delivery_told(&d, ID1);
  CHECK("told: there is something else to tell", in_place(QUEUE_CUR, ID1));
  mail_result(ID1, NOW_US, "1 sent 2.0.0 mx.tld 250 ok");
  delivery_told(&d, ID1);
  CHECK("told: removed", !in_place(QUEUE_CUR, ID1) && logged(ID1 ": removed") == 1);
  delivery_told(&d, ID1);
  CHECK("told: it is gone", !logged("warning"));

  begin("told-active");
  j = out(0, 1, CAUSE_DUE);
  mail_result(ID1, NOW_US, "0 sent 2.0.0 mx.tld 250 ok");
  mail_result(ID1, NOW_US, "1 sent 2.0.0 mx.tld 250 ok");
  delivery_told(&d, ID1);
  CHECK("told: not while it is out", in_place(QUEUE_NEW, ID1) && j->active == a);
}

int main(void)
{
  qmgr_begin();
  test_result();
  test_done();
  test_deferred();
  test_untried();
  test_unrecorded();
  test_notice();
  test_by_id();
  test_pass();
  test_told();
  qmgr_end();
  return 0;
}
