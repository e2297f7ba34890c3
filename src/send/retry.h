#ifndef SEND_RETRY_H
#define SEND_RETRY_H

/*
 * What becomes of the messages when a connection has ended.
 *
 * The message whose reply was due when an open connection was lost, refused, silent or nonsense is
 * tried at another address.  Where there is none, the message is deferred if its MAIL had been
 * accepted; else it is moved behind the others.  All others are sent again over the next
 * connection.
 */

#include "send/exchange.h"

/*
 * The connection has ended with CONNECTION_END_LOST.  1; 0 where the site is to be judged by that:
 * the connection settled nothing.
 */
extern int retry_lost(smtp_connection *s, candidates *to);

/* The connection has ended otherwise: jobs on the wire are done, or sent again. */
extern void retry_begun(smtp_connection *s);

/*
 * No address is left for this message: defer it, for the reason of the last attempt, and forget it.
 */
extern void retry_give_up(smtp_connection *s, outbox_job *job);

#endif
