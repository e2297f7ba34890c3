#include "job/journal.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Does the file end in the middle of a line?  1, 0, -1 with errno. */
static int journal_torn(int fd, uint64_t begin)
{
  struct stat st;
  char last;
  ssize_t r;
  if (fstat(fd, &st) == -1) return -1;
  if ((uint64_t)st.st_size <= begin) return 0;
  do r = pread(fd, &last, 1, st.st_size - 1);
  while (r == -1 && errno == EINTR);
  return r == 1 ? last != '\n' : (int)r;
}

int journal_append(int fd, uint64_t begin, char const *lines, size_t len)
{
  int torn = journal_torn(fd, begin);
  struct iovec pieces[2] = {
    { .iov_base = "\n", .iov_len = torn == 1 }, { .iov_base = (char *)lines, .iov_len = len }
  };
  ssize_t r;
  if (torn == -1) return 0;
  if (torn) len++;
  do r = writev(fd, pieces, 2);
  while (r == -1 && errno == EINTR);
  if (r >= 0 && (size_t)r < len) errno = ENOSPC;
  return r == (ssize_t)len;
}
