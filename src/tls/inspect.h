#ifndef TLS_INSPECT_H
#define TLS_INSPECT_H

/* A server's certificate as its operator wants to know of it: until when, for whom, which key. */

#include <stdint.h>

typedef struct x509_st inspect;

/*
 * The first certificate in a file of PEM, path being relative to the directory dir.  To be closed by
 * the caller; NULL with errno, which is EINVAL where there is no certificate in it.
 */
extern inspect *inspect_open(int dir, char const *path);
extern void inspect_close(inspect *certificate);

/* When it ends (RFC 5280 section 4.1.2.5), in seconds since 1970. */
extern int64_t inspect_until_s(inspect const *certificate);

/* Is it for a host of this name (RFC 6125 section 6.4)?  name is an A-label. */
extern int inspect_names(inspect *certificate, char const *name);

/*
 * Is this file's key the certificate's?  1 or 0; -1 with errno, which is EINVAL where there is no
 * key in it that can be used without a pass phrase.
 */
extern int inspect_fits(inspect const *certificate, int dir, char const *path);

#endif
