#ifndef SCHED_ARRAY_H
#define SCHED_ARRAY_H

/* Items of one size, one behind the other, in memory that grows.  All zero: there are none. */

#include <stddef.h>

typedef struct array
{
  void *items;
  size_t count;
  size_t room;
} array;

/* Room for one more item, of so many octets, at the end: where it is, or NULL (ENOMEM). */
extern void *array_add(array *a, size_t octets);
/* Its items are no more. */
extern void array_free(array *a);

#define array_of(type, a) ((type *)(a)->items)

#endif
