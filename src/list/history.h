#ifndef LIST_HISTORY_H
#define LIST_HISTORY_H

/* What the journal of a message says, for reading, in the words of the log. */

#include <stddef.h>
#include <skalibs/stralloc.h>

#include "queue/message.h"

/*
 * Append a line about a line of the journal, given without its LF: local time, recipient, and what
 * the attempt came to or what the sender was told.  A line that is neither is shown by its text.
 * Fit for a terminal.
 * Returns 1, or 0 with errno ENOMEM.
 */
extern int history_line(stralloc *out, message const *m, char const *s, size_t len);

#endif
