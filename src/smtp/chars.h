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

/* A control character, in ASCII. */
static inline int smtp_control(char c)
{
  return (unsigned char)c < ' ' || c == 127;
}

/* Printable ASCII but space. */
static inline int smtp_visible(char c)
{
  return c > ' ' && c <= '~';
}

/* A character of an atom, in ASCII (RFC 5321 section 4.1.2, RFC 5322 section 3.2.3). */
extern int smtp_atext(char c);

/* An octet over 127. */
static inline int smtp_high(char c)
{
  return (unsigned char)c > 127;
}

/* Are these octets the word, in any case?  Letters in word are upper case. */
extern int smtp_word_is(char const *s, size_t len, char const *word);

/*
 * Length of the character at s that goes beyond ASCII: 2 to 4 octets of well-formed UTF-8
 * (no overlong form, no surrogate, nothing over U+10FFFF), no C1 control (U+0080 to U+009F:
 * terminals act on these).  0 when s begins with no such character.
 */
extern size_t smtp_utf8_scan(char const *s, size_t len);

/* The number of digits that s begins with. */
extern size_t smtp_digits(char const *s, size_t len);

/* Read all of s as a decimal number.  1; 0 when s is no number, or it does not fit. */
extern int smtp_number_scan(char const *s, size_t len, uint64_t *number);

#endif
