#ifndef LIST_AGES_H
#define LIST_AGES_H

/*
 * How many messages are how old, for each name (a domain): the figures of queue-shape's table.
 * AGES_ZERO is empty; ages_init() comes first.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/avltree.h>
#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#define AGES_BUCKETS_MAX 32
/*
 * The table keeps so many names apart (some 40 MiB with ten buckets), all others as AGES_OTHERS.
 */
#define AGES_NAMES_MAX 250000
#define AGES_OTHERS "OTHERS"

typedef struct ages
{
  unsigned int buckets;     /* 1 to AGES_BUCKETS_MAX */
  uint64_t minutes;         /* the first bucket holds ages below this */
  int linear;               /* all buckets are as wide; else each is as wide as all before it */
  uint64_t now_us;
  stralloc text;            /* the names, strings */
  genalloc names;           /* size_t: where in text each name begins */
  genalloc counts;          /* uint64_t: for each name the total, then the buckets */
  uint64_t all[1 + AGES_BUCKETS_MAX]; /* the same counts of all names together */
  avltree by_name;
  genalloc order;           /* uint32_t: the names' numbers as ages_sort() has them */
} ages;
#define AGES_ZERO \
{ \
  .text = STRALLOC_ZERO, .names = GENALLOC_ZERO, .counts = GENALLOC_ZERO, \
  .by_name = AVLTREE_ZERO, .order = GENALLOC_ZERO \
}

/* The struct must not move from here on. */
extern void ages_init(ages *a, unsigned int buckets, uint64_t minutes, int linear, uint64_t now_us);
extern void ages_free(ages *a);

/* Count one message of this name.  1, or 0 with errno ENOMEM. */
extern int ages_add(ages *a, char const *name, uint64_t since_us);

/*
 * The upper limit of a bucket (from 0) in minutes.  The last bucket has none: of it this is where
 * it begins.
 */
extern uint64_t ages_limit(ages const *a, unsigned int bucket);

/*
 * Sort the names: greatest total first; of equal totals the shorter name first, then by name.  1,
 * or 0 with errno ENOMEM.
 */
extern int ages_sort(ages *a);
/* The sorted rows: how many, and of row n the name and its counts as in all[]. */
extern size_t ages_len(ages const *a);
extern char const *ages_name(ages const *a, size_t n);
extern uint64_t const *ages_counts(ages const *a, size_t n);

#endif
