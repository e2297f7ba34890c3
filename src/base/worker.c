#include "base/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

int worker_begin(worker *w, int stop)
{
  int type;
  socklen_t len = sizeof type;
  if (getsockopt(0, SOL_SOCKET, SO_TYPE, &type, &len) == -1) return 0;
  if (type != SOCK_SEQPACKET) return errno = EPROTOTYPE, 0;
  w->stop = stop;
  w->server = fcntl(0, F_DUPFD_CLOEXEC, 3);
  return w->server != -1;
}

static int idle_say(int server, unsigned int most)
{
  char word[TEXT_NUMBER_MAX];
  text_number(word, most);
  return send(server, word, strlen(word), MSG_NOSIGNAL) != -1;
}

static int told_to_stop(worker const *w)
{
  struct pollfd x = { .fd = w->stop, .events = POLLIN };
  return poll(&x, 1, 0) == 1;
}

/* 1; 0: told to stop. */
static int connection_wait(worker const *w)
{
  struct pollfd x[2] =
    { { .fd = w->stop, .events = POLLIN }, { .fd = w->server, .events = POLLIN } };
  while (poll(x, 2, -1) == -1 && errno == EINTR) continue;
  return !x[0].revents;
}

/* Receive a descriptor: the lowest one that is free, 0.  As worker_next(). */
static int connection_receive(int server)
{
  char octet;
  union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control;
  struct iovec data = { .iov_base = &octet, .iov_len = 1 };
  struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                            .msg_controllen = sizeof control };
  ssize_t r;
  do r = recvmsg(server, &message, MSG_CMSG_CLOEXEC);
  while (r == -1 && errno == EINTR);
  if (r <= 0) return r == 0 || errno == ECONNRESET ? 0 : -1;
  if (message.msg_flags & MSG_CTRUNC) return errno = EMFILE, -1;
  return message.msg_controllen ? 1 : (errno = EBADMSG, -1);
}

int worker_next(worker const *w, unsigned int most)
{
  close(0);
  if (told_to_stop(w)) return 0; /* who says that he is idle gets a connection */
  if (!idle_say(w->server, most)) return errno == EPIPE ? 0 : -1;
  return connection_wait(w) ? connection_receive(w->server) : 0;
}

__attribute__((noinline)) void worker_wipe_stack(void)
{
  char room[WORKER_STACK];
  explicit_bzero(room, sizeof room);
}
