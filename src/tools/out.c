#include "tools/out.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "smtp/reply.h"

static void die_memory(void)
{
  strerr_diefusys(111, "put the output together");
}

/* --- pieces --------------------------------------------------------------------------- */

void out_octets(out *o, char const *s, size_t len)
{
  if (!stralloc_catb(&o->text, s, len)) die_memory();
}

void out_text(out *o, char const *s)
{
  out_octets(o, s, strlen(s));
}

void out_number(out *o, uint64_t number)
{
  char text[UINT64_FMT];
  out_octets(o, text, uint64_fmt(text, number));
}

void out_spaces(out *o, size_t n)
{
  while (n--) out_octets(o, " ", 1);
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
  char text[UINT64_FMT];
  text[uint64_fmt(text, number)] = 0;
  out_right(o, text, width);
}

char const *out_cleaned(out *o, char const *s)
{
  if (!stralloc_copys(&o->clean, s) || !stralloc_0(&o->clean)) die_memory();
  smtp_text_clean(o->clean.s, o->clean.len - 1);
  return o->clean.s;
}

/* What is control or no UTF-8 is a question mark by then. */
void out_json(out *o, char const *s)
{
  out_octets(o, "\"", 1);
  for (s = out_cleaned(o, s); *s; s++)
  {
    if (*s == '"' || *s == '\\') out_octets(o, "\\", 1);
    out_octets(o, s, 1);
  }
  out_octets(o, "\"", 1);
}

void out_flush(out *o)
{
  if (allwrite(1, o->text.s, o->text.len) < o->text.len) strerr_diefusys(111, "write to standard output");
  o->text.len = 0;
}

void out_free(out *o)
{
  stralloc_free(&o->text);
  stralloc_free(&o->clean);
}

/* --- widths --------------------------------------------------------------------------- */

/* Not the first octet of a character, in UTF-8. */
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

/* What a terminal has that does not say. */
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
