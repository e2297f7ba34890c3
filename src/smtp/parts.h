#ifndef SMTP_PARTS_H
#define SMTP_PARTS_H

/*
 * The headers of a message, at every level of its MIME structure (RFC 2045, RFC 2046): its own,
 * those of the parts of a multipart, those of a message within it.  An octet over 127 in one of
 * them needs SMTPUTF8 (RFC 6531 section 3.2, RFC 6532), which no octet of a body does.
 */

#include <stddef.h>

/* Multiparts within another; and the octets of a boundary (RFC 2046 section 5.1.1). */
#define SMTP_PARTS_DEPTH_MAX 16
#define SMTP_PARTS_BOUNDARY_MAX 70
/* Octets of a field, or of a line that may be a boundary, that are read; the rest is not. */
#define SMTP_PARTS_KEPT_MAX 1000

typedef struct smtp_parts_boundary
{
  size_t len;
  char s[SMTP_PARTS_BOUNDARY_MAX];
  int digest;           /* its parts are messages unless their header says otherwise */
} smtp_parts_boundary;

/* A reader of lines.  All zero is the state before the first octet of a message.  Private. */
typedef struct smtp_parts
{
  int high;             /* an octet over 127 was found in a header */
  int lost;             /* a boundary is not known: every line may be of a header */
  int begun;            /* an octet of this line was read */
  int skipped;          /* this line is not read */
  int continued;        /* this line continues a field */
  int field;            /* the line before, which this one may continue, is of a field */
  int line_high;        /* this line holds an octet over 127 */
  int body;             /* this line belongs to a body */
  int message;          /* this header's entity is a message: its content begins with a header */
  int encoded;          /* this header's entity is encoded: a header in it does not count */
  unsigned int depth;
  smtp_parts_boundary boundary[SMTP_PARTS_DEPTH_MAX];
  size_t len;
  char kept[SMTP_PARTS_KEPT_MAX]; /* the field, all its lines as one; or the line */
} smtp_parts;

/* Read octets of one line, in as many pieces as it comes in, its end included or not. */
extern void smtp_parts_read(smtp_parts *parts, char const *s, size_t len);

/* The line is over. */
extern void smtp_parts_line_end(smtp_parts *parts);

/* Does a header hold an octet over 127, if the content ends here? */
extern int smtp_parts_high(smtp_parts const *parts);

#endif
