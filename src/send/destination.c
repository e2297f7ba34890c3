#include "send/destination.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "job/job.h"
#include "job/nexthop.h"
#include "smtp/reply.h"

#define PORT_SMTP 25

void destination_init(destination *out)
{
  size_t i;
  memset(out, 0, sizeof *out);
  out->port = PORT_SMTP;
  out->loopbackdns = -1;
  for (i = 0; i < SMTP_TIMEOUTS; i++) out->timeout_s[i] = smtp_timeouts[i].seconds;
  out->lookup_s = SMTP_LOOKUP_S;
  out->reach_s = SMTP_REACH_S;
  if (gethostname(out->me, sizeof out->me - 1) == -1 || !out->me[0]) strcpy(out->me, "localhost");
}

/* --- addresses ---------------------------------------------------------------------- */

static void address_set4(destination_address *out, struct in_addr address, uint16_t port)
{
  struct sockaddr_in *v4 = (struct sockaddr_in *)&out->socket;
  v4->sin_family = AF_INET;
  v4->sin_addr = address;
  v4->sin_port = htons(port);
  out->size = sizeof *v4;
}

static void address_set6(destination_address *out, struct in6_addr const *address, uint16_t port)
{
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->socket;
  v6->sin6_family = AF_INET6;
  v6->sin6_addr = *address;
  v6->sin6_port = htons(port);
  out->size = sizeof *v6;
}

int destination_address_make(destination_address *out, char const *text, uint16_t port)
{
  struct in_addr four;
  struct in6_addr six;
  memset(out, 0, sizeof *out);
  if (!strncasecmp(text, "IPv6:", 5)) text += 5;
  if (inet_pton(AF_INET6, text, &six) == 1)
  {
    if (!IN6_IS_ADDR_V4MAPPED(&six))
    {
      address_set6(out, &six, port);
      return 1;
    }
    memcpy(&four, six.s6_addr + 12, sizeof four);
  }
  else if (inet_pton(AF_INET, text, &four) != 1) return 0;
  address_set4(out, four, port);
  return 1;
}

char const *destination_address_format(char out[DESTINATION_ADDRESS_MAX],
                                       destination_address const *address)
{
  int family = address->socket.ss_family;
  void const *octets = family == AF_INET
    ? (void const *)&((struct sockaddr_in const *)&address->socket)->sin_addr
    : (void const *)&((struct sockaddr_in6 const *)&address->socket)->sin6_addr;
  if (!inet_ntop(family, octets, out, DESTINATION_ADDRESS_MAX)) out[0] = 0;
  return out;
}

uint16_t destination_address_port(destination_address const *address)
{
  return ntohs(address->socket.ss_family == AF_INET
    ? ((struct sockaddr_in const *)&address->socket)->sin_port
    : ((struct sockaddr_in6 const *)&address->socket)->sin6_port);
}

/* --- pieces of text ----------------------------------------------------------------- */

static int number_scan(char const *s, size_t len, uint64_t max, uint64_t *number)
{
  job_field field = { s, len };
  return job_field_number(&field, number) && *number <= max;
}

static int string_copy(char *out, size_t max, char const *s, size_t len)
{
  if (!len || len >= max) return 0;
  memcpy(out, s, len);
  out[len] = 0;
  return 1;
}

int destination_address_scan(destination_address *out, char const *s, size_t len)
{
  char text[DESTINATION_ADDRESS_MAX];
  uint16_t port;
  char const *colon = memrchr(s, ':', len);
  size_t hostlen;
  if (!colon) return 0;
  hostlen = (size_t)(colon - s);
  if (!nexthop_port_scan(colon + 1, len - hostlen - 1, &port)) return 0;
  if (hostlen > 2 && s[0] == '[' && s[hostlen - 1] == ']') { s++; hostlen -= 2; }
  return string_copy(text, sizeof text, s, hostlen) && destination_address_make(out, text, port);
}

/* --- the site line ------------------------------------------------------------------ */

/* Read an IP address in brackets, or a host name; "IPv6:" is left out. */
static int host_take(destination *out, char const *s, size_t len)
{
  destination_address address;
  if (!string_copy(out->host, sizeof out->host, s, len)) return 0;
  if (!out->exchangers && destination_address_make(&address, out->host, out->port))
  {
    destination_address_format(out->host, &address);
    return 1;
  }
  len = smtp_domain_fold(out->host, out->host, len);
  out->host[len] = 0;
  return smtp_domain_ok(out->host, len);
}

int destination_nexthop_scan(destination *out, char const *s, size_t len)
{
  nexthop hop;
  if (nexthop_scan(&hop, s, len) != NEXTHOP_OK) return 0;
  out->exchangers = !hop.bracketed;
  if (hop.port) out->port = hop.port;
  return host_take(out, hop.host, hop.hostlen);
}

static int listen_scan(destination *out, char const *s, size_t len)
{
  for (out->listens = 0; out->listens < JOB_LISTEN_MAX;)
  {
    char const *comma = len ? memchr(s, ',', len) : 0;
    size_t const one = comma ? (size_t)(comma - s) : len;
    if (!destination_address_scan(&out->listen[out->listens++], s, one)) return 0;
    if (!comma) return 1;
    s += one + 1;
    len -= one + 1;
  }
  return 0;
}

static int extensions_scan(unsigned int *out, char const *s, size_t len)
{
  *out = smtp_extensions_scan(s, len);
  return *out != 0;
}

static int switch_scan(int *out, char const *s, size_t len)
{
  uint64_t on;
  if (!number_scan(s, len, 1, &on)) return 0;
  *out = (int)on;
  return 1;
}

static int turned_scan(char out[JOB_TURN_PEER_MAX + 1], char const *s, size_t len)
{
  return job_turn_peer_ok(s, len) && string_copy(out, JOB_TURN_PEER_MAX + 1, s, len);
}

static int tls_scan(enum tls_level *out, char const *s, size_t len)
{
  *out = tls_level_scan(s, len);
  return *out < TLS_LEVELS;
}

static int tlsname_scan(destination *out, char const *s, size_t len)
{
  size_t const dot = *s == '.';
  return smtp_domain_ok(s + dot, len - dot)
    && string_copy(out->tlsname, sizeof out->tlsname, s, len);
}

int destination_option_scan(destination *out, char const *s, size_t len)
{
  char const *equals = memchr(s, '=', len);
  job_field key = { s, equals ? (size_t)(equals - s) : len };
  char const *value = equals ? equals + 1 : s + len;
  size_t valuelen = (size_t)(s + len - value);
  if (job_field_is(&key, "tlswrap")) return out->tlswrap = 1;
  if (!valuelen) return 1; /* an empty setting counts as missing */
  if (job_field_is(&key, "me")) return string_copy(out->me, sizeof out->me, value, valuelen);
  if (job_field_is(&key, "listen")) return listen_scan(out, value, valuelen);
  if (job_field_is(&key, "nameserver"))
    return destination_address_scan(&out->nameserver, value, valuelen);
  if (job_field_is(&key, "timeouts")) return smtp_timeouts_scan(out->timeout_s, value, valuelen);
  if (job_field_is(&key, "turned")) return turned_scan(out->turned, value, valuelen);
  if (job_field_is(&key, "without")) return extensions_scan(&out->without, value, valuelen);
  if (job_field_is(&key, "loopbackdns")) return switch_scan(&out->loopbackdns, value, valuelen);
  if (job_field_is(&key, "lookup")) return smtp_timeout_scan(&out->lookup_s, value, valuelen);
  if (job_field_is(&key, "reach")) return smtp_timeout_scan(&out->reach_s, value, valuelen);
  if (job_field_is(&key, "auth")) return string_copy(out->auth, sizeof out->auth, value, valuelen);
  if (job_field_is(&key, "tls")) return tls_scan(&out->tls, value, valuelen);
  if (job_field_is(&key, "tlsname")) return tlsname_scan(out, value, valuelen);
  if (job_field_is(&key, "tlspolicy"))
    return string_copy(out->policy_map, sizeof out->policy_map, value, valuelen);
  if (job_field_is(&key, "policyat"))
    return string_copy(out->policy_at, sizeof out->policy_at, value, valuelen);
  if (job_field_is(&key, "tlsprint")) return tls_prints_scan(out->tlsprint, value, valuelen) != 0;
  return 1;
}

/* "-" is no next hop, and makes no sense to those that know of none that have none. */
int destination_scan(destination *out, char const *s, size_t len)
{
  job_field field;
  int none;
  if (!job_field_next(&s, &len, &field)) return 0;
  none = job_field_is(&field, "-");
  if (!none && !destination_nexthop_scan(out, field.s, field.len)) return 0;
  while (job_field_next(&s, &len, &field))
    if (!destination_option_scan(out, field.s, field.len)) return 0;
  return none == (*out->turned != 0) && !(*out->auth && (none || out->tls < TLS_ENCRYPT));
}
