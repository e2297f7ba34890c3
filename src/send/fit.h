#ifndef SEND_FIT_H
#define SEND_FIT_H

/* Is a message's content what may be sent? */

#include "send/outbox.h"

/*
 * Read a job's content, and set those of its flags that say how it is sent (JOB_DOT, JOB_UNENDED)
 * by what is there, and JOB_8BIT where it is needed: whoever could write into the queue, content
 * ends where we say so.  Returns 0 where it holds a CR or LF on its own or a NUL, else 1; also
 * where it cannot be read, which sending it will show.
 */
extern int fit_read(outbox_job *job);

#endif
