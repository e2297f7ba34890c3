#ifndef QUEUE_IDS_H
#define QUEUE_IDS_H

/*
 * Ids as the queue's programs take them: as arguments, or on standard input, one a line.  An id may
 * have a mark behind it, "*" or "!" as in the output of queue-list, and may be in upper case, as
 * logwatch and sluice-log write it.  All functions but ids_scan() are for programs alone: an error
 * ends the program.
 */

#include <stddef.h>

#include "queue/id.h"

/* The id that this text is, as a string.  1, or 0 when the text is no id. */
extern int ids_scan(char id[ID_LEN + 1], char const *s, size_t len);

/* Longer lines hold no id, and are cut. */
#define IDS_LINE_MAX 256
/*
 * The next line of standard input that is not empty, without the blanks around it.  Before a wait
 * for the line, buffer_1 is flushed.
 * Returns 1; 0 at the end; -1 with errno.  Dies 111 when buffer_1 cannot be flushed.
 */
extern int ids_line(char line[IDS_LINE_MAX], size_t *len);

/* Die 100 unless each word is an id, or "-", which stands for standard input. */
extern void ids_check(char const *const *words);

/*
 * Call fn for each id, in order; where there are no words, for those of standard input.
 *   words  checked by ids_check()
 * Returns the exit code: 0, or 100 when a line was no id, which stderr says.
 * Dies 111 when standard input cannot be read.
 */
extern int ids_each(char const *const *words, void (*fn)(char const *id, void *data), void *data);

#endif
