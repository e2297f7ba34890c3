#include "flush/idlists.h"

#include <stdlib.h>
#include <string.h>

static void *list_key(uint32_t i, void *data)
{
  id_lists *set = data;
  return id_lists_name(set, id_lists_at(set, i));
}

static int name_compare(void const *a, void const *b, void *data)
{
  (void)data;
  return strcmp(a, b);
}

void id_lists_init(id_lists *set)
{
  avltree_init(&set->by_name, 16, 3, 8, list_key, name_compare, set);
}

void id_lists_free(id_lists *set)
{
  size_t i;
  for (i = 0; i < id_lists_len(set); i++) id_list_free(id_lists_at(set, i));
  avltree_free(&set->by_name);
  genalloc_free(id_list, &set->all);
  stralloc_free(&set->names);
}

static int list_new(id_lists *set, char const *domain)
{
  id_list fresh = { .name = set->names.len, .ids = STRALLOC_ZERO };
  uint32_t i = (uint32_t)id_lists_len(set);
  if (!stralloc_catb(&set->names, domain, strlen(domain) + 1)
   || !genalloc_append(id_list, &set->all, &fresh)
   || !avltree_insert(&set->by_name, i)) return 0;
  set->last = i;
  return 1;
}

id_list *id_lists_get(id_lists *set, char const *domain)
{
  if (!id_lists_len(set) || strcmp(id_lists_name(set, id_lists_at(set, set->last)), domain))
    if (!avltree_search(&set->by_name, domain, &set->last) && !list_new(set, domain)) return 0;
  return id_lists_at(set, set->last);
}

int id_lists_known(id_lists const *set, char const *domain)
{
  uint32_t i;
  return avltree_search(&set->by_name, domain, &i);
}

int id_list_add(id_list *l, char const *id)
{
  stralloc *ids = &l->ids;
  /* Several recipients of one message are one entry. */
  if (ids->len && !memcmp(ids->s + ids->len - ID_LEN, id, ID_LEN)) return 1;
  return stralloc_catb(ids, id, ID_LEN);
}

static int id_compare(void const *a, void const *b)
{
  return memcmp(a, b, ID_LEN);
}

void id_list_sort(id_list *l)
{
  stralloc *ids = &l->ids;
  size_t from = ID_LEN, to = ID_LEN;
  while (from < ids->len && memcmp(ids->s + from - ID_LEN, ids->s + from, ID_LEN) < 0)
    from += ID_LEN;
  if (from >= ids->len) return;
  qsort(ids->s, ids->len / ID_LEN, ID_LEN, id_compare);
  for (from = ID_LEN; from < ids->len; from += ID_LEN)
    if (memcmp(ids->s + to - ID_LEN, ids->s + from, ID_LEN))
    {
      memmove(ids->s + to, ids->s + from, ID_LEN);
      to += ID_LEN;
    }
  ids->len = to;
}

size_t id_list_find(id_list const *l, size_t n, char const *id)
{
  char const *found = n ? bsearch(id, l->ids.s, n, ID_LEN, id_compare) : 0;
  return found ? (size_t)(found - l->ids.s) / ID_LEN : n;
}

void id_list_free(id_list *l)
{
  stralloc_free(&l->ids);
}
