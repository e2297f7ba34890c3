#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

/* What can be told of a certificate in a line. */

#include <openssl/x509.h>

#include "tls/ask.h"

/* A SHA-256 in lower case hexadecimal digits, as a string. */
typedef char certificate_print[TLS_PRINT_LEN + 1];

/*
 * The fingerprint of a certificate (its DER) and of its key (the SubjectPublicKeyInfo).
 * 1; 0 where there is no memory.
 */
extern int certificate_print_of(X509 *certificate, certificate_print out);
extern int certificate_key_print_of(X509 *certificate, certificate_print out);

/* Octets of a name in xtext (RFC 3461 section 4), the terminator included. */
#define CERTIFICATE_NAME_MAX 512

/*
 * The common name, or where there is none the organization, in UTF-8 and xtext; '?' stands for a
 * control character.  "" where there is neither, or it does not fit.
 */
extern void certificate_name(X509_NAME const *name, char out[CERTIFICATE_NAME_MAX]);

/* A pem_password_cb: a pass phrase is asked for, and nobody is there to know it. */
extern int certificate_no_passphrase(char *s, int size, int writing, void *data);

#endif
