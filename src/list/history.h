#ifndef LIST_HISTORY_H
#define LIST_HISTORY_H

/* The lines of a message's journal, made readable in the words of the log. */

#include <stddef.h>
#include <skalibs/stralloc.h>

#include "queue/message.h"

/*
 * Append one readable line for a line of the journal: local time, recipient, and the result of
 * the attempt or what the sender was told.  A line that cannot be parsed is appended as its own
 * text, cleaned for a terminal.
 *   s  the line without its LF
 * Returns 1, or 0 with errno ENOMEM.
 */
extern int history_line(stralloc *out, message const *m, char const *s, size_t len);

#endif
