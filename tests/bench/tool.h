#ifndef BENCH_TOOL_H
#define BENCH_TOOL_H

/* What load, sink and delay share.  Every tool is one file: hence a header alone. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "TOOL: fatal: unable to WHAT: the system's words", exit 111. */
static inline void die(char const *what)
{
  fprintf(stderr, "%s: fatal: unable to %s: %s\n", program_invocation_short_name, what, strerror(errno));
  exit(111);
}

/* CLOCK_MONOTONIC */
static inline uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline int64_t now_us(void)
{
  return (int64_t)(now_ns() / 1000);
}

/* From "ADDRESS:PORT"; exit 100 where that makes no sense. */
static inline struct sockaddr_in address_of(char const *text)
{
  struct sockaddr_in a = { .sin_family = AF_INET };
  char host[64];
  char const *colon = strrchr(text, ':');
  if (!colon) exit(100);
  snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
  a.sin_port = htons((unsigned short)atoi(colon + 1));
  if (inet_pton(AF_INET, host, &a.sin_addr) != 1) exit(100);
  return a;
}

#endif
