#include "base/resolver.h"

#include <arpa/inet.h>
#include <netinet/in.h>

int resolver_here(struct sockaddr const *server)
{
  if (server->sa_family == AF_INET)
    return ntohl(((struct sockaddr_in const *)(void const *)server)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  return server->sa_family == AF_INET6
    && IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 const *)(void const *)server)->sin6_addr);
}

/* An IPv6 server has no family in the old list of glibc, and its address in the new one. */
static int server_here(struct __res_state const *r, int i)
{
  struct sockaddr_in6 const *six = r->_u._ext.nsaddrs[i];
  if (r->nsaddr_list[i].sin_family || !six) return resolver_here((struct sockaddr const *)&r->nsaddr_list[i]);
  return resolver_here((struct sockaddr const *)six);
}

int resolver_believed(struct __res_state const *r)
{
  int i = 0;
  if (r->options & RES_TRUSTAD) return 1;
  while (i < r->nscount && server_here(r, i)) i++;
  return i && i == r->nscount;
}
