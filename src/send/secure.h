#ifndef SEND_SECURE_H
#define SEND_SECURE_H

/*
 * A connection goes over to TLS (RFC 3207, RFC 8314): from the offer of STARTTLS, or from its first
 * octet, until tls-io has made the handshake.  No key and no library is here: tls-io is handed the
 * wire, and the channel becomes the clear text that tls-io carries (tls/ask.h).
 *
 * tls-io is asked before the server is: what is broken here hangs no connection.  What is not
 * demanded may fail: then the mail goes in clear text, over this connection or, where its octets
 * are not SMTP any more, the next one.
 */

#include "send/exchange.h"

/* Is this connection to be in TLS, and is not? */
extern int secure_wanted(smtp_connection const *s);
/* May mail go in clear text where TLS cannot be had? */
extern int secure_dispensable(smtp_connection const *s);

/*
 * Is this connection in clear text though the server knows TLS, for it could not be had, here or
 * there?  That is no fault of a message: a server that insists on TLS (530, RFC 3207 section 4) may
 * get it the next time.
 */
extern int secure_missed(smtp_connection const *s);
#define SECURE_DEMANDED 530

/* TLS is demanded, and was not offered: the connection has ended. */
extern void secure_not_offered(smtp_connection *s);

/* Begin; the channel holds nothing that is to be sent. */
extern void secure_begin(smtp_connection *s);

/* Does it need the connection to tls-io?  1 once. */
extern int secure_asks(smtp_connection *s);
/* Is what comes next tls-io's word, at s->secure.fd? */
extern int secure_talks(smtp_connection const *s);

/*
 *   SECURE_ON     it goes on, or the connection has ended
 *   SECURE_PLAIN  TLS cannot be had, and mail goes in clear text over this connection
 *   SECURE_READY  all from now on is in TLS
 */
enum secure_outcome { SECURE_ON, SECURE_PLAIN, SECURE_READY };

/*
 * The connection to tls-io has come; -1: there is none, and why.  Closed where nobody waits for it.
 */
extern enum secure_outcome secure_take(smtp_connection *s, int fd, char const *why);
/* tls-io has something to say, where secure_talks(). */
extern enum secure_outcome secure_read(smtp_connection *s);
/* It has said nothing, and its time is up. */
extern enum secure_outcome secure_unanswered(smtp_connection *s);
/* The reply to STARTTLS has come. */
extern enum secure_outcome secure_replied(smtp_connection *s);
/* A line of tls-io's, at SECURE_HANDSHAKE. */
extern enum secure_outcome secure_answer(smtp_connection *s, char const *line, size_t len);

/* It failed, and this connection is of no more use: it has ended. */
extern void secure_failed(smtp_connection *s, char const *why);

#endif
