#ifndef FLUSH_LISTS_H
#define FLUSH_LISTS_H

/*
 * Lists of ids by domain, in memory: those that should stand in flush/, by what the messages say.
 * LISTS_ZERO is empty; lists_init() comes first.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/avltree.h>
#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#include "queue/id.h"

typedef struct list
{
  size_t name;          /* offset of the domain in lists.names, a string */
  stralloc ids;         /* ID_LEN octets each */
} list;

typedef struct lists
{
  stralloc names;
  genalloc all;         /* of list */
  avltree by_name;
  uint32_t last;        /* the list used last: messages in a row often wait for one domain */
} lists;
#define LISTS_ZERO { .names = STRALLOC_ZERO, .all = GENALLOC_ZERO, .by_name = AVLTREE_ZERO }
#define lists_len(set) genalloc_len(list, &(set)->all)
#define lists_at(set, n) (genalloc_s(list, &(set)->all) + (n))
#define lists_name(set, l) ((set)->names.s + (l)->name)

/* From here on the set must stay at its address. */
extern void lists_init(lists *set);
extern void lists_free(lists *set);

/*
 * The domain's list, made where there is none yet; valid until another one is made.  NULL with
 * errno ENOMEM.
 */
extern list *lists_get(lists *set, char const *domain);
extern int lists_known(lists const *set, char const *domain);

/* Add an id, unless it was the last one added.  1, or 0 with errno ENOMEM. */
extern int list_add(list *l, char const *id);
/* Sort the ids, oldest first, each once. */
extern void list_sort(list *l);
/* The index of an id among the first n, which are sorted; n when it is not there. */
extern size_t list_find(list const *l, size_t n, char const *id);
#define list_len(l) ((l)->ids.len / ID_LEN)
/* The nth: ID_LEN octets, no string. */
#define list_id(l, n) ((l)->ids.s + (n) * ID_LEN)
extern void list_free(list *l);

#endif
