#include "smtpd/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "smtp/chars.h"

static char const loopback[] = "127.0.0.1";
static char const ipv6_tag[] = "IPv6:";

int peer_ipv4(conf_address const *address)
{
  return IN6_IS_ADDR_V4MAPPED((struct in6_addr const *)(void const *)address->octets);
}

/* Read an address in text, up to a zone ("%eth0"). */
static int peer_from_text(peer *p, char const *s, size_t len)
{
  char text[INET6_ADDRSTRLEN];
  char const *zone = memchr(s, '%', len);
  unsigned char const *octets = p->address.octets;
  if (zone) len = (size_t)(zone - s);
  if (len >= sizeof text) return 0;
  memcpy(text, s, len);
  text[len] = 0;
  if (!conf_address_scan(text, &p->address)) return 0;
  if (peer_ipv4(&p->address)) inet_ntop(AF_INET, octets + 12, p->ip, sizeof p->ip);
  else inet_ntop(AF_INET6, octets, p->ip, sizeof p->ip);
  return 1;
}

static void port_set(peer *p, uint16_t port)
{
  sprintf(p->port, "%u", (unsigned int)port);
}

static void port_from_socket(peer *p, struct sockaddr_storage const *address)
{
  if (address->ss_family == AF_INET || address->ss_family == AF_INET6) /* at the same place */
    port_set(p, ntohs(((struct sockaddr_in const *)(void const *)address)->sin_port));
}

static int peer_from_socket(peer *p, struct sockaddr_storage const *address)
{
  char text[INET6_ADDRSTRLEN] = "";
  port_from_socket(p, address);
  p->local = address->ss_family == AF_UNIX;
  if (p->local) memcpy(text, loopback, sizeof loopback);
  else if (address->ss_family == AF_INET)
    inet_ntop(AF_INET, &((struct sockaddr_in const *)(void const *)address)->sin_addr, text,
              sizeof text);
  else if (address->ss_family == AF_INET6)
    inet_ntop(AF_INET6, &((struct sockaddr_in6 const *)(void const *)address)->sin6_addr, text,
              sizeof text);
  errno = EAFNOSUPPORT;
  return peer_from_text(p, text, strlen(text));
}

static int peer_from_fd(peer *p, int fd, int (*name)(int, struct sockaddr *, socklen_t *))
{
  struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
  socklen_t len = sizeof address;
  if (name(fd, (struct sockaddr *)&address, &len) == 0) return peer_from_socket(p, &address);
  if (errno != ENOTSOCK) return 0;
  return peer_from_text(p, loopback, sizeof loopback - 1);
}

/* What is no port is one that is not known. */
static void port_from_env(peer *p, char const *name)
{
  char const *s = getenv(name);
  uint64_t port;
  if (s && smtp_number_scan(s, strlen(s), &port) && port <= UINT16_MAX)
    port_set(p, (uint16_t)port);
}

/* Not every super-server says the port beside the address; a pipe has none. */
static void port_from_fd(peer *p, int fd)
{
  struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
  socklen_t len = sizeof address;
  if (getpeername(fd, (struct sockaddr *)&address, &len) == 0) port_from_socket(p, &address);
}

/*
 * 1 or 0 as peer_read(); -1 when the environment has no address, or, as systemd sets it, the name
 * of a UNIX socket.
 */
static int peer_from_env(peer *p, char const *name, char const *port)
{
  char const *s = getenv(name);
  if (!s || !*s || *s == '/' || *s == '@') return -1;
  port_from_env(p, port);
  errno = EINVAL;
  return peer_from_text(p, s, strlen(s));
}

/*
 * Was the connection accepted from a UNIX socket that listens, and so has a name?  A client may
 * give its own end any name, such as an IP address, which super-servers pass on.  A socketpair(2)
 * has no names: the process that made it knows whose connection it stands for.
 */
static int unix_accepted(int fd)
{
  struct sockaddr_un own = { .sun_family = AF_UNSPEC };
  socklen_t len = sizeof own;
  return getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.sun_family == AF_UNIX
    && len > offsetof(struct sockaddr_un, sun_path);
}

static int peer_user(peer *p, int fd)
{
  struct ucred user;
  socklen_t len = sizeof user;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &len) == -1) return 0;
  p->uid = user.uid;
  return 1;
}

int peer_read(peer *client, int fd)
{
  int accepted = unix_accepted(fd);
  int r = -1;
  port_set(client, 0);
  if (!accepted) r = peer_from_env(client, "TCPREMOTEIP", "TCPREMOTEPORT");
  if (r == -1 && !accepted) r = peer_from_env(client, "REMOTE_ADDR", "REMOTE_PORT");
  if (r == 1 && !strcmp(client->port, "0")) port_from_fd(client, fd);
  if (r != -1) return r;
  return peer_from_fd(client, fd, &getpeername) && (!client->local || peer_user(client, fd));
}

void peer_forget_environment(void)
{
  static char const *const names[] = { "TCPREMOTEIP", "TCPREMOTEPORT", "TCPLOCALIP", "TCPLOCALPORT",
                                       "REMOTE_ADDR", "REMOTE_PORT" };
  size_t i;
  for (i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
}

int peer_own(peer *own, int fd)
{
  int r = unix_accepted(fd) ? -1 : peer_from_env(own, "TCPLOCALIP", "TCPLOCALPORT");
  return r == -1 ? peer_from_fd(own, fd, &getsockname) : r;
}

int peer_is(peer const *p, char const *literal, size_t len)
{
  size_t const tag = sizeof ipv6_tag - 1;
  peer other = { .ip = "" };
  if (len < 2 || literal[0] != '[' || literal[len - 1] != ']') return 0;
  literal++;
  len -= 2;
  if (len > tag && !strncasecmp(literal, ipv6_tag, tag))
  {
    literal += tag;
    len -= tag;
  }
  return peer_from_text(&other, literal, len)
    && !memcmp(other.address.octets, p->address.octets, sizeof other.address.octets);
}

char const *peer_literal(peer const *p, char out[PEER_LITERAL_MAX])
{
  char *end = stpcpy(out, "[");
  if (!peer_ipv4(&p->address)) end = stpcpy(end, ipv6_tag);
  stpcpy(stpcpy(end, p->ip), "]");
  return out;
}
