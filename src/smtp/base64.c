#include "smtp/base64.h"

#include <stdint.h>
#include <string.h>

static char const letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Up to three octets as one number of 24 bits; those that are missing are 0. */
static uint32_t octets_join(char const *s, size_t len)
{
  uint32_t bits = 0;
  size_t i;
  for (i = 0; i < 3; i++) bits = bits << 8 | (i < len ? (unsigned char)s[i] : 0u);
  return bits;
}

size_t smtp_base64_format(char *out, char const *s, size_t len)
{
  char *end = out;
  while (len)
  {
    size_t const n = len < 3 ? len : 3;
    uint32_t const bits = octets_join(s, n);
    *end++ = letters[bits >> 18];
    *end++ = letters[bits >> 12 & 63];
    *end++ = n > 1 ? letters[bits >> 6 & 63] : '=';
    *end++ = n > 2 ? letters[bits & 63] : '=';
    s += n;
    len -= n;
  }
  *end = 0;
  return (size_t)(end - out);
}

/* Four characters, the last "pads" of which are "=", as 24 bits.  1 or 0. */
static int quad_scan(char const *s, size_t pads, uint32_t *bits)
{
  size_t i;
  *bits = 0;
  for (i = 0; i < 4; i++)
  {
    char const *letter = s[i] ? strchr(letters, s[i]) : 0;
    if (i >= 4 - pads ? s[i] != '=' : !letter) return 0;
    *bits = *bits << 6 | (letter ? (uint32_t)(letter - letters) : 0u);
  }
  return !(*bits & ((1u << 8 * pads) - 1));
}

static size_t pads_count(char const *s, size_t len)
{
  if (!len || s[len - 1] != '=') return 0;
  return s[len - 2] == '=' ? 2 : 1;
}

int smtp_base64_scan(char *out, size_t *outlen, char const *s, size_t len)
{
  size_t const pads = len % 4 ? 0 : pads_count(s, len);
  size_t i;
  *outlen = 0;
  if (len % 4) return 0;
  for (i = 0; i < len; i += 4)
  {
    size_t const missing = i + 4 == len ? pads : 0;
    uint32_t bits;
    if (!quad_scan(s + i, missing, &bits)) return 0;
    out[(*outlen)++] = (char)(bits >> 16);
    if (missing < 2) out[(*outlen)++] = (char)(bits >> 8 & 255);
    if (missing < 1) out[(*outlen)++] = (char)(bits & 255);
  }
  return 1;
}
