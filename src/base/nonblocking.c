#include "base/nonblocking.h"

#include <fcntl.h>

int nonblocking_set(int fd)
{
  int const flags = fcntl(fd, F_GETFL);
  return flags != -1 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != -1;
}
