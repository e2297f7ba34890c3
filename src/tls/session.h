#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include <openssl/ssl.h>

/*
 * Serve one who asks: a request, a handshake, octets both ways, as tls/ask.h has it.  Returns when
 * that is over.
 *   clear    the socket
 *   context  NULL: there is none, and the answer is no
 *   server   of handshakes, else a client
 */
extern void session_run(int clear, SSL_CTX *context, int server);

/* Say no to one who has not even been listened to. */
extern void session_refuse(int clear, char const *reason);

#endif
