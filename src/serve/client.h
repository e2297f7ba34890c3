#ifndef SERVE_CLIENT_H
#define SERVE_CLIENT_H

/* Who has connected, as far as connections are counted. */

#include <netinet/in.h>

typedef struct client
{
  int local;                  /* a user of this host, by a UNIX socket */
  unsigned char key[16];      /* the IPv4 address, mapped; the IPv6 network of /64; the uid */
} client;

/*
 * Tell who is at the other end of a connection.  An IPv6 client is its network of /64: whoever has
 * one address of it has all of them.
 * Returns 1, or 0 with errno: ENOTCONN when the client is gone.
 */
extern int client_read(client *c, int fd);

extern int client_same(client const *a, client const *b);

/* "192.0.2.1", "2001:db8::/64" or "uid=1000", a string in out; returns out. */
#define CLIENT_NAME_MAX (INET6_ADDRSTRLEN + 5)
extern char const *client_name(client const *c, char out[CLIENT_NAME_MAX]);

#endif
