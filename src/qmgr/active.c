#include "qmgr/active.h"

#include <search.h>
#include <string.h>

#include <skalibs/alloc.h>

/* What is in the tree begins with its id. */
static int compare(void const *a, void const *b)
{
  return memcmp(a, b, ID_LEN);
}

active *active_find(void *const *all, char const *id)
{
  active **found = tfind(id, all, compare);
  return found ? *found : 0;
}

active *active_add(void **all, char const *id)
{
  active *a = alloc(sizeof *a);
  if (!a) return 0;
  memset(a, 0, sizeof *a);
  memcpy(a->id, id, ID_LEN);
  if (tsearch(a, all, compare)) return a;
  alloc_free(a);
  return 0;
}

void active_take(void **all, active *a)
{
  tdelete(a, all, compare);
  alloc_free(a);
}
