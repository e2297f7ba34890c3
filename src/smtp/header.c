#include "smtp/header.h"

#include <string.h>

#include "smtp/chars.h"

static int white(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A character of an atom (RFC 5322 section 3.2.3, RFC 6532 section 3.2). */
static int atext(char c)
{
  return smtp_high(c) || smtp_atext(c);
}

/* --- fields --- */

size_t smtp_field_scan(char const *s, size_t len, smtp_field *field)
{
  size_t i = 0;
  while (i < len && smtp_visible(s[i]) && s[i] != ':') i++;
  field->name = s;
  field->namelen = i;
  while (i < len && (s[i] == ' ' || s[i] == '\t')) i++;
  if (!field->namelen || i == len || s[i] != ':') return 0;
  field->body = s + ++i;
  for (; i < len; i++)
    if (s[i] == '\n' && (i + 1 == len || (s[i + 1] != ' ' && s[i + 1] != '\t'))) break;
  if (i < len) i++;
  field->bodylen = (size_t)(s + i - field->body);
  return i;
}

/* --- local parts --- */

/* Is this a dot-string? */
static int local_plain(char const *s, size_t len)
{
  size_t i = 0;
  int dot = 1;
  for (; i < len; i++)
  {
    if (s[i] == '.' ? dot : !atext(s[i])) return 0;
    dot = s[i] == '.';
  }
  return !dot;
}

static size_t quoted_put(char *out, char const *s, size_t len)
{
  size_t n = 0, i = 0;
  out[n++] = '"';
  for (; i < len; i++)
  {
    if (s[i] == '"' || s[i] == '\\') out[n++] = '\\';
    out[n++] = s[i];
  }
  out[n++] = '"';
  return n;
}

size_t smtp_local_format(char *out, char const *local, size_t len)
{
  if (!local_plain(local, len)) return quoted_put(out, local, len);
  memcpy(out, local, len);
  return len;
}

/* --- lists --- */

/*
 * Words, with or without dots between them: the local part of an address, or the name before one.
 */
typedef struct words
{
  char text[SMTP_PATH_MAX];  /* quotes, comments and white space left out */
  size_t len;                /* of all words, even without room in text */
  size_t count;
  int dot;                   /* a dot follows the last word */
  int name;                  /* the words can only be a name */
  size_t end;                /* in the list */
} words;

static int at_end(smtp_address_list const *l)
{
  return l->at == l->len;
}

static int at_char(smtp_address_list const *l, char c)
{
  return !at_end(l) && l->s[l->at] == c;
}

/* Skip white space and comments, which may be nested.  0: a comment does not end. */
static int blanks_skip(smtp_address_list *l)
{
  size_t depth = 0;
  for (; !at_end(l); l->at++)
  {
    char c = l->s[l->at];
    if (c == '(') depth++;
    else if (c == ')' && depth) depth--;
    else if (c == '\\' && depth && l->at + 1 < l->len) l->at++;
    else if (!depth && !white(c)) return 1;
  }
  return !depth;
}

static void words_put(words *w, char c)
{
  if (w->len < sizeof w->text) w->text[w->len] = c;
  w->len++;
}

static void word_begin(words *w)
{
  if (w->count && !w->dot) w->name = 1;
  w->dot = 0;
  w->count++;
}

static void atom_read(smtp_address_list *l, words *w)
{
  word_begin(w);
  while (!at_end(l) && atext(l->s[l->at])) words_put(w, l->s[l->at++]);
}

/*
 * Read a quoted string.  0: it does not end, or holds a control character.  Line ends in it are
 * folding.
 */
static int quoted_read(smtp_address_list *l, words *w)
{
  word_begin(w);
  for (l->at++; !at_end(l); l->at++)
  {
    char c = l->s[l->at];
    if (c == '"') return l->at++, 1;
    if (c == '\\' && ++l->at < l->len) c = l->s[l->at];
    else if (c == '\r' || c == '\n') continue;
    if (at_end(l) || (smtp_control(c) && c != '\t')) return 0;
    words_put(w, c == '\t' ? ' ' : c);
  }
  return 0;
}

static void dot_read(smtp_address_list *l, words *w)
{
  words_put(w, '.');
  w->dot = 1;
  l->at++;
}

/* Characters that names hold, though they should be quoted. */
static void odd_read(smtp_address_list *l, words *w)
{
  w->name = 1;
  w->count++;
  l->at++;
}

/* Read words.  0: this can be no list. */
static int words_read(smtp_address_list *l, words *w)
{
  *w = (words){ .len = 0 };
  for (;;)
  {
    char c;
    if (!blanks_skip(l)) return 0;
    if (at_end(l)) return 1;
    c = l->s[l->at];
    if (atext(c)) atom_read(l, w);
    else if (c == '.') dot_read(l, w);
    else if (c == '[' || c == ']' || c == '\\') odd_read(l, w);
    else if (c != '"') return 1;
    else if (!quoted_read(l, w)) return 0;
    w->end = l->at;
  }
}

/*
 * Read "[...]", without white space.  Characters that have a meaning in a list cannot be in an
 * address literal.
 */
static int literal_read(smtp_address_list *l, words *w)
{
  words_put(w, l->s[l->at++]);
  while (!at_end(l))
  {
    char c = l->s[l->at++];
    if (!white(c)) words_put(w, c);
    if (c == ']') return 1;
    if ((smtp_control(c) && !white(c)) || strchr("[\\<>()@,;\"", c)) return 0;
  }
  return 0;
}

/* Read the domain behind the '@'. */
static int domain_read(smtp_address_list *l, words *w)
{
  *w = (words){ .dot = 1 };
  for (;;)
  {
    if (!blanks_skip(l)) return 0;
    if (at_char(l, '[') && !w->len) return literal_read(l, w);
    if (at_end(l) || (l->s[l->at] != '.' && !atext(l->s[l->at]))) return w->len > 0;
    if (at_char(l, '.') ? w->dot : !w->dot) return 0;
    if (at_char(l, '.')) dot_read(l, w);
    else atom_read(l, w);
  }
}

static int address_put(smtp_address *address, words const *local, words const *domain)
{
  char text[SMTP_LOCAL_QUOTED_MAX(SMTP_PATH_MAX)];
  size_t n;
  if (local->name || !local->count || local->len > sizeof local->text) return 0;
  n = smtp_local_format(text, local->text, local->len);
  if (n + 1 + domain->len >= sizeof address->s) return 0;
  memcpy(address->s, text, n);
  if (domain->len)
  {
    address->s[n++] = '@';
    memcpy(address->s + n, domain->text, domain->len);
  }
  address->len = n + domain->len;
  address->s[address->len] = 0;
  address->qualified = domain->len > 0;
  address->end = local->end;
  return 1;
}

/* Read the rest of an address, from the '@' on, if there is one. */
static int address_finish(smtp_address_list *l, smtp_address *address, words const *local)
{
  words domain = { .len = 0 };
  if (at_char(l, '@'))
  {
    l->at++;
    if (!domain_read(l, &domain)) return 0;
  }
  return address_put(address, local, &domain);
}

/* Skip a route, "@a,@b:". */
static int route_skip(smtp_address_list *l)
{
  if (!blanks_skip(l)) return 0;
  if (!at_char(l, '@')) return 1;
  while (!at_end(l) && l->s[l->at] != ':')
    if (l->s[l->at++] == '>') return 0;
  if (at_end(l)) return 0;
  l->at++;
  return 1;
}

/* Read an address behind its '<'. */
static int angle_read(smtp_address_list *l, smtp_address *address)
{
  words local;
  if (!route_skip(l) || !words_read(l, &local)) return 0;
  if (!local.count && at_char(l, '>')) *address = (smtp_address){ .qualified = 1, .end = l->at };
  else if (!address_finish(l, address, &local)) return 0;
  if (!blanks_skip(l) || !at_char(l, '>')) return 0;
  l->at++;
  return 1;
}

/* Skip empty places and the ends of groups, even where no group is open: mail has such. */
static int places_skip(smtp_address_list *l)
{
  while (blanks_skip(l))
  {
    if (!at_char(l, ',') && !at_char(l, ';')) return 1;
    if (at_char(l, ';')) l->group = 0;
    l->at++;
  }
  return 0;
}

static int list_bad(smtp_address_list *l)
{
  l->at = l->len;
  return -1;
}

/*
 * Skip an '@' and the words behind it that can only be a name, since a '<' follows; people put
 * addresses there without quotes.
 */
static void name_skip(smtp_address_list *l)
{
  size_t const at = l->at;
  words name;
  while (at_char(l, '@'))
  {
    l->at++;
    if (!words_read(l, &name)) break;
  }
  if (!at_char(l, '<')) l->at = at;
}

int smtp_address_next(smtp_address_list *l, smtp_address *address)
{
  words w;
  int good;
  for (;;)
  {
    if (!places_skip(l)) return list_bad(l);
    if (at_end(l)) return 0;
    if (!words_read(l, &w)) return list_bad(l);
    if (!at_char(l, ':')) break;
    if (l->group || !w.count) return list_bad(l);
    l->group = 1;
    l->at++;
  }
  name_skip(l);
  if (at_char(l, '<'))
  {
    l->at++;
    good = angle_read(l, address);
  }
  else good = address_finish(l, address, &w);
  good = good && blanks_skip(l) && (at_end(l) || at_char(l, ',') || at_char(l, ';'));
  return good ? 1 : list_bad(l);
}

/* --- names --- */

#define ENCODED_BEGIN "=?UTF-8?Q?"
#define ENCODED_END "?="
/* The most octets of text in an encoded word (RFC 2047 section 2: 75 in all). */
#define ENCODED_TEXT_MAX (75 - (sizeof ENCODED_BEGIN - 1) - (sizeof ENCODED_END - 1))

static size_t put(char *out, char const *s, size_t len)
{
  memcpy(out, s, len);
  return len;
}

/* Encode one character for a phrase by the Q encoding (RFC 2047 section 5). */
static size_t encoded_put(char *out, char const *s, size_t len)
{
  static char const hex[] = "0123456789ABCDEF";
  size_t n = 0, i = 0;
  for (; i < len; i++)
  {
    unsigned char c = (unsigned char)s[i];
    if (smtp_letter(s[i]) || smtp_digit(s[i]) || (c && strchr("!*+-/", s[i]))) out[n++] = s[i];
    else if (c == ' ') out[n++] = '_';
    else
    {
      out[n++] = '=';
      out[n++] = hex[c >> 4];
      out[n++] = hex[c & 15];
    }
  }
  return n;
}

static size_t words_encode(char *out, char const *s, size_t len)
{
  size_t n = put(out, ENCODED_BEGIN, sizeof ENCODED_BEGIN - 1), begin = n, i = 0;
  while (i < len)
  {
    char text[4 * 3];
    size_t size = smtp_high(s[i]) ? smtp_utf8_scan(s + i, len - i) : 1;
    size_t textlen = encoded_put(text, s + i, size);
    if (n - begin + textlen > ENCODED_TEXT_MAX)
    {
      n += put(out + n, ENCODED_END " " ENCODED_BEGIN, sizeof ENCODED_END " " ENCODED_BEGIN - 1);
      begin = n;
    }
    n += put(out + n, text, textlen);
    i += size;
  }
  return n + put(out + n, ENCODED_END, sizeof ENCODED_END - 1);
}

/* Copy as much of a name as is used, with '?' for what cannot be read. */
static size_t name_clean(char *out, char const *s, size_t len)
{
  size_t i = 0;
  if (len > SMTP_NAME_MAX)
  {
    len = SMTP_NAME_MAX;
    while (len && ((unsigned char)s[len] & 0xC0) == 0x80) len--;
  }
  while (i < len)
  {
    size_t size = smtp_high(s[i]) ? smtp_utf8_scan(s + i, len - i) : !smtp_control(s[i]);
    if (size) memcpy(out + i, s + i, size);
    else out[i] = '?';
    i += size ? size : 1;
  }
  return len;
}

static int name_plain(char const *s, size_t len)
{
  size_t i = 0;
  while (i < len && (atext(s[i]) || (s[i] == ' ' && i && i + 1 < len))) i++;
  return len && i == len;
}

size_t smtp_phrase_format(char out[SMTP_PHRASE_MAX], char const *name, size_t len)
{
  char clean[SMTP_NAME_MAX];
  size_t i = 0;
  len = name_clean(clean, name, len);
  while (i < len && !smtp_high(clean[i])) i++;
  if (i < len) return words_encode(out, clean, len);
  return name_plain(clean, len) ? put(out, clean, len) : quoted_put(out, clean, len);
}

int smtp_header_utf8(char const *s, size_t len)
{
  size_t i = 0, high = 0;
  while (i < len)
  {
    size_t size = smtp_high(s[i]) ? smtp_utf8_scan(s + i, len - i) : 1;
    if (!size) return 0;
    high += size > 1;
    i += size;
  }
  return high > 0;
}
