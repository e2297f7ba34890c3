#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

/*
 * For the fuzz targets, one for each parser of what a peer sends: libFuzzer calls the one
 * function with input of its own making, the sanitizers watch for steps beyond the octets,
 * and HOLDS() says what must be true of the result whatever the input was.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

extern int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

#define HOLDS(condition) ((condition) ? (void)0 : abort())

/* Does a part lie within the octets that were scanned? */
static inline int fuzz_within(char const *part, size_t partlen, char const *s, size_t len)
{
  return part >= s && partlen <= len && (size_t)(part - s) <= len - partlen;
}

#endif
