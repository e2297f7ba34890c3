#ifndef SEND_FIT_H
#define SEND_FIT_H

/* Is a message's content fit to be sent? */

#include "send/outbox.h"

/*
 * Read a job's content, and set the flags that decide how it is sent (JOB_DOT, JOB_UNENDED) by the
 * octets that are there, and JOB_8BIT where it is needed: the flags in the file may be anybody's,
 * and must not decide where content ends.  Returns 0 where the content holds a CR or LF on its own
 * or a NUL, else 1; also 1 where it cannot be read, which sending it will show.
 */
extern int fit_read(outbox_job *job);

#endif
