#ifndef FLUSH_IDLISTS_H
#define FLUSH_IDLISTS_H

/*
 * Lists of ids by domain, in memory: those that should stand in flush/, by what the messages say.
 * ID_LISTS_ZERO is empty; id_lists_init() comes first.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/avltree.h>
#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#include "queue/id.h"

typedef struct id_list
{
  size_t name;          /* offset of the domain in lists.names, a string */
  stralloc ids;         /* ID_LEN octets each */
} id_list;

typedef struct id_lists
{
  stralloc names;
  genalloc all;         /* of id_list */
  avltree by_name;
  uint32_t last;        /* the list used last: messages in a row often wait for one domain */
} id_lists;
#define ID_LISTS_ZERO { .names = STRALLOC_ZERO, .all = GENALLOC_ZERO, .by_name = AVLTREE_ZERO }
#define id_lists_len(set) genalloc_len(id_list, &(set)->all)
#define id_lists_at(set, n) (genalloc_s(id_list, &(set)->all) + (n))
#define id_lists_name(set, l) ((set)->names.s + (l)->name)

/* From here on the set must stay at its address. */
extern void id_lists_init(id_lists *set);
extern void id_lists_free(id_lists *set);

/*
 * The domain's list, made where there is none yet; valid until another one is made.  NULL with
 * errno ENOMEM.
 */
extern id_list *id_lists_get(id_lists *set, char const *domain);
extern int id_lists_known(id_lists const *set, char const *domain);

/* Add an id, unless it was the last one added.  1, or 0 with errno ENOMEM. */
extern int id_list_add(id_list *l, char const *id);
/* Sort the ids, oldest first, each once. */
extern void id_list_sort(id_list *l);
/* The index of an id among the first n, which are sorted; n when it is not there. */
extern size_t id_list_find(id_list const *l, size_t n, char const *id);
#define id_list_len(l) ((l)->ids.len / ID_LEN)
/* The nth: ID_LEN octets, no string. */
#define id_list_id(l, n) ((l)->ids.s + (n) * ID_LEN)
extern void id_list_free(id_list *l);

#endif
