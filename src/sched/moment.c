#include "sched/moment.h"

int moment_lately(uint64_t now_us, uint64_t since_us, uint64_t span_us)
{
  return now_us - since_us < span_us; /* unsigned */
}

uint64_t moment_earlier(uint64_t at_us, uint64_t by_us)
{
  if (at_us == NEVER_US) return at_us;
  return at_us > by_us ? at_us - by_us : 0;
}
