#include "tls/confine.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/calls.h"

void confine_secret(void)
{
  /* a sanitizer looks into the process when it ends */
#ifndef CALLS_SANITIZED
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

#ifdef CALLS_MACHINE

static struct sock_filter const list[] =
{
  CALLS_BEGIN,

  ALLOW(read), ALLOW(write), ALLOW(recvfrom), ALLOW(sendto), ALLOW(recvmsg), ALLOW(ppoll),
#ifdef __NR_poll
  ALLOW(poll),
#endif
  ALLOW(shutdown), ALLOW(close), ALLOW(getsockopt), ALLOW(setsockopt),
  ALLOW_TWO(fcntl, 1, F_GETFL, F_SETFL),

  /* the library's: when is it, who am I (after a fork it gets new random numbers), numbers */
  ALLOW(clock_gettime), ALLOW(gettimeofday), ALLOW(getpid), ALLOW(getrandom),
#ifdef __NR_time
  ALLOW(time),
#endif
  ALLOW(futex),

  ALLOW_MEMORY,

  ALLOW(rt_sigreturn), ALLOW(restart_syscall), ALLOW(exit), ALLOW(exit_group),

  CALLS_END
};

#endif

int confine(void)
{
  return CALLS_LIMIT(list);
}
