/* The line of queue/totals, written and read. */

#include "queue/totals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

char const *PROG = "totals";

static int same(totals_line const *t, uint64_t sent, uint64_t deferred, uint64_t failed)
{
  return t->sent == sent && t->deferred == deferred && t->failed == failed;
}

static struct scan_case
{
  char const *line;
  uint64_t sent;
  uint64_t deferred;
  uint64_t failed;
} const scans[] =
{
  { "sent=1 deferred=20 failed=300\n", 1, 20, 300 },
  { "sent=1 deferred=20 failed=300", 1, 20, 300 },
  { "sent=0 deferred=0 failed=0\n", 0, 0, 0 },
  { "sent=7\n", 7, 0, 0 },
  { "sent=7 deferred= failed=x\n", 7, 0, 0 },
  { "sent=7 deferred=8 failed", 7, 8, 0 },
  { "sent=7 deferred=8 failed=9 more=10\n", 7, 8, 9 },
  { "", 0, 0, 0 }
};

static void test_scan(void)
{
  size_t i;
  for (i = 0; i < sizeof scans / sizeof *scans; i++)
  {
    struct scan_case const *c = scans + i;
    totals_line t = { 5, 5, 5 };
    totals_line_scan(&t, c->line);
    CHECK(c->line, same(&t, c->sent, c->deferred, c->failed));
  }
}

static void test_both_ways(void)
{
  totals_line const large = { UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2 };
  totals_line t;
  char line[TOTALS_LINE_MAX];
  size_t len = totals_line_format(line, &(totals_line){ 1, 20, 300 });
  CHECK("format", len == 30 && !memcmp(line, "sent=1 deferred=20 failed=300\n", len));
  len = totals_line_format(line, &large);
  CHECK("the longest line fits", len < TOTALS_LINE_MAX);
  line[len] = 0;
  totals_line_scan(&t, line);
  CHECK("both ways", same(&t, large.sent, large.deferred, large.failed));
}

static int file_put(int queue, char const *s)
{
  int fd = openat(queue, "totals", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  int r = fd != -1 && write(fd, s, strlen(s)) == (ssize_t)strlen(s);
  return close(fd) == 0 && r;
}

static void test_file(int queue)
{
  totals_line t = { 5, 5, 5 };
  CHECK("no file", totals_line_read(&t, queue) && same(&t, 0, 0, 0));
  CHECK("file: set up", file_put(queue, "sent=1 deferred=20 failed=300\n"));
  CHECK("file", totals_line_read(&t, queue) && same(&t, 1, 20, 300));
  CHECK("empty file: set up", file_put(queue, ""));
  CHECK("empty file", totals_line_read(&t, queue) && same(&t, 0, 0, 0));
  unlinkat(queue, "totals", 0);
  CHECK("directory: set up", mkdirat(queue, "totals", 0700) == 0);
  CHECK("directory", !totals_line_read(&t, queue) && errno && same(&t, 0, 0, 0));
  unlinkat(queue, "totals", AT_REMOVEDIR);
}

int main(void)
{
  char top[200];
  char const *tmp = getenv("TMPDIR");
  int queue;
  snprintf(top, sizeof top, "%s/totals.XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp(top)) return 111;
  queue = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (queue == -1) return 111;
  test_scan();
  test_both_ways();
  test_file(queue);
  if (rmdir(top) == -1) return 111;
  return CHECK_END();
}
