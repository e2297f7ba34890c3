#include "base/close.h"

#include <errno.h>
#include <unistd.h>

void close_keep(int fd)
{
  int e = errno;
  close(fd);
  errno = e;
}

void closedir_keep(DIR *dir)
{
  int e = errno;
  closedir(dir);
  errno = e;
}
