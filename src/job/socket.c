#include "job/job.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* As many descriptors as one control message is looked through for; the kernel closes the rest. */
#define DESCRIPTORS_MAX 8

/* A control message has an alignment of its own. */
typedef union control_one
{
  struct cmsghdr header;
  char octets[CMSG_SPACE(sizeof(int))];
} control_one;

typedef union control_many
{
  struct cmsghdr header;
  char octets[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
} control_many;

ssize_t job_send(int socket, char const *s, size_t len, int fd)
{
  struct iovec vector = { .iov_base = (char *)s, .iov_len = len }; /* sendmsg() does not write there */
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
  control_one control;
  if (fd != -1)
  {
    struct cmsghdr *header;
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = sizeof control.octets;
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* Keep the first descriptor of a control message where none is kept yet, close the others. */
static void descriptors_take(struct cmsghdr *header, int *fd)
{
  size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  size_t i;
  for (i = 0; i < n; i++)
  {
    int got;
    memcpy(&got, CMSG_DATA(header) + i * sizeof got, sizeof got);
    if (*fd == -1) *fd = got;
    else close(got);
  }
}

ssize_t job_receive(int socket, char *s, size_t max, int *fd)
{
  struct iovec vector = { .iov_base = s, .iov_len = max };
  control_many control;
  struct msghdr message =
  {
    .msg_iov = &vector, .msg_iovlen = 1,
    .msg_control = &control, .msg_controllen = sizeof control.octets
  };
  struct cmsghdr *header;
  ssize_t r = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  *fd = -1;
  if (r == -1) return -1;
  for (header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) descriptors_take(header, fd);
  return r;
}
