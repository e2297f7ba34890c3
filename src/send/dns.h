#ifndef SEND_DNS_H
#define SEND_DNS_H

/* Questions to the DNS, within a time, and whether their answers are signed. */

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stddef.h>
#include <stdint.h>

#include "send/destination.h"

/* The C library's resolver, all zero at first. */
typedef struct dns_resolver
{
  int good;
  struct __res_state fresh;    /* as resolv.conf has it */
  struct __res_state state;    /* a copy, for the present look-ups */
} dns_resolver;

/*
 * Read resolv.conf: no file is opened later, for however many look-ups.  An error is reported by
 * dns_begin().
 */
extern void dns_resolver_open(dns_resolver *resolver);

enum dns_answer
{
  DNS_DATA,     /* records of the type asked for */
  DNS_NONE,     /* the name exists, without such records */
  DNS_NO_NAME,
  DNS_LATER
};

typedef struct dns
{
  res_state resolver;          /* asks the first name server of its list alone: see resolver_turn */
  int servers;                 /* in that list */
  int believed;                /* what they say of signatures, where it is asked for */
  struct sockaddr_in6 nameserver6; /* the resolver points here */
  int64_t deadline_ms;         /* of all look-ups (wallclock_steady_ms) */
  int64_t turn_ms;             /* of the look-ups for the present name */
  unsigned char *answer;       /* DNSTCP_ANSWER_MAX octets */
  /* of the last look-up: */
  int secure;                  /* all of the answer was signed, and verified by whom we believe */
  char owner[NS_MAXDNAME];     /* the name at the end of its aliases, or that was asked for */
} dns;

/*
 * Begin, for so many seconds.
 *   resolver    open
 *   nameserver  asked instead of those of resolv.conf, where it has an address
 *   signatures  1: ask whether answers are signed; none is where nobody is to be believed
 *               (base/resolver.h)
 *   answer      room for DNSTCP_ANSWER_MAX octets, aligned for HEADER
 * 1, or 0: there is no resolver.
 */
extern int dns_begin(dns *d, dns_resolver *resolver, destination_address const *nameserver,
                     unsigned int seconds,
                     int signatures, unsigned char *answer);
/*
 * Begin the turn of the next of so many names: it has its part of the time that is left, but no
 * more than it takes to ask each server once, DNS_WAIT_S seconds each.  So a name without an answer
 * leaves the others their time; once all have had a turn, they have another.
 */
#define DNS_WAIT_S 3
extern void dns_turn(dns *d, size_t names);

/* Called for each record of the type asked for. */
typedef void dns_record_fn(void *data, ns_msg *message, ns_rr *record);

/*
 * Ask for a name's records, of one server after the other until one answers or the turn is over;
 * aliases are followed.
 * An answer that does not fit over UDP is asked for over TCP, as long as over UDP.
 */
extern enum dns_answer dns_find(dns *d, char const *name, ns_type type, dns_record_fn *fn,
                                void *data);

#endif
