#ifndef BOUNCE_LINES_H
#define BOUNCE_LINES_H

/* Text of a notice, formatted into lines and written into the message. */

#include <stddef.h>

#include "bounce/quoted.h"
#include "queue/message.h"
#include "smtp/content.h"

/*
 * Octets of a word that are kept together: a line with an indent and such a word is below RFC
 * 5322's 998.
 */
#define LINES_WORD_MAX 900

typedef struct lines
{
  message_writer *writer;
  smtp_content scan;       /* reads all that was put, for the message's flags */
  int utf8;                /* words may be UTF-8; 0: octets over 127 become question marks */
  int encoded;             /* text becomes quoted-printable */
  quoted quoted;
  int error;               /* errno of the first failed write, after which nothing is written */
  size_t column;
  size_t words;            /* on this line */
  char const *indent;      /* of the next lines */
  size_t word_len;
  char word[LINES_WORD_MAX];
} lines;

extern void lines_init(lines *l, message_writer *writer);

/*
 * Begin a text, with words in UTF-8 or not, encoded as quoted-printable or not; and end it.
 */
extern void lines_text_begin(lines *l, int utf8, int encoded);
extern void lines_text_end(lines *l);

/* Put octets as they are, but for the encoding. */
extern void lines_put(lines *l, char const *s, size_t len);

/* Put a line made of pieces. */
extern void lines_pieces(lines *l, char const *const *pieces);
#define lines_line(l, ...) lines_pieces((l), (char const *const []){ __VA_ARGS__, 0 })

/*
 * Put words, parted by spaces, in lines that do not get long, without control characters.
 *   first   begins the first line, as it is
 *   indent  begins the other lines
 *   pieces  may end in the middle of a word
 */
extern void lines_words(lines *l, char const *first, char const *indent, char const *const *pieces);
#define lines_fill(l, first, indent, ...) \
  lines_words((l), (first), (indent), (char const *const []){ __VA_ARGS__, 0 })

#endif
