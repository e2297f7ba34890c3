#include "base/directory.h"

#include <fcntl.h>

#include "base/close.h"

DIR *directory_open(int parent, char const *name)
{
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd == -1 ? 0 : fdopendir(fd);
  if (fd != -1 && !dir) close_keep(fd);
  return dir;
}
