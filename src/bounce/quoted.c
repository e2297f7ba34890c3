#include "bounce/quoted.h"

#include <string.h>

#include "smtp/chars.h"

/* RFC 2045 section 6.7 (5); the last octet may be the "=" of a soft line break. */
#define LINE_MAX_LEN 76

static int white(char c)
{
  return c == ' ' || c == '\t';
}

/* Encode one octet.  Returns the number of octets in out. */
static size_t octet_format(char out[3], char c, int at_line_end)
{
  static char const digits[] = "0123456789ABCDEF";
  int const plain = white(c) ? !at_line_end : smtp_visible(c) && c != '=';
  out[0] = c;
  if (plain) return 1;
  out[0] = '=';
  out[1] = digits[(unsigned char)c >> 4];
  out[2] = digits[(unsigned char)c & 15];
  return 3;
}

/* Put the octet that was held back. */
static size_t held_put(quoted *q, char *out, int at_line_end)
{
  static char const soft[] = "=\r\n";
  size_t const room = LINE_MAX_LEN - !at_line_end;
  char text[3];
  size_t len, n = 0;
  if (!q->held) return 0;
  q->held = 0;
  len = octet_format(text, q->octet, at_line_end);
  if (q->column + len > room)
  {
    n = sizeof soft - 1;
    memcpy(out, soft, n);
    q->column = 0;
  }
  memcpy(out + n, text, len);
  q->column += len;
  return n + len;
}

static size_t hold(quoted *q, char *out, char c)
{
  size_t n = held_put(q, out, 0);
  q->held = 1;
  q->octet = c;
  return n;
}

static size_t line_end(quoted *q, char *out)
{
  size_t n = held_put(q, out, 1);
  q->column = 0;
  memcpy(out + n, "\r\n", 2);
  return n + 2;
}

size_t quoted_put(quoted *q, char *out, char const *s, size_t len)
{
  size_t n = 0, i;
  for (i = 0; i < len; i++)
  {
    int const cr = q->cr;
    q->cr = s[i] == '\r';
    if (cr && s[i] == '\n') n += line_end(q, out + n);
    else
    {
      if (cr) n += hold(q, out + n, '\r');
      if (!q->cr) n += hold(q, out + n, s[i]);
    }
  }
  return n;
}

size_t quoted_end(quoted *q, char *out)
{
  size_t n = q->cr ? hold(q, out, '\r') : 0;
  n += held_put(q, out + n, 1);
  q->cr = 0;
  q->column = 0;
  return n;
}
