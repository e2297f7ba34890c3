#include "list/ages.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_US (60 * 1000000ull)

#define WIDTH(a) (1 + (size_t)(a)->buckets)

static char *name_of(ages const *a, uint32_t i)
{
  return a->text.s + genalloc_s(size_t, &a->names)[i];
}

static uint64_t *counts_of(ages const *a, uint32_t i)
{
  return genalloc_s(uint64_t, &a->counts) + WIDTH(a) * i;
}

static void *name_key(uint32_t i, void *data)
{
  return name_of(data, i);
}

static int name_compare(void const *one, void const *other, void *data)
{
  (void)data;
  return strcmp(one, other);
}

void ages_init(ages *a, unsigned int buckets, uint64_t minutes, int linear, uint64_t now_us)
{
  a->buckets = buckets;
  a->minutes = minutes;
  a->linear = linear;
  a->now_us = now_us;
  avltree_init(&a->by_name, 16, 3, 8, name_key, name_compare, a);
}

void ages_free(ages *a)
{
  avltree_free(&a->by_name);
  stralloc_free(&a->text);
  genalloc_free(size_t, &a->names);
  genalloc_free(uint64_t, &a->counts);
  genalloc_free(uint32_t, &a->order);
}

/* --- counting ------------------------------------------------------------------------- */

static int name_new(ages *a, char const *name, uint32_t *i)
{
  size_t at = a->text.len;
  *i = (uint32_t)ages_len(a);
  if (!stralloc_catb(&a->text, name, strlen(name) + 1) || !genalloc_append(size_t, &a->names, &at)
   || !genalloc_readyplus(uint64_t, &a->counts, WIDTH(a))) return 0;
  memset(counts_of(a, *i), 0, WIDTH(a) * sizeof (uint64_t));
  genalloc_setlen(uint64_t, &a->counts, WIDTH(a) * (*i + 1));
  return avltree_insert(&a->by_name, *i);
}

static int name_find(ages *a, char const *name, uint32_t *i)
{
  if (avltree_search(&a->by_name, name, i)) return 1;
  if (ages_len(a) < AGES_NAMES_MAX) return name_new(a, name, i);
  return avltree_search(&a->by_name, AGES_OTHERS, i) || name_new(a, AGES_OTHERS, i);
}

/* An age below zero, from the future, counts as new. */
static unsigned int bucket_of(ages const *a, uint64_t since_us)
{
  uint64_t minutes = since_us < a->now_us ? (a->now_us - since_us) / MINUTE_US : 0;
  unsigned int bucket = 0;
  while (bucket < a->buckets - 1 && minutes >= ages_limit(a, bucket)) bucket++;
  return bucket;
}

int ages_add(ages *a, char const *name, uint64_t since_us)
{
  unsigned int bucket = bucket_of(a, since_us);
  uint64_t *counts;
  uint32_t i;
  if (!name_find(a, name, &i)) return 0;
  counts = counts_of(a, i);
  counts[0]++;
  counts[1 + bucket]++;
  a->all[0]++;
  a->all[1 + bucket]++;
  return 1;
}

uint64_t ages_limit(ages const *a, unsigned int bucket)
{
  if (bucket == a->buckets - 1)
  {
    if (!bucket) return 0;
    bucket--;
  }
  return a->linear ? a->minutes * (bucket + 1) : a->minutes << bucket;
}

/* --- rows ----------------------------------------------------------------------------- */

static int row_compare(void const *one, void const *other, void *data)
{
  ages const *a = data;
  uint32_t i = *(uint32_t const *)one, j = *(uint32_t const *)other;
  size_t ilen = strlen(name_of(a, i)), jlen = strlen(name_of(a, j));
  uint64_t itotal = counts_of(a, i)[0], jtotal = counts_of(a, j)[0];
  if (itotal != jtotal) return itotal < jtotal ? 1 : -1;
  if (ilen != jlen) return ilen < jlen ? -1 : 1;
  return strcmp(name_of(a, i), name_of(a, j));
}

int ages_sort(ages *a)
{
  uint32_t n = (uint32_t)ages_len(a), i;
  if (!n) return 1;
  if (!genalloc_ready(uint32_t, &a->order, n)) return 0;
  genalloc_setlen(uint32_t, &a->order, n);
  for (i = 0; i < n; i++) genalloc_s(uint32_t, &a->order)[i] = i;
  qsort_r(genalloc_s(uint32_t, &a->order), n, sizeof (uint32_t), row_compare, a);
  return 1;
}

size_t ages_len(ages const *a)
{
  return genalloc_len(size_t, &a->names);
}

char const *ages_name(ages const *a, size_t n)
{
  return name_of(a, genalloc_s(uint32_t, &a->order)[n]);
}

uint64_t const *ages_counts(ages const *a, size_t n)
{
  return counts_of(a, genalloc_s(uint32_t, &a->order)[n]);
}
