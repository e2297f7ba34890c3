#ifndef BOUNCE_LINES_H
#define BOUNCE_LINES_H

/* Text of ours, on its way into a message. */

#include <stddef.h>

#include "bounce/quoted.h"
#include "queue/message.h"
#include "smtp/content.h"

/*
 * Octets of a word that are kept together: with what may stand before it the line is below RFC
 * 5322's 998.
 */
#define LINES_WORD_MAX 900

typedef struct lines
{
  message_writer *writer;
  smtp_content scan;       /* of all that was put, for the message's flags */
  int utf8;                /* of words; 0: what goes beyond ASCII is a question mark */
  int encoded;             /* what is put becomes quoted-printable */
  quoted quoted;
  int error;               /* errno of the first octet that could not be put: then none is */
  size_t column;
  size_t words;            /* on this line */
  char const *indent;      /* of the lines that follow */
  size_t word_len;
  char word[LINES_WORD_MAX];
} lines;

extern void lines_init(lines *l, message_writer *writer);

/*
 * What follows is a text, with words in UTF-8 or not, and encoded as quoted-printable or not;
 * until it ends.
 */
extern void lines_text_begin(lines *l, int utf8, int encoded);
extern void lines_text_end(lines *l);

/* Octets as they are, but for the encoding. */
extern void lines_put(lines *l, char const *s, size_t len);

/* Pieces that are one line, and its end. */
extern void lines_pieces(lines *l, char const *const *pieces);
#define lines_line(l, ...) lines_pieces((l), (char const *const []){ __VA_ARGS__, 0 })

/*
 * Words, parted by spaces: no control characters, and no line gets long.
 *   first   what the first line begins with, as it is
 *   indent  what the other lines begin with
 *   pieces  may end in the middle of a word
 */
extern void lines_words(lines *l, char const *first, char const *indent, char const *const *pieces);
#define lines_fill(l, first, indent, ...) \
  lines_words((l), (first), (indent), (char const *const []){ __VA_ARGS__, 0 })

#endif
