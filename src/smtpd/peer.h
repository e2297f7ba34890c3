#ifndef SMTPD_PEER_H
#define SMTPD_PEER_H

/* The two ends of a connection: the client, and our own. */

#include <netinet/in.h>
#include <sys/types.h>

#include "conf/conf.h"

typedef struct peer
{
  conf_address address;
  char ip[INET6_ADDRSTRLEN];  /* in text, for people: an IPv4 address without its mapping */
  char port[6];               /* in text; "0" where there is none, or it is not known */
  int local;                  /* a user of this host, by a UNIX socket; the address is loopback */
  uid_t uid;                  /* the local user's, as the kernel says */
} peer;

/*
 * Read who the client is: $TCPREMOTEIP, else $REMOTE_ADDR, else getpeername(2) of the descriptor;
 * the port is in $TCPREMOTEPORT or $REMOTE_PORT, else the socket's.
 * A UNIX socket is a local user (SO_PEERCRED), a pipe somebody on this host: loopback.  Where a
 * UNIX socket was accepted (it has a name), only the kernel is asked: the environment has what the
 * client called itself.  Returns 1, or 0 with errno: EINVAL when the super-server's words are no
 * address, ENOTCONN when the client is gone, EAFNOSUPPORT when it came by something else.
 */
extern int peer_read(peer *client, int fd);

/* Connections come by descriptor: forget what the environment says of one. */
extern void peer_forget_environment(void);

/* Read our own end of the connection: $TCPLOCALIP, else getsockname(2); as above. */
extern int peer_own(peer *own, int fd);

/* Is this an IPv4 address? */
extern int peer_ipv4(conf_address const *address);

/* Is this the peer's address: a literal "[192.0.2.1]" or "[IPv6:2001:db8::1]"? */
extern int peer_is(peer const *p, char const *literal, size_t len);

/* The address as a literal of RFC 5321 section 4.1.3, brackets included; a string. */
#define PEER_LITERAL_MAX (INET6_ADDRSTRLEN + 7)
extern char const *peer_literal(peer const *p, char out[PEER_LITERAL_MAX]);

#endif
