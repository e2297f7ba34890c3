#include "job/nexthop.h"

#include <string.h>

#include "job/job.h"

int nexthop_port_scan(char const *s, size_t len, uint16_t *port)
{
  job_field field = { s, len };
  uint64_t number;
  if (!job_field_number(&field, &number) || !number || number > 65535) return 0;
  *port = (uint16_t)number;
  return 1;
}

enum nexthop_result nexthop_scan(nexthop *hop, char const *s, size_t len)
{
  char const *all_end = s + len;
  char const *end, *rest;
  hop->bracketed = len && *s == '[';
  hop->port = 0;
  end = memchr(s, hop->bracketed ? ']' : ':', len);
  if (hop->bracketed && !end) return NEXTHOP_UNCLOSED;
  if (!end) end = all_end;
  rest = end + hop->bracketed;
  hop->host = s + hop->bracketed;
  hop->hostlen = (size_t)(end - hop->host);
  if (rest == all_end) return NEXTHOP_OK;
  if (*rest != ':') return NEXTHOP_BAD_PORT;
  rest++;
  if (!nexthop_port_scan(rest, (size_t)(all_end - rest), &hop->port)) return NEXTHOP_BAD_PORT;
  return NEXTHOP_OK;
}
