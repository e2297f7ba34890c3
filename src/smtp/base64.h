#ifndef SMTP_BASE64_H
#define SMTP_BASE64_H

/* Base64 as AUTH has it (RFC 4648 section 4): one line, padded, nothing between its characters. */

#include <stddef.h>

/* Room for so many octets in base64, as a string. */
#define SMTP_BASE64_MAX(octets) (((octets) + 2) / 3 * 4 + 1)

/* Write octets in base64 into out, a string.  Returns its length. */
extern size_t smtp_base64_format(char *out, char const *s, size_t len);

/*
 * Read base64 into out, which may be where s is and has room for len / 4 * 3 octets.
 * 1 with their number; 0: it is none.  Each run of octets has one form only: bits that stand for
 * nothing have to be 0 (section 3.5).
 */
extern int smtp_base64_scan(char *out, size_t *outlen, char const *s, size_t len);

#endif
