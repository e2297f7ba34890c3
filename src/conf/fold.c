#include "conf/fold.h"

#include <arpa/inet.h>
#include <errno.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/types.h>

#include "conf/conf.h"
#include "conf/error.h"
#include "job/nexthop.h"
#include "smtp/domain.h"
#include "smtp/path.h"

/* --- domains ------------------------------------------------------------------------- */

/* Longer than any name with U-labels whose A-labels have 253 octets. */
#define UTF8_DOMAIN_MAX 1024

/* Convert U-labels to A-labels, as for a look-up (RFC 5891 section 5).  1, or 0 with errno. */
static int domain_to_ascii(stralloc *out, char const *domain, size_t len)
{
  char utf8[UTF8_DOMAIN_MAX + 1];
  uint8_t *ascii;
  int r;
  if (len > UTF8_DOMAIN_MAX || memchr(domain, 0, len))
  {
    errno = EINVAL;
    return 0;
  }
  memcpy(utf8, domain, len);
  utf8[len] = 0;
  r = idn2_lookup_u8((uint8_t const *)utf8, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  errno = r == IDN2_MALLOC ? ENOMEM : EINVAL; /* the library sets any errno */
  if (r != IDN2_OK) return 0;
  r = stralloc_copys(out, (char const *)ascii);
  free(ascii);
  return r;
}

int conf_domain_fold(stralloc *out, char const *domain, size_t len)
{
  if (smtp_domain_utf8(domain, len))
  {
    if (!domain_to_ascii(out, domain, len)) return 0;
  }
  else
  {
    /* one more than the longest name, for a trailing dot */
    errno = EINVAL;
    if (len > SMTP_DOMAIN_MAX + 1) return 0;
    if (!stralloc_copyb(out, domain, len)) return 0;
  }
  out->len = smtp_domain_fold(out->s, out->s, out->len);
  errno = EINVAL;
  if (!smtp_domain_ok(out->s, out->len)) return 0;
  if (!stralloc_0(out)) return 0;
  out->len--;
  return 1;
}

int conf_pattern_fold(stralloc *out, char const *s, size_t len)
{
  int below = len > 1 && *s == '.';
  if (!conf_domain_fold(out, s + below, len - (size_t)below))
    return errno == EINVAL ? conf_fail("not a domain name", s, len) : 0;
  return !below || stralloc_insertb(out, 0, ".", 1);
}

/* --- mailboxes --- */

/* Write a local part without its quotes (RFC 5321 section 4.1.2), in lower case. */
static int local_fold(stralloc *out, char const *s, size_t len)
{
  int quoted = len >= 2 && *s == '"';
  size_t i = quoted ? 1 : 0, end = quoted ? len - 1 : len;
  for (; i < end; i++)
  {
    char c = s[i];
    if (quoted && c == '\\' && i + 1 < end) c = s[++i];
    if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
    if (!stralloc_append(out, c)) return 0;
  }
  return 1;
}

int conf_recipient_fold(stralloc *out, size_t *at, char const *s, size_t len)
{
  stralloc domain = STRALLOC_ZERO;
  smtp_path path = { .locallen = 0 };
  int r;
  if (len && *s == '@')
  {
    path.domain = s + 1;
    path.domainlen = len - 1;
  }
  else if (!smtp_mailbox_scan(s, len, SMTP_PATH_UTF8, &path))
    return conf_fail("not a mailbox", s, len);
  out->len = 0;
  if (!local_fold(out, path.local, path.locallen)) return 0;
  *at = out->len;
  if (!conf_domain_fold(&domain, path.domain, path.domainlen))
    r = errno == EINVAL ? conf_fail("not a domain name", path.domain, path.domainlen) : 0;
  else r = stralloc_append(out, '@') && stralloc_catb(out, domain.s, domain.len);
  stralloc_free(&domain);
  return r;
}

/* --- hosts and ports ------------------------------------------------------------------ */

#define SMTP_PORT 25

/* Write an IP address in its normal form.  1, 0 when s is none, -1 with errno. */
static int address_fold(stralloc *out, char const *s, size_t len)
{
  char text[INET6_ADDRSTRLEN];
  unsigned char octets[16];
  int family;
  if (len >= sizeof text || memchr(s, 0, len)) return 0;
  memcpy(text, s, len);
  text[len] = 0;
  family = memchr(s, ':', len) ? AF_INET6 : AF_INET;
  if (inet_pton(family, text, octets) != 1) return 0;
  if (!inet_ntop(family, octets, text, sizeof text)) return -1;
  return stralloc_copys(out, text) ? 1 : -1;
}

static int port_append(stralloc *out, unsigned int port)
{
  char text[UINT_FMT];
  return stralloc_append(out, ':') && stralloc_catb(out, text, uint_fmt(text, port));
}

/* Write a host name or an IP address.  1, or 0 with conf_fail(). */
static int host_fold(stralloc *out, char const *s, size_t len)
{
  int r = address_fold(out, s, len);
  if (r) return r > 0;
  if (conf_domain_fold(out, s, len)) return 1;
  return errno == EINVAL ? conf_fail("neither host name nor IP address", s, len) : 0;
}

/* Is this an IPv6 address without brackets?  Its last colon parts no port from it. */
static enum nexthop_result endpoint_scan(nexthop *hop, char const *s, size_t len)
{
  char const *colon = memchr(s, ':', len), *end = s + len;
  if (!len || *s == '[' || !colon || !memchr(colon + 1, ':', (size_t)(end - colon - 1)))
    return nexthop_scan(hop, s, len);
  *hop = (nexthop){ .host = s, .hostlen = len };
  return NEXTHOP_OK;
}

/* Refuse IPv6 without brackets.  1, or 0 with conf_fail(), which quotes all of the text. */
static int endpoint_address_fold(stralloc *out, nexthop const *hop, char const *all, size_t alllen)
{
  int r = address_fold(out, hop->host, hop->hostlen);
  int six = r > 0 && memchr(out->s, ':', out->len);
  if (!r) return conf_fail("not an IP address", all, alllen);
  if (r == -1) return 0;
  if (!six) return !hop->bracketed || conf_fail("brackets are for IPv6", all, alllen);
  return stralloc_insertb(out, 0, "[", 1) && stralloc_append(out, ']');
}

static int endpoint_any(nexthop const *hop)
{
  return !hop->bracketed && (!hop->hostlen || (hop->hostlen == 1 && *hop->host == '0'));
}

int conf_endpoint_fold(stralloc *out, char const *s, size_t len, int any, unsigned int port)
{
  nexthop hop;
  enum nexthop_result r = endpoint_scan(&hop, s, len);
  int good;
  if (r == NEXTHOP_UNCLOSED) return conf_fail("no closing bracket", s, len);
  if (r != NEXTHOP_OK) return conf_fail("not ADDRESS:PORT", s, len);
  if (hop.port) port = hop.port;
  if (!port) return conf_fail("no port", s, len);
  good = any && endpoint_any(&hop) ? stralloc_copys(out, "[::]") : endpoint_address_fold(out,
      &hop, s, len);
  if (!good || !port_append(out, port) || !stralloc_0(out)) return 0;
  out->len--;
  return 1;
}

/* --- next hops -------------------------------------------------------------------------- */

/* A site must be a file name. */
#define SITE_MAX 255

static int site_host_fold(stralloc *out, nexthop const *hop)
{
  if (hop->bracketed)
    return host_fold(out, hop->host, hop->hostlen)
      && stralloc_insertb(out, 0, "[", 1) && stralloc_append(out, ']');
  if (conf_domain_fold(out, hop->host, hop->hostlen)) return 1;
  if (errno != EINVAL) return 0;
  return conf_fail("not a domain name (an address stands in brackets)", hop->host, hop->hostlen);
}

/* "[HOST]" and "[HOST]:25" are one site, so are "DOMAIN" and "DOMAIN:25". */
int conf_site_fold(stralloc *out, char const *s, size_t len)
{
  nexthop hop;
  enum nexthop_result r = nexthop_scan(&hop, s, len);
  if (r == NEXTHOP_UNCLOSED) return conf_fail("no closing bracket", s, len);
  if (r != NEXTHOP_OK) return conf_fail("not [HOST]:PORT, [HOST], DOMAIN, DOMAIN:PORT", s, len);
  if (!site_host_fold(out, &hop)) return 0;
  if (!hop.port) hop.port = SMTP_PORT;
  if ((hop.bracketed || hop.port != SMTP_PORT) && !port_append(out, hop.port)) return 0;
  return out->len <= SITE_MAX ? 1 : conf_fail("next hop too long", s, len);
}

int conf_site_ok(char const *site, size_t len)
{
  stralloc folded = STRALLOC_ZERO;
  int r = conf_site_fold(&folded, site, len);
  stralloc_free(&folded);
  return r;
}
