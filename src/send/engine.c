#include "send/engine.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/close.h"
#include "job/job.h"

#define TLS_IO "tls-io"
#define PATH_LEN 4096
/* What it is asked with, and what it answers with a descriptor: an octet. */
#define ASKED "?"

/* Run the tls-io beside this program, or one on PATH, over this connection. */
static void tls_io_run(int fd, char *certificate)
{
  char path[PATH_LEN];
  char *const argv[] = { TLS_IO, "-c", certificate ? "-k" : 0, certificate, 0 };
  ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof TLS_IO);
  char *name = len > 0 ? memrchr(path, '/', (size_t)len) : 0;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  signal(SIGCHLD, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  /* whoever reads our standard output need not wait for it to end */
  if (dup2(fd, 0) == -1 || dup2(2, 1) == -1) _exit(111);
  if (name)
  {
    strcpy(name + 1, TLS_IO);
    execv(path, argv);
  }
  execvp(TLS_IO, argv);
  _exit(127);
}

/*
 * Run this in a process of its own, which has one end of a socket pair, and does not return.
 *   flags  of the sockets
 * Returns the other end, or -1 with errno.
 */
static int process_make(int flags, void (*run)(int fd, char *argument), char *argument)
{
  int pair[2];
  pid_t child;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, pair) == -1) return -1;
  child = fork();
  if (child == 0)
  {
    close(pair[0]);
    run(pair[1], argument);
  }
  close_keep(pair[1]);
  if (child != -1) return pair[0];
  close_keep(pair[0]);
  return -1;
}

int engine_run(char *certificate)
{
  return process_make(SOCK_NONBLOCK, &tls_io_run, certificate);
}

static void connection_make(int asker)
{
  int fd = engine_run(0);
  if (fd == -1 || job_send(asker, ASKED, 1, &fd, 1) != 1) _exit(111);
  close(fd);
}

/* Until the other end is gone. */
static void serve(int asker, char *none)
{
  char octet;
  (void)none;
  signal(SIGCHLD, SIG_IGN);
  while (read(asker, &octet, 1) == 1) connection_make(asker);
  _exit(0);
}

int engine_start(void)
{
  return process_make(0, &serve, 0);
}

int engine_connect(int engine)
{
  int fds[JOB_FDS_MAX];
  size_t n;
  char octet;
  if (write(engine, ASKED, 1) != 1 || job_receive(engine, &octet, 1, fds, &n) != 1) return -1;
  return n == 1 ? fds[0] : -1;
}
