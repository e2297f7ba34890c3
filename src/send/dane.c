#include "send/dane.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

/* Usage, selector and matching are before what is matched. */
#define FIELDS 3
/* Before each record in memory: its length. */
#define LENGTH 2

enum { USAGE_TA = 2, USAGE_EE = 3 };

void dane_clear(dane *out)
{
  out->found = 0;
  out->count = out->len = 0;
  out->base[0] = 0;
}

/* --- records ------------------------------------------------------------------------------ */

static int useful(unsigned char const *data, size_t len)
{
  static size_t const digests[] = { 0, 32, 64 }; /* all of it, SHA-256, SHA-512 */
  if (len <= FIELDS || (data[0] != USAGE_TA && data[0] != USAGE_EE) || data[1] > 1) return 0;
  return data[2] < sizeof digests / sizeof *digests && (!data[2] || len - FIELDS == digests[data[2]]);
}

void dane_add(dane *out, unsigned char const *data, size_t len)
{
  unsigned char *to = out->octets + out->len;
  out->found = 1;
  if (!useful(data, len) || out->count == TLS_TLSA_MAX || len > sizeof out->octets - LENGTH
   || out->len > sizeof out->octets - LENGTH - len) return;
  to[0] = (unsigned char)(len >> 8);
  to[1] = (unsigned char)len;
  memcpy(to + LENGTH, data, len);
  out->len += LENGTH + len;
  out->count++;
}

void dane_ask(dane const *records, tls_request *r)
{
  unsigned char const *s = records->octets;
  while (s < records->octets + records->len)
  {
    size_t const len = (size_t)s[0] << 8 | s[1];
    s += LENGTH;
    tls_request_tlsa(r, s[0], s[1], s[2], s + FIELDS, len - FIELDS);
    s += len;
  }
}

/* --- looking ------------------------------------------------------------------------------ */

static void record_take(void *data, ns_msg *message, ns_rr *record)
{
  (void)message;
  dane_add(data, ns_rr_rdata(*record), ns_rr_rdlen(*record));
}

static void record_leave(void *data, ns_msg *message, ns_rr *record)
{
  (void)data;
  (void)message;
  (void)record;
}

/* Look at one name.  1, or 0: there is no answer. */
static int records_find(dane *out, dns *d, char const *base, uint16_t port)
{
  char name[NS_MAXDNAME], number[TEXT_NUMBER_MAX];
  enum dns_answer answer;
  dane_clear(out);
  text_join(name, sizeof name, "_", text_number(number, port), "._tcp.", base);
  answer = dns_find(d, name, ns_t_tlsa, record_take, out);
  if (!d->secure) dane_clear(out);
  text_join(out->base, sizeof out->base, base);
  return answer != DNS_LATER;
}

/* Is the alias itself signed, where what it leads to is not?  Then it has records of its own.  -1: no answer. */
static int alias_signed(dns *d, char const *name)
{
  enum dns_answer const answer = dns_find(d, name, ns_t_cname, record_leave, 0);
  return answer == DNS_LATER ? -1 : answer == DNS_DATA && d->secure;
}

int dane_find(dane *out, dns *d, dane_host const *host)
{
  int const alias = strcasecmp(host->name, host->owner) != 0;
  int own = host->secure;
  dane_clear(out);
  if (!d->believed) return 1;
  if (own && alias && smtp_domain_ok(host->owner, strlen(host->owner)))
  {
    if (!records_find(out, d, host->owner, host->port)) return 0;
    if (out->found) return 1;
  }
  if (!own && alias) own = alias_signed(d, host->name);
  return own > 0 ? records_find(out, d, host->name, host->port) : !own;
}
