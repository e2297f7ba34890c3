#ifndef SEND_HOST_H
#define SEND_HOST_H

/* Find the addresses of a next hop, by DNS (RFC 5321 section 5). */

#include <stddef.h>

#include "job/job.h"
#include "send/dane.h"
#include "send/destination.h"
#include "send/dns.h"
#include "send/policy.h"
#include "smtp/domain.h"

/* Addresses that are tried for one site. */
#define HOST_ADDRESSES_MAX 5

/*
 * What TLS with a host must be worth: as the site's route has it, where that is not dane or
 * dane-only, and the site has no policy.  TLS_DANE and TLS_DANE_ONLY: its records must be met;
 * TLS_VERIFY where the route has another level: its name must be (MTA-STS).
 */
typedef struct host_tls
{
  enum tls_level level;
  dane dane;
} host_tls;

typedef struct host_address
{
  char name[SMTP_DOMAIN_MAX + 1];
  destination_address address;
  host_tls tls;
} host_address;

/*
 *   HOST_FOUND   there are addresses, best first
 *   HOST_LATER   unknown for the moment: no answer, SERVFAIL, an MX whose name cannot be used
 *   HOST_NEVER   mail cannot be sent there: no such domain, null MX, or we are its best MX
 */
enum host_outcome { HOST_FOUND, HOST_LATER, HOST_NEVER };

typedef struct host_list
{
  size_t count;
  host_address address[HOST_ADDRESSES_MAX];
  char domain[SMTP_DOMAIN_MAX + 1]; /* that has the MX; another one than the site's, an alias */
  /* when no address was found: enhanced status code and reason, strings */
  char const *code;
  char text[JOB_TEXT_MAX];          /* and where one was: why another host is not used, or "" */
} host_list;

/*
 * Find the addresses of a site, within where->lookup_s seconds however many names and name servers
 * are mute; what is known by then is used.  Each name has a turn, in which every server is waited
 * for DNS_WAIT_S at the most, less where there are many; where nothing is found and some were not
 * answered for, all of it is done again, HOST_TRIES times in all.  An answer that does not fit over
 * UDP is asked for over TCP, as long as over UDP.
 *
 * The MX are sorted by preference, equal ones shuffled.  Where one of them is ourselves (where->me,
 * or an address of where->listen; a wildcard there stands for the addresses of our interfaces), it
 * and all that are no better are left out (RFC 5321 section 5.1).
 * Of what the DNS has, loopback addresses, 0.0.0.0 and ::, and whatever is translated to them, lead
 * to this very host: to ourselves at a port of where->listen, and to nobody at any other, but for
 * loopback addresses where where->loopbackdns is 1; where it is -1, and the name server that is
 * asked is on this host, at a port other than 53, for those of 127.0.0.0/8 but 127.0.0.1.
 * Addresses of one link, multicast and reserved ones are left out.
 * Where nothing else is found: HOST_NEVER by MX, HOST_LATER for a host that was named in brackets,
 * whose DNS those who run us can see to.
 * With dane a host whose TLSA cannot be looked up is left out, as one is that a policy does not
 * name: HOST_LATER where there is no other (send/dane.h, send/policy.h).
 * "localhost" and what is below it is the loopback, without a question (RFC 6761 section 6.3); in
 * brackets it is taken, like an address in brackets.
 */
#define HOST_TRIES 3
/*
 *   sts       what the site's MTA-STS demands; nothing where TLS has to be worth more anyway
 *   resolver  open; host_find() closes it
 */
extern enum host_outcome host_find(host_list *list, destination const *where, policy const *sts,
                                   dns_resolver *resolver);

/* The host turned out to be ourselves, by its name: empty the list, with that as the reason. */
extern void host_loops_back(host_list *list, destination const *where);

#endif
