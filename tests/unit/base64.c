/* Base64: the vectors of RFC 4648 section 10, what is none, and both ways. */

#include "smtp/base64.h"

#include <string.h>

#include "check.h"

static struct vector
{
  char const *plain;
  char const *coded;
} const vectors[] =
{
  { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
  { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\377\376\375", "//79" }, { "\373\360", "+/A=" }
};

static char const *const none[] =
{
  "Z", "Zg", "Zg=", "Zg===", "Zg== ", " Zg==", "Zm9v\n", "Z===", "====", "=", "==", "Zm=v", "Zg==Zg==", "Zm9v=",
  "Zm 9", "Zm-v", "Zm_v", "Zm9\303", "*", "Zh==", "Zm9=", "Zm8=Zm9v"
};

static void check_vectors(void)
{
  char out[64];
  size_t i, len;
  for (i = 0; i < sizeof vectors / sizeof *vectors; i++)
  {
    struct vector const *v = vectors + i;
    len = smtp_base64_format(out, v->plain, strlen(v->plain));
    CHECK(v->coded, len == strlen(v->coded) && !strcmp(out, v->coded));
    CHECK(v->coded, smtp_base64_scan(out, &len, v->coded, strlen(v->coded)));
    CHECK(v->coded, len == strlen(v->plain) && !memcmp(out, v->plain, len));
  }
}

static void check_none(void)
{
  char out[64];
  size_t i, len;
  for (i = 0; i < sizeof none / sizeof *none; i++)
    CHECK(none[i], !smtp_base64_scan(out, &len, none[i], strlen(none[i])));
  CHECK("a NUL", !smtp_base64_scan(out, &len, "Zm\0v", 4));
}

/* Every octet in every place; read where it stands. */
static void check_both_ways(void)
{
  char octets[259], coded[SMTP_BASE64_MAX(sizeof octets)];
  size_t len, n, i;
  int good = 1;
  for (i = 0; i < sizeof octets; i++) octets[i] = (char)(i * 7);
  for (n = 0; n <= sizeof octets; n++)
  {
    len = smtp_base64_format(coded, octets, n);
    good &= len + 1 == SMTP_BASE64_MAX(n) && smtp_base64_scan(coded, &len, coded, len);
    good &= len == n && !memcmp(coded, octets, n);
  }
  CHECK("both ways, in place", good);
}

int main(void)
{
  check_vectors();
  check_none();
  check_both_ways();
  return CHECK_END();
}
