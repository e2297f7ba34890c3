#ifndef SEND_RETRY_H
#define SEND_RETRY_H

/*
 * What becomes of the messages when a connection has ended.
 *
 * The one whose reply was due when an open connection was lost, refused, silent or nonsense is
 * tried at another address.  Where there is none it is deferred, if its MAIL had been accepted;
 * else it gives its place at the head to the others first.  All others go again, over the next
 * connection.
 */

#include "send/connection.h"

/*
 * The connection has ended with CONNECTION_END_LOST.  1; 0 where that is a word about the site: it
 * was all in vain.
 */
extern int retry_lost(connection *s, candidates *to);

/* The connection has ended otherwise: what was begun is done, or goes again. */
extern void retry_begun(connection *s);

/*
 * There is no address left for this message: it is deferred, for the reason it was not taken, and
 * forgotten.
 */
extern void retry_give_up(connection *s, outbox_job *job);

#endif
