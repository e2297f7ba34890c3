/* Messages: taken wherever they are, mended, moved, removed, and put aside where they are none. */

#include "qmgr/messages.h"

#include <sys/resource.h>

#include "qmgr.h"

char const *PROG = "qmgr-messages";

#define REFUSED "0 deferred 4.2.0 mx.tld[192.0.2.1]:25 450 later"

static messages all;
static agents others;
static lists lists_none;
static message m = MESSAGE_ZERO;
static enum queue_place place;

static void begin(char const *name)
{
  instance_make(name);
  memset(&others, 0, sizeof others);
  others.core = all.core = &q;
  lists_none.agents = &others;
  all.lists = &lists_none;
  log_forget();
}

/* Taken; the descriptor is closed here. */
static int take(char const *id)
{
  int fd = messages_take(&all, &m, id, &place);
  if (fd != -1) close(fd);
  return fd != -1;
}

static int take_new(char const *id)
{
  int fd = messages_take_new(&all, &m, id);
  if (fd != -1) close(fd);
  return fd != -1;
}

/* Nothing to do for it, and that is no lack of means. */
#define PASSED(took) (errno = EIO, !(took) && !errno && !q.sched.paused)

static void junk(enum queue_place where, char const *id)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, where, id);
  put(path, "junk\n");
}

/* --- opening --------------------------------------------------------------------------------- */

static void test_take(void)
{
  int fd;
  begin("take");
  mail_make(ID1, "customer.tld", "a.tld");
  mail_make(ID2, "customer.tld", 0);
  mail_make(ID3, "customer.tld", 0);
  mail_move(ID2, QUEUE_CUR);
  mail_move(ID3, QUEUE_HOLD);
  CHECK("in new/", take(ID1) && place == QUEUE_NEW && message_rcpts(&m) == 2
        && !strcmp(messages_rcpt_domain(&m, 1), "a.tld"));
  CHECK("in cur/", take(ID2) && place == QUEUE_CUR && message_rcpts(&m) == 1);
  CHECK("in hold/", take(ID3) && place == QUEUE_HOLD);
  CHECK("gone", PASSED(take("1h8qabcde00009")) && !logged("1h8q"));
  CHECK("new: in new/", take_new(ID1) && message_rcpts(&m) == 2);
  CHECK("new: in cur/", PASSED(take_new(ID2)) && in_place(QUEUE_CUR, ID2));
  fd = messages_take(&all, &m, ID2, &place);
  CHECK("for appending, and not for who is executed", (fcntl(fd, F_GETFL) & O_APPEND)
        && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
  close(fd);
}

static void test_torn(void)
{
  static char const torn[] = "1763711160.000001 0 sent 2.0";
  int fd;
  begin("torn");
  mail_make(ID1, "customer.tld", 0);
  fd = openat(q.queue, "new/" ID1, O_WRONLY | O_APPEND);
  if (write(fd, torn, sizeof torn - 1) != sizeof torn - 1) exit(111);
  close(fd);
  fd = messages_take(&all, &m, ID1, &place);
  CHECK("torn: it does not count", fd != -1 && !message_rcptp(&m, 0)->settled
        && !message_rcptp(&m, 0)->attempts);
  /* as an agent does, which knows nothing of that */
  say(fd, "1763711161.000001 " REFUSED "\n");
  CHECK("torn: mended for what comes behind it", message_read(&m, fd)
        && message_rcptp(&m, 0)->attempts == 1 && message_rcptp(&m, 0)->status == JOB_DEFERRED);
  close(fd);
}

static void test_no_message(void)
{
  begin("junk");
  junk(QUEUE_NEW, ID1);
  CHECK("junk in new/", PASSED(take(ID1)) && !in_place(QUEUE_NEW, ID1)
        && in_place(QUEUE_CORRUPT, ID1)
        && logged("new/" ID1 ": not a whole message, put aside as corrupt/" ID1) == 1);
  junk(QUEUE_NEW, ID2);
  CHECK("junk: said once a minute", PASSED(take_new(ID2)) && in_place(QUEUE_CORRUPT, ID2)
        && !logged(ID2));
  mail_make(ID3, "customer.tld", 0);
  mail_move(ID3, QUEUE_CUR);
  junk(QUEUE_CUR, ID3);
  CHECK("junk in cur/: always said", PASSED(take(ID3)) && in_place(QUEUE_CORRUPT, ID3)
        && !in_place(QUEUE_CUR, ID3) && logged(": " ID3 ": not a whole message, put aside") == 1);
  at(AFTER(61));
  mail_make(ID1, "customer.tld", 0);
  CHECK("its id is taken", PASSED(take_new(ID1)) && !in_place(QUEUE_NEW, ID1)
        && holds("corrupt/" ID1, "junk\n")
        && logged("new/" ID1 ": not the message of this id, put aside as corrupt/") == 1
        && logged(" (and 1 more)") == 1 && !logged("this id, put aside as corrupt/" ID1));
}

static void test_taken(void)
{
  char path[QUEUE_PATH_MAX];
  begin("taken");
  mail_make(ID1, "customer.tld", "a.tld");
  mail_move(ID1, QUEUE_CUR);
  mail_make(ID1, "customer.tld", 0);
  CHECK("the message is the one in cur/", take(ID1) && place == QUEUE_CUR && message_rcpts(&m) == 2);
  CHECK("what is in new/ is another's", PASSED(take_new(ID1)) && !in_place(QUEUE_NEW, ID1)
        && in_place(QUEUE_CUR, ID1) && in_place(QUEUE_CORRUPT, ID1));
  mail_make(ID2, "customer.tld", 0);
  mail_move(ID2, QUEUE_CUR);
  queuedir_path(path, QUEUE_CUR, ID2);
  if (linkat(q.queue, path, q.queue, "new/" ID2, 0) == -1) exit(111);
  CHECK("or the same, moved by halves", PASSED(take_new(ID2)) && !in_place(QUEUE_NEW, ID2)
        && in_place(QUEUE_CUR, ID2) && !in_place(QUEUE_CORRUPT, ID2));
}

static void test_strange(void)
{
  struct rlimit limit, none;
  int fd;
  begin("strange");
  obstruct("new/" ID1);
  CHECK("a directory", PASSED(take(ID1)) && there("new/" ID1)
        && logged(ID1 ": not a regular file, passed over") == 1);
  if (symlinkat("/etc/passwd", q.queue, "new/" ID2) == -1) exit(111);
  CHECK("a link", PASSED(take_new(ID2)) && there("new/" ID2));

  at(AFTER(61));
  mail_make(ID3, "customer.tld", 0);
  fd = openat(q.queue, "new/" ID3, O_RDWR | O_CLOEXEC);
  signal(SIGIO, SIG_IGN);
  if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0)
    CHECK("somebody holds a lease on it", PASSED(take(ID3))
          && logged("unable to open (it is passed over) " ID3) == 1);
  close(fd);

  getrlimit(RLIMIT_NOFILE, &limit);
  none = limit;
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);
  errno = 0;
  CHECK("no descriptors", !take(ID3) && errno == EMFILE && q.sched.paused
        && others.scarce_us == AFTER(61) && logged("unable to open " ID3 ": ") == 1);
  sched_resume(&q.sched);
  CHECK("no descriptors: of new/", !take_new(ID3) && errno == EMFILE && q.sched.paused);
  setrlimit(RLIMIT_NOFILE, &limit);
  CHECK("and then", take_new(ID3));
}

/* --- moved, removed -------------------------------------------------------------------------- */

static void test_finish(void)
{
  begin("finish");
  mail_make(ID1, "customer.tld", 0);
  messages_finish(&all, ID1, QUEUE_NEW);
  CHECK("finish", !in_place(QUEUE_NEW, ID1) && logged(ID1 ": removed") == 1);
  mail_make(ID2, "customer.tld", 0);
  mail_move(ID2, QUEUE_HOLD);
  messages_finish(&all, ID2, QUEUE_CUR);
  CHECK("finish: moved meanwhile", !in_place(QUEUE_HOLD, ID2) && logged(ID2 ": removed") == 1);
  log_forget();
  messages_finish(&all, ID3, QUEUE_CUR);
  CHECK("finish: gone", !logged(ID3));
  obstruct("new/" ID3);
  messages_finish(&all, ID3, QUEUE_NEW);
  CHECK("finish: that cannot be", there("new/" ID3) && logged("unable to remove " ID3 ": ") == 1
        && !logged(": removed"));
}

static void test_to_cur(void)
{
  begin("to-cur");
  mail_make(ID1, "customer.tld", 0);
  messages_to_cur(&all, ID1);
  CHECK("to cur/", !in_place(QUEUE_NEW, ID1) && in_place(QUEUE_CUR, ID1));
  messages_to_cur(&all, ID1);
  messages_put_aside(&all, ID1, QUEUE_NEW, "x");
  CHECK("to cur/: it is there", in_place(QUEUE_CUR, ID1) && !in_place(QUEUE_CORRUPT, ID1)
        && !logged(ID1));
  mail_make(ID1, "customer.tld", 0);
  messages_to_cur(&all, ID1);
  CHECK("to cur/: another is", !in_place(QUEUE_NEW, ID1) && in_place(QUEUE_CUR, ID1)
        && in_place(QUEUE_CORRUPT, ID1) && logged("not the message of this id") == 1);
  messages_finish(&all, ID1, QUEUE_CUR);
  unlinkat(q.queue, "cur/1h8qa", AT_REMOVEDIR);
  put("cur/1h8qa", "");
  mail_make(ID2, "customer.tld", 0);
  messages_to_cur(&all, ID2);
  CHECK("to cur/: that cannot be", in_place(QUEUE_NEW, ID2)
        && logged("unable to move new/" ID2 ": ") == 1);
}

int main(void)
{
  qmgr_begin();
  test_take();
  test_torn();
  test_no_message();
  test_taken();
  test_strange();
  test_finish();
  test_to_cur();
  qmgr_end();
  return 0;
}
