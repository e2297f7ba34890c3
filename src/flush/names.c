#include "flush/names.h"

#include <stdlib.h>
#include <string.h>

int names_add(names *set, char mark, char const *s, size_t len)
{
  size_t at = set->text.len;
  if (stralloc_readyplus(&set->text, len + 2) && genalloc_append(size_t, &set->at, &at))
  {
    if (mark) stralloc_catb(&set->text, &mark, 1);
    stralloc_catb(&set->text, s, len);
    return stralloc_catb(&set->text, "", 1);
  }
  return 0;
}

void names_free(names *set)
{
  stralloc_free(&set->text);
  genalloc_free(size_t, &set->at);
}

static int compare(void const *a, void const *b, void *text)
{
  char const *s = text;
  return strcmp(s + *(size_t const *)a, s + *(size_t const *)b);
}

void names_sort(names *set)
{
  size_t *at = genalloc_s(size_t, &set->at);
  size_t n = names_len(set), from, to = 1;
  if (n < 2) return;
  qsort_r(at, n, sizeof *at, compare, set->text.s);
  for (from = 1; from < n; from++)
    if (strcmp(set->text.s + at[to - 1], set->text.s + at[from])) at[to++] = at[from];
  genalloc_setlen(size_t, &set->at, to);
}

size_t names_find(names const *set, char const *name)
{
  size_t low = 0, high = names_len(set);
  while (low < high)
  {
    size_t middle = low + (high - low) / 2;
    int c = strcmp(name, names_get(set, middle));
    if (!c) return middle;
    if (c < 0) high = middle;
    else low = middle + 1;
  }
  return names_len(set);
}
