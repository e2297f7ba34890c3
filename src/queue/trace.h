#ifndef QUEUE_TRACE_H
#define QUEUE_TRACE_H

#include <sys/types.h>

#include "queue/message.h"

/*
 * Put a Received field (RFC 5321 section 4.4) at the head of a message from a user of this machine.
 *   me   conf/me
 *   uid  of the user
 *   how  more text for the comment, "" for none; no parentheses
 * 1, or 0 with errno of message_put().
 */
extern int trace_put(message_writer *writer, char const *me, uid_t uid, char const *how);

#endif
