#ifndef SEND_DANE_H
#define SEND_DANE_H

/*
 * The TLSA records of a host (RFC 6698, for mail RFC 7672): the DNS says which certificate or key
 * is the host's, and signs that.
 */

#include <stddef.h>
#include <stdint.h>

#include "send/dns.h"
#include "smtp/domain.h"
#include "tls/ask.h"

/* Octets of the records of a host; they fit into a request to tls-io.  More are left out. */
#define DANE_OCTETS_MAX 4096

typedef struct dane
{
  int found;             /* there are records, of use or not: TLS is demanded (section 2.2) */
  size_t count;          /* so many are of use */
  size_t len;
  unsigned char octets[DANE_OCTETS_MAX];
  char base[SMTP_DOMAIN_MAX + 1]; /* whose they are: the TLSA base domain (section 2.2.3) */
} dane;

/* No records. */
extern void dane_clear(dane *out);

/* What is known of a host before. */
typedef struct dane_host
{
  char const *name;
  char const *owner;     /* who has its addresses: another name, where this one is an alias */
  int secure;            /* the addresses are signed, and the alias with them */
  uint16_t port;
} dane_host;

/*
 * Look for the records of a host: of who has its addresses first, then by its own name.  None is
 * looked for where what leads there is not signed, and none is found where the answer is not.
 * Returns 1, found or not; 0: nothing is known (no answer, SERVFAIL: what is signed was tampered
 * with), so that the host must not be talked to.
 */
extern int dane_find(dane *out, dns *d, dane_host const *host);

/*
 * Add a record, in the form of its RDATA (RFC 6698 section 2.1).  Of use are usages 2 and 3,
 * selectors 0 and 1, and matchings 0 to 2 with as many octets as they have (RFC 7672 section 3.1);
 * any other is counted as found.
 */
extern void dane_add(dane *out, unsigned char const *data, size_t len);

/* Ask for them to be met. */
extern void dane_ask(dane const *records, tls_request *r);

#endif
