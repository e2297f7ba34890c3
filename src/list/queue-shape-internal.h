#ifndef QUEUE_SHAPE_INTERNAL_H
#define QUEUE_SHAPE_INTERNAL_H

/* What the files of queue-shape share: the two forms that its figures are printed in. */

#include <stddef.h>
#include <stdint.h>

#include "queue/sitefile.h"
#include "list/ages.h"
#include "print/out.h"

/* --- shape-table.c: as Postfix's qshape(1) has it -------------------------------------- */

typedef struct table_form
{
  size_t width;        /* columns of a row without its bar */
  size_t rows;         /* the most rows beside that of the totals; 0: no limit */
  size_t bar;          /* columns of the bar behind a row; 0: none */
  char const *const *blocks; /* the characters of a bar, from the narrowest to a whole column */
  unsigned int blocks_count;
} table_form;

/*
 * Choose the form for standard output.
 *   width, rows  as asked for with -w and -n; 0 and -1 when they were not
 */
extern void table_form_choose(table_form *form, size_t width, int64_t rows);
/* Print the table; ages_sort() was called before. */
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
  uint64_t bytes[SHAPE_STATES];        /* of the messages' files */
  uint64_t recipients[SHAPE_STATES];   /* recipients owed */
  uint64_t oldest_us[SHAPE_STATES];    /* arrival of the oldest; meaningless without messages */
  uint64_t sites[SITEFILE_STATES];
  uint64_t sent;                       /* deliveries that qmgr has counted */
  uint64_t deferred;
  uint64_t failed;
  int running;                         /* qmgr runs */
  int64_t until_s;                     /* end of the server's certificate, since 1970; 0: there is none */
} metrics;

extern void metrics_message(metrics *m, enum shape_state state, uint64_t arrival_us, uint64_t bytes,
                            uint64_t recipients);
/*
 * Look at the sites, and at qmgr and its totals.  1, or 0 with errno; *where is then the path
 * below the instance that could not be read.
 */
extern int metrics_look(metrics *m, int queue, char const **where);
/* Look at conf/tlscert of this instance.  One that cannot be used is warned of, and not among the figures. */
extern void metrics_certificate(metrics *m, int instance);
extern void metrics_put(out *o, metrics const *m);

#endif
