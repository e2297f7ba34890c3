/* What a server of policies answers. */

#include "send/policy.h"

#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  static policy p;
  char *s = malloc(size ? size : 1);
  char const *why;
  if (!s) abort();
  memcpy(s, data, size);
  why = policy_scan(&p, s, size);
  HOLDS(!why || !p.found);
  HOLDS(!p.found || (memchr(p.match, 0, sizeof p.match) && strlen(p.match) < size));
  if (p.found) HOLDS(!policy_names(&p, ""));
  free(s);
  return 0;
}
