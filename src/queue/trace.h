#ifndef QUEUE_TRACE_H
#define QUEUE_TRACE_H

#include <sys/types.h>

#include "queue/message.h"

/*
 * Put the Received field of RFC 5321 section 4.4 before all that a message comes with: by whom, and
 * by which of this machine's users.
 *   me   conf/me
 *   uid  the user's
 *   how  what is to be said besides, "" for nothing; no parentheses
 * 1, or 0 with errno of message_put().
 */
extern int trace_put(message_writer *writer, char const *me, uid_t uid, char const *how);

#endif
