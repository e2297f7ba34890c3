#ifndef FLUSH_NAMES_H
#define FLUSH_NAMES_H

/* A set of names, in memory; all zero is empty. */

#include <stddef.h>
#include <skalibs/stralloc.h>
#include <skalibs/genalloc.h>

typedef struct names
{
  stralloc text;   /* strings, one after the other */
  genalloc at;     /* size_t, where each begins */
} names;
#define NAMES_ZERO { .text = STRALLOC_ZERO, .at = GENALLOC_ZERO }
#define names_len(names) genalloc_len(size_t, &(names)->at)
/* The nth name, a string; valid until a name is added. */
#define names_get(names, n) ((names)->text.s + genalloc_s(size_t, &(names)->at)[n])

/* Add a name, mark (0 for none) before it.  1, or 0 with errno ENOMEM. */
extern int names_add(names *set, char mark, char const *s, size_t len);

/* Sort the names, each once. */
extern void names_sort(names *set);

extern void names_free(names *set);

/* The index of a name in a sorted set; names_len() when it is not there. */
extern size_t names_find(names const *set, char const *name);

#endif
