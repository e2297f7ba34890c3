#ifndef QUEUE_TOTALS_H
#define QUEUE_TOTALS_H

/*
 * queue/totals: what qmgr has counted since there is this queue, one line:
 *
 *   sent=N deferred=N failed=N
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/types.h>

typedef struct totals_line
{
  uint64_t sent;             /* recipients */
  uint64_t deferred;         /* attempts that came to nothing for now */
  uint64_t failed;           /* recipients, expired ones too */
} totals_line;

/* The line, with its LF; its length. */
#define TOTALS_LINE_MAX (sizeof "sent= deferred= failed=\n" + 3 * UINT64_FMT)
extern size_t totals_line_format(char out[TOTALS_LINE_MAX], totals_line const *totals);

/* From a string.  What it does not say is 0. */
extern void totals_line_scan(totals_line *totals, char const *line);

/* From the file; all 0 before there is one.  1, or 0 with errno, and all 0 as well. */
extern int totals_line_read(totals_line *totals, int queue);

#endif
