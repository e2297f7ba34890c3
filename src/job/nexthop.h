#ifndef JOB_NEXTHOP_H
#define JOB_NEXTHOP_H

/* How a next hop is written: "[HOST]", "[HOST]:PORT", "DOMAIN" or "DOMAIN:PORT". */

#include <stddef.h>
#include <stdint.h>

typedef struct nexthop
{
  char const *host;  /* points into the text, without brackets; may be empty, or no host's name */
  size_t hostlen;
  int bracketed;
  uint16_t port;     /* 0: none in the text */
} nexthop;

enum nexthop_result
{
  NEXTHOP_OK,
  NEXTHOP_UNCLOSED,  /* a bracket */
  NEXTHOP_BAD_PORT   /* what is behind the host is not ":PORT" */
};

/* Read all of the text as a next hop. */
extern enum nexthop_result nexthop_scan(nexthop *hop, char const *s, size_t len);

/* A port, 1 to 65535, in decimal, all of s.  1 or 0. */
extern int nexthop_port_scan(char const *s, size_t len, uint16_t *port);

#endif
