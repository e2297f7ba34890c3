#ifndef SMTP_HMAC_H
#define SMTP_HMAC_H

/* Proofs that are compared: HMAC-MD5 (RFC 2104), as CRAM-MD5 has it, and without telling by the time. */

#include <stddef.h>

/* A digest in hexadecimal digits, lower case, without a terminator. */
#define HMAC_MD5_LEN 32

extern void hmac_md5(char out[HMAC_MD5_LEN], char const *key, size_t keylen, char const *text,
                     size_t len);

/* The longest texts that hmac_same() compares. */
#define HMAC_SAME_MAX 255

/*
 * Are these the same octets?  Whatever they are, that takes the same time.  0 also where one of them
 * is too long.
 */
extern int hmac_same(char const *a, size_t alen, char const *b, size_t blen);

#endif
