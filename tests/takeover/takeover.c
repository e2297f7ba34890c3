/*
 * Loaded into smtp-send (LD_PRELOAD), this is the code of somebody who has taken it over: when the content of a message
 * is about to be sent, it tries each way to do more with the message's descriptor, and with the process, than to read and
 * to append.  A line on standard error for each way that worked, "could WAY", and "tried N" in the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif
#define SEEN 64

static int ways;

#ifdef __x86_64__
/* A kernel that is built without 32-bit calls does not know the instruction for one: it is passed over then. */
static void no_such_door(int sig, siginfo_t *info, void *context)
{
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  unsigned char const *at = (unsigned char const *)registers[REG_RIP];
  (void)sig;
  (void)info;
  if (at[0] != 0xcd || at[1] != 0x80) _exit(1);
  registers[REG_RIP] += 2;
  registers[REG_RAX] = -ENOSYS;
}

__attribute__((constructor)) static void doors_find(void)
{
  struct sigaction action = { .sa_sigaction = no_such_door, .sa_flags = SA_SIGINFO };
  sigaction(SIGSEGV, &action, 0);
}
#endif

static void say(char const *what, char const *way)
{
  char line[200];
  int len = snprintf(line, sizeof line, "takeover: %s %s\n", what, way);
  if (write(2, line, (size_t)len) != len) _exit(1);
}

static void judge(char const *way, int could)
{
  ways++;
  if (could) say("could", way);
}

/* --- what is in the file ------------------------------------------------------------- */

typedef struct seen
{
  char begin[SEEN];
  off_t size;
  int flags;
} seen;

static void look(int fd, seen *now)
{
  struct stat st;
  memset(now, 0, sizeof *now);
  if (syscall(SYS_pread64, fd, now->begin, (long)SEEN, 0L) != SEEN || fstat(fd, &st) == -1) say("could", "not even read");
  now->size = st.st_size;
  now->flags = fcntl(fd, F_GETFL);
}

/* Is what was there still there? */
static void judge_file(char const *way, int fd, seen const *before)
{
  seen now;
  look(fd, &now);
  judge(way, now.size < before->size || memcmp(now.begin, before->begin, SEEN) || now.flags != before->flags);
}

static void overwrite(int fd)
{
  if (fd != -1 && pwrite(fd, "X", 1, 0) == 1) errno = 0;
}

/* --- ways to the file ---------------------------------------------------------------- */

static void way_mapped(int fd, int prot, int flags)
{
  char *at = mmap(0, 4096, prot, flags, fd, 0);
  if (at == MAP_FAILED) return;
  if (prot & PROT_WRITE || mprotect(at, 4096, PROT_READ | PROT_WRITE) == 0) at[1] = 'X';
  munmap(at, 4096);
}

static void way_opened(int flags, char const *form, int fd)
{
  char path[64];
  int again;
  snprintf(path, sizeof path, form, fd);
  again = open(path, flags);
  overwrite(again);
  if (again != -1) close(again);
}

static void way_spliced(int fd)
{
  int p[2];
  loff_t at = 0;
  if (pipe(p) == -1) return;
  if (write(p[1], "XXXX", 4) == 4) splice(p[0], 0, fd, &at, 4, 0);
  close(p[0]);
  close(p[1]);
}

static void way_removed(int fd)
{
  char path[64], name[4096];
  ssize_t n;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  n = readlink(path, name, sizeof name - 1);
  if (n > 0)
  {
    name[n] = 0;
    judge("truncate by name", truncate(name, 0) == 0);
    judge("rename", rename(name, "tmp") == 0);
    judge("unlink", unlink(name) == 0);
  }
}

static void ways_to_write(int fd)
{
  static int const holes[] = { FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE, FALLOC_FL_COLLAPSE_RANGE,
    FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE, 0 };
  static int const opens[] = { O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_RDONLY | O_TRUNC };
  struct iovec x = { .iov_base = "X", .iov_len = 1 };
  struct file_clone_range clone = { .src_fd = fd, .src_offset = 4096, .src_length = 4096 };
  struct { struct { short type, whence; long long start, len; int sysid; unsigned int pid; int pad[4]; } area; } zero = { { 0, 0, 0, 64, 0, 0, { 0 } } };
  off_t at = 0, to = 0;
  seen before;
  size_t i;
  int copy;
  look(fd, &before);

  overwrite(fd);
  judge_file("pwrite", fd, &before);
  syscall(SYS_pwritev2, fd, &x, 1L, 0L, 0L, RWF_NOAPPEND);
  judge_file("pwritev2", fd, &before);
  for (i = 0; i < sizeof opens / sizeof *opens; i++)
  {
    way_opened(opens[i], "/proc/self/fd/%d", fd);
    way_opened(opens[i], "/dev/fd/%d", fd);
    judge_file("open again", fd, &before);
  }
  way_mapped(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
  judge_file("mmap", fd, &before);
  way_mapped(fd, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE);
  judge_file("mmap validate", fd, &before);
  way_mapped(fd, PROT_READ, MAP_SHARED);
  judge_file("mmap and mprotect", fd, &before);
  syscall(SYS_copy_file_range, fd, &at, fd, &to, 8L, 0L);
  judge_file("copy_file_range", fd, &before);
  way_spliced(fd);
  judge_file("splice", fd, &before);
  syscall(SYS_sendfile, fd, fd, &at, 8L);
  judge_file("sendfile", fd, &before);
  ioctl(fd, FICLONERANGE, &clone);
  judge_file("clone", fd, &before);
  ioctl(fd, _IOW('X', 57, zero), &zero);
  judge_file("zero range by ioctl", fd, &before);
  ioctl(fd, _IOW('X', 43, zero), &zero);
  judge_file("punch by ioctl", fd, &before);
  for (i = 0; i < sizeof holes / sizeof *holes; i++)
  {
    fallocate(fd, holes[i], 0, 4096);
    judge_file("fallocate", fd, &before);
  }
  judge("io_uring", syscall(SYS_io_uring_setup, 4L, (char[256]){ 0 }) >= 0);
  judge("fchmod", fchmod(fd, 0666) == 0);
  judge("fchown", fchown(fd, getuid(), getgid()) == 0);
#ifdef __x86_64__
  {
    /* the same by another door: 32-bit fcntl(fd, F_SETFL, 0), and x32's ftruncate */
    long r;
    __asm__ volatile ("int $0x80" : "=a"(r) : "a"(55), "b"(fd), "c"(F_SETFL), "d"(0) : "memory", "r8", "r9", "r10", "r11");
    judge_file("fcntl of another machine", fd, &before);
    syscall(0x40000000L | SYS_ftruncate, fd, 10L);
    judge_file("ftruncate of another machine", fd, &before);
  }
#endif
  copy = dup(fd);
  if (copy != -1) fcntl(copy, F_SETFL, 0);
  judge_file("F_SETFL of a copy", fd, &before);
  fcntl(fd, F_SETFL, 0);
  overwrite(fd);
  judge_file("F_SETFL", fd, &before);
  way_removed(fd);
  if (ftruncate(fd, 10) == 0) errno = 0;
  judge_file("ftruncate", fd, &before);
}

/* --- ways to others -------------------------------------------------------------------- */

static int lock(int fd, short type, off_t octet)
{
  struct flock area = { .l_type = type, .l_whence = SEEK_SET, .l_start = octet, .l_len = 1 };
  return fcntl(fd, F_OFD_SETLK, &area) == 0;
}

static int ran(void)
{
  int status;
  pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0L);
  if (!child) _exit(0);
  return child > 0 && waitpid(child, &status, 0) == child;
}

static void ways_to_others(int fd)
{
  char octet;
  struct iovec here = { &octet, 1 };
  int pair[2];
  int queue;
  judge("lock another recipient", lock(fd, F_WRLCK, 1));
  judge("unlock", lock(fd, F_UNLCK, 0));
  judge("run", ran());
  judge("exec", (execl("/nonexistent", "nonexistent", (char *)0), errno == ENOENT));
  judge("UNIX socket", socket(AF_UNIX, SOCK_STREAM, 0) != -1);
  judge("socket pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  judge("raw netlink", socket(AF_NETLINK, SOCK_RAW, 9) != -1);
  judge("open", open("/etc/passwd", O_RDONLY) != -1);
  queue = open("queue", O_RDONLY | O_DIRECTORY);
  judge("open the queue", queue != -1);
  judge("signal itself", kill(getpid(), 0) == 0);
  judge("signal its parent", kill(getppid(), 0) == 0);
  judge("trace", ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
  judge("read another's memory", process_vm_readv(getppid(), &here, 1, &here, 1, 0) != -1);
  judge("anything new", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != -1);
  judge("memory to write and run", mmap(0, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static void take_over(int fd)
{
  char tried[20];
  if (ways) return;
  ways_to_others(fd);
  ways_to_write(fd);
  snprintf(tried, sizeof tried, "%d", ways);
  say("tried", tried);
}

/* Small content is read, large content goes by itself. */
ssize_t pread(int fd, void *to, size_t len, off_t at)
{
  take_over(fd);
  return syscall(SYS_pread64, fd, to, len, at);
}

ssize_t sendfile(int out, int in, off_t *at, size_t count)
{
  take_over(in);
  return syscall(SYS_sendfile, out, in, at, count);
}
