/* Fields of a header, and the address lists in them. */

#include "smtp/header.h"

#include <string.h>

#include "fuzz.h"

static int clean(char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < len; i++)
    if ((unsigned char)s[i] < ' ' || s[i] == 127) return 0;
  return 1;
}

/* An address that was read is a list of one, which reads the same. */
static void again(smtp_address const *address)
{
  smtp_address_list list = { .s = address->s, .len = address->len };
  smtp_address second;
  HOLDS(smtp_address_next(&list, &second) == 1);
  HOLDS(second.len == address->len && !memcmp(second.s, address->s, address->len));
  HOLDS(second.qualified == address->qualified);
  HOLDS(smtp_address_next(&list, &second) == 0);
}

static void addresses(char const *s, size_t len)
{
  smtp_address_list list = { .s = s, .len = len };
  smtp_address address;
  size_t at = 0;
  int r;
  while ((r = smtp_address_next(&list, &address)) == 1)
  {
    HOLDS(list.at > at && list.at <= len);
    HOLDS(address.end > at && address.end <= list.at);
    HOLDS(address.len < sizeof address.s && !address.s[address.len] && clean(address.s, address.len));
    at = list.at;
    if (address.len) again(&address);
  }
  HOLDS(list.at == len);
  HOLDS(smtp_address_next(&list, &address) == 0);
}

static void phrase(char const *s, size_t len)
{
  char out[SMTP_PHRASE_MAX];
  size_t n = smtp_phrase_format(out, s, len);
  HOLDS(n && n <= sizeof out && clean(out, n));
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char const *s = (char const *)data;
  size_t n, at = 0;
  smtp_field field;
  while ((n = smtp_field_scan(s + at, size - at, &field)))
  {
    HOLDS(n <= size - at);
    HOLDS(field.namelen && fuzz_within(field.name, field.namelen, s + at, n));
    HOLDS(fuzz_within(field.body, field.bodylen, s + at, n) && field.body + field.bodylen == s + at + n);
    addresses(field.body, field.bodylen);
    at += n;
  }
  addresses(s, size);
  phrase(s, size);
  return 0;
}
