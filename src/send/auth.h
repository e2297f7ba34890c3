#ifndef SEND_AUTH_H
#define SEND_AUTH_H

/*
 * Who we are, said to a server before any mail (RFC 4954): inside TLS alone, and where it is wanted, no mail
 * goes without it.  A server that does not know us is the site's state, not a message's.
 */

#include "send/exchange.h"

/* Is it to be said on this connection? */
extern int auth_wanted(smtp_connection const *s);

/* Begin, behind the reply to the last EHLO.  The connection may have ended. */
extern void auth_begin(smtp_connection *s);

/* A reply to AUTH, or to what was said in it, has come.  1: the server knows us; 0: it goes on, or has ended. */
extern int auth_replied(smtp_connection *s);

/* Hide what a text of the server's repeats of our password, while AUTH goes on. */
extern void auth_hide(smtp_connection const *s, char *text, size_t len);

#endif
