/*
 * Memory that is given back to the heap is overwritten: a process that serves one client after the
 * other keeps nothing of the first one's there.
 *
 * A program that has this among its objects is linked with ld's --wrap for both functions; where it
 * is linked statically that covers the calls of its libraries, and of the C library, too.
 */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

extern void __real_free(void *p);
extern void __wrap_free(void *p);
extern void *__wrap_realloc(void *p, size_t size);

void __wrap_free(void *p)
{
  if (p) explicit_bzero(p, malloc_usable_size(p));
  __real_free(p);
}

/* What has room enough stays where it is, and is never moved without being overwritten. */
void *__wrap_realloc(void *p, size_t size)
{
  size_t const had = p ? malloc_usable_size(p) : 0;
  void *q;
  if (p && had >= size) return p;
  q = malloc(size);
  if (!q || !p) return q;
  memcpy(q, p, had);
  __wrap_free(p);
  return q;
}
