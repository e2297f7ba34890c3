#include "log/logstamp.h"

#include <string.h>
#include <time.h>

#include "smtp/chars.h"

/* 1970 in TAI64, and how long after it a time may be: 272 years. */
#define LABEL_1970 (UINT64_C(1) << 62)
#define LABEL_YEARS (UINT64_C(1) << 33)
#define LABEL_DIGITS 16
#define LABEL_NANO_DIGITS 8

/* The text that is left to be read. */
typedef struct text
{
  char const *s;
  size_t len;
} text;

static void text_skip(text *t, size_t n)
{
  t->s += n;
  t->len -= n;
}

static int text_char(text *t, char const *any)
{
  if (!t->len || !*t->s || !strchr(any, *t->s)) return 0;
  text_skip(t, 1);
  return 1;
}

static int digit_value(char c, unsigned int base)
{
  char l = smtp_lower(c);
  if (smtp_digit(c)) return c - '0';
  return base == 16 && l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/* Read exactly so many digits; no more than 18, or 16 of base 16. */
static int text_digits(text *t, size_t digits, unsigned int base, uint64_t *number)
{
  size_t i;
  *number = 0;
  if (t->len < digits) return 0;
  for (i = 0; i < digits; i++)
  {
    int value = digit_value(t->s[i], base);
    if (value < 0) return 0;
    *number = *number * base + (unsigned int)value;
  }
  text_skip(t, digits);
  return 1;
}

static int text_number(text *t, size_t digits, int *number)
{
  uint64_t n;
  if (!text_digits(t, digits, 10, &n)) return 0;
  *number = (int)n;
  return 1;
}

/* Read a point and the digits behind it, as microseconds; 0 without a point. */
static uint64_t text_fraction(text *t)
{
  uint64_t us = 0;
  uint64_t unit = 100000;
  if (t->len < 2 || *t->s != '.' || !smtp_digit(t->s[1])) return 0;
  for (text_skip(t, 1); t->len && smtp_digit(*t->s); text_skip(t, 1), unit /= 10)
    us += unit * (uint64_t)(*t->s - '0');
  return us;
}

/* --- labels --- */

static int label(text *t, unsigned int ahead_s, uint64_t *us)
{
  uint64_t s, ns = 0;
  if (!text_char(t, "@") || !text_digits(t, LABEL_DIGITS, 16, &s)) return 0;
  text_digits(t, LABEL_NANO_DIGITS, 16, &ns);
  if (s < LABEL_1970 + ahead_s || s >= LABEL_1970 + LABEL_YEARS || ns >= 1000000000) return 0;
  *us = (s - LABEL_1970 - ahead_s) * 1000000 + ns / 1000;
  return 1;
}

/* --- dates --- */

/* Read "Z", "+0100" or "+01:00".  0 for anything else. */
static int zone_said(text *t, int *east_s)
{
  text rest = *t;
  int sign = rest.len && *rest.s == '-' ? -1 : 1;
  int hours, minutes;
  *east_s = 0;
  if (text_char(t, "Z")) return 1;
  if (!text_char(&rest, "+-") || !text_number(&rest, 2, &hours)) return 0;
  text_char(&rest, ":");
  if (!text_number(&rest, 2, &minutes)) return 0;
  *east_s = sign * (hours * 3600 + minutes * 60);
  *t = rest;
  return 1;
}

/* Read "2026-11-21", a separator, "07:45:53". */
static int date_fields(text *t, struct tm *tm, char *separator)
{
  memset(tm, 0, sizeof *tm);
  if (!text_number(t, 4, &tm->tm_year) || !text_char(t, "-") || !text_number(t, 2, &tm->tm_mon)
   || !text_char(t, "-")
    || !text_number(t, 2, &tm->tm_mday) || !t->len) return 0;
  *separator = *t->s;
  if (!text_char(t, "T_ ") || !text_number(t, 2, &tm->tm_hour) || !text_char(t, ":")
    || !text_number(t, 2, &tm->tm_min) || !text_char(t, ":")
    || !text_number(t, 2, &tm->tm_sec)) return 0;
  tm->tm_year -= 1900;
  tm->tm_mon--;
  return tm->tm_year >= 70 && tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1
    && tm->tm_mday <= 31
    && tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

static enum logstamp_kind date(text *t, uint64_t *us)
{
  struct tm tm;
  char separator;
  uint64_t fraction;
  int east_s, said;
  time_t s;
  if (!date_fields(t, &tm, &separator)) return LOGSTAMP_NONE;
  fraction = text_fraction(t);
  said = zone_said(t, &east_s);
  tm.tm_isdst = -1;
  s = said || separator != ' ' ? timegm(&tm) - east_s : mktime(&tm);
  if (s < 0) return LOGSTAMP_NONE;
  *us = (uint64_t)s * 1000000 + fraction;
  return said ? LOGSTAMP_JOURNAL : LOGSTAMP_DATE;
}

/* --- seconds --- */

static int unix_seconds(text *t, uint64_t *us)
{
  uint64_t s;
  size_t digits = 0;
  while (digits < t->len && digits < 12 && smtp_digit(t->s[digits])) digits++;
  if (digits < 9 || digits == t->len || t->s[digits] != '.' || !text_digits(t, digits, 10, &s))
    return 0;
  *us = s * 1000000 + text_fraction(t);
  return s < LABEL_YEARS;
}

/* --- any of them --- */

enum logstamp_kind logstamp_scan(char const *s, size_t len, unsigned int ahead_s, uint64_t *us,
                                 size_t *taken)
{
  text a = { s, len }, b = a, c = a;
  text *t = &a;
  enum logstamp_kind kind = LOGSTAMP_LABEL;
  if (!label(&a, ahead_s, us))
  {
    kind = date(&b, us);
    t = &b;
  }
  if (kind == LOGSTAMP_NONE && unix_seconds(&c, us))
  {
    kind = LOGSTAMP_JOURNAL;
    t = &c;
  }
  if (kind == LOGSTAMP_NONE || (t->len && *t->s != ' ')) return LOGSTAMP_NONE;
  while (text_char(t, " ")) { }
  *taken = len - t->len;
  return kind;
}
