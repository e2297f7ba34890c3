/* Quoted-printable: a table; and whatever it is, in pieces or not, it can be read again. */

#include "bounce/quoted.h"

#include <string.h>

#include "check.h"

#define TEN "abcdefghij"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN
#define LEN_MAX 2048

static struct quoted_case
{
  char const *in;
  char const *out;
} const cases[] =
{
  { "", "" },
  { "a b\r\n\r\nc", "a b\r\n\r\nc" },
  { "a=b\t~", "a=3Db\t~" },
  { "\303\274 \177\1", "=C3=BC =7F=01" },
  { "a \r\n\t\r\nb\t", "a=20\r\n=09\r\nb=09" },
  { "a\rb\nc\r\r\n\n", "a=0Db=0Ac=0D\r\n=0A" },
  { "a \r", "a =0D" },
  { ".\r\n..\r\n", ".\r\n..\r\n" },
  { SEVENTY "abcde", SEVENTY "abcde" },
  { SEVENTY "abcdef\r\n", SEVENTY "abcdef\r\n" },
  { SEVENTY "abcdef\rg", SEVENTY "abcde=\r\nf=0Dg" },
  { SEVENTY "abcdefg", SEVENTY "abcde=\r\nfg" },
  { SEVENTY "abcd=", SEVENTY "abcd=\r\n=3D" },
  { SEVENTY "abcde \r\n", SEVENTY "abcde=\r\n=20\r\n" },
  { SEVENTY "abc \r\n", SEVENTY "abc=20\r\n" }
};

static size_t encode(char *out, char const *in, size_t len, size_t step)
{
  quoted q = { 0 };
  size_t i, n, o = 0;
  for (i = 0; i < len; i += n)
  {
    n = len - i < step ? len - i : step;
    o += quoted_put(&q, out + o, in + i, n);
  }
  return o + quoted_end(&q, out + o);
}

static int case_ok(struct quoted_case const *c)
{
  char out[512];
  size_t step, n;
  for (step = 1; step < 100; step++)
  {
    n = encode(out, c->in, strlen(c->in), step);
    if (n != strlen(c->out) || memcmp(out, c->out, n)) return 0;
  }
  return 1;
}

static int hex(char c)
{
  return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* What a reader makes of it. */
static size_t decode(char *out, char const *in, size_t len)
{
  size_t i, n = 0;
  for (i = 0; i < len; i++)
    if (in[i] != '=') out[n++] = in[i];
    else
    {
      if (in[i + 1] != '\r') out[n++] = (char)(hex(in[i + 1]) * 16 + hex(in[i + 2]));
      i += 2;
    }
  return n;
}

static int lines_ok(char const *s, size_t len)
{
  size_t column = 0, i;
  for (i = 0; i < len; i++)
  {
    column = s[i] == '\n' ? 0 : column + (s[i] != '\r');
    if (column > 76 || (s[i] == '\r') != (i + 1 < len && s[i + 1] == '\n')) return 0;
    if ((s[i] == ' ' || s[i] == '\t') && (i + 1 == len || s[i + 1] == '\r')) return 0;
    if (!strchr("\t\r\n", s[i]) && (s[i] < ' ' || s[i] > '~')) return 0;
  }
  return 1;
}

static unsigned int random_next(unsigned int *seed)
{
  *seed = *seed * 1103515245U + 12345U;
  return *seed >> 16 & 0x7FFF;
}

/* Mostly of what matters. */
static int there_and_back(unsigned int seed)
{
  static char const octets[] = "\r\n\r\n\r\n \t=..ab\303\274\1";
  static char in[LEN_MAX], out[QUOTED_MAX(LEN_MAX)], again[QUOTED_MAX(LEN_MAX)];
  unsigned int i;
  for (i = 0; i < 2000; i++)
  {
    size_t len = random_next(&seed) % LEN_MAX, k, n, breaks = random_next(&seed) % 40;
    for (k = 0; k < len; k++)
      in[k] = random_next(&seed) % 40 < breaks ? octets[random_next(&seed) % (sizeof octets - 1)] : 'x';
    n = encode(out, in, len, 1 + random_next(&seed) % 200);
    if (n > sizeof out || !lines_ok(out, n)) return 0;
    if (decode(again, out, n) != len || memcmp(again, in, len)) return 0;
  }
  return 1;
}

int main(void)
{
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) CHECK(cases[i].in, case_ok(&cases[i]));
  CHECK("encoded and read again", there_and_back(1));
  return CHECK_END();
}
