#include "send/confine.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/*
 * Machines whose system calls take each argument in one 64-bit word, low half first.  A sanitizer
 * makes calls of its own, which are not in the list.
 */
#if defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined SANITIZED
#elif defined __x86_64__ && defined __LP64__
#define MACHINE AUDIT_ARCH_X86_64
#elif defined __aarch64__ && defined __LP64__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined __riscv && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#endif

#ifdef MACHINE

#define CALL (offsetof(struct seccomp_data, nr))
#define CALLED_ON (offsetof(struct seccomp_data, arch))
/* The low half of an argument, which holds all values that are checked here. */
#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t))

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define MASK(bits) BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (bits))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
/* Skip so many instructions unless, or if, the value is this one. */
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define WHERE(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (skip), 0)

#define DENIED (SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA))
/* The error of a call that is denied: a C library uses another call instead. */
#define UNKNOWN (SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA))

#define ALLOW(call) UNLESS(__NR_##call, 1), RETURN(SECCOMP_RET_ALLOW)

/* Allow the call where an argument is one of these values. */
#define ALLOW_ONE(call, n, one) \
  UNLESS(__NR_##call, 4), LOAD(ARGUMENT(n)), UNLESS((one), 1), RETURN(SECCOMP_RET_ALLOW), \
  RETURN(DENIED)
#define ALLOW_TWO(call, n, one, two) \
  UNLESS(__NR_##call, 5), LOAD(ARGUMENT(n)), \
  WHERE((one), 1), UNLESS((two), 1), RETURN(SECCOMP_RET_ALLOW), RETURN(DENIED)
#define ALLOW_THREE(call, n, one, two, three) \
  UNLESS(__NR_##call, 6), LOAD(ARGUMENT(n)), \
  WHERE((one), 2), WHERE((two), 1), UNLESS((three), 1), RETURN(SECCOMP_RET_ALLOW), RETURN(DENIED)
/* The same, and only where another argument is 0. */
#define ALLOW_THREE_ZERO(call, n, one, two, three, zero) \
  UNLESS(__NR_##call, 8), LOAD(ARGUMENT(zero)), UNLESS(0, 5), LOAD(ARGUMENT(n)), \
  WHERE((one), 2), WHERE((two), 1), UNLESS((three), 1), RETURN(SECCOMP_RET_ALLOW), RETURN(DENIED)
/*
 * Allow the call where some bits of an argument have this value; and where bits of a second one
 * have as well.
 */
#define ALLOW_BITS(call, n, mask, one) \
  UNLESS(__NR_##call, 5), LOAD(ARGUMENT(n)), MASK(mask), \
  UNLESS((one), 1), RETURN(SECCOMP_RET_ALLOW), RETURN(DENIED)
#define ALLOW_BITS_BOTH(call, n, mask, one, n2, mask2, one2) \
  UNLESS(__NR_##call, 8), LOAD(ARGUMENT(n)), MASK(mask), UNLESS((one), 4), \
  LOAD(ARGUMENT(n2)), MASK(mask2), UNLESS((one2), 1), RETURN(SECCOMP_RET_ALLOW), RETURN(DENIED)

/* The kernel's own bits; <sys/mman.h> has no name for them all. */
#define MAPPING_TYPE 0x0f

static struct sock_filter const list[] =
{
  LOAD(CALLED_ON),
  WHERE(MACHINE, 1), RETURN(UNKNOWN),
  LOAD(CALL),

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
  /*
   * The flags of a descriptor may be read, not set: F_SETFL would remove O_APPEND, and locks are
   * qmgr's to take.
   */
  ALLOW_THREE(fcntl, 1, F_GETFL, F_GETFD, F_SETFD),

  /*
   * Memory, but no shared mapping: one of a file that is open for writing writes to it, also one
   * that was made for reading, after mprotect(2).
   */
  ALLOW(brk), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise),
  ALLOW_BITS_BOTH(mmap, 3, MAPPING_TYPE, MAP_PRIVATE, 2, PROT_EXEC, 0),
  ALLOW_BITS(mprotect, 2, PROT_EXEC, 0),
  ALLOW_ONE(prlimit64, 0, 0), /* of this process: the limit of descriptors */
  ALLOW(sysinfo), /* for qsort(3), which asks how much memory there is */

  /* waiting, signals, the end */
  ALLOW(rt_sigaction), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(restart_syscall),
  ALLOW(futex),
  ALLOW(nanosleep), ALLOW(clock_nanosleep), ALLOW(exit), ALLOW(exit_group),

  RETURN(UNKNOWN)
};

int confine(void)
{
  struct sock_fprog const program =
    { .len = sizeof list / sizeof *list, .filter = (struct sock_filter *)list };
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

#else

int confine(void)
{
#ifdef SANITIZED
  return 1;
#else
  errno = ENOSYS;
  return 0;
#endif
}

#endif
