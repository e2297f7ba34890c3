#ifndef TLS_HANDSHAKE_H
#define TLS_HANDSHAKE_H

#include <openssl/ssl.h>

/*
 * Shake hands over a non-blocking descriptor, within so many seconds.
 *   clear   whoever asked for it: it ends when nobody is at the other end of this any more
 * Returns NULL when that is done, else why it is not, in a few words.
 */
extern char const *handshake(SSL *ssl, int clear, unsigned int timeout_s);

#endif
