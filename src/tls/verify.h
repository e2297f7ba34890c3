#ifndef TLS_VERIFY_H
#define TLS_VERIFY_H

/* How the certificate of a peer is judged. */

#include <openssl/ssl.h>

#include "tls/ask.h"

typedef struct verify
{
  tls_asked const *asked;
  int records;             /* TLSA records that can be used */
  enum tls_trust trust;    /* of the certificate, if there is one */
  char const *why;         /* NULL, or why it is not good enough */
} verify;

/* Have contexts judge as this file does. */
extern void verify_server_context(SSL_CTX *context);
extern void verify_client_context(SSL_CTX *context);

/*
 * Have a handshake judged by what is asked for; both stay the caller's.
 * Returns 1; 0 with why where this peer could never be good enough, or there is no memory.
 */
extern int verify_begin(verify *v, SSL *ssl, tls_asked const *asked);

#endif
