#ifndef COMPAT_SPOOL_H
#define COMPAT_SPOOL_H

/*
 * Octets kept for later: a little in memory, more in a file without a name below $TMPDIR or /tmp,
 * which ends with the process.  For programs alone: an error ends the program, 75.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/stralloc.h>

/* The most octets that are kept in memory. */
#define SPOOL_MEMORY (1u << 20)

typedef struct spool
{
  stralloc memory;   /* what is not in the file */
  int fd;            /* of the file; -1: there is none */
  uint64_t size;     /* of memory and file together */
} spool;
#define SPOOL_ZERO { .memory = STRALLOC_ZERO, .fd = -1 }

extern void spool_put(spool *s, char const *octets, size_t len);

/* Call fn with all octets, from the beginning, in pieces. */
extern void spool_each(spool *s, void (*fn)(void *data, char const *octets, size_t len),
                       void *data);

#endif
