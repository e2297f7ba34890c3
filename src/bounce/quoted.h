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
  int held;       /* an octet is: its form depends on what follows it */
  char octet;
  int cr;         /* a CR, behind that: is it half of a CRLF? */
} quoted;

/* Octets that may come of so many. */
#define QUOTED_MAX(len) (6 * ((len) + 2))

/*
 * Encode octets; the last two may be held back.
 *   out  room for QUOTED_MAX(len)
 * Returns the number of octets in out.
 */
extern size_t quoted_put(quoted *q, char *out, char const *s, size_t len);

/* The text is over: what was held back.  out has room for QUOTED_MAX(0). */
extern size_t quoted_end(quoted *q, char *out);

#endif
