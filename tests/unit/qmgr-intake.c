/* Intake: hints by both FIFOs, and what stands in the directories. */

#include "qmgr/intake.h"
#include "flush/reserve.h"
#include "flush/trigger.h"

#include "qmgr-hands.h"

char const *PROG = "qmgr-intake";

static intake in;
static int trigger = -1;
static int deeds = -1;

static int writer(char const *name)
{
  int fd = openat(q.queue, name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd == -1) exit(111);
  return fd;
}

static void begin(char const *name)
{
  hands_make(name);
  memset(&in, 0, sizeof in);
  in.delivery = &d;
  in.trigger.fd = trigger_open(q.queue);
  in.deeds.fd = trigger_open_deeds(q.queue);
  in.deeds.deeds = 1;
  if (in.trigger.fd == -1 || in.deeds.fd == -1) exit(111);
  trigger = writer("trigger");
  deeds = writer("deeds");
}

static void hint(char const *s)
{
  say(trigger, s);
  intake_hints(&in, &in.trigger);
}

static void deed(char const *s)
{
  say(deeds, s);
  intake_hints(&in, &in.deeds);
}

/* Until there is no more to look at. */
static int run(void)
{
  int n = 0;
  while (n++ < 1000 && intake_run(&in)) ;
  return n < 1000;
}

/* It was told to look everywhere; then it is as if it had not been. */
static int looks(void)
{
  int all = in.look_new && in.look_requests && in.look_lists && all_notices.look;
  in.look_new = in.look_requests = in.look_lists = all_notices.look = 0;
  return all;
}

/* --- new messages ---------------------------------------------------------------------------- */

static void test_new(void)
{
  begin("new");
  mail_make(ID1, "parked.tld", 0);
  mail_make(ID2, "parked.tld", "a.parked.tld");
  mail_make(ID3, "parked.tld", 0);
  hint("new " ID1 "\nnew 1h8q");
  CHECK("new", in_place(QUEUE_CUR, ID1) && holds("flush/parked.tld", ID1 "\n")
        && logged(ID1 ": from=<a@b.tld>, size=3, nrcpt=1 (queue active)") == 1);
  CHECK("new: others have not been hinted at", in_place(QUEUE_NEW, ID2) && in_place(QUEUE_NEW, ID3));
  hint("abcdg00003\n");
  CHECK("new: a line in two pieces", in_place(QUEUE_CUR, ID3)
        && holds("flush/parked.tld", ID1 "\n" ID3 "\n"));
  CHECK("new: nothing to look at", !in.look_new && !in.look_lists);
  hint("new " ID1 "\n");
  CHECK("new: again", holds("flush/parked.tld", ID1 "\n" ID3 "\n") && in_place(QUEUE_CUR, ID1));
  hint("new ../../x\n");
  CHECK("new: no id, so everywhere", looks());
}

static void test_new_out(void)
{
  char got[2000];
  ssize_t r;
  int listener, peer, fds[JOB_FDS_MAX];
  size_t n;
  begin("out");
  listener = listener_make("send", 5);
  mail_make(ID1, "customer.tld", "parked.tld");
  hint("new " ID1 "\n");
  peer = peer_accept(listener);
  agents_flush(&all_agents);
  r = job_receive(peer, got, sizeof got - 1, fds, &n);
  got[r > 0 ? r : 0] = 0;
  CHECK("out: handed to an agent", n == 1 && strstr(got, "\nmail " ID1 " ")
        && strstr(got, "\nrcpt 0 <u@customer.tld>\ngo\n"));
  CHECK("out: the rest is recorded", holds("flush/parked.tld", ID1 "\n")
        && !there("flush/customer.tld"));
  CHECK("out: it stays until that is back", in_place(QUEUE_NEW, ID1)
        && active_find(&d.actives, ID1) && active_find(&d.actives, ID1)->jobs == 1);
  hint("new " ID1 "\n");
  CHECK("out: once", active_find(&d.actives, ID1)->jobs == 1 && holds("flush/parked.tld", ID1 "\n"));
}

/* Nobody can be reached, and that concerns everybody. */
static void test_new_short(void)
{
  begin("short");
  mail_make(ID1, "customer.tld", 0);
  in.look_new = 1;
  CHECK("short: it ends", !intake_run(&in) || !intake_run(&in));
  CHECK("short: what cannot go is recorded", q.sched.paused && holds("flush/customer.tld", ID1 "\n")
        && in.new_turn == NEW_LAST);
  put("flush/parked.tld", ID2 "\n");
  put("asked/parked.tld", "");
  in.look_lists = in.look_requests = 1;
  CHECK("short: nothing is looked at meanwhile", !intake_run(&in) && in.look_lists);
  sched_resume(&q.sched);
  CHECK("short: then others before new/", run() && lists_find(&all_lists, "parked.tld")
        && ordered("parked.tld", ORDER_CLAIM) && there("asked/parked.tld"));
  CHECK("short: and new/ again", in.new_turn == NEW_FLOWS && intake_settled(&in));
}

static void test_new_obstructed(void)
{
  begin("obstructed");
  mail_make(ID1, "parked.tld", 0);
  mail_make(ID2, "b.tld", 0);
  conf_put("routes", "* [192.0.2.2] park\n");
  if (!core_settings(&q)) exit(111);
  obstruct("flush/parked.tld");
  in.look_new = 1;
  CHECK("obstructed: all of new/ was read", run() && intake_settled(&in) && !q.sched.paused);
  CHECK("obstructed: what cannot be recorded stays", in_place(QUEUE_NEW, ID1)
        && logged("passed over flush/parked.tld: ") == 1);
  CHECK("obstructed: nobody else", in_place(QUEUE_CUR, ID2) && holds("flush/b.tld", ID2 "\n"));
}

/* --- requests -------------------------------------------------------------------------------- */

static void test_flush(void)
{
  begin("flush");
  put("flush/customer.tld", ID1 "\n");
  hint("flush customer.tld\n");
  CHECK("flush: new/ comes first", in.look_new && !ordered("customer.tld", ORDER_CLAIM)
        && in.hinted.len);
  CHECK("flush: its file is made", holds("asked/customer.tld", ""));
  CHECK("flush", run() && ordered("customer.tld", ORDER_CLAIM) && get("customer.tld")->domain.requests == 1
        && get("customer.tld")->domain.claim == PASS_FLUSH && logged("flush customer.tld\n") == 1
        && !in.hinted.len);
  hint("flush customer.tld\n");
  CHECK("flush: anew, though it is under way", run() && get("customer.tld")->domain.requests == 2
        && logged("flush customer.tld\n") == 1);

  put("asked/b.tld", "");
  hint("flush b.tld\nflush ../x\nflush B.tld\n");
  CHECK("flush: nothing waits", run() && !there("asked/b.tld") && !lists_find(&all_lists, "b.tld")
        && logged("flush b.tld: nothing waits") == 1);
  CHECK("flush: no name", !logged("../x") && !logged("B.tld") && !there("x"));
}

static void test_flush_below(void)
{
  begin("below");
  put("flush/customer.tld", ID1 "\n");
  put("claim/a.customer.tld", ID2 "\n");
  put("flush/other.tld", ID3 "\n");
  put("asked/@customer.tld", "");
  hint("flush @customer.tld\n");
  CHECK("below", run() && there("asked/customer.tld") && there("asked/a.customer.tld")
        && !there("asked/other.tld") && !there("asked/@customer.tld"));
  CHECK("below: each", ordered("customer.tld", ORDER_CLAIM) && ordered("a.customer.tld", ORDER_CLAIM)
        && !lists_find(&all_lists, "other.tld") && logged("flush @customer.tld\n") == 1);
  put("asked/@", "");
  hint("flush @\n");
  CHECK("all", run() && !there("asked/@") && ordered("other.tld", ORDER_CLAIM)
        && there("asked/other.tld"));
  put("asked/@nobody.tld", "");
  hint("flush @nobody.tld\n");
  CHECK("below: nobody", run() && !there("asked/@nobody.tld")
        && logged("flush @nobody.tld: nothing waits") == 1);
  begin("below-out");
  domain_job_out(&get("a.customer.tld")->domain, 0);
  domain_job_out(&get("other.tld")->domain, 0);
  put("asked/@customer.tld", "");
  hint("flush @customer.tld\n");
  CHECK("below: what is out and in no list", run() && there("asked/a.customer.tld")
        && domain_requested_since(&get("a.customer.tld")->domain, 0)
        && !domain_requested_since(&get("other.tld")->domain, 0)
        && logged("flush @customer.tld\n") == 1 && !there("asked/@customer.tld"));
}

static void test_asked(void)
{
  begin("asked");
  put("flush/customer.tld", ID1 "\n");
  put("flush/a.tld", ID1 "\n");
  put("asked/customer.tld", "");
  put("asked/no name", "");
  obstruct("asked/dir.tld");
  if (!reserve_make(q.queue) || !reserve_add(q.queue, "a.tld")) exit(111);
  in.look_requests = 1;
  CHECK("asked/", run() && ordered("customer.tld", ORDER_CLAIM) && there("asked/customer.tld"));
  CHECK("asked/: what stood in the reserve", ordered("a.tld", ORDER_CLAIM) && there("asked/a.tld")
        && reserve_has(q.queue, "a.tld") == 0);
  CHECK("asked/: what can be asked for by nobody", !there("asked/no name")
        && logged("asked/no name: nothing that can be asked for, removed") == 1);
  CHECK("asked/: a directory", there("asked/dir.tld") && logged("passed over asked/dir.tld") == 1);
  CHECK("asked/: once", get("customer.tld")->domain.requests == 1);
  in.look_requests = 1;
  CHECK("asked/: what is under way is not taken up again", run()
        && get("customer.tld")->domain.requests == 1);
  in.look_requests = in.hints_lost = 1;
  CHECK("asked/: but where hints were lost", run() && get("customer.tld")->domain.requests == 2);
}

/* --- deeds ----------------------------------------------------------------------------------- */

static void test_deeds(void)
{
  static struct { char const *word, *log; } const all[] =
  {
    { "deleted", ": removed" }, { "held", ": placed on hold" },
    { "released", ": released from hold" }, { "requeued", ": requeued" },
    { "recorded", ": was in no list" }
  };
  char line[100], said[100];
  size_t i;
  begin("deeds");
  for (i = 0; i < sizeof all / sizeof *all; i++)
  {
    snprintf(line, sizeof line, "%s " ID1 "\n", all[i].word);
    snprintf(said, sizeof said, ID1 "%s", all[i].log);
    hint(line);
    CHECK("by the trigger it is not believed", !logged(said));
    CHECK("by the trigger it has us look everywhere", looks());
    deed(line);
    CHECK(all[i].word, logged(said) == 1);
    CHECK("and we need not look", !in.look_new && !in.look_lists && !in.look_requests);
  }
  deed("held\n");
  CHECK("a deed of nothing", looks() && logged("placed on hold") == 1);
}

static void test_released(void)
{
  static char const *const words[] = { "released", "recorded" };
  char line[100];
  size_t i;
  for (i = 0; i < 2; i++)
  {
    begin(words[i]);
    mail_make(ID1, "customer.tld", "a.tld");
    mail_move(ID1, QUEUE_CUR);
    mail_result(ID1, NOW_US, "1 sent 2.0.0 mx.tld 250 ok");
    put("flush/customer.tld", ID1 "\n");
    snprintf(line, sizeof line, "%s " ID1 "\n", words[i]);
    hint(line);
    CHECK("by the trigger: nothing", !lists_find(&all_lists, "customer.tld"));
    deed(line);
    CHECK("its lists are looked at again", get("customer.tld")->domain.waiting
          && get("customer.tld")->domain.untried && get("customer.tld")->domain.ready.row);
    CHECK("those in which it owes something", !lists_find(&all_lists, "a.tld"));
  }
  begin("settled");
  mail_make(ID1, "customer.tld", 0);
  mail_result(ID1, NOW_US, "0 sent 2.0.0 mx.tld 250 ok");
  deed("held " ID1 "\n");
  CHECK("held: nothing more is done", in_place(QUEUE_NEW, ID1));
  deed("released " ID1 "\n");
  CHECK("released: nothing is left to do for it", !in_place(QUEUE_NEW, ID1));
}

/* --- lines ----------------------------------------------------------------------------------- */

static void test_lines(void)
{
  static char many[70000];
  begin("lines");
  hint("scan\n");
  CHECK("scan", looks());
  hint("\n");
  CHECK("an empty line", looks());
  hint("whatever comes\n");
  CHECK("a word of a qmgr to come", looks());
  hint("half");
  CHECK("half a line", !in.look_lists && in.trigger.len == 4);
  mail_make(ID1, "parked.tld", 0);
  hint("\nnew " ID1 "\n");
  CHECK("and what comes behind it", looks() && in_place(QUEUE_CUR, ID1) && !in.trigger.len);

  memset(many, 'x', sizeof many);
  many[sizeof in.trigger.line] = 0;
  hint(many);
  CHECK("a line that has no end", !in.trigger.len && !in.hints_lost);
  mail_make(ID2, "parked.tld", 0);
  hint("x\nnew " ID2 "\n");
  CHECK("lines after that", looks() && in_place(QUEUE_CUR, ID2));

  memset(many, '\n', sizeof many);
  if (write(trigger, many, 65536) < 60000) exit(111);
  intake_hints(&in, &in.trigger);
  CHECK("a full pipe: some may have been lost", in.hints_lost && looks());
  intake_hints(&in, &in.deeds);
  CHECK("nothing to read", !in.look_lists);
}

static void test_pause(void)
{
  begin("pause");
  CHECK("no pause before the first", !intake_hints_pause_us(&in));
  hint("scan\n");
  CHECK("a pause", intake_hints_pause_us(&in) == NOW_US + 1000);
  at(NOW_US + 999);
  CHECK("so long", intake_hints_pause_us(&in) == NOW_US + 1000);
  at(NOW_US + 1000);
  CHECK("and no longer", !intake_hints_pause_us(&in));
  at(NOW_US);
  in.new_since_us = AFTER(5);
  intake_set_back(&in, SECOND_US);
  CHECK("set back", in.hints_us == NOW_US - SECOND_US && in.new_since_us == AFTER(4));
}

/* --- the beginning --------------------------------------------------------------------------- */

static void age(char const *path, uint64_t us)
{
  struct timespec const t[2] = {
    { .tv_sec = (time_t)(us / SECOND_US) }, { .tv_sec = (time_t)(us / SECOND_US) }
  };
  if (utimensat(q.queue, path, t, 0) == -1) exit(111);
}

static void test_start(void)
{
  begin("start");
  put("tmp/" ID1, "x");
  age("tmp/" ID1, NOW_US - 86402 * SECOND_US);
  put("tmp/" ID2, "x");
  age("tmp/" ID2, NOW_US - 86000 * SECOND_US);
  put("tmp/strange", "x");
  age("tmp/strange", NOW_US - 86402 * SECOND_US);
  put("claim/customer.tld", ID1 "\n");
  put("flush/customer.tld", ID2 "\n");
  put("claim/a.tld", ID3 "\n");
  put("flush/parked.tld", ID3 "\n");
  obstruct("flush/dir.tld");
  obstruct("claim/odd.tld");
  mail_make(ID3, "parked.tld", 0);
  intake_start(&in);
  CHECK("start: what was left unfinished", !there("tmp/" ID1) && there("tmp/" ID2)
        && there("tmp/strange") && logged("tmp/" ID1 ": left behind unfinished, removed") == 1);
  CHECK("start: a reserve", reserve_has(q.queue, "x.tld") == 0 && there("reserve"));
  CHECK("start: claims are lists", holds("flush/customer.tld", ID1 "\n" ID2 "\n")
        && holds("flush/a.tld", ID3 "\n") && !there("claim/a.tld")
        && logged("passed over claim/odd.tld: ") == 1);
  CHECK("start: all is to be looked at", !intake_settled(&in) && in.look_requests
        && all_notices.look);
  at(AFTER(61));
  CHECK("start: all that waits is known", run() && intake_settled(&in)
        && get("customer.tld")->domain.waiting && get("a.tld")->domain.waiting
        && get("parked.tld")->domain.waiting && q.sched.domains.row.count == 3);
  CHECK("start: new/ too", in_place(QUEUE_CUR, ID3) && holds("flush/parked.tld", ID3 "\n" ID3 "\n"));
  CHECK("start: what is in the way", logged("passed over flush/dir.tld: ") == 1 && there("flush/dir.tld"));
  CHECK("start: then it is quiet", !intake_run(&in));
  d.look_new = d.look_requests = 1;
  CHECK("what others have found is looked at", intake_run(&in) && !d.look_new && !d.look_requests);
}

static void test_jumped(void)
{
  begin("jumped");
  put("tmp/" ID1, "x");
  age("tmp/" ID1, NOW_US - 86402 * SECOND_US);
  sched_jumped(&q.sched);
  intake_clean(&in);
  CHECK("the clock jumped: what is being written looks old", there("tmp/" ID1));
}

int main(void)
{
  qmgr_begin();
  test_new();
  test_new_out();
  test_new_short();
  test_new_obstructed();
  test_flush();
  test_flush_below();
  test_asked();
  test_deeds();
  test_released();
  test_lines();
  test_pause();
  test_start();
  test_jumped();
  qmgr_end();
  return 0;
}
