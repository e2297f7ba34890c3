#ifndef SMTPD_CLIENTS_H
#define SMTPD_CLIENTS_H

/*
 * How many sessions of this instance serve one client: each holds a place of its client's, for as long as its
 * process lives, however that ends.
 *
 * A place is a lock (F_OFD_SETLK) on an octet of the queue's directory.  There is nothing to be made, kept or
 * tidied, no other user of the host can open that directory, and no other lock is taken on it.  What is open for
 * reading alone takes no exclusive locks, so a place is tried with a shared one: it is ours when nobody else's is
 * there then.
 */

#include <sys/types.h>

#include "conf/conf.h"

/*
 * Take a place of this client's; it is held until the descriptor is closed.
 *   queue  descriptor of the queue's directory
 *   most   so many places there are, up to CONF_CONNECTIONS_MAX
 * Returns 1; 0 when all are taken; -1 with errno of fcntl(2).
 */
extern int clients_enter(int queue, conf_address const *client, unsigned int most);

/*
 * The octet of a client's first place; CONF_CONNECTIONS_MAX of them follow each other, whatever the limit is now.
 * A client is an IPv4 address, or an IPv6 network of /64: whoever has one address of that has them all.
 * No two clients of IPv4, and none within the same IPv6 network of /15, have places in common.  Further apart one
 * network in 2^49 does: nobody is given a network that he chose among so many.
 */
extern off_t clients_first(conf_address const *client);

#endif
