#ifndef QUEUE_TOTALS_H
#define QUEUE_TOTALS_H

/*
 * queue/totals: what qmgr has counted since this queue was made, one line:
 *
 *   sent=N deferred=N failed=N
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/types.h>

typedef struct totals_line
{
  uint64_t sent;             /* recipients */
  uint64_t deferred;         /* attempts that failed for the moment */
  uint64_t failed;           /* recipients, expired ones too */
} totals_line;

/* Format the line, with its LF.  Returns its length. */
#define TOTALS_LINE_MAX (sizeof "sent= deferred= failed=\n" + 3 * UINT64_FMT)
extern size_t totals_line_format(char out[TOTALS_LINE_MAX], totals_line const *totals);

/* Read a line, a string.  Numbers that it lacks are 0. */
extern void totals_line_scan(totals_line *totals, char const *line);

/* Read the file.  Numbers are 0 without a file.  1, or 0 with errno and all numbers 0. */
extern int totals_line_read(totals_line *totals, int queue);

#endif
