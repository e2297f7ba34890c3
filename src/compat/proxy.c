#include "compat/proxy.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

#define PIECE_LEN 16384

static int copy(int from, int to)
{
  char piece[PIECE_LEN];
  for (;;)
  {
    ssize_t r = read(from, piece, sizeof piece);
    if (r == -1 && errno == EINTR) continue;
    if (r <= 0) return !r;
    if (allwrite(to, piece, (size_t)r) < (size_t)r) return 0;
  }
}

/* Run a process for each direction, so that neither keeps the other waiting. */
int proxy_run(int socket)
{
  pid_t child = fork();
  int good, e;
  if (child == -1) return 0;
  if (!child)
  {
    copy(0, socket);
    shutdown(socket, SHUT_WR);
    _exit(0);
  }
  good = copy(socket, 1);
  e = errno;
  kill(child, SIGTERM);
  waitpid(child, 0, 0);
  errno = e;
  return good;
}
