#ifndef SCHED_CUTS_H
#define SCHED_CUTS_H

/*
 * Messages of a pass in whose middle a connection ended.  They are tried again at the end of it,
 * behind all others, each alone on a connection, in rounds: the least often tried first, so that
 * some that always end a connection, and their site with it, keep none of the others from their
 * turn; of these the smallest first.
 */

#include <stddef.h>
#include <stdint.h>

#include "sched/array.h"
#include "sched/id.h"

/* More than these are not tried again in the same pass. */
#define CUTS_MAX 65536

typedef struct cut
{
  char id[SCHED_ID_MAX];
  uint64_t attempts;
  uint64_t bytes;
} cut;

typedef struct cuts
{
  array now;                 /* of cut: this round's, the next one last */
  array later;               /* of cut: the next round's */
  size_t most;               /* that may be out at once: one more for each that went */
  unsigned int in_vain;      /* tries in a row that were cut again */
  int any_went;              /* in this round */
  int link;                  /* connections end by the link's doing, not the messages' */
  /* connections of the site that ended without a word, until the pass began */
  uint64_t drops_before;
} cuts;

extern void cuts_init(cuts *c, uint64_t drops);
extern void cuts_free(cuts *c);

/*
 * Try this one, that was tried so often, in the next round.  1, or 0 where there are too many, or
 * no memory.
 */
extern int cuts_add(cuts *c, char const *id, uint64_t attempts, uint64_t bytes);

/* May one be tried now, while so many are out?  Then take it. */
extern int cuts_ready(cuts const *c, size_t out);
extern void cuts_take(cuts *c, char id[SCHED_ID_MAX]);

/*
 * One of them is back, and was cut again, or went (or was refused: its connection did not end with
 * it).
 */
extern void cuts_back(cuts *c, int cut_again);

/*
 * None is out.  Is anything left to be tried, in this round, or in another one that begins now?
 * Rounds go on while they get anything there; and a few times more, several where the link is known
 * to drop what goes another time.
 *   drops  connections of the site that ended without a word, up to now
 */
extern int cuts_left(cuts *c, uint64_t drops);

/*
 * Nothing is left to be tried: give back one of those that did not go.  1, or 0 when there is none.
 */
extern int cuts_give_up(cuts *c, char id[SCHED_ID_MAX]);

#endif
