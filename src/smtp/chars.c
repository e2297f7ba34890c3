#include "smtp/chars.h"

#include <string.h>

int smtp_atext(char c)
{
  return smtp_letter(c) || smtp_digit(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

int smtp_word_is(char const *s, size_t len, char const *word)
{
  size_t i;
  for (i = 0; i < len && word[i]; i++)
    if (smtp_lower(s[i]) != smtp_lower(word[i])) return 0;
  return i == len && !word[i];
}

/*
 * The first octet of a character, and the bounds of its second; the others are 80..BF (RFC 3629
 * section 4).  The bounds keep out overlong forms, surrogates, and all beyond U+10FFFF; those of C2
 * keep out the C1 controls.
 */
static struct utf8_row
{
  unsigned char first, last;
  unsigned char low, high;
  unsigned char len;
} const utf8_rows[] =
{
  { 0xC2, 0xC2, 0xA0, 0xBF, 2 },
  { 0xC3, 0xDF, 0x80, 0xBF, 2 },
  { 0xE0, 0xE0, 0xA0, 0xBF, 3 },
  { 0xE1, 0xEC, 0x80, 0xBF, 3 },
  { 0xED, 0xED, 0x80, 0x9F, 3 },
  { 0xEE, 0xEF, 0x80, 0xBF, 3 },
  { 0xF0, 0xF0, 0x90, 0xBF, 4 },
  { 0xF1, 0xF3, 0x80, 0xBF, 4 },
  { 0xF4, 0xF4, 0x80, 0x8F, 4 }
};

size_t smtp_utf8_scan(char const *s, size_t len)
{
  unsigned char const *u = (unsigned char const *)s;
  struct utf8_row const *row = utf8_rows;
  struct utf8_row const *end = utf8_rows + sizeof utf8_rows / sizeof *utf8_rows;
  size_t i;
  if (len < 2) return 0;
  while (row < end && (u[0] < row->first || u[0] > row->last)) row++;
  if (row == end || len < row->len || u[1] < row->low || u[1] > row->high) return 0;
  for (i = 2; i < row->len; i++)
    if ((u[i] & 0xC0) != 0x80) return 0;
  return row->len;
}

size_t smtp_digits(char const *s, size_t len)
{
  size_t n = 0;
  while (n < len && smtp_digit(s[n])) n++;
  return n;
}

int smtp_number_scan(char const *s, size_t len, uint64_t *number)
{
  uint64_t n = 0;
  size_t i;
  for (i = 0; i < len; i++)
  {
    uint64_t const digit = (uint64_t)(s[i] - '0');
    if (!smtp_digit(s[i]) || n > (UINT64_MAX - digit) / 10) return 0;
    n = n * 10 + digit;
  }
  if (!len) return 0;
  *number = n;
  return 1;
}
