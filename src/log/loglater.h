#ifndef LOG_LOGLATER_H
#define LOG_LOGLATER_H

/*
 * Lines that are not written yet: the earliest comes out first; of those of one time, the one
 * that came first.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/genalloc.h>

/* With more octets than this in it, the earliest line comes out before its time. */
#define LOGLATER_MAX (16 << 20)

typedef struct loglater_line
{
  uint64_t us;
  uint64_t number;
  size_t len;
  char text[];
} loglater_line;

typedef struct loglater
{
  genalloc heap;      /* of loglater_line * */
  size_t octets;
  uint64_t number;
} loglater;

/* 1, or 0 (ENOMEM). */
extern int loglater_put(loglater *l, uint64_t us, char const *s, size_t len);

/* A line whose time is not after us, for alloc_free(); NULL: there is none. */
extern loglater_line *loglater_take(loglater *l, uint64_t us);

#endif
