#ifndef BOUNCE_COMPOSE_H
#define BOUNCE_COMPOSE_H

/* Compose a notice: envelope, header, parts. */

#include "bounce/notice.h"
#include "queue/message.h"

/*
 * Write a notice into the queue.
 *   n       original, event, me, postmaster, bouncebytes and routing are set; at least one
 *           recipient is wanted
 *   writer  gets the notice's id
 * Returns 1, or 0 with errno: nothing was written.
 */
extern int compose_notice(notice *n, message_writer *writer, int queue, int fsyncdir);

#endif
