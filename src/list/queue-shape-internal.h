#ifndef QUEUE_SHAPE_INTERNAL_H
#define QUEUE_SHAPE_INTERNAL_H

/* What the files of queue-shape share: the two forms its figures are put in. */

#include <stddef.h>
#include <stdint.h>

#include "queue/sitefile.h"
#include "list/ages.h"
#include "print/out.h"

/* --- shape-table.c: as Postfix's qshape(1) has it -------------------------------------- */

typedef struct table_form
{
  size_t width;        /* of a row, its bar left out */
  size_t rows;         /* at the most, the one of all together not counted; 0: all there are */
  size_t bar;          /* columns of the bar behind a row; 0: none */
  char const *const *blocks; /* from an eighth of a column, or what there is, to a whole one */
  unsigned int blocks_count;
} table_form;

/*
 * The form for standard output.  width and rows as they were asked for, 0 and -1 when they were
 * not.
 */
extern void table_form_choose(table_form *form, size_t width, int64_t rows);
/* ages_sort() came before. */
extern void table_put(out *o, ages const *a, table_form const *form);

/* --- shape-metrics.c: for monitoring ---------------------------------------------------- */

enum shape_state
{
  SHAPE_INCOMING, SHAPE_ACTIVE, SHAPE_DEFERRED, SHAPE_HOLD, SHAPE_CORRUPT, SHAPE_STATES
};
/* "incoming", "active", ... */
extern char const *shape_state_name(enum shape_state state);

typedef struct metrics
{
  uint64_t now_us;
  uint64_t messages[SHAPE_STATES];
  uint64_t bytes[SHAPE_STATES];        /* of their files */
  uint64_t recipients[SHAPE_STATES];   /* owed */
  uint64_t oldest_us[SHAPE_STATES];    /* arrival; meaningless where there are no messages */
  uint64_t sites[SITEFILE_STATES];
  uint64_t sent;                       /* what qmgr has counted */
  uint64_t deferred;
  uint64_t failed;
  int running;                         /* qmgr */
} metrics;

extern void metrics_message(metrics *m, enum shape_state state, uint64_t arrival_us, uint64_t bytes,
                            uint64_t recipients);
/*
 * The sites, qmgr and its totals.  1, or 0 with errno and *where what it was about, below the
 * instance.
 */
extern int metrics_look(metrics *m, int queue, char const **where);
extern void metrics_put(out *o, metrics const *m);

#endif
