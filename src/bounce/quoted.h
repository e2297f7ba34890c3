#ifndef BOUNCE_QUOTED_H
#define BOUNCE_QUOTED_H

/*
 * Quoted-printable (RFC 2045 section 6.7): text with lines that end in CRLF, in lines of 76 octets
 * of ASCII at most.
 */

#include <stddef.h>

/* All zero at the beginning.  Private. */
typedef struct quoted
{
  size_t column;
  int held;       /* octet is held back: its form depends on the next one */
  char octet;
  int cr;         /* a CR behind it is held back as well: it may be half of a CRLF */
} quoted;

/* The most octets that so many become. */
#define QUOTED_MAX(len) (6 * ((len) + 2))

/*
 * Encode octets; the last two may be held back.
 *   out  room for QUOTED_MAX(len)
 * Returns the number of octets in out.
 */
extern size_t quoted_put(quoted *q, char *out, char const *s, size_t len);

/* The text is over: put what was held back.  out has room for QUOTED_MAX(0). */
extern size_t quoted_end(quoted *q, char *out);

#endif
