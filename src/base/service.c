#include "base/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"

int service_signals(void)
{
  static int const wanted[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT };
  sigset_t set;
  size_t i;
  sigemptyset(&set);
  for (i = 0; i < sizeof wanted / sizeof *wanted; i++) sigaddset(&set, wanted[i]);
  sigprocmask(SIG_BLOCK, &set, 0);
  signal(SIGCHLD, SIG_DFL); /* ignored, the kernel would tell us of no child's end */
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int service_ready_ok(unsigned int fd)
{
  return !fd || fcntl((int)fd, F_GETFD) != -1;
}

void service_ready(unsigned int fd)
{
  if (!fd) return;
  if (write((int)fd, "\n", 1) == -1)
    log_line("warning: unable to tell the supervisor that we are ready: ", strerror(errno));
  close((int)fd);
}
