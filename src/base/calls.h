#ifndef BASE_CALLS_H
#define BASE_CALLS_H

/*
 * Lists of system calls that a process keeps to from some moment on: instructions for the kernel
 * (seccomp(2)).  A list begins with CALLS_BEGIN and ends with CALLS_END; all that it does not allow
 * is denied.  There are none on machines that CALLS_MACHINE is not defined for, and in programs
 * with a sanitizer in them.
 *
 * The words of such lists stand without a prefix: include this in a file that is one, and no more.
 */

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/*
 * Machines whose system calls take each argument in one 64-bit word, low half first.  A sanitizer
 * makes calls of its own, which are not in the list.
 */
#if defined __SANITIZE_ADDRESS__
#define CALLS_SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define CALLS_SANITIZED 1
#endif
#endif

#if defined CALLS_SANITIZED
#elif defined __x86_64__ && defined __LP64__
#define CALLS_MACHINE AUDIT_ARCH_X86_64
#elif defined __aarch64__ && defined __LP64__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CALLS_MACHINE AUDIT_ARCH_AARCH64
#elif defined __riscv && __riscv_xlen == 64
#define CALLS_MACHINE AUDIT_ARCH_RISCV64
#endif

/*
 * Keep to the array that is a list, from here on for this process, for good; no privilege is needed.
 * 1, or 0 with errno: EINVAL or ENOSYS where the kernel has no such filters.  Where there are no
 * lists: 1 with a sanitizer, else 0 with ENOSYS.
 */
#ifdef CALLS_MACHINE
#define CALLS_LIMIT(list) calls_limit((list), sizeof (list) / sizeof *(list))
#else
#define CALLS_LIMIT(list) calls_unlimited()
#endif
extern int calls_limit(struct sock_filter const *list, unsigned short count);
extern int calls_unlimited(void);

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

/*
 * Memory, none of which is code, and no shared mapping: one of a file that is open for writing
 * writes to it, also one that was made for reading, after mprotect(2).  For <sys/mman.h>'s words.
 */
#define ALLOW_MEMORY \
  ALLOW(brk), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), \
  ALLOW_BITS_BOTH(mmap, 3, MAPPING_TYPE, MAP_PRIVATE, 2, PROT_EXEC, 0), \
  ALLOW_BITS(mprotect, 2, PROT_EXEC, 0)

#define CALLS_BEGIN \
  LOAD(CALLED_ON), \
  WHERE(CALLS_MACHINE, 1), RETURN(UNKNOWN), \
  LOAD(CALL)
#define CALLS_END RETURN(UNKNOWN)

/* The kernel's own bits of a mapping's type; <sys/mman.h> has no name for them all. */
#define MAPPING_TYPE 0x0f

#endif
