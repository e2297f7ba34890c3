#ifndef SMTP_CHARS_H
#define SMTP_CHARS_H

/* Characters as the grammar sees them: ASCII whatever the locale, and UTF-8 as RFC 3629 has it. */

#include <stddef.h>
#include <stdint.h>

static inline int smtp_digit(char c)
{
  return c >= '0' && c <= '9';
}

static inline char smtp_lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline int smtp_letter(char c)
{
  char l = smtp_lower(c);
  return l >= 'a' && l <= 'z';
}

/* Printable ASCII but space. */
static inline int smtp_visible(char c)
{
  return c > ' ' && c <= '~';
}

/* What an atom is made of, ASCII alone (RFC 5321 section 4.1.2, RFC 5322 section 3.2.3). */
extern int smtp_atext(char c);

/* An octet over 127. */
static inline int smtp_high(char c)
{
  return (unsigned char)c > 127;
}

/* Does a string, in any case, fill these octets?  Letters in word are upper case. */
extern int smtp_word_is(char const *s, size_t len, char const *word);

/*
 * Length of the character at s that goes beyond ASCII: 2 to 4 octets of well-formed UTF-8
 * (no overlong form, no surrogate, nothing over U+10FFFF), no C1 control (U+0080 to U+009F:
 * terminals act on these).  0 when there is none.
 */
extern size_t smtp_utf8_scan(char const *s, size_t len);

/* How many digits s begins with. */
extern size_t smtp_digits(char const *s, size_t len);

/* A decimal number that is all of s.  1; 0 when it is none, or does not fit. */
extern int smtp_number_scan(char const *s, size_t len, uint64_t *number);

#endif
