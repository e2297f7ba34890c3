#include "send/outbox.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "base/log.h"

char const *PROG = "send-outbox";

static outbox w;

static enum outbox_line take(char const *line)
{
  return outbox_take(&w, line, strlen(line));
}

static int null_fd(void)
{
  return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void grow(size_t times)
{
  while (times--) outbox_window_grow(&w);
}

static void window_on_a_link_that_drops(void)
{
  outbox_window_drop(&w);
  CHECK("lost at once: one", w.begun_most == 1);
  grow(7);
  CHECK("one by one", w.begun_most == 1);
  grow(1);
  CHECK("until some got through", w.begun_most == 2);
  grow(24 + 1);
  CHECK("and it has lasted", w.begun_most == 1 + 4 + 1);
  grow(10);
  CHECK("then each counts", w.begun_most == 1 + 4 + 11);
  grow(2 * OUTBOX_MAX);
  w.begun = 64;
  outbox_window_drop(&w);
  CHECK("half, where it has lasted for long", w.begun_most == 32);
  grow(16);
  w.begun = 34;
  outbox_window_drop(&w);
  CHECK("what it was worth", w.begun_most == 2);
  w.begun = 0;
}

static outbox_job *job_make(char const *mail)
{
  outbox_take_fd(&w, null_fd());
  if (take(mail) != OUTBOX_LINE_OK || take("rcpt 0 <alice@customer.tld>") != OUTBOX_LINE_OK
   || take("rcpt 3 <bob@customer.tld> NOTIFY=NEVER") != OUTBOX_LINE_OK || take("go") != OUTBOX_LINE_OK) return 0;
  return w.last;
}

int main(void)
{
  outbox_job *one;
  outbox_job *two;
  int fd;
  size_t i;
  outbox_init(&w);
  CHECK("nothing to do", !outbox_ready(&w));
  CHECK("mail without a descriptor", take("mail m1 1 0 0 - <>") == OUTBOX_LINE_SENSELESS);
  CHECK("rcpt before mail", take("rcpt 0 <a@b.tld>") == OUTBOX_LINE_SENSELESS);
  CHECK("go before mail", take("go") == OUTBOX_LINE_SENSELESS);
  CHECK("not a line", take("") == OUTBOX_LINE_SENSELESS && take("mail") == OUTBOX_LINE_SENSELESS && take("gone") == OUTBOX_LINE_SENSELESS);

  one = job_make("mail m1 1763711153000000 44 4711 8-d- <bob@b.tld> SIZE=4711 RET=HDRS");
  CHECK("a job", one && w.held == 1 && outbox_ready(&w) == one);
  CHECK("its line", one->offset == 44 && one->length == 4711 && one->flags == (JOB_8BIT | JOB_DOT));
  CHECK("its sender", !strcmp(outbox_string(one, one->sender), "bob@b.tld"));
  CHECK("its parameters", !strcmp(outbox_string(one, one->parameters), " SIZE=4711 RET=HDRS"));
  CHECK("its recipients", one->rcpts_len == 2 && outbox_rcptp(one, 1)->number == 3
    && !strcmp(outbox_string(one, outbox_rcptp(one, 1)->address), "bob@customer.tld")
    && !strcmp(outbox_string(one, outbox_rcptp(one, 1)->parameters), " NOTIFY=NEVER")
    && !strcmp(outbox_string(one, outbox_rcptp(one, 0)->parameters), ""));

  two = job_make("mail m2 1 0 0 - <>");
  CHECK("in order", two && outbox_ready(&w) == one);
  outbox_begin(&w, one);
  CHECK("the next", outbox_ready(&w) == two);
  outbox_rcptp(one, 0)->state = OUTBOX_SETTLED;
  outbox_rcptp(one, 1)->state = OUTBOX_LATER;
  outbox_again(&w, one);
  CHECK("again", outbox_ready(&w) == one && outbox_rcptp(one, 0)->state == OUTBOX_SETTLED && outbox_rcptp(one, 1)->state == OUTBOX_OWED);
  outbox_move_last(&w, one);
  CHECK("last", outbox_ready(&w) == two && w.last == one);

  outbox_begin(&w, two);
  CHECK("begun", w.begun == 1 && outbox_ready(&w) == one && !outbox_ready_after(one));
  outbox_again(&w, two);
  CHECK("not any more", !w.begun && outbox_ready(&w) == two && outbox_ready_after(two) == one);
  CHECK("a reason", outbox_reason_keep(one, 0, "4.2.0", "host[192.0.2.1]:25", "busy")
    && !strcmp(outbox_string(one, outbox_rcptp(one, 0)->code), "4.2.0")
    && !strcmp(outbox_string(one, outbox_rcptp(one, 0)->relay), "host[192.0.2.1]:25")
    && !strcmp(outbox_string(one, outbox_rcptp(one, 0)->reason), "busy")
    && !strcmp(outbox_string(one, outbox_rcptp(one, 1)->address), "bob@customer.tld"));

  fd = one->fd;
  outbox_forget(&w, one);
  CHECK("closed", fcntl(fd, F_GETFD) == -1 && w.held == 1 && w.last == two);
  outbox_forget(&w, two);
  CHECK("all gone", !w.first && !w.last && !w.held);

  CHECK("alone", take("alone") == OUTBOX_LINE_OK && take("alone") == OUTBOX_LINE_SENSELESS);
  one = job_make("mail m3 1 0 0 - <>");
  two = job_make("mail m4 1 0 0 - <>");
  CHECK("the next one, and no other", one && one->alone && two && !two->alone);
  outbox_begin(&w, one);
  outbox_forget(&w, one);
  CHECK("gone while it was begun", !w.begun);
  outbox_forget(&w, two);

  CHECK("as many at once as there are", w.begun_most == OUTBOX_MAX);
  outbox_window_narrow(&w, 0);
  CHECK("one at the least", w.begun_most == 1);
  outbox_window_grow(&w);
  CHECK("one more", w.begun_most == 2);
  outbox_window_narrow(&w, OUTBOX_MAX);
  outbox_window_grow(&w);
  CHECK("never more than there is room for", w.begun_most == OUTBOX_MAX);
  window_on_a_link_that_drops();

  outbox_take_fd(&w, null_fd());
  CHECK("no recipients", take("mail m3 1 0 0 - <>") == OUTBOX_LINE_OK && take("go") == OUTBOX_LINE_SENSELESS);
  outbox_forget(&w, w.first);
  w.reading = 0;

  for (i = 0; outbox_room(&w); i++) if (!job_make("mail m4 1 0 0 - <>")) break;
  CHECK("as many as there is room for", i == OUTBOX_WINDOW + 1);
  for (; i < OUTBOX_MAX; i++) if (!job_make("mail m4 1 0 0 - <>")) break;
  CHECK("and what came with the last", i == OUTBOX_MAX);
  outbox_take_fd(&w, null_fd());
  CHECK("no room", take("mail m5 1 0 0 - <>") == OUTBOX_LINE_SENSELESS);
  fd = null_fd();
  for (i = 1; i < OUTBOX_FDS_MAX; i++) outbox_take_fd(&w, fd);
  CHECK("no room for descriptors", !outbox_take_fd(&w, fd));
  outbox_drop_fds(&w);
  CHECK("dropped", fcntl(fd, F_GETFD) == -1 && !w.fds_len);
  return CHECK_END();
}
