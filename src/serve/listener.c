#include "serve/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <socket.h>

#include "base/close.h"
#include "smtp/chars.h"

/* The first descriptor of sd_listen_fds(3). */
#define INHERITED_FIRST 3

/* --- ours ------------------------------------------------------------------------------------ */

/* An address and a port as libowfat has them. */
typedef struct endpoint
{
  int six;
  char ip[16];
  uint16_t port;
} endpoint;

static int port_scan(uint16_t *port, char const *s)
{
  uint64_t n;
  if (!smtp_number_scan(s, strlen(s), &n) || !n || n > UINT16_MAX) return 0;
  *port = (uint16_t)n;
  return 1;
}

static int endpoint_scan(endpoint *e, char const *s)
{
  char address[INET6_ADDRSTRLEN + 2];
  char const *colon = strrchr(s, ':');
  size_t len = colon ? (size_t)(colon - s) : 0;
  if (!len || len >= sizeof address || !port_scan(&e->port, colon + 1)) return 0;
  memcpy(address, s, len);
  address[len] = 0;
  e->six = *address == '[' && address[len - 1] == ']';
  if (!e->six) return inet_pton(AF_INET, address, e->ip) == 1;
  address[len - 1] = 0;
  return inet_pton(AF_INET6, address + 1, e->ip) == 1;
}

/*
 * The system's default says whether [::] is for IPv4 as well: here it always is.  Where the kernel
 * has no IPv6, libowfat has made a socket of IPv4, and [::] is 0.0.0.0.
 */
static int endpoint_bind6(int fd, endpoint const *e)
{
  int const no = 0;
  int const set = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) == 0;
  return (set || errno == ENOPROTOOPT) && socket_bind6(fd, e->ip, e->port, 0) == 0;
}

/*
 * A port that connections have just ended at is free.  libowfat's *_reuse() would take one, too,
 * that another process listens at (SO_REUSEPORT), and have half of the connections.
 */
static int endpoint_bind(int fd, endpoint const *e)
{
  int const yes = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == -1) return 0;
  return e->six ? endpoint_bind6(fd, e) : socket_bind4(fd, e->ip, e->port) == 0;
}

/* Who is accepted has the same: a reply is not held back until the one before was acknowledged. */
static int at_once_set(int fd)
{
  int const yes = 1;
  return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0;
}

int listeners_open(listeners *l, char const *text, unsigned int backlog)
{
  endpoint e;
  int fd;
  if (l->count == LISTENERS_MAX) return errno = EMFILE, 0;
  if (!endpoint_scan(&e, text)) return errno = EINVAL, 0;
  fd = e.six ? socket_tcp6b() : socket_tcp4b();
  if (fd == -1) return 0;
  if (endpoint_bind(fd, &e) && at_once_set(fd) && socket_listen(fd, backlog) == 0
   && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
  {
    l->fd[l->count++] = fd;
    return 1;
  }
  close_keep(fd);
  return 0;
}

/* --- somebody else's ------------------------------------------------------------------------- */

static int number_of(char const *name, uint64_t *n)
{
  char const *s = getenv(name);
  return s && smtp_number_scan(s, strlen(s), n);
}

/* Several programs may have seen the variables: they are for the process they name. */
static unsigned int inherited_count(void)
{
  uint64_t pid, count;
  if (!number_of("LISTEN_PID", &pid) || pid != (uint64_t)getpid()) return 0;
  return number_of("LISTEN_FDS", &count) && count <= LISTENERS_MAX ? (unsigned int)count : 0;
}

static int listens(int fd)
{
  int is = 0;
  socklen_t len = sizeof is;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &len) == -1) return 0;
  return is || (errno = EINVAL, 0);
}

int listeners_inherit(listeners *l)
{
  unsigned int const count = inherited_count();
  int const first = count ? INHERITED_FIRST : 0;
  for (l->count = 0; l->count < (count ? count : 1); l->count++)
  {
    int const fd = first + (int)l->count;
    if (!listens(fd) || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) return 0;
    l->fd[l->count] = fd;
  }
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
  return 1;
}
