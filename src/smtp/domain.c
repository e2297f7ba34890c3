#include "smtp/domain.h"

#include <arpa/inet.h>
#include <string.h>

#include "smtp/chars.h"

/* RFC 1035 section 2.3.4. */
#define LABEL_MAX 63

static int label_ok(char const *label, size_t len)
{
  size_t i;
  if (!len || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-') return 0;
  for (i = 0; i < len; i++)
    if (!smtp_letter(label[i]) && !smtp_digit(label[i]) && label[i] != '-' && label[i] != '_')
      return 0;
  return 1;
}

static int label_digits(char const *label, size_t len)
{
  size_t i = 0;
  while (i < len && smtp_digit(label[i])) i++;
  return i == len;
}

int smtp_domain_ok(char const *domain, size_t len)
{
  if (len > SMTP_DOMAIN_MAX) return 0;
  for (;;)
  {
    char const *dot = len ? memchr(domain, '.', len) : 0;
    size_t n = dot ? (size_t)(dot - domain) : len;
    if (!label_ok(domain, n)) return 0;
    if (!dot) return !label_digits(domain, n);
    domain += n + 1;
    len -= n + 1;
  }
}

size_t smtp_domain_fold(char *out, char const *domain, size_t len)
{
  size_t i;
  if (len && domain[len - 1] == '.') len--;
  for (i = 0; i < len; i++) out[i] = smtp_lower(domain[i]);
  return len;
}

int smtp_domain_below(char const *domain, size_t len, char const *parent, size_t parentlen)
{
  if (!parentlen) return 1;
  if (len < parentlen || memcmp(domain + len - parentlen, parent, parentlen)) return 0;
  if (len == parentlen) return 1;
  return len > parentlen + 1 && domain[len - parentlen - 1] == '.';
}

int smtp_domain_utf8(char const *domain, size_t len)
{
  size_t i;
  for (i = 0; i < len; i++)
    if (smtp_high(domain[i])) return 1;
  return 0;
}

/* Is all of s an address of this family?  inet_pton() alone would stop at a NUL. */
static int address_ok(int family, char const *s, size_t len)
{
  char text[INET6_ADDRSTRLEN];
  struct in6_addr address; /* the larger of the two */
  if (!len || len >= sizeof text || memchr(s, 0, len)) return 0;
  memcpy(text, s, len);
  text[len] = 0;
  return inet_pton(family, text, &address) == 1;
}

int smtp_literal_ok(char const *literal, size_t len)
{
  static char const tag[] = "IPV6:";
  size_t const taglen = sizeof tag - 1;
  if (len < 2 || literal[0] != '[' || literal[len - 1] != ']') return 0;
  literal++;
  len -= 2;
  if (len > taglen && smtp_word_is(literal, taglen, tag))
    return address_ok(AF_INET6, literal + taglen, len - taglen);
  return address_ok(AF_INET, literal, len);
}
