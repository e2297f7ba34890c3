#include "base/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/close.h"
#include "smtp/chars.h"

typedef union endpoint
{
  struct sockaddr any;
  struct sockaddr_un path;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
} endpoint;

static socklen_t path_make(endpoint *out, char const *text)
{
  size_t const len = strlen(text);
  if (len >= sizeof out->path.sun_path) return 0;
  out->path.sun_family = AF_UNIX;
  memcpy(out->path.sun_path, text, len + 1);
  return sizeof out->path;
}

static socklen_t address_make(endpoint *out, char const *text, uint16_t port)
{
  if (inet_pton(AF_INET, text, &out->four.sin_addr) == 1)
  {
    out->four.sin_family = AF_INET;
    out->four.sin_port = htons(port);
    return sizeof out->four;
  }
  if (inet_pton(AF_INET6, text, &out->six.sin6_addr) != 1) return 0;
  out->six.sin6_family = AF_INET6;
  out->six.sin6_port = htons(port);
  return sizeof out->six;
}

/* The length of the address; 0: it is none. */
static socklen_t endpoint_make(endpoint *out, char const *text)
{
  char address[INET6_ADDRSTRLEN];
  char const *colon = strrchr(text, ':');
  uint64_t port;
  size_t len;
  memset(out, 0, sizeof *out);
  if (*text == '/') return path_make(out, text);
  if (!colon || !smtp_number_scan(colon + 1, strlen(colon + 1), &port)) return 0;
  if (!port || port > UINT16_MAX) return 0;
  len = (size_t)(colon - text);
  if (len > 2 && *text == '[' && text[len - 1] == ']') { text++; len -= 2; }
  if (len >= sizeof address) return 0;
  memcpy(address, text, len);
  address[len] = 0;
  return address_make(out, address, (uint16_t)port);
}

int endpoint_ok(char const *text)
{
  endpoint e;
  return endpoint_make(&e, text) != 0;
}

int endpoint_connect(char const *text)
{
  endpoint e;
  socklen_t const size = endpoint_make(&e, text);
  int fd = size ? socket(e.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  if (!size) errno = EINVAL;
  if (fd == -1 || connect(fd, &e.any, size) == 0 || errno == EINPROGRESS) return fd;
  close_keep(fd);
  return -1;
}
