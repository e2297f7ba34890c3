#ifndef QUEUE_IDS_H
#define QUEUE_IDS_H

/*
 * Ids as the queue's programs take them: as arguments, or on standard input one a line.  A mark
 * behind an id, "*" or "!" as in a list, is let pass; so is upper case, as logwatch and sluice-log
 * have it.  But for ids_scan() these are for programs alone: trouble ends the program.
 */

#include <stddef.h>

#include "queue/id.h"

/* The id of this text, as a string.  1, or 0 when it is none. */
extern int ids_scan(char id[ID_LEN + 1], char const *s, size_t len);

/* Longer lines are none of ours, and are cut. */
#define IDS_LINE_MAX 256
/*
 * The next line of standard input that is not empty, blanks around it left out; what waits in
 * buffer_1 goes out before there is any waiting for it.
 * Returns 1; 0 at the end; -1 with errno.  Dies 111 when what waits cannot go out.
 */
extern int ids_line(char line[IDS_LINE_MAX], size_t *len);

/* Die 100 unless each word is an id, or "-", which stands for standard input. */
extern void ids_check(char const *const *words);

/*
 * Call fn for each id, in order; where there are no words, for those of standard input.
 *   words  ids_check() has seen them
 * Returns the code to exit with: 0, or 100 when a line was no id, said on stderr.
 * Dies 111 when standard input cannot be read.
 */
extern int ids_each(char const *const *words, void (*fn)(char const *id, void *data), void *data);

#endif
