#include "print/out.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "smtp/chars.h"
#include "smtp/reply.h"

static void die_memory(void)
{
  strerr_diefusys(111, "put the output together");
}

/* --- pieces --------------------------------------------------------------------------- */

/* Make room for so many octets at the end, and count them as put. */
static char *room(out *o, size_t len)
{
  stralloc *text = &o->text;
  if (text->a - text->len < len && !stralloc_readyplus(text, len)) die_memory();
  text->len += len;
  return text->s + text->len - len;
}

void out_octets(out *o, char const *s, size_t len)
{
  if (!len) return;
  memcpy(room(o, len), s, len);
}

void out_text(out *o, char const *s)
{
  out_octets(o, s, strlen(s));
}

/* Write the digits of a number back from end.  Returns the first digit. */
static char *digits_before(char *end, uint64_t number)
{
  do *--end = (char)('0' + number % 10);
  while (number /= 10);
  return end;
}

void out_number(out *o, uint64_t number)
{
  char text[UINT64_FMT], *end = text + sizeof text, *begin = digits_before(end, number);
  out_octets(o, begin, (size_t)(end - begin));
}

void out_spaces(out *o, size_t n)
{
  memset(room(o, n), ' ', n);
}

void out_left(out *o, char const *s, size_t width)
{
  size_t taken = out_width(s);
  out_text(o, s);
  if (taken < width) out_spaces(o, width - taken);
}

void out_right(out *o, char const *s, size_t width)
{
  size_t taken = out_width(s);
  if (taken < width) out_spaces(o, width - taken);
  out_text(o, s);
}

void out_number_right(out *o, uint64_t number, size_t width)
{
  char text[UINT64_FMT], *end = text + sizeof text - 1;
  *end = 0;
  out_right(o, digits_before(end, number), width);
}

/* How many octets at the head of s are printable ASCII, and neither but nor nor. */
static size_t plain_length(char const *s, char but, char nor)
{
  size_t i = 0;
  while ((s[i] == ' ' || smtp_visible(s[i])) && s[i] != but && s[i] != nor) i++;
  return i;
}

char const *out_cleaned(out *o, char const *s)
{
  if (!s[plain_length(s, 0, 0)]) return s;
  if (!stralloc_copys(&o->clean, s) || !stralloc_0(&o->clean)) die_memory();
  smtp_text_clean(o->clean.s, o->clean.len - 1);
  return o->clean.s;
}

/* s is cleaned: controls and octets that are no UTF-8 are question marks. */
void out_json(out *o, char const *s)
{
  size_t n = plain_length(s, '"', '\\');
  out_octets(o, "\"", 1);
  if (s[n]) s = out_cleaned(o, s);
  for (; s[n]; n = 1 + plain_length(s + 1, '"', '\\'))
  {
    out_octets(o, s, n);
    s += n;
    if (*s == '"' || *s == '\\') out_octets(o, "\\", 1);
  }
  out_octets(o, s, n);
  out_octets(o, "\"", 1);
}

void out_flush(out *o)
{
  if (allwrite(1, o->text.s, o->text.len) < o->text.len)
    strerr_diefusys(111, "write to standard output");
  o->text.len = 0;
}

void out_free(out *o)
{
  stralloc_free(&o->text);
  stralloc_free(&o->clean);
}

/* --- widths --------------------------------------------------------------------------- */

/* In UTF-8, is this an octet of a character other than the first? */
static int inner(char c)
{
  return ((unsigned char)c & 0xc0) == 0x80;
}

size_t out_width(char const *s)
{
  size_t width = 0;
  for (; *s; s++) width += !inner(*s);
  return width;
}

size_t out_fit(char const *s, size_t width)
{
  size_t i = 0;
  for (; s[i]; i++)
    if (!inner(s[i]) && !width--) break;
  return i;
}

void out_clip(out *o, size_t from, size_t width)
{
  out_octets(o, "", 1);
  o->text.len = from + out_fit(o->text.s + from, width);
}

/* --- times ---------------------------------------------------------------------------- */

static char *unit_format(char *text, uint64_t number, char unit)
{
  text += uint64_fmt(text, number);
  *text++ = unit;
  return text;
}

void out_age_format(char *text, uint64_t seconds)
{
  uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (days)
  {
    text = unit_format(text, days, 'd');
    if (hours % 24) text = unit_format(text, hours % 24, 'h');
  }
  else if (hours)
  {
    text = unit_format(text, hours, 'h');
    if (minutes % 60) text = unit_format(text, minutes % 60, 'm');
  }
  else if (minutes) text = unit_format(text, minutes, 'm');
  else text = unit_format(text, seconds, 's');
  *text = 0;
}

/* --- terminals ------------------------------------------------------------------------ */

/* The size assumed of a terminal that does not tell its own. */
#define COLUMNS 80
#define ROWS 24

int out_terminal(size_t *columns, size_t *rows)
{
  struct winsize size = { .ws_col = 0 };
  if (!isatty(1)) return 0;
  ioctl(1, TIOCGWINSZ, &size);
  *columns = size.ws_col ? size.ws_col : COLUMNS;
  *rows = size.ws_row ? size.ws_row : ROWS;
  return 1;
}

int out_utf8(void)
{
  return setlocale(LC_CTYPE, "") && !strcmp(nl_langinfo(CODESET), "UTF-8");
}
