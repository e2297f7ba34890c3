#include "smtp/parts.h"

#include <string.h>

#include "smtp/chars.h"
#include "smtp/domain.h"
#include "smtp/header.h"

/* --- words of a field's body: RFC 2045 section 5.1 --- */

typedef struct words
{
  char const *s;
  char const *end;
} words;

/* A token, a quoted string, or another character; points into the field, or to unquoted. */
typedef struct word
{
  char const *s;
  size_t len;
  char unquoted[SMTP_PARTS_BOUNDARY_MAX + 1]; /* a longer one is cut */
} word;

static int white(char c)
{
  return c == ' ' || c == '\t';
}

/* Is this a character of a token?  Those beyond ASCII are not, but people use them. */
static int token_char(char c)
{
  return smtp_high(c) || (smtp_visible(c) && !strchr("()<>@,;:\\\"/[]?=", c));
}

/* Skip white space and comments, which may be nested. */
static void blanks_skip(words *w)
{
  size_t depth = 0;
  for (; w->s < w->end; w->s++)
  {
    if (*w->s == '(') depth++;
    else if (*w->s == ')' && depth) depth--;
    else if (*w->s == '\\' && depth && w->s + 1 < w->end) w->s++;
    else if (!depth && !white(*w->s)) return;
  }
}

static void quoted_read(words *w, word *out)
{
  out->s = out->unquoted;
  for (w->s++; w->s < w->end && *w->s != '"'; w->s++)
  {
    if (*w->s == '\\' && w->s + 1 < w->end) w->s++;
    if (out->len < sizeof out->unquoted) out->unquoted[out->len++] = *w->s;
  }
  if (w->s < w->end) w->s++;
}

/* Take the next word.  1, or 0 at the end. */
static int word_next(words *w, word *out)
{
  blanks_skip(w);
  if (w->s == w->end) return 0;
  out->s = w->s;
  out->len = 0;
  if (*w->s == '"') return quoted_read(w, out), 1;
  while (w->s < w->end && token_char(*w->s)) w->s++;
  if (w->s == out->s) w->s++;
  out->len = (size_t)(w->s - out->s);
  return 1;
}

static int word_is(word const *w, char const *text)
{
  return smtp_word_is(w->s, w->len, text);
}

/* --- fields that say how a message is built --- */

/* Leave out white space at the end of a line, and so at the end of a boundary. */
static size_t trimmed(char const *s, size_t len)
{
  while (len && white(s[len - 1])) len--;
  return len;
}

static void boundary_add(smtp_parts *p, word const *value, int digest)
{
  smtp_parts_boundary *b = p->boundary + p->depth;
  size_t const len = trimmed(value->s, value->len);
  if (!len) return;
  if (p->depth == SMTP_PARTS_DEPTH_MAX || len > sizeof b->s)
  {
    p->lost = 1;
    return;
  }
  memcpy(b->s, value->s, len);
  b->len = len;
  b->digest = digest;
  p->depth++;
}

/*
 * Take the boundary of a multipart.  Where there are several, any of them may be meant: then all
 * are lost.
 */
static void multipart_read(smtp_parts *p, words *w, int digest)
{
  word read;
  while (word_next(w, &read))
  {
    if (!word_is(&read, "BOUNDARY") || !word_next(w, &read) || !word_is(&read, "=")) continue;
    if (word_next(w, &read)) boundary_add(p, &read, digest);
  }
  if (p->len == sizeof p->kept) p->lost = 1;
}

static void type_read(smtp_parts *p, words *w)
{
  word type, slash, subtype;
  if (!word_next(w, &type) || !word_next(w, &slash) || !word_is(&slash, "/")
    || !word_next(w, &subtype)) return;
  if (word_is(&type, "MULTIPART")) multipart_read(p, w, word_is(&subtype, "DIGEST"));
  p->message = word_is(&type, "MESSAGE")
    && (word_is(&subtype, "RFC822") || word_is(&subtype, "GLOBAL"));
}

static void encoding_read(smtp_parts *p, words *w)
{
  word encoding;
  p->encoded = word_next(w, &encoding)
    && (word_is(&encoding, "BASE64") || word_is(&encoding, "QUOTED-PRINTABLE"));
}

static int field_kept(smtp_parts const *p, smtp_field *field)
{
  return smtp_field_scan(p->kept, p->len, field) > 0;
}

static void field_end(smtp_parts *p)
{
  smtp_field field;
  words w;
  if (!field_kept(p, &field)) return;
  w = (words){ field.body, field.body + field.bodylen };
  if (smtp_word_is(field.name, field.namelen, "CONTENT-TYPE")) type_read(p, &w);
  if (smtp_word_is(field.name, field.namelen, "CONTENT-TRANSFER-ENCODING")) encoding_read(p, &w);
}

/* --- headers and bodies --- */

static void header_begin(smtp_parts *p, int message)
{
  p->body = 0;
  p->message = message;
  p->encoded = 0;
  p->field = 0;
  p->len = 0;
}

/* End a header, at an empty line. */
static void header_end(smtp_parts *p)
{
  if (p->message && !p->encoded) header_begin(p, 0);
  else p->body = 1;
}

/* Is the line this boundary, and the last one of its multipart? */
static int boundary_is(smtp_parts const *p, smtp_parts_boundary const *b, int *last)
{
  size_t const len = trimmed(p->kept, p->len);
  *last = len == b->len + 4;
  return (len == b->len + 2 || *last) && !memcmp(p->kept, "--", 2)
    && !memcmp(p->kept + 2, b->s, b->len)
    && (!*last || !memcmp(p->kept + 2 + b->len, "--", 2));
}

/* Find the boundary that the line is; it also ends the multiparts within the part before it. */
static void boundary_look(smtp_parts *p)
{
  unsigned int i = p->depth;
  int last;
  while (i && !boundary_is(p, p->boundary + i - 1, &last)) i--;
  if (!i) return;
  p->depth = last ? i - 1 : i;
  p->body = 1;
  if (!last) header_begin(p, p->boundary[i - 1].digest);
}

/* --- lines --- */

/* Begin a line; in a header, white space continues the field. */
static void line_begin(smtp_parts *p, char first)
{
  p->begun = 1;
  p->skipped = p->body && (!p->depth || first != '-');
  p->continued = !p->body && white(first);
  if (p->continued) return;
  if (!p->body) field_end(p);
  p->len = 0;
}

static void keep(smtp_parts *p, char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < len && p->len < sizeof p->kept; i++)
    if (s[i] != '\r' && s[i] != '\n') p->kept[p->len++] = s[i];
}

void smtp_parts_read(smtp_parts *p, char const *s, size_t len)
{
  if (!len) return;
  if (!p->begun) line_begin(p, *s);
  if (p->lost && smtp_domain_utf8(s, len)) p->high = 1;
  if (p->skipped) return;
  keep(p, s, len);
  p->line_high |= smtp_domain_utf8(s, len);
}

/* Act on a whole line; a boundary may follow a header without an empty line. */
static void line_look(smtp_parts *p)
{
  smtp_field field;
  if (!p->body && !p->len)
  {
    header_end(p);
    return;
  }
  p->field = !p->body && field_kept(p, &field);
  boundary_look(p);
}

void smtp_parts_line_end(smtp_parts *p)
{
  p->high = smtp_parts_high(p);
  if (!p->skipped && !p->continued) line_look(p);
  p->begun = p->skipped = p->continued = 0;
  p->line_high = 0;
}

/* End a line; not every line of a header is of a field. */
int smtp_parts_high(smtp_parts const *p)
{
  smtp_field field;
  if (p->high) return 1;
  return !p->body && p->line_high && (p->continued ? p->field : field_kept(p, &field));
}
