#include "serve/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"

#define NETWORK_LEN 8

static int user_read(client *c, int fd)
{
  struct ucred user;
  socklen_t len = sizeof user;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &len) == -1) return 0;
  c->local = 1;
  memcpy(c->key, &user.uid, sizeof user.uid);
  return 1;
}

static void ipv4_set(client *c, struct in_addr const *address)
{
  c->key[10] = c->key[11] = 255;
  memcpy(c->key + 12, address, sizeof *address);
}

static void ipv6_set(client *c, struct in6_addr const *address)
{
  memcpy(c->key, address, IN6_IS_ADDR_V4MAPPED(address) ? sizeof *address : NETWORK_LEN);
}

int client_read(client *c, int fd)
{
  struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
  socklen_t len = sizeof peer;
  memset(c, 0, sizeof *c);
  if (getpeername(fd, (struct sockaddr *)&peer, &len) == -1) return 0;
  switch (peer.ss_family)
  {
    case AF_UNIX: return user_read(c, fd);
    case AF_INET:
      ipv4_set(c, &((struct sockaddr_in const *)(void const *)&peer)->sin_addr);
      return 1;
    case AF_INET6:
      ipv6_set(c, &((struct sockaddr_in6 const *)(void const *)&peer)->sin6_addr);
      return 1;
    default: return errno = EAFNOSUPPORT, 0;
  }
}

int client_same(client const *a, client const *b)
{
  return a->local == b->local && !memcmp(a->key, b->key, sizeof a->key);
}

char const *client_name(client const *c, char out[CLIENT_NAME_MAX])
{
  struct in6_addr address;
  char number[TEXT_NUMBER_MAX];
  uid_t uid;
  memcpy(&address, c->key, sizeof address);
  memcpy(&uid, c->key, sizeof uid);
  if (c->local) text_join(out, CLIENT_NAME_MAX, "uid=", text_number(number, uid));
  else if (IN6_IS_ADDR_V4MAPPED(&address)) inet_ntop(AF_INET, c->key + 12, out, CLIENT_NAME_MAX);
  else
  {
    inet_ntop(AF_INET6, &address, out, CLIENT_NAME_MAX);
    strcat(out, "/64");
  }
  return out;
}
