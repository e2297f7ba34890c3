#include "base/instance.h"

#include <fcntl.h>
#include <stdlib.h>

char const *instance_path(char const *option)
{
  char const *path = option ? option : getenv("SLUICE");
  return path && (option || *path) ? path : SLUICE_DIR;
}

int instance_open(char const *path)
{
  return instance_openat(AT_FDCWD, path);
}

int instance_openat(int instance, char const *name)
{
  return openat(instance, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}
