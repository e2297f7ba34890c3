#include "job/job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* Memory for a control message, with its alignment. */
typedef union descriptors
{
  struct cmsghdr header;
  char octets[CMSG_SPACE(JOB_FDS_MAX * sizeof(int))];
} descriptors;

/* By way of /proc: an address has room for hardly a hundred octets. */
int job_connect(int directory, char const *path, int type)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int e, fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd == -1) return -1;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory, path);
  if (connect(fd, (struct sockaddr const *)&address, sizeof address) == 0) return fd;
  e = errno;
  close(fd);
  errno = e;
  return -1;
}

ssize_t job_send(int socket, char const *s, size_t len, int const *fds, size_t n)
{
  /* sendmsg() does not write to s */
  struct iovec vector = { .iov_base = (char *)s, .iov_len = len };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
  descriptors control;
  if (n)
  {
    memset(&control, 0, sizeof control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(n * sizeof *fds);
    memcpy(CMSG_DATA(&control.header), fds, n * sizeof *fds);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(n * sizeof *fds);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* With one missing, each later line would get the descriptor of another message. */
static ssize_t descriptors_refuse(int *fds, size_t *n)
{
  while (*n) close(fds[--*n]);
  errno = EPROTO;
  return -1;
}

ssize_t job_receive(int socket, char *s, size_t max, int fds[JOB_FDS_MAX], size_t *n)
{
  struct iovec vector = { .iov_base = s, .iov_len = max };
  descriptors control;
  struct msghdr message =
  {
    .msg_iov = &vector, .msg_iovlen = 1,
    .msg_control = &control, .msg_controllen = sizeof control.octets
  };
  struct cmsghdr const *header;
  ssize_t r = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  *n = 0;
  header = r == -1 ? 0 : CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return r;
  *n = (header->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
  memcpy(fds, CMSG_DATA(header), *n * sizeof *fds);
  return message.msg_flags & MSG_CTRUNC ? descriptors_refuse(fds, n) : r;
}
