#ifndef SEND_TRANSACTION_H
#define SEND_TRANSACTION_H

/* The messages on a connection (RFC 5321 section 3.3): MAIL, RCPT, DATA or BDAT, and replies. */

#include "send/exchange.h"

/*
 * Put the next command, of the message that is being written or of the next one; the channel has
 * room for it.  1; 0 when there is no command, or a reply must come first.
 */
extern int transaction_write(smtp_connection *s);

/* Do messages wait, all of them for another address or another connection? */
extern int transaction_none_here(smtp_connection const *s);

/*
 * Act on s->reply, a reply to a command of a message.  1; 0: the peer does not know an extension
 * that it offered (s->lied), and the connection must carry nothing more.
 */
extern int transaction_replied(smtp_connection *s, pipeline_reply const *e);

/*
 * A message whose content cannot be read to its end (errno, 0: too short) cannot be ended on the
 * wire either.  What is before it in the pipe gets its replies; then the connection is dropped.
 */
extern void transaction_break(smtp_connection *s);

#endif
