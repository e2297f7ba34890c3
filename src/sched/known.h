#ifndef SCHED_KNOWN_H
#define SCHED_KNOWN_H

/*
 * All that is known of one kind, looked at in rounds for what can be forgotten: with each look at
 * everything, and more often where there are many.
 */

#include <stddef.h>
#include <stdint.h>

#include "sched/row.h"

typedef struct known
{
  row_place place;
  uint64_t used_us;          /* when it was asked for last */
} known;

typedef struct knowns
{
  row row;                   /* the first one is to be looked at next */
  size_t left;               /* to be looked at in this round */
  size_t kept;               /* after the last round */
  uint64_t begun_us;         /* when this round was begun */
} knowns;

extern void known_add(knowns *all, known *k, void *owner, uint64_t now_us);
/* It is known no more. */
extern void known_leave(knowns *all, known *k);

/* Are there so many that whatever nothing is to be remembered of goes at once? */
extern int knowns_many(knowns const *all);

/* A round begins, if none is under way. */
extern void knowns_begin(knowns *all, uint64_t now_us);
/* The same, where so many have come that it is worth it. */
extern void knowns_begin_many(knowns *all, uint64_t now_us);
/* Whose turn it is in this round, or NULL at its end.  It may be forgotten before the next call. */
extern void *knowns_next(knowns *all);

#endif
