#ifndef SMTPD_CLIENTS_H
#define SMTPD_CLIENTS_H

/*
 * How many sessions of this instance serve one client, and how many there are of all clients.  A
 * session takes a slot of its client's; the kernel frees the slot when the process ends, however
 * it ends.
 *
 * A slot is a lock (F_OFD_SETLK) on an octet of the queue's directory.  Nothing has to be made,
 * kept or tidied, no other user of the host can open that directory, and nobody takes any other
 * lock on it.  A descriptor that is open for reading alone takes no exclusive locks, so a session
 * tries a slot with a shared lock: the slot is ours when nobody else has a lock on it then.
 */

#include <stdint.h>
#include <sys/types.h>

#include "conf/conf.h"

/*
 * Take a slot of this client's; it is ours until the descriptor is closed.
 *   queue  descriptor of the queue's directory
 *   most   slots of a client, up to CONF_CONNECTIONS_MAX
 * Returns 1; 0 when all are taken; -1 with errno of fcntl(2).
 */
extern int clients_slot_take(int queue, conf_address const *client, unsigned int most);

/*
 * How many of its slots does this client have, ours among them?  An estimate where there are more
 * than a hundred; 1 where the locks cannot be read.
 */
extern unsigned int clients_count(int queue, conf_address const *client, unsigned int most);

/*
 * Take one of the subdomains that this client may name, in all its sessions together; it is ours
 * until the descriptor is closed.
 *   most  subdomains of a client, up to CONF_SUBDOMAINS_MAX
 *   next  0 before a session takes its first one; private
 * Returns 1; 0 when all are taken; -1 with errno of fcntl(2).
 */
extern int clients_subdomain_take(int queue, conf_address const *client, unsigned int most,
                                  unsigned int *next);

/*
 * The octet of a client's first slot.  Its other slots follow, CONF_CONNECTIONS_MAX altogether
 * whatever the limit is now, and behind them CONF_SUBDOMAINS_MAX octets for subdomains.
 * A client is an IPv4 address, or an IPv6 network of /64: whoever has one address of such a network
 * has all of them.
 * No two clients of IPv4, and none within the same IPv6 network of /16, have slots in common.
 * Of networks further apart one in 2^48 does: no client can choose its network among so many.
 */
extern off_t clients_slots_first(conf_address const *client);

/*
 * Take this client's right to be logged as refused, until the descriptor is closed: refusals come
 * faster than anybody would read lines about them.
 * 1; 0: another session of the client's has it; -1 with errno of fcntl(2).
 */
extern int clients_log_take(int queue, conf_address const *client);

/*
 * How many sessions there are of all clients together.  Nobody counts them.  Each session takes one
 * slot more, among as many as there may be sessions: an early one, of the first three quarters, as
 * long as it finds one free there, else a late one, of the last quarter.  So a slot taken in the
 * last quarter means that about three quarters are taken.
 */
typedef struct clients_session
{
  int queue;
  unsigned int all;      /* slots; 0: this session took none */
  off_t late;            /* our slot, where it is a late one; else -1 */
  uint32_t random;       /* private */
} clients_session;

/*
 * Take such a slot.  1; 0: none was free, as clients_stress() will say then; -1 with errno of
 * fcntl(2).
 */
extern int clients_session_take(clients_session *s, int queue, unsigned int all);

/*
 * Are about three quarters of the slots taken, or more?  1 or 0; 0 where the locks cannot be read.
 */
extern int clients_stress(clients_session *s);

#endif
