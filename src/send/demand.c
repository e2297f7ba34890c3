#include "send/demand.h"

#include <string.h>

#include "base/text.h"

int demand_option_scan(destination *where, char const *word)
{
  int const ours = !strcmp(word, "tlswrap") || !strncmp(word, "tls=", 4) || !strncmp(word, "tlsname=", 8)
    || !strncmp(word, "tlsprint=", 9);
  return ours && destination_option_scan(where, word, strlen(word));
}

void demand_complete(destination *where, enum tls_level level)
{
  if (where->tls != TLS_LEVELS) return;
  where->tls = *where->tlsprint ? TLS_FINGERPRINT
    : *where->tlsname ? TLS_VERIFY
    : where->tlswrap && level < TLS_ENCRYPT ? TLS_ENCRYPT
    : level;
}

char const *demand_host_name(char const *host)
{
  destination_address address;
  return destination_address_make(&address, host, 0) ? "" : host;
}

/* ".customer.tld" is no name of a server. */
static char const *server_name(destination const *where, char const *host)
{
  return *where->tlsname && *where->tlsname != '.' ? where->tlsname : demand_host_name(host);
}

/*
 * The names by which a site is known.  The name of an MX is not one: whoever forges the answers of the DNS has chosen
 * it (RFC 7672 section 1.3).
 */
static void names_ask(tls_request *r, destination const *where)
{
  char below[SMTP_DOMAIN_MAX + 2];
  tls_request_match(r, *where->tlsname ? where->tlsname : where->host);
  if (*where->tlsname || !where->exchangers) return;
  text_join(below, sizeof below, ".", where->host);
  tls_request_match(r, below);
}

static void prints_ask(tls_request *r, char const *s)
{
  char one[TLS_PRINT_LEN + 1];
  for (; *s; s += s[TLS_PRINT_LEN] ? TLS_PRINT_LEN + 1 : TLS_PRINT_LEN)
  {
    memcpy(one, s, TLS_PRINT_LEN);
    one[TLS_PRINT_LEN] = 0;
    tls_request_print(r, one);
  }
}

void demand_ask(tls_request *r, destination const *where, char const *host, unsigned int timeout_s)
{
  enum tls_level level = where->tls < TLS_ENCRYPT && where->tlswrap ? TLS_ENCRYPT : where->tls;
  tls_request_connect(r, server_name(where, host), timeout_s, level);
  if (level == TLS_VERIFY) names_ask(r, where);
  if (level == TLS_FINGERPRINT) prints_ask(r, where->tlsprint);
  tls_request_end(r);
}
