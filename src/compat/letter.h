#ifndef COMPAT_LETTER_H
#define COMPAT_LETTER_H

/* A letter: a message as a user's program writes it, converted for SMTP.  For programs alone. */

#include <skalibs/stralloc.h>

#include "compat/spool.h"

/* The longest header. */
#define LETTER_HEADER_MAX (4u << 20)

typedef struct letter
{
  stralloc header;   /* its fields, each line ended by CRLF, without the empty line behind them */
  spool body;        /* lines ended by CRLF */
  int high;          /* an octet beyond ASCII was seen */
} letter;
#define LETTER_ZERO { .header = STRALLOC_ZERO, .body = SPOOL_ZERO }

/*
 * Read a message from a descriptor.
 *   dots  a line with nothing but a dot does not end the message
 * Lines may end in LF or CRLF; a CR anywhere else is a line end in the body, a space in the header
 * (where a line end could begin a field by accident).  "From " lines at the top are left out.
 * The header ends before the first line that is no field, be it empty or not.
 * Dies 65 when the header is too large, 75 when it cannot be read.
 */
extern void letter_read(letter *l, int fd, int dots);

#endif
