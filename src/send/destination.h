#ifndef SEND_DESTINATION_H
#define SEND_DESTINATION_H

/* Where to send, and how: what the "site" line of job.h says. */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "job/job.h"
#include "job/turn.h"
#include "send/policy.h"
#include "smtp/account.h"
#include "smtp/domain.h"
#include "smtp/timeout.h"
#include "tls/ask.h"

/* An address and port; size 0 where there is none. */
typedef struct destination_address
{
  socklen_t size;
  struct sockaddr_storage socket;
} destination_address;

#define DESTINATION_AUTH_MAX 64
/* Room for an IP address in text. */
#define DESTINATION_ADDRESS_MAX 48

typedef struct destination
{
  /* the peer, where a connection that came is used and none is made; else empty: see job.h */
  char turned[JOB_TURN_PEER_MAX + 1];
  char host[SMTP_DOMAIN_MAX + 1];  /* a domain, or an IP address in text */
  int exchangers;                  /* 1: the MX of host; 0: host itself ("[HOST]") */
  uint16_t port;
  char me[SMTP_DOMAIN_MAX + 1];
  destination_address listen[JOB_LISTEN_MAX]; /* our own server's */
  size_t listens;
  destination_address nameserver;
  unsigned int timeout_s[SMTP_TIMEOUTS];
  unsigned int lookup_s;           /* for finding the host, all look-ups together */
  int loopbackdns;                 /* loopback addresses are taken from the DNS; -1: in a lab */
  unsigned int reach_s;            /* until the site has answered EHLO, all addresses together */
  unsigned int without;            /* smtp_extension, or-ed: not used even where offered */
  enum tls_level tls;              /* what TLS must be worth, and what proves the site's: */
  char tlsname[SMTP_DOMAIN_MAX + 2];   /* a name, or ".name" of one below; "": the site's own */
  char tlsprint[TLS_PRINTS_TEXT_MAX];  /* SHA-256 as tls_prints_scan() leaves them */
  int tlswrap;                     /* TLS from the first octet */
  char auth[DESTINATION_AUTH_MAX + 1]; /* the name of conf/authout we have there; "": none */
  smtp_account account;            /* and who that is; from a line of its own */
  char policy_map[POLICY_MAP_MAX + 1]; /* what to ask for MTA-STS policies; "": nobody */
  /* and where, ADDRESS:PORT; "": our caller connects */
  char policy_at[DESTINATION_ADDRESS_MAX + 8];
} destination;

/*
 * Set the defaults: our own host name, port 25, the RFC's timeouts, half a minute to find the host,
 * two minutes to reach it, no TLS.
 */
extern void destination_init(destination *out);

/* Read a next hop, see job/nexthop.h.  1, or 0 when the text is none. */
extern int destination_nexthop_scan(destination *out, char const *s, size_t len);

/*
 * Read one word KEY=VALUE, or "tlswrap".  An unknown KEY is passed over.  0: VALUE makes no sense.
 */
extern int destination_option_scan(destination *out, char const *s, size_t len);

/* Read what follows "site " in the line.  1 or 0. */
extern int destination_scan(destination *out, char const *s, size_t len);

/*
 * "192.0.2.1:25", "[2001:db8::1]:25" or "2001:db8::1:25": the last colon parts the port.  1 or 0.
 */
extern int destination_address_scan(destination_address *out, char const *s, size_t len);

/*
 * An IP address in text, with or without "IPv6:" before it, and a port.  1 or 0.
 * An IPv4 address that is mapped into IPv6 (::ffff:0:0/96) becomes that IPv4 address.
 */
extern int destination_address_make(destination_address *out, char const *text, uint16_t port);

/* The IP address in text. */
extern char const *destination_address_format(char out[DESTINATION_ADDRESS_MAX],
                                              destination_address const *address);

extern uint16_t destination_address_port(destination_address const *address);

#endif
