/* The FIFO: with a reader, without one, full, and not a FIFO at all. */

#include "flush/trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

char const *PROG = "trigger";

static int reads(int fd, char const *s)
{
  char have[2 * TRIGGER_LINE_MAX];
  ssize_t r = read(fd, have, sizeof have);
  return r == (ssize_t)strlen(s) && !memcmp(have, s, (size_t)r);
}

static void test_absent(int queue)
{
  CHECK("no FIFO: not listened", trigger_listened(queue) == 0);
  CHECK("no FIFO: hint", trigger_hint(queue, TRIGGER_SCAN, "") == 0);
  CHECK("no FIFO: none made", faccessat(queue, "trigger", F_OK, 0) == -1 && errno == ENOENT);
  CHECK("no reader: set up", mkfifoat(queue, "trigger", 0660) == 0);
  CHECK("no reader: not listened", trigger_listened(queue) == 0);
  CHECK("no reader: hint", trigger_hint(queue, TRIGGER_SCAN, "") == 0);
  CHECK("no reader: clean up", unlinkat(queue, "trigger", 0) == 0);
}

static void test_hints(int queue)
{
  char word[TRIGGER_LINE_MAX + 1];
  char rest[16];
  int fd = trigger_open(queue), again;
  CHECK("open makes the FIFO", fd != -1);
  CHECK("listened", trigger_listened(queue) == 1);
  CHECK("hint", trigger_hint(queue, TRIGGER_NEW, "1h8qabcde00001") == 1
    && reads(fd, "new 1h8qabcde00001\n"));
  CHECK("hint without argument", trigger_hint(queue, TRIGGER_SCAN, "") == 1 && reads(fd, "scan\n"));
  CHECK("no end of file, never blocks", read(fd, rest, sizeof rest) == -1 && errno == EAGAIN);
  CHECK("line feed refused", trigger_hint(queue, TRIGGER_SCAN, "a\nscan") == -1 && errno == EINVAL);
  CHECK("empty word refused", trigger_hint_text(queue, "", "a") == -1 && errno == EINVAL);
  memset(word, 'w', sizeof word);
  word[TRIGGER_LINE_MAX] = 0;
  CHECK("long word refused", trigger_hint_text(queue, word, "") == -1 && errno == EINVAL);
  CHECK("long argument refused", trigger_hint(queue, TRIGGER_FLUSH, word) == -1 && errno == EINVAL);
  word[TRIGGER_LINE_MAX - 1] = 0;
  CHECK("the longest line there is", trigger_hint_text(queue, word, "") == 1
        && read(fd, word, sizeof word) == TRIGGER_LINE_MAX);
  CHECK("and that was all", read(fd, rest, sizeof rest) == -1 && errno == EAGAIN);

  while (trigger_hint(queue, TRIGGER_FLUSH, "customer.tld") == 1) ;
  CHECK("full: no error", trigger_hint(queue, TRIGGER_FLUSH, "customer.tld") == 0);
  CHECK("full: still listened", trigger_listened(queue) == 1);
  again = trigger_open(queue);
  CHECK("open again", again != -1 && again != fd);
  close(again);
  close(fd);
  CHECK("closed: not listened", trigger_listened(queue) == 0);
}

/* The FIFO kept open, while readers come and go. */
static void test_kept(int queue)
{
  int t = -1;
  int fd = trigger_open(queue);
  signal(SIGPIPE, SIG_IGN);
  CHECK("say", trigger_say(queue, &t, TRIGGER_SCAN, "") == 1 && reads(fd, "scan\n") && t != -1);
  CHECK("say more", trigger_say(queue, &t, TRIGGER_NEW, "1h8qabcde00001") == 1
    && reads(fd, "new 1h8qabcde00001\n"));
  CHECK("not a line", trigger_say(queue, &t, TRIGGER_SCAN, "a\nb") == -1 && errno == EINVAL
    && t != -1);
  while (trigger_say(queue, &t, TRIGGER_FLUSH, "customer.tld") == 1) ;
  CHECK("full: no error, and kept", trigger_say(queue, &t, TRIGGER_FLUSH, "customer.tld") == 0
    && t != -1);
  close(fd);
  CHECK("nobody reads", trigger_say(queue, &t, TRIGGER_SCAN, "") == 0 && t == -1);
  CHECK("still nobody", trigger_say(queue, &t, TRIGGER_SCAN, "") == 0 && t == -1);
  fd = trigger_open(queue);
  CHECK("somebody again", trigger_say(queue, &t, TRIGGER_SCAN, "") == 1 && reads(fd, "scan\n"));
  unlinkat(queue, "trigger", 0);
  close(fd);
  fd = trigger_open(queue);
  CHECK("another FIFO", trigger_say(queue, &t, TRIGGER_SCAN, "") == 1 && reads(fd, "scan\n"));
  trigger_close(&t);
  CHECK("closed", t == -1);
  close(fd);
  unlinkat(queue, "trigger", 0);
  signal(SIGPIPE, SIG_DFL);
}

/* A reader that goes away at once, over and over: hints are lost, and nobody dies of SIGPIPE. */
static void test_leaving(int queue)
{
  pid_t pid = fork();
  int i, good = 1;
  if (pid == 0)
    for (;;)
    {
      int fd = openat(queue, "trigger", O_RDONLY | O_NONBLOCK);
      close(fd);
    }
  for (i = 0; i < 20000; i++)
    if (trigger_hint(queue, TRIGGER_SCAN, "") == -1) good = 0;
  kill(pid, SIGKILL);
  CHECK("leaving reader", good);
}

static void test_strange(int queue)
{
  int fd;
  unlinkat(queue, "trigger", 0);
  fd = openat(queue, "trigger", O_WRONLY | O_CREAT | O_EXCL, 0600);
  CHECK("plain file: set up", fd != -1);
  close(fd);
  CHECK("plain file: hint", trigger_hint(queue, TRIGGER_SCAN, "") == -1 && errno == EINVAL);
  CHECK("plain file: listened", trigger_listened(queue) == -1);
  CHECK("plain file: open", trigger_open(queue) == -1 && errno == EINVAL);
  unlinkat(queue, "trigger", 0);
  CHECK("symlink: set up", symlinkat("elsewhere", queue, "trigger") == 0);
  CHECK("symlink: hint", trigger_hint(queue, TRIGGER_SCAN, "") == -1 && errno == ELOOP);
  CHECK("symlink: open", trigger_open(queue) == -1 && errno == ELOOP);
  unlinkat(queue, "trigger", 0);
}

static struct scan_case
{
  char const *line;
  enum trigger_word word;
  char const *argument;
  int deed;
} const scans[] =
{
  { "new 1h8qabcde00001", TRIGGER_NEW, "1h8qabcde00001", 0 },
  { "flush customer.tld", TRIGGER_FLUSH, "customer.tld", 0 },
  { "flush =a b ", TRIGGER_FLUSH, "=a b ", 0 },
  { "scan", TRIGGER_SCAN, "", 0 },
  { "deleted 1h8qabcde00001", TRIGGER_DELETED, "1h8qabcde00001", 1 },
  { "held 1h8qabcde00001", TRIGGER_HELD, "1h8qabcde00001", 1 },
  { "released 1h8qabcde00001", TRIGGER_RELEASED, "1h8qabcde00001", 1 },
  { "requeued 1h8qabcde00001", TRIGGER_REQUEUED, "1h8qabcde00001", 1 },
  { "recorded 1h8qabcde00001", TRIGGER_RECORDED, "1h8qabcde00001", 1 },
  { "", TRIGGER_SCAN, "", 0 },
  { " ", TRIGGER_SCAN, "", 0 },
  { "new", TRIGGER_SCAN, "", 0 },
  { "new ", TRIGGER_SCAN, "", 0 },
  { "new  1h8qabcde00001", TRIGGER_SCAN, "", 0 },
  { "new 1h8qabcde00001 ", TRIGGER_SCAN, "", 0 },
  { "new 1h8qabcde0000/", TRIGGER_SCAN, "", 0 },
  { "held 1h8qabcde0000", TRIGGER_SCAN, "", 0 },
  { "held", TRIGGER_SCAN, "", 0 },
  { "flush", TRIGGER_SCAN, "", 0 },
  { "flush ", TRIGGER_SCAN, "", 0 },
  { "flushed a", TRIGGER_SCAN, "", 0 },
  { "scan a", TRIGGER_SCAN, "", 0 },
  { "look", TRIGGER_SCAN, "", 0 }
};

static void test_scan(void)
{
  char long_line[TRIGGER_LINE_MAX + 1] = "flush ";
  trigger_line line;
  size_t i;
  for (i = 0; i < sizeof scans / sizeof *scans; i++)
  {
    struct scan_case const *c = scans + i;
    trigger_scan(&line, c->line, strlen(c->line));
    CHECK(c->line, line.word == c->word && !strcmp(line.argument, c->argument)
      && line.len == strlen(c->argument) && trigger_deed(line.word) == c->deed);
  }
  memset(long_line + 6, 'n', sizeof long_line - 6);
  trigger_scan(&line, long_line, TRIGGER_LINE_MAX - 1);
  CHECK("the longest line", line.word == TRIGGER_FLUSH && line.len == TRIGGER_LINE_MAX - 7);
  trigger_scan(&line, long_line, TRIGGER_LINE_MAX);
  CHECK("too long a line", line.word == TRIGGER_SCAN && !line.len);
}

/* What one side writes the other side reads, each word by its own FIFO. */
static void test_both_ways(int queue)
{
  int const fds[] = { trigger_open(queue), trigger_open_deeds(queue) };
  size_t i;
  for (i = 0; i <= TRIGGER_RECORDED; i++)
  {
    enum trigger_word const word = (enum trigger_word)i;
    char const *argument = word == TRIGGER_SCAN ? "" : "1h8qabcde00001";
    char text[TRIGGER_LINE_MAX];
    trigger_line line = { .len = 1000 };
    ssize_t r = -1;
    if (trigger_hint(queue, word, argument) == 1)
      r = read(fds[trigger_deed(word)], text, sizeof text);
    if (r > 0) trigger_scan(&line, text, (size_t)r - 1);
    CHECK("both ways", r > 0 && line.word == word && !strcmp(line.argument, argument));
  }
  CHECK("a deed by its text", trigger_hint_text(queue, "held", "x") == 1
    && reads(fds[1], "held x\n"));
  close(fds[0]);
  close(fds[1]);
  unlinkat(queue, "trigger", 0);
  unlinkat(queue, "deeds", 0);
}

int main(void)
{
  char top[200];
  char const *tmp = getenv("TMPDIR");
  int queue;
  snprintf(top, sizeof top, "%s/trigger.XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp(top)) return 111;
  queue = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (queue == -1) return 111;
  test_scan();
  test_absent(queue);
  test_both_ways(queue);
  test_hints(queue);
  test_kept(queue);
  test_leaving(queue);
  test_strange(queue);
  if (rmdir(top) == -1) return 111;
  CHECK_END();
  return 0;
}
