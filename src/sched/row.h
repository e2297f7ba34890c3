#ifndef SCHED_ROW_H
#define SCHED_ROW_H

/*
 * Rows, first come first served.  A place in one lives inside of what stands there, and is all zero
 * but for its owner while it stands in none.
 */

#include <stddef.h>

typedef struct row row;

typedef struct row_place
{
  struct row_place *before;
  struct row_place *after;
  row *row;
  void *owner;
} row_place;

struct row
{
  row_place *first;
  row_place *last;
  size_t count;
};

/* Stand behind all others; before all others.  It must stand in no row. */
extern void row_add(row *r, row_place *p);
extern void row_add_first(row *r, row_place *p);
/* Leave the row, if it stands in one. */
extern void row_leave(row_place *p);

/* Whose place is the first, or this one; NULL: there is none. */
extern void *row_first(row const *r);
extern void *place_owner(row_place const *p);

#endif
