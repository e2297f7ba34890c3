#ifndef SMTP_CONTENT_H
#define SMTP_CONTENT_H

#include <stddef.h>

#include "smtp/parts.h"

/* What was seen in a message's content, or-ed. */
enum smtp_content_flag
{
  SMTP_CONTENT_8BIT = 1,     /* an octet over 127 */
  SMTP_CONTENT_DOT = 2,      /* a line that begins with a dot: must be stuffed for DATA */
  SMTP_CONTENT_BARE = 4,     /* a CR or an LF that is not part of a CRLF (RFC 5321 section 2.3.8) */
  SMTP_CONTENT_UNENDED = 8,  /* the last line has no CRLF (possible with BDAT only) */
  SMTP_CONTENT_HEADER = 16,  /* an octet over 127 in the message's header, or in a part's */
  SMTP_CONTENT_NUL = 32      /* a NUL: only for BINARYMIME (RFC 6152, 3; RFC 5321, 4.5.2) */
};

/*
 * Content with these is never sent: some servers would take them for the end of the message, and
 * what follows for commands.
 */
#define SMTP_CONTENT_UNFIT (SMTP_CONTENT_BARE | SMTP_CONTENT_NUL)

/* Octets of a Message-ID that are kept; none in use is nearly as long. */
#define SMTP_CONTENT_ID_MAX 250

/*
 * A reader of content: of the octets between DATA's 354 and the final dot, or of BDAT chunks.
 * All zero is the state before the first octet, at the beginning of a line.
 * Header fields are read as well: hops counts Received (RFC 5321 section 6.3), id is the value of
 * the first Message-ID, unfolded, whatever its octets; empty when there is none.
 */
typedef struct smtp_content
{
  unsigned int flags;    /* smtp_content_flag, or-ed, as if no octet followed */
  unsigned int hops;
  char id[SMTP_CONTENT_ID_MAX + 1]; /* a string */
  size_t idlen;
  unsigned int state;    /* of the line-end automaton; private */
  unsigned int field;    /* of the header automaton, as are name, matched, ids; private */
  unsigned int name;
  unsigned int matched;
  unsigned int ids;
  unsigned int seen;     /* the flags that no further octet can clear; private */
  smtp_parts parts;
} smtp_content;

/*
 * Read the octets of DATA: remove stuffed dots, find the end.  Only CRLF.CRLF ends the content.
 *   in, len   read from here
 *   *taken    how many octets of in were used
 *   out       where the content goes, room for len + 4 octets (what was held back at the
 *             end of the last call may come out first)
 *   *outlen   how many octets were put there
 * Returns 1 when the end was found (the rest of in is the next command), else 0 with all
 * of in taken.  The CRLF before the final dot belongs to the content.
 */
extern int smtp_content_data(smtp_content *content, char const *in, size_t len, size_t *taken,
                             char *out, size_t *outlen);

/* Look at octets of a BDAT chunk, which are content as they are (RFC 3030). */
extern void smtp_content_chunk(smtp_content *content, char const *in, size_t len);

/*
 * The same, but header fields and parts are not read: SMTP_CONTENT_HEADER is never set.
 */
extern void smtp_content_lines(smtp_content *content, char const *in, size_t len);

/*
 * Stuff dots for DATA: a dot is doubled where it begins a line.
 *   out     room for twice len
 *   *state  0 before the first octet; private between calls
 * Returns the number of octets in out.  The caller adds CRLF where the content has none at
 * its end, and ".CRLF".
 */
extern size_t smtp_content_stuff(char *out, char const *in, size_t len, unsigned int *state);

#endif
