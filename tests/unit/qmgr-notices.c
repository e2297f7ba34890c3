/* Notices: the marks, and a bounce-put that is asked, answers, is not there, or goes. */

#include "qmgr/notices.h"

#include "qmgr.h"

char const *PROG = "qmgr-notices";

static notices n;
static int listener = -1;
static int peer = -1;
static char id[ID_LEN + 1];

static void begin(char const *name)
{
  instance_make(name);
  memset(&n, 0, sizeof n);
  n.core = &q;
  notices_start(&n);
  log_forget();
}

static int run(void)
{
  int pieces = 0;
  while (pieces++ < 1000 && notices_run(&n)) ;
  return pieces < 1000;
}

/* bounce-put is there, and these marks. */
static void begin_asked(char const *name, char const *id1, char const *id2)
{
  begin(name);
  listener = listener_make("bounce", 5);
  if (id1) notices_due(&n, id1);
  if (id2) notices_due(&n, id2);
  run();
  peer = peer_accept(listener);
}

/* All that bounce-put was asked since then. */
static char const *asked(void)
{
  static char text[4096];
  size_t len = 0;
  ssize_t r;
  while (len < sizeof text - 1 && (r = read(peer, text + len, sizeof text - 1 - len)) > 0)
    len += (size_t)r;
  text[len] = 0;
  return text;
}

/* It answers; is there one whose sender was told? */
static int told(char const *answer)
{
  say(peer, answer);
  notices_readable(&n);
  return notices_told_next(&n, id);
}

static void test_marks(void)
{
  begin("marks");
  CHECK("start", n.look && n.fd == -1);
  CHECK("due", notices_due(&n, ID1) && there("notice/" ID1) && notices_due(&n, ID1));
  notices_over(&n, ID1);
  CHECK("over", !there("notice/" ID1) && !logged("notice"));
  notices_over(&n, ID1);
  CHECK("over: there was none", !logged("notice"));
  unlinkat(q.queue, "notice", AT_REMOVEDIR);
  notices_start(&n);
  CHECK("start: it makes the place", there("notice") && !logged("notice"));
  unlinkat(q.queue, "notice", AT_REMOVEDIR);
  put("notice", "");
  n.look = 0;
  CHECK("due: that cannot be", !notices_due(&n, ID1) && !n.look
        && logged("unable to make notice/" ID1 ": ") == 1);
  notices_look(&n);
  at(AFTER(61));
  CHECK("the place cannot be read", !notices_run(&n) && q.sched.paused
        && logged("unable to read notice: ") == 1);
}

static void test_asking(void)
{
  begin_asked("asking", ID1, 0);
  CHECK("asked", peer != -1 && !strcmp(asked(), ID1 "\n") && n.pending_len == 1 && !n.look);
  notices_look(&n);
  CHECK("asked: once", run() && !*asked() && n.pending_len == 1);
  notices_due(&n, ID2);
  put("notice/strange", "");
  CHECK("asked: another, over the same connection", run() && !strcmp(asked(), ID2 "\n")
        && n.pending_len == 2 && peer_accept(listener) == -1);
  q.sched.paused = 1;
  notices_due(&n, ID3);
  CHECK("not while something is short", !notices_run(&n) && !*asked() && n.look);
  q.sched.paused = 0;
  CHECK("and then", run() && !strcmp(asked(), ID3 "\n"));
}

static void test_answers(void)
{
  begin_asked("answers", ID1, ID2);
  CHECK("told: half an answer", !told(ID1 " do") && n.pending_len == 2);
  CHECK("told", told("ne 1h8qabcde00007\n") && !strcmp(id, ID1) && n.pending_len == 1);
  CHECK("told: the mark is the user's to take", there("notice/" ID1));
  CHECK("told: once", !told(ID1 " done x\n"));
  CHECK("told: one that was not asked for", !told(ID3 " done x\n") && n.pending_len == 1);
  CHECK("told: nonsense", !told("\n\nx\n" ID2 "\n1H8QABCDE00001 done x\n"));
  CHECK("told: that answers nothing", n.pending_len == 1);

  begin_asked("both", ID1, ID2);
  CHECK("gone is told, too", told(ID2 " gone\n" ID1 " done x\n" ID1) && !strcmp(id, ID2));
  CHECK("two at once", notices_told_next(&n, id) && !strcmp(id, ID1) && !n.pending_len);
  CHECK("no more", !notices_told_next(&n, id));
  CHECK("then it may go", timers_next(&q.timers) == AFTER(1));
  notices_timer(&n);
  CHECK("it goes", n.fd == -1 && *asked() && read(peer, id, 1) == 0);
  notices_due(&n, ID3);
  run();
  peer = peer_accept(listener);
  CHECK("and comes again", peer != -1 && strstr(asked(), ID3 "\n"));
}

/* bounce-put may have looked at it before that. */
static void test_due_again(void)
{
  begin_asked("due-again", ID1, ID2);
  asked();
  notices_due(&n, ID1);
  CHECK("due again: not asked a second time meanwhile", run() && !*asked() && n.pending_len == 2);
  CHECK("due again: what was asked before is no answer", !told(ID1 " done\n") && n.pending_len == 1
        && there("notice/" ID1));
  CHECK("due again: the other is told", told(ID2 " done\n") && !strcmp(id, ID2));
  notices_over(&n, id);
  CHECK("due again: asked again, at once", run() && !strcmp(asked(), ID1 "\n"));
  CHECK("due again: and told", told(ID1 " done\n") && !strcmp(id, ID1) && !n.look);

  begin_asked("due-again-gone", ID1, 0);
  notices_due(&n, ID1);
  CHECK("due again: nor is that it is gone", !told(ID1 " gone\n") && n.look);
}

static void test_later(void)
{
  begin_asked("later", ID1, 0);
  asked();
  CHECK("later", !told(ID1 " later a recipient is being sent to\n") && !n.pending_len);
  CHECK("later: it is looked at again", timers_next(&q.timers) == NOW_US + SECOND_US * 7 / 10);
  CHECK("later: and not before", run() && !*asked());
  at(AFTER(1));
  timers_take(&q.timers, core_now_us(&q));
  notices_timer(&n);
  CHECK("later: asked again", n.fd != -1 && run() && !strcmp(asked(), ID1 "\n"));
  CHECK("later: the word alone", told(ID1 " done later\n") && !strcmp(id, ID1));
}

static void test_absent(void)
{
  begin("absent");
  notices_due(&n, ID1);
  CHECK("absent", run() && n.fd == -1 && !n.pending_len && !q.sched.paused
        && logged("unable to connect to run/bounce: No such file") == 1
        && timers_next(&q.timers) == AFTER(5));
  listener = listener_make("bounce", 5);
  CHECK("absent: it is left alone", run() && peer_accept(listener) == -1);
  notices_timer(&n);
  CHECK("absent: and asked then", run() && (peer = peer_accept(listener)) != -1
        && !strcmp(asked(), ID1 "\n"));
  notices_timer(&n);
  CHECK("a connection that has work is kept", n.fd != -1);
  close(peer);
  at(AFTER(10));
  notices_readable(&n);
  CHECK("it ended", n.fd == -1 && !n.pending_len && n.later);
  notices_timer(&n);
  CHECK("it ended: what was not answered is asked again", run()
        && (peer = peer_accept(listener)) != -1 && !strcmp(asked(), ID1 "\n"));
  CHECK("nothing to read", (notices_readable(&n), n.fd != -1));
}

static void test_nonsense(void)
{
  static char line[600];
  begin_asked("nonsense", ID1, 0);
  memset(line, 'x', sizeof line - 1);
  say(peer, line);
  notices_readable(&n);
  CHECK("a long line", n.fd != -1 && !notices_told_next(&n, id));
  notices_readable(&n);
  CHECK("no answer is so long", n.fd == -1 && !n.pending_len && n.later && !n.in_len);
}

static void test_window(void)
{
  char mark[ID_LEN + 1], answer[ID_LEN + 20], first[ID_LEN + 1];
  int i;
  begin("window");
  listener = listener_make("bounce", 5);
  for (i = 0; i < 150; i++)
  {
    id_format(mark, NOW_US - (uint64_t)i, 1);
    notices_due(&n, mark);
  }
  CHECK("window", run() && n.pending_len == NOTICES_WINDOW);
  peer = peer_accept(listener);
  CHECK("window: no more are asked", !notices_run(&n)
        && strlen(asked()) == NOTICES_WINDOW * (ID_LEN + 1));
  memcpy(first, n.pending[7].id, ID_LEN + 1);
  snprintf(answer, sizeof answer, "%s done\n", first);
  CHECK("window: an answer", told(answer) && !strcmp(id, first)
        && n.pending_len == NOTICES_WINDOW - 1);
  notices_over(&n, id);
  CHECK("window: makes room for one", run() && strlen(asked()) == ID_LEN + 1
        && n.pending_len == NOTICES_WINDOW);
}

int main(void)
{
  qmgr_begin();
  test_marks();
  test_asking();
  test_answers();
  test_due_again();
  test_later();
  test_absent();
  test_nonsense();
  test_window();
  qmgr_end();
  return 0;
}
