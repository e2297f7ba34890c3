/* Base64: whatever is read has that one form. */

#include "smtp/base64.h"

#include <string.h>

#include "fuzz.h"

#define OCTETS_MAX 5000

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  static char octets[OCTETS_MAX], again[SMTP_BASE64_MAX(OCTETS_MAX)];
  char const *s = (char const *)data;
  size_t len;
  if (size > OCTETS_MAX) return 0;
  if (!smtp_base64_scan(octets, &len, s, size)) return 0;
  HOLDS(len <= size / 4 * 3);
  HOLDS(smtp_base64_format(again, octets, len) == size && !memcmp(again, s, size));
  return 0;
}
