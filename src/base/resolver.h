#ifndef BASE_RESOLVER_H
#define BASE_RESOLVER_H

/*
 * Can what a name server says of signatures be believed?  It says by a flag, AD, that it has verified an answer
 * (RFC 4035 section 3.2.3), and whoever is on the way to it can set that: so it must be on this host, or the operator
 * must have said that it can be trusted ("options trust-ad", resolv.conf(5)).
 */

#include <resolv.h>
#include <sys/socket.h>

/* Is this address the loopback? */
extern int resolver_here(struct sockaddr const *server);

/*
 * Can those be believed that resolv.conf names, as res_ninit(3) has read it?  All of them: else who keeps one from
 * answering has another asked.
 */
extern int resolver_believed(struct __res_state const *r);

#endif
