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

#include <stdint.h>
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
 * How many of its places does this client have, ours among them?  Of more than a hundred that there
 * may be, about.
 * 1 where that cannot be told.
 */
extern unsigned int clients_count(int queue, conf_address const *client, unsigned int most);

/*
 * Take one of the names that this client may make up, all its sessions together; it is held until
 * the descriptor is closed.
 *   most  so many there are, up to CONF_SUBDOMAINS_MAX
 *   next  0 for a session's first one; private
 * Returns 1; 0 when all are taken; -1 with errno of fcntl(2).
 */
extern int clients_name(int queue, conf_address const *client, unsigned int most, unsigned int *next);

/*
 * The octet of a client's first place; CONF_CONNECTIONS_MAX of them follow each other, whatever the
 * limit is now, and behind them as many for names as there may be.
 * A client is an IPv4 address, or an IPv6 network of /64: whoever has one address of that has them all.
 * No two clients of IPv4, and none within the same IPv6 network of /16, have places in common.
 * Further apart one network in 2^48 does: nobody is given a network that he chose among so many.
 */
extern off_t clients_first(conf_address const *client);

/*
 * Who is refused has something to say about it, but not as often as it happens: have the word for this client, until
 * the descriptor is closed.  1; 0: another session of the client's has it; -1 with errno of fcntl(2).
 */
extern int clients_word(int queue, conf_address const *client);

/*
 * How many sessions there are, of all clients together: nobody counts them, but each takes one place more, among
 * so many as there may be sessions: one of the first three quarters as long as one is found free there, else
 * one of the last quarter.  Somebody in the last quarter: that is what it looks like when three quarters are taken.
 */
typedef struct clients_seat
{
  int queue;
  unsigned int all;      /* 0: no place was taken */
  off_t late;            /* our place in the last quarter; -1: it is in none, or among the first */
  uint32_t random;       /* private */
} clients_seat;

/* Take such a place.  1; 0: none was free, as clients_many() will say then; -1 with errno of fcntl(2). */
extern int clients_sit(clients_seat *seat, int queue, unsigned int all);

/* Are about three quarters of the places taken, or more?  1 or 0; 0 where that cannot be told. */
extern int clients_many(clients_seat *seat);

#endif
