#include "bounce/lines.h"

#include <errno.h>
#include <string.h>

#include "bounce/fields.h"

/* The column up to which words fill a line. */
#define LINE_FULL 76
/* Octets of a UTF-8 character behind its first. */
#define REST_MAX 3
/* Octets encoded at a time. */
#define ENCODED_STEP 1024

void lines_init(lines *l, message_writer *writer)
{
  memset(l, 0, sizeof *l);
  l->writer = writer;
}

static void octets_put(lines *l, char const *s, size_t len)
{
  if (l->error) return;
  smtp_content_chunk(&l->scan, s, len);
  if (!message_put(l->writer, s, len)) l->error = errno;
}

static void encoded_put(lines *l, char const *s, size_t len)
{
  char out[QUOTED_MAX(ENCODED_STEP)];
  size_t n;
  for (; len; s += n, len -= n)
  {
    n = len < ENCODED_STEP ? len : ENCODED_STEP;
    octets_put(l, out, quoted_put(&l->quoted, out, s, n));
  }
}

void lines_put(lines *l, char const *s, size_t len)
{
  if (l->encoded) encoded_put(l, s, len);
  else octets_put(l, s, len);
}

void lines_text_begin(lines *l, int utf8, int encoded)
{
  l->utf8 = utf8;
  l->encoded = encoded;
}

void lines_text_end(lines *l)
{
  char out[QUOTED_MAX(0)];
  octets_put(l, out, quoted_end(&l->quoted, out));
  l->utf8 = 0;
  l->encoded = 0;
}

static void string_put(lines *l, char const *s)
{
  lines_put(l, s, strlen(s));
}

void lines_pieces(lines *l, char const *const *pieces)
{
  while (*pieces) string_put(l, *pieces++);
  string_put(l, "\r\n");
}

/* --- words --- */

static void line_begin(lines *l, char const *s)
{
  string_put(l, s);
  l->column = strlen(s);
  l->words = 0;
}

static void line_end(lines *l)
{
  string_put(l, "\r\n");
}

/*
 * Put the word that is complete.  The first word of a line stays there however long it is: a line
 * of white space alone may look like the empty line at the end of a header.
 */
static void word_end(lines *l)
{
  if (!l->word_len) return;
  fields_clean(l->word, l->word_len, l->utf8);
  if (l->words && l->column + 1 + l->word_len > LINE_FULL)
  {
    line_end(l);
    line_begin(l, l->indent);
  }
  if (l->words) string_put(l, " ");
  lines_put(l, l->word, l->word_len);
  l->column += !!l->words + l->word_len;
  l->words++;
  l->word_len = 0;
}

/* May the word be cut before this octet? */
static int word_full(lines const *l, char c)
{
  return l->word_len == LINES_WORD_MAX
    || (l->word_len >= LINES_WORD_MAX - REST_MAX && (c & 0xc0) != 0x80);
}

static void octet_add(lines *l, char c)
{
  if (c == ' ' || word_full(l, c)) word_end(l);
  if (c != ' ') l->word[l->word_len++] = c;
}

void lines_words(lines *l, char const *first, char const *indent, char const *const *pieces)
{
  char const *s;
  l->indent = indent;
  line_begin(l, first);
  for (; *pieces; pieces++)
    for (s = *pieces; *s; s++) octet_add(l, *s);
  word_end(l);
  line_end(l);
}
