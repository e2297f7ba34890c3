#include "sched/array.h"

#include <stdlib.h>

static int grow(array *a, size_t octets)
{
  size_t room = a->room ? a->room * 2 : 8;
  void *items = reallocarray(a->items, room, octets);
  if (!items) return 0;
  a->items = items;
  a->room = room;
  return 1;
}

void *array_add(array *a, size_t octets)
{
  if (a->count == a->room && !grow(a, octets)) return 0;
  return (char *)a->items + octets * a->count++;
}

void array_free(array *a)
{
  free(a->items);
  *a = (array){ .items = 0 };
}
