#include "base/duration.h"

#define DURATION_MAX (10ull * 365 * 86400)

/* The seconds of a unit; 0 for what is no unit. */
static uint64_t unit_seconds(char unit)
{
  switch (unit)
  {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3600;
    case 'd': return 86400;
    case 'w': return 7 * 86400;
    default: return 0;
  }
}

int duration_scan(char const *s, size_t len, uint64_t *seconds)
{
  uint64_t number = 0, unit = 1;
  size_t i = 0;
  for (; i < len && s[i] >= '0' && s[i] <= '9'; i++)
  {
    number = number * 10 + (uint64_t)(s[i] - '0');
    if (number > DURATION_MAX) return 0;
  }
  if (!i) return 0;
  if (i < len) unit = unit_seconds(s[i++]);
  if (!unit || i != len || number > DURATION_MAX / unit) return 0;
  *seconds = number * unit;
  return 1;
}
