#include "send/dnstcp.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "send/timed.h"

/* Octets of the length before a message. */
#define LENGTH_LEN 2
/* The first two flag octets: QR, and TC. */
#define ANSWER_BIT 0x80
#define CUT_BIT 0x02

static int connected(int fd, struct sockaddr const *server, socklen_t len, int64_t deadline_ms)
{
  return connect(fd, server, len) == 0 || (errno == EINPROGRESS && timed_connected(fd, deadline_ms));
}

/*
 * Is this a whole answer to this very question?  The id is first; the question comes back behind
 * the header.
 */
static int answers(unsigned char const *answer, size_t answer_len, unsigned char const *question,
                   size_t len)
{
  return answer_len >= len && !memcmp(answer, question, 2)
    && answer[2] & ANSWER_BIT && !(answer[2] & CUT_BIT)
    && !memcmp(answer + 4, question + 4, 2)
    && !memcmp(answer + NS_HFIXEDSZ, question + NS_HFIXEDSZ, len - NS_HFIXEDSZ);
}

static int ask(int fd, unsigned char const *question, size_t len, unsigned char *answer,
               int64_t deadline_ms)
{
  unsigned char message[LENGTH_LEN + NS_PACKETSZ];
  unsigned char length[LENGTH_LEN];
  size_t answer_len;
  if (len < NS_HFIXEDSZ || len > NS_PACKETSZ) return -1;
  message[0] = (unsigned char)(len >> 8);
  message[1] = (unsigned char)len;
  memcpy(message + LENGTH_LEN, question, len);
  if (!timed_write(fd, message, LENGTH_LEN + len, deadline_ms)) return -1;
  if (!timed_read(fd, length, LENGTH_LEN, deadline_ms)) return -1;
  answer_len = (size_t)length[0] << 8 | length[1];
  if (!timed_read(fd, answer, answer_len, deadline_ms)) return -1;
  return answers(answer, answer_len, question, len) ? (int)answer_len : -1;
}

int dnstcp_ask(struct sockaddr const *server, socklen_t server_len, unsigned char const *question,
               size_t len, unsigned char *answer, int64_t deadline_ms)
{
  int fd = socket(server->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int answer_len = -1;
  if (fd == -1) return -1;
  if (connected(fd, server, server_len, deadline_ms))
    answer_len = ask(fd, question, len, answer, deadline_ms);
  close(fd);
  return answer_len;
}
