#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stddef.h>
#include <stdint.h>

/*
 * A length of time as the configuration and options have it: a number and a unit of
 * s, m, h, d or w; without a unit, seconds.  All of s must be that.
 * Returns 1 with seconds, 0 when s is no length of time or one over 10 years.
 */
extern int duration_scan(char const *s, size_t len, uint64_t *seconds);

#endif
