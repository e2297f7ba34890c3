#ifndef LOG_LOGLATER_H
#define LOG_LOGLATER_H

/*
 * Lines that wait to be written.  The earliest comes out first; of lines of one time, the one
 * that was put in first.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/genalloc.h>

/* When the lines take more octets than this, the earliest comes out before its time. */
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

/* Put a line in.  1, or 0 (ENOMEM). */
extern int loglater_put(loglater *l, uint64_t us, char const *s, size_t len);

/*
 * Take out the earliest line if its time is not after us; the caller frees it by alloc_free().
 * NULL when there is none.
 */
extern loglater_line *loglater_take(loglater *l, uint64_t us);

#endif
