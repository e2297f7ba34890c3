#ifndef JOB_JOURNAL_H
#define JOB_JOURNAL_H

/* Appending to the journal at the end of a message's file; its lines are job.h's. */

#include <stddef.h>
#include <stdint.h>

/*
 * Append whole lines in one write.  Where the last line of the journal was torn, by a full disk or
 * a crash, an LF is put before them, or they would become a part of that line and not count.
 *   fd     open for reading and appending; its offset stays, others share it
 *   begin  where the journal begins, or 0 where the caller does not know: a file that ends there
 *          has no line that could be torn
 * 1, or 0 with errno: ENOSPC also where only some octets were written, which tears the line.
 */
extern int journal_append(int fd, uint64_t begin, char const *lines, size_t len);

#endif
