#include "smtp/reply.h"

#include <stdint.h>
#include <string.h>

#include "smtp/chars.h"

int smtp_reply_scan(char const *line, size_t len, smtp_reply_line *reply)
{
  if (len < 3 || line[0] < '2' || line[0] > '5' || !smtp_digit(line[1]) || !smtp_digit(line[2]))
    return 0;
  if (len > 3 && line[3] != ' ' && line[3] != '-') return 0;
  reply->code = (unsigned int)((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  reply->last = len == 3 || line[3] == ' ';
  reply->text = line + (len > 3 ? 4 : 3);
  reply->textlen = len > 3 ? len - 4 : 0;
  return 1;
}

/* The length of "." and one to three digits, or 0. */
static size_t subcode_length(char const *s, size_t len)
{
  size_t i = 1;
  if (!len || *s != '.') return 0;
  while (i < len && i < 4 && smtp_digit(s[i])) i++;
  return i > 1 ? i : 0;
}

/* The length of class.subject.detail, or 0. */
static size_t status_length(char const *s, size_t len, char class)
{
  size_t subject, detail;
  if (!len || *s != class) return 0;
  subject = subcode_length(s + 1, len - 1);
  if (!subject) return 0;
  detail = subcode_length(s + 1 + subject, len - 1 - subject);
  if (!detail) return 0;
  return 1 + subject + detail;
}

size_t smtp_status_scan(char *out, unsigned int code, char const *text, size_t textlen)
{
  char class = (char)('0' + code / 100 % 10);
  size_t n = status_length(text, textlen, class);
  if (n && (n == textlen || text[n] == ' '))
  {
    memcpy(out, text, n);
    out[n] = 0;
    return n;
  }
  out[0] = class;
  memcpy(out + 1, ".0.0", sizeof ".0.0");
  return 0;
}

static struct extension_row
{
  char const *keyword;
  enum smtp_extension extension;
} const extensions[] =
{
  { "PIPELINING", SMTP_EXT_PIPELINING },
  { "SIZE", SMTP_EXT_SIZE },
  { "8BITMIME", SMTP_EXT_8BITMIME },
  { "SMTPUTF8", SMTP_EXT_SMTPUTF8 },
  { "CHUNKING", SMTP_EXT_CHUNKING },
  { "DSN", SMTP_EXT_DSN },
  { "ENHANCEDSTATUSCODES", SMTP_EXT_ENHANCEDSTATUSCODES },
  { "ETRN", SMTP_EXT_ETRN },
  { "STARTTLS", SMTP_EXT_STARTTLS },
  { "AUTH", SMTP_EXT_AUTH }
};

/*
 * Read the decimal number that a size parameter begins with; 0 when there is none or it does not
 * fit.
 */
static unsigned long long size_scan(char const *s, size_t len)
{
  size_t const n = smtp_digits(s, len);
  uint64_t number;
  if (n < len && s[n] != ' ') return 0;
  return smtp_number_scan(s, n, &number) ? number : 0;
}

static unsigned int extension_find(char const *keyword, size_t len)
{
  size_t i;
  for (i = 0; i < sizeof extensions / sizeof *extensions; i++)
    if (smtp_word_is(keyword, len, extensions[i].keyword)) return extensions[i].extension;
  return 0;
}

unsigned int smtp_extension_scan(char const *text, size_t len, unsigned long long *size)
{
  char const *space = len ? memchr(text, ' ', len) : 0;
  size_t n = space ? (size_t)(space - text) : len;
  unsigned int extension = extension_find(text, n);
  if (extension == SMTP_EXT_SIZE && space)
  {
    unsigned long long number = size_scan(space + 1, len - n - 1);
    if (number) *size = number;
  }
  return extension;
}

unsigned int smtp_extensions_scan(char const *s, size_t len)
{
  unsigned int all = 0;
  for (;;)
  {
    char const *comma = len ? memchr(s, ',', len) : 0;
    size_t n = comma ? (size_t)(comma - s) : len;
    unsigned int extension = extension_find(s, n) & SMTP_EXT_DISPENSABLE;
    if (!extension) return 0;
    all |= extension;
    if (!comma) return all;
    s += n + 1;
    len -= n + 1;
  }
}

size_t smtp_extensions_format(char out[SMTP_EXTENSIONS_MAX], unsigned int all)
{
  size_t len = 0;
  size_t i;
  for (i = 0; i < sizeof extensions / sizeof *extensions; i++)
  {
    size_t n = strlen(extensions[i].keyword);
    if (!(extensions[i].extension & all & SMTP_EXT_DISPENSABLE)) continue;
    if (len) out[len++] = ',';
    memcpy(out + len, extensions[i].keyword, n);
    len += n;
  }
  out[len] = 0;
  return len;
}

/* --- text ------------------------------------------------------------------------------- */

/* Invisible characters, in order: see reply.h. */
static struct { uint32_t first, last; } const invisible[] =
{
  { 0xAD, 0xAD },       /* soft hyphen */
  { 0x34F, 0x34F },     /* combining grapheme joiner */
  { 0x61C, 0x61C },     /* Arabic letter mark */
  { 0x70F, 0x70F },     /* Syriac abbreviation mark */
  { 0x115F, 0x1160 },   /* Hangul fillers */
  { 0x17B4, 0x17B5 },   /* Khmer inherent vowels */
  { 0x180B, 0x180F },   /* Mongolian selectors and separator */
  { 0x200B, 0x200F },   /* zero width, direction marks */
  { 0x2028, 0x202E },   /* separators of lines and paragraphs, embeddings, overrides */
  { 0x2060, 0x206F },   /* word joiner, invisible operators, isolates */
  { 0x3164, 0x3164 },   /* Hangul filler */
  { 0xFE00, 0xFE0F },   /* variation selectors */
  { 0xFEFF, 0xFEFF },   /* byte order mark */
  { 0xFFA0, 0xFFA0 },   /* half-width Hangul filler */
  { 0xFFF0, 0xFFFB },   /* interlinear annotation */
  { 0x13430, 0x1343F }, /* hieroglyph format controls */
  { 0x1BCA0, 0x1BCA3 }, /* shorthand format controls */
  { 0x1D173, 0x1D17A }, /* musical format controls */
  { 0xE0000, 0xE0FFF }  /* tags, more variation selectors */
};

/* The code point of n octets of UTF-8. */
static uint32_t character(char const *s, size_t n)
{
  uint32_t c = (unsigned char)s[0] & (0xFFu >> (n + 1));
  size_t i;
  for (i = 1; i < n; i++) c = c << 6 | ((unsigned char)s[i] & 0x3F);
  return c;
}

static int seen(char const *s, size_t n)
{
  uint32_t c = character(s, n);
  size_t i = 0;
  while (i < sizeof invisible / sizeof *invisible && c > invisible[i].last) i++;
  return i == sizeof invisible / sizeof *invisible || c < invisible[i].first;
}

/* The length of a character that may be shown; 0: it may not. */
static size_t shown(char const *s, size_t len)
{
  size_t n;
  if (!smtp_high(*s)) return *s == ' ' || smtp_visible(*s);
  n = smtp_utf8_scan(s, len);
  return n && seen(s, n) ? n : 0;
}

void smtp_text_clean(char *s, size_t len)
{
  size_t i = 0, n;
  while (i < len)
  {
    n = shown(s + i, len - i);
    if (n) i += n;
    else s[i++] = '?';
  }
}
