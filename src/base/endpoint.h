#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

/*
 * Connect to a server of our own, "ADDRESS:PORT", "[ADDRESS]:PORT" or "/PATH" of a UNIX socket.
 * Returns a close-on-exec descriptor that does not block, over TCP while the connection is still being made; or -1 with
 * errno, EINVAL where the text makes no sense.
 */
extern int endpoint_connect(char const *text);

/* Is the text one of these?  1 or 0. */
extern int endpoint_ok(char const *text);

/* The map that is asked for in a socketmap server where none is named: what Postfix's examples have. */
#define ENDPOINT_MAP "postfix"

#endif
