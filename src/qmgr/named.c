#include "qmgr/named.h"

#include <search.h>
#include <string.h>

static int compare(void const *a, void const *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void *named_find(void *const *root, char const *name)
{
  void **found = tfind(&name, root, compare);
  return found ? *found : 0;
}

int named_add(void **root, void *named)
{
  return tsearch(named, root, compare) != 0;
}

void named_replace(void *const *root, void *named)
{
  void **found = tfind(named, root, compare);
  *found = named;
}

void named_take(void **root, void *named)
{
  tdelete(named, root, compare);
}
