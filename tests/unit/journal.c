/* Appending to a journal: behind a line that was torn, too. */

#include "job/journal.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <errno.h>

#include "check.h"

static int fd;

static void file(char const *s)
{
  fd = memfd_create("journal", 0);
  if (fd == -1 || write(fd, s, strlen(s)) != (ssize_t)strlen(s) || fcntl(fd, F_SETFL, O_APPEND) == -1) exit(111);
}

/* Is that all there is?  Ends with the file. */
static int ends(char const *s)
{
  char text[100];
  ssize_t r = pread(fd, text, sizeof text, 0);
  close(fd);
  return r == (ssize_t)strlen(s) && !memcmp(text, s, strlen(s));
}

static int appended(char const *before, uint64_t begin, char const *after)
{
  file(before);
  return journal_append(fd, begin, "a\nb\n", 4) && ends(after);
}

static void full(void)
{
  struct rlimit before, limit;
  getrlimit(RLIMIT_FSIZE, &before);
  limit = before;
  limit.rlim_cur = 6;
  signal(SIGXFSZ, SIG_IGN);
  file("one\n");
  setrlimit(RLIMIT_FSIZE, &limit);
  CHECK("no room for all of it", !journal_append(fd, 0, "two\n", 4) && errno == ENOSPC);
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK("what is torn ends there", journal_append(fd, 0, "three\n", 6) && ends("one\ntw\nthree\n"));
}

int main(void)
{
  CHECK("an empty file", appended("", 0, "a\nb\n"));
  CHECK("behind a line", appended("one\n", 0, "one\na\nb\n"));
  CHECK("behind a torn line", appended("one\ntw", 0, "one\ntw\na\nb\n"));
  CHECK("behind content without an end", appended("content", 7, "contenta\nb\n"));
  CHECK("a torn line behind that", appended("contentone", 7, "contentone\na\nb\n"));
  CHECK("no file", !journal_append(-1, 0, "a\n", 2) && errno == EBADF);
  full();
  return CHECK_END();
}
