#include "base/calls.h"

#include <sys/prctl.h>

int calls_limit(struct sock_filter const *list, unsigned short count)
{
  /* the kernel does not write to the list */
  struct sock_fprog const program = { .len = count, .filter = (struct sock_filter *)list };
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

int calls_unlimited(void)
{
#ifdef CALLS_SANITIZED
  return 1;
#else
  errno = ENOSYS;
  return 0;
#endif
}
