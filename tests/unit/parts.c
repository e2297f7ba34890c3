/* The headers of a message and its parts: which octets over 127 are in one. */

#include "smtp/parts.h"

#include <string.h>

#include "check.h"

#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n"
#define DIGEST "Content-Type: multipart/digest; boundary=d\r\n"
#define RFC822 "Content-Type: message/rfc822\r\n"
#define GLOBAL "Content-Type: message/global\r\n"
#define U "\303\274"
#define TEN "abcdefghij"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN

static struct parts_case
{
  char const *name;
  char const *in;
  int high;
} const cases[] =
{
  { "nothing", "", 0 },
  { "ASCII", "Subject: x\r\n\r\nx\r\n", 0 },
  { "the header", "Subject: " U "\r\n\r\nx\r\n", 1 },
  { "a folded line", "Subject: x\r\n\t" U "\r\n\r\nx\r\n", 1 },
  { "Latin-1", "Subject: \374\r\n\r\n", 1 },
  { "the header's last line, not ended", "Subject: x" U, 1 },
  { "the body", "Subject: x\r\n\r\n" U "\r\n", 0 },
  { "no header", "\r\n" U "\r\n", 0 },
  { "no header, and no empty line", U " and " U "\r\n", 0 },
  { "words before an empty line", "Hello, J" U "rgen!\r\n\r\nx: y\r\n", 0 },
  { "a colon late in a line", "Hello J" U "rgen: y\r\n", 0 },
  { "white space behind what is none", "From x\r\n " U "\r\n\t: " U "\r\n\r\n", 0 },
  { "white space first", " X: " U "\r\n\r\n", 0 },
  { "a field behind what is none", "From x\r\nSubject: " U "\r\n\r\n", 1 },
  { "what looks like a boundary, but is none", "Subject: x\r\n\r\n--b\r\nSubject: " U "\r\n", 0 },

  { "the header of a part", MIXED "\r\n--b\r\nContent-Description: " U "\r\n\r\nx\r\n--b--\r\n", 1 },
  { "of the second part", MIXED "\r\n--b\r\n\r\nx\r\n--b\r\nContent-Disposition: x;\r\n filename=\"" U "\"\r\n\r\n", 1 },
  { "white space behind a boundary", MIXED "\r\n--b \t\r\nX: " U "\r\n", 1 },
  { "the body of a part", MIXED "\r\n--b\r\nX: x\r\n\r\n" U ": x\r\nX: " U "\r\n--b--\r\n", 0 },
  { "before the parts", MIXED "\r\nX: " U "\r\n--b\r\n\r\n--b--\r\n", 0 },
  { "behind the parts", MIXED "\r\n--b\r\n\r\nx\r\n--b--\r\nX: " U "\r\n\r\n--b\r\nX: " U "\r\n", 0 },
  { "a signature", MIXED "\r\n--b\r\n\r\nx\r\n-- \r\nTel: gr" U "n\r\n--b--\r\n", 0 },
  { "a line that begins as a boundary", MIXED "\r\n--bc\r\nX: " U "\r\n--b c\r\nX: " U "\r\n--\r\nX: " U "\r\n", 0 },
  { "not at a line's beginning", MIXED "\r\n --b\r\nX: " U "\r\n", 0 },
  { "a part without an empty line", MIXED "\r\n--b\r\nX: x\r\n--b\r\nX: " U "\r\n", 1 },
  { "a header ended by its boundary", MIXED "\r\n--b\r\nX: x\r\n--b--\r\nX: " U "\r\n", 0 },

  { "a message within", RFC822 "\r\nSubject: " U "\r\n\r\nx\r\n", 1 },
  { "its body", RFC822 "\r\nSubject: x\r\n\r\n" U "\r\n", 0 },
  { "one of RFC 6532", GLOBAL "\r\nSubject: " U "\r\n\r\nx\r\n", 1 },
  { "encoded", GLOBAL "Content-Transfer-Encoding: Base64\r\n\r\nX: " U "\r\n", 0 },
  { "encoded", "content-transfer-encoding:quoted-printable\r\n" GLOBAL "\r\nX: " U "\r\n", 0 },
  { "8bit", "Content-Transfer-Encoding: 8bit\r\n" GLOBAL "\r\nX: " U "\r\n", 1 },
  { "other messages", "Content-Type: message/delivery-status\r\n\r\nX: " U "\r\n", 0 },
  { "a message in a part", MIXED "\r\n--b\r\n" RFC822 "\r\nX: " U "\r\n\r\nx\r\n--b--\r\n", 1 },
  { "the part behind it", MIXED "\r\n--b\r\n" RFC822 "\r\nX: x\r\n\r\n" U "\r\n--b\r\nX: " U "\r\n\r\n", 1 },
  { "a message in a message", RFC822 "\r\n" RFC822 "\r\nX: " U "\r\n", 1 },
  { "parts of a message within", RFC822 "\r\n" MIXED "\r\n--b\r\nX: " U "\r\n", 1 },
  { "a digest", DIGEST "\r\n--d\r\n\r\nX: " U "\r\n\r\n", 1 },
  { "its bodies", DIGEST "\r\n--d\r\n\r\nX: x\r\n\r\n" U "\r\n--d--\r\n", 0 },
  { "text in a digest", DIGEST "\r\n--d\r\nContent-Type: text/plain\r\n\r\nX: " U "\r\n", 0 },

  { "parts within parts", MIXED "\r\n--b\r\n" DIGEST "\r\n--d\r\nContent-Type: text/plain\r\n\r\nx\r\n--d--\r\n--b\r\nX: " U
    "\r\n\r\n", 1 },
  { "within, not ended", MIXED "\r\n--b\r\n" DIGEST "\r\n--d\r\n\r\nx: x\r\n--b\r\nX: x\r\n\r\n--d\r\nX: " U "\r\n", 0 },
  { "within, the outer one ended", MIXED "\r\n--b\r\n" DIGEST "\r\n--b--\r\n--d\r\nX: " U "\r\n", 0 },

  { "quoted", "Content-Type: multipart/mixed; boundary=\"a \\b\\\"\"\r\n\r\n--a b\"\r\nX: " U "\r\n", 1 },
  { "quoted, white space at its end", "Content-Type: multipart/mixed; boundary=\"b \"\r\n\r\n--b \r\nX: " U "\r\n", 1 },
  { "folded, upper case, comments", "CONTENT-TYPE: (a(b)\\)) MULTIPART / ALTERNATIVE ;(x)\r\n\tx=y;\r\n BOUNDARY = (z) \"b\"\r\n"
    "\r\n--b\r\nX: " U "\r\n", 1 },
  { "another parameter's value", "Content-Type: multipart/mixed; x=\"boundary=b\"; boundary=c\r\n\r\n--b\r\nX: " U "\r\n", 0 },
  { "two boundaries", "Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--b\r\nX: " U "\r\n", 1 },
  { "two boundaries", "Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--c\r\nX: " U "\r\n", 1 },
  { "none", "Content-Type: multipart/mixed\r\n\r\n--\r\nX: " U "\r\n", 0 },
  { "an empty one", "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\nX: " U "\r\n", 0 },
  { "no multipart", "Content-Type: text/plain; boundary=b\r\n\r\n--b\r\nX: " U "\r\n", 0 },
  { "not of the header", "\r\n" MIXED "\r\n--b\r\nX: " U "\r\n", 0 },
  { "of seventy", "Content-Type: multipart/mixed; boundary=" SEVENTY "\r\n\r\n" U "\r\n--" SEVENTY "\r\nX: x\r\n", 0 },
  { "of seventy", "Content-Type: multipart/mixed; boundary=" SEVENTY "\r\n\r\n--" SEVENTY "\r\nX: " U "\r\n", 1 },
  { "of more: nobody knows", "Content-Type: multipart/mixed; boundary=" SEVENTY "k\r\n\r\n--" SEVENTY "k\r\n" U "\r\n", 1 },
  { "of more, quoted", "Content-Type: multipart/mixed; boundary=\"" SEVENTY SEVENTY "\"\r\n\r\n" U "\r\n", 1 },
  { "of more, and nothing beyond ASCII", "Content-Type: multipart/mixed; boundary=" SEVENTY "k\r\n\r\nx\r\n", 0 },
  { "odd types", "Content-Type: multipart\r\n\r\n--b\r\nX: " U "\r\n", 0 },
  { "odd types", "Content-Type: \r\nContent-Type: /\r\nContent-Type: message/\r\n\r\nX: " U "\r\n", 0 },
  { "odd words", "Content-Type: multipart/mixed; boundary\r\n\r\nX: " U "\r\n", 0 },
  { "odd words", "Content-Type: multipart/mixed; boundary=\"b\r\n\r\n--b\r\nX: " U "\r\n", 1 },
  { "odd words", "Content-Type: multipart/mixed; (boundary=b\r\n\r\n--b\r\nX: " U "\r\n", 0 }
};

/* Each octet, or as many as this, at a time, in memory of their own: valgrind and ASan see a step beyond them. */
static int read_in_pieces(char const *in, size_t size)
{
  static smtp_parts const fresh;
  smtp_parts parts = fresh;
  char const *end = in + strlen(in);
  while (in < end)
  {
    char const *lf = memchr(in, '\n', (size_t)(end - in));
    size_t n = (size_t)((lf ? lf + 1 : end) - in);
    char *s;
    if (n > size) n = size;
    s = malloc(n);
    if (!s) exit(111);
    memcpy(s, in, n);
    smtp_parts_read(&parts, s, n);
    free(s);
    in += n;
    if (in[-1] == '\n') smtp_parts_line_end(&parts);
  }
  return smtp_parts_high(&parts);
}

/* Deeper than is remembered, everything counts. */
static void test_depth(void)
{
  static char in[8192];
  unsigned int depth, i;
  for (depth = SMTP_PARTS_DEPTH_MAX - 1; depth < SMTP_PARTS_DEPTH_MAX + 2; depth++)
  {
    char *p = in;
    for (i = 0; i < depth; i++) p += sprintf(p, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
    strcpy(p, "X: x\r\n\r\n" U "\r\n");
    CHECK("depth: the body", read_in_pieces(in, sizeof in) == (depth > SMTP_PARTS_DEPTH_MAX));
    strcpy(p, "X: " U "\r\n\r\n");
    CHECK("depth: a header", read_in_pieces(in, sizeof in));
  }
}

/* A boundary that may stand where nobody looks. */
static void test_long(void)
{
  static char in[4096];
  char *p = stpcpy(in, "Content-Type: multipart/mixed;");
  memset(p, ' ', SMTP_PARTS_KEPT_MAX);
  strcpy(p + SMTP_PARTS_KEPT_MAX, "boundary=b\r\n\r\n--b\r\nX: " U "\r\n");
  CHECK("far away in its field", read_in_pieces(in, sizeof in));
  p = stpcpy(in, MIXED "\r\n--b");
  memset(p, ' ', SMTP_PARTS_KEPT_MAX);
  strcpy(p + SMTP_PARTS_KEPT_MAX, "\r\nX: " U "\r\n");
  CHECK("a lot of white space behind it", read_in_pieces(in, sizeof in));
}

int main(void)
{
  size_t i, size;
  for (i = 0; i < sizeof cases / sizeof *cases; i++)
  {
    CHECK(cases[i].name, read_in_pieces(cases[i].in, 1000) == cases[i].high);
    for (size = 1; size < 5; size++) CHECK("the same in pieces", read_in_pieces(cases[i].in, size) == cases[i].high);
  }
  test_depth();
  test_long();
  return CHECK_END();
}
