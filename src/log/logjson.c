#include "log/logjson.h"

#include <stdint.h>
#include <string.h>

#include "smtp/chars.h"

/* The most octets of a field's name: systemd's own limit. */
#define NAME_MAX_OCTETS 64

typedef struct json_reader
{
  char const *s;
  char const *end;
} json_reader;

static void put(logjson_field *f, char c)
{
  if (f->len < f->max) f->out[f->len++] = c;
}

static void white(json_reader *r)
{
  while (r->s < r->end && strchr(" \t\r\n", *r->s) && *r->s) r->s++;
}

/* Pass this character, and white space around it. */
static int mark(json_reader *r, char c)
{
  white(r);
  if (r->s == r->end || *r->s != c) return 0;
  r->s++;
  white(r);
  return 1;
}

/* --- strings --- */

static int hex4(json_reader *r, uint32_t *value)
{
  int i;
  *value = 0;
  for (i = 0; i < 4; i++, r->s++)
  {
    char c = r->s < r->end ? smtp_lower(*r->s) : 0;
    if (smtp_digit(c)) *value = *value * 16 + (uint32_t)(c - '0');
    else if (c >= 'a' && c <= 'f') *value = *value * 16 + (uint32_t)(c - 'a' + 10);
    else return 0;
  }
  return 1;
}

static void put_utf8(logjson_field *f, uint32_t c)
{
  int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static unsigned char const lead[] = { 0, 0xc0, 0xe0, 0xf0 };
  put(f, (char)(lead[more] | c >> 6 * more));
  for (; more; more--) put(f, (char)(0x80 | (c >> 6 * (more - 1) & 0x3f)));
}

/* Read the digits behind "\u".  A character beyond 16 bits comes as two halves. */
static int escaped_unicode(json_reader *r, logjson_field *f)
{
  uint32_t c, low;
  if (!hex4(r, &c)) return 0;
  if (c >= 0xd800 && c < 0xdc00 && r->end - r->s >= 6 && r->s[0] == '\\' && r->s[1] == 'u')
  {
    r->s += 2;
    if (!hex4(r, &low)) return 0;
    c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
  }
  put_utf8(f, c);
  return 1;
}

static int escaped(json_reader *r, logjson_field *f)
{
  static char const from[] = "bfnrt\"\\/", to[] = "\b\f\n\r\t\"\\/";
  char const *found;
  if (r->s == r->end) return 0;
  if (*r->s == 'u') return r->s++, escaped_unicode(r, f);
  found = *r->s ? strchr(from, *r->s) : 0;
  if (!found) return 0;
  put(f, to[found - from]);
  r->s++;
  return 1;
}

static int string(json_reader *r, logjson_field *f)
{
  f->len = 0;
  if (!mark(r, '"')) return 0;
  while (r->s < r->end && *r->s != '"')
  {
    char c = *r->s++;
    if (c != '\\') put(f, c);
    else if (!escaped(r, f)) return 0;
  }
  return mark(r, '"');
}

/* --- other values --- */

/* Read a word such as 123 or null. */
static int word(json_reader *r, logjson_field *f)
{
  char const *begin = r->s;
  f->len = 0;
  while (r->s < r->end && (smtp_letter(*r->s) || smtp_digit(*r->s) || strchr("+-.", *r->s))
   && *r->s) put(f, *r->s++);
  if (r->s == begin) return 0;
  white(r);
  return 1;
}

static int octet(json_reader *r, logjson_field *f)
{
  unsigned int value = 0;
  if (r->s == r->end || !smtp_digit(*r->s)) return 0;
  for (; r->s < r->end && smtp_digit(*r->s); r->s++)
  {
    value = value * 10 + (unsigned int)(*r->s - '0');
    if (value > 255) return 0;
  }
  put(f, (char)value);
  return 1;
}

/*
 * Read text as a list of its octets: journalctl prints so what is not UTF-8, or holds controls.
 */
static int octets(json_reader *r, logjson_field *f)
{
  f->len = 0;
  if (!mark(r, '[')) return 0;
  if (mark(r, ']')) return 1;
  do if (!octet(r, f)) return 0;
  while (mark(r, ','));
  return mark(r, ']');
}

/* Pass a list of anything else: a field that stands in an entry several times. */
static int list_skip(json_reader *r)
{
  logjson_field nothing = { 0, 0, 0, 0 };
  int depth = 0;
  do
  {
    if (r->s == r->end) return 0;
    if (*r->s == '"')
    {
      if (!string(r, &nothing)) return 0;
      continue;
    }
    depth += (*r->s == '[') - (*r->s == ']');
    r->s++;
  } while (depth);
  white(r);
  return 1;
}

static int value(json_reader *r, logjson_field *f)
{
  json_reader begin = *r;
  if (r->s == r->end) return 0;
  if (*r->s == '"') return string(r, f);
  if (*r->s != '[') return word(r, f);
  if (octets(r, f)) return 1;
  f->len = 0;
  *r = begin;
  return list_skip(r);
}

static logjson_field *wanted(logjson_field *fields, size_t n, char const *name, size_t len)
{
  for (; n; n--, fields++)
    if (strlen(fields->name) == len && !memcmp(fields->name, name, len)) return fields;
  return 0;
}

int logjson_scan(char const *s, size_t len, logjson_field *fields, size_t n)
{
  char name_text[NAME_MAX_OCTETS];
  logjson_field name = { 0, name_text, sizeof name_text, 0 };
  json_reader r = { s, s + len };
  size_t i;
  for (i = 0; i < n; i++) fields[i].len = 0;
  if (!mark(&r, '{')) return 0;
  do
  {
    logjson_field nothing = { 0, 0, 0, 0 }, *field;
    if (!string(&r, &name) || !mark(&r, ':')) return 0;
    field = wanted(fields, n, name_text, name.len);
    if (!value(&r, field ? field : &nothing)) return 0;
  } while (mark(&r, ','));
  return mark(&r, '}') && r.s == r.end;
}
