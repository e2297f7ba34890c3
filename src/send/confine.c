#include "send/confine.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/calls.h"

#ifdef CALLS_MACHINE

static struct sock_filter const list[] =
{
  CALLS_BEGIN,

  /* for each message */
  ALLOW(read), ALLOW(write), ALLOW(writev), ALLOW(pread64), ALLOW(sendfile), ALLOW(close),
  ALLOW(recvmsg), ALLOW(sendmsg), ALLOW(recvfrom), ALLOW(sendto), ALLOW(ppoll),
#ifdef __NR_poll
  ALLOW(poll),
#endif
#ifdef __NR_fstat
  ALLOW(fstat),
#endif
#ifdef __NR_newfstatat
  ALLOW(newfstatat),
#endif
  ALLOW(statx),
  ALLOW(clock_gettime), ALLOW(gettimeofday),
#ifdef __NR_time
  ALLOW(time),
#endif
  /*
   * The octets unsent (SIOCOUTQ), and unread.  Other ioctls copy into files, and punch holes into
   * them.
   */
  ALLOW_TWO(ioctl, 1, SIOCOUTQ, FIONREAD),

  /*
   * Connections, and questions to name servers; the interfaces' addresses are asked for over
   * netlink (0: of routes).
   */
  ALLOW_THREE_ZERO(socket, 0, AF_INET, AF_INET6, AF_NETLINK, 2),
  ALLOW(connect), ALLOW(bind), ALLOW(shutdown), ALLOW(getsockopt), ALLOW(setsockopt),
  ALLOW(getsockname), ALLOW(getpeername), ALLOW(sendmmsg), ALLOW(getrandom), ALLOW(getpid),
  ALLOW(uname), /* the host's name, where qmgr says none */
  /*
   * The flags of a descriptor may be read, not set: F_SETFL would remove O_APPEND, and locks are
   * qmgr's to take.
   */
  ALLOW_THREE(fcntl, 1, F_GETFL, F_GETFD, F_SETFD),

  ALLOW_MEMORY,
  ALLOW_ONE(prlimit64, 0, 0), /* of this process: the limit of descriptors */
  ALLOW(sysinfo), /* for qsort(3), which asks how much memory there is */

  /* waiting, signals, the end */
  ALLOW(rt_sigaction), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(restart_syscall),
  ALLOW(futex),
  ALLOW(nanosleep), ALLOW(clock_nanosleep), ALLOW(exit), ALLOW(exit_group),

  CALLS_END
};

#endif

int confine(void)
{
  return CALLS_LIMIT(list);
}
