/* Fields of a header, and the addresses in them: what is found, how it is written, what is no list. */

#include "smtp/header.h"

#include <string.h>

#include "check.h"

/* --- fields --- */

static struct field_case
{
  char const *text;
  size_t len;         /* 0: no field */
  size_t namelen;
  char const *body;
} const fields[] =
{
  { "To: a\r\n", 7, 2, " a\r\n" },
  { "To: a\nCc: b\n", 6, 2, " a\n" },
  { "To: a\r\n b\r\n\tc\r\nCc: b\r\n", 15, 2, " a\r\n b\r\n\tc\r\n" },
  { "To:", 3, 2, "" },
  { "To:\n", 4, 2, "\n" },
  { "To : a\n", 7, 2, " a\n" },
  { "To\t: a\n", 7, 2, " a\n" },
  { "X-!#$: a\n b", 11, 5, " a\n b" },
  { "a::b\n", 5, 1, ":b\n" },
  { "", 0, 0, 0 },
  { ":", 0, 0, 0 },
  { " To: a\n", 0, 0, 0 },
  { "To a: b\n", 0, 0, 0 },
  { "To\n", 0, 0, 0 },
  { "\n", 0, 0, 0 },
  { "From alice Sat Nov 21 12:00:00 2026\n", 0, 0, 0 },
  { "T\303\266: a\n", 0, 0, 0 },
  { "To\001: a\n", 0, 0, 0 }
};

static void check_fields(void)
{
  size_t i;
  for (i = 0; i < sizeof fields / sizeof *fields; i++)
  {
    struct field_case const *c = fields + i;
    smtp_field field;
    size_t n = smtp_field_scan(c->text, strlen(c->text), &field);
    CHECK(c->text, n == c->len);
    if (n) CHECK(c->text, field.namelen == c->namelen && field.bodylen == strlen(c->body)
      && !memcmp(field.body, c->body, field.bodylen));
  }
}

/* --- lists --- */

#define TEN "abcdefghij"
#define FIFTY TEN TEN TEN TEN TEN

/* What comes of a list: its addresses, those without a domain with "!"; "-" behind them where it is none. */
static struct list_case
{
  char const *text;
  char const *found;
} const lists[] =
{
  { "", "" },
  { " \r\n\t", "" },
  { "a@b", "a@b" },
  { " a@b ", "a@b" },
  { "a@b, c@d", "a@b c@d" },
  { "a@b,\r\n c@d,\n\te@f\r\n", "a@b c@d e@f" },
  { ",, a@b,,c@d ,", "a@b c@d" },
  { "a@b; c@d", "a@b c@d" },
  { "alice", "alice!" },
  { "alice, <bob>", "alice! bob!" },
  { "Alice <a@b>", "a@b" },
  { "Alice B. C <a@b>", "a@b" },
  { "\"B, Alice\" <a@b>", "a@b" },
  { "\"a\\\"b\\\\\" <a@b>", "a@b" },
  { "Alice [work] <a@b>", "a@b" },
  { "a@b <c@d>", "c@d" },
  { "'a@b' (x) <a@b>, c@d <e>", "a@b e!" },
  { "Alice @ Work @ Home<a@b>", "a@b" },
  { "=?UTF-8?Q?B=C3=BCcher?= <a@b>", "a@b" },
  { "B\303\274cher <a@b>", "a@b" },
  { "B\374cher <a@b>", "a@b" },
  { "a@b (Alice)", "a@b" },
  { "(one (two) \\) three)a(x)@(y)b(z)", "a@b" },
  { "a (x) . b @ c . d", "a.b@c.d" },
  { "<a @ b>", "a@b" },
  { "Alice<a@b>", "a@b" },
  { "<@x,@y:a@b>", "a@b" },
  { "<>", "" },
  { "Nobody <>, a@b", "a@b" },
  { "undisclosed-recipients:;", "" },
  { "undisclosed-recipients:", "" },
  { "Group: a@b, C <c@d>; e@f", "a@b c@d e@f" },
  { "One: a@b;, Two: c@d;", "a@b c@d" },
  { "\"A Group\" (of some): a@b;", "a@b" },

  /* local parts as they have to be written */
  { "\"a\"@b", "a@b" },
  { "\"a b\"@c", "\"a b\"@c" },
  { "\"a\tb\"@c", "\"a b\"@c" },
  { "\"a\r\n b\"@c", "\"a b\"@c" },
  { "\"a\\\\\\\"b\"@c", "\"a\\\\\\\"b\"@c" },
  { "\"a@b\"@c", "\"a@b\"@c" },
  { "\"a,b\" . c@d", "\"a,b.c\"@d" },
  { "\"\"@a", "\"\"@a" },
  { "a..b@c", "\"a..b\"@c" },
  { ".a@b", "\".a\"@b" },
  { "a.@b", "\"a.\"@b" },
  { "!#$%&'*+-/=?^_`{|}~@a", "!#$%&'*+-/=?^_`{|}~@a" },
  { "j\303\266rg@b\303\274cher.example", "j\303\266rg@b\303\274cher.example" },
  { "a@[192.0.2.1]", "a@[192.0.2.1]" },
  { "a@[ IPv6:2001:db8::1\r\n ]", "a@[IPv6:2001:db8::1]" },
  { "a@b.", "a@b." },

  /* no lists */
  { "Alice Bob", "-" },
  { "Alice a@b", "-" },
  { "a@b c@d", "-" },
  { "a@b c@d <e@f", "-" },
  { "a@b@c", "-" },
  { "a@", "-" },
  { "@b", "-" },
  { "a@b, @", "a@b -" },
  { "<a@b", "-" },
  { "a@b>", "-" },
  { "<<a@b>>", "-" },
  { "<a@b> x", "-" },
  { "<a b>", "-" },
  { "<a@b,c@d>", "-" },
  { "<@x,@y a@b>", "-" },
  { "<@x>", "-" },
  { "\"a@b", "-" },
  { "\"a\\", "-" },
  { "(a@b", "-" },
  { "a@b (c", "-" },
  { "a@b)", "-" },
  { "a@b (c\\)", "-" },
  { ":", "-" },
  { "One: Two: a@b;", "-" },
  { "a@.b", "-" },
  { "a@b..c", "-" },
  { "a@b c", "-" },
  { "a@[192.0.2.1", "-" },
  { "a@[192.0.2.1] b", "-" },
  { "\"a\001b\"@c", "-" },
  { "a\001b@c", "-" },
  { "a@b\033[1m", "-" },
  { "a@[\001]", "-" },
  { "[x]@b", "-" },
  { "<a@[1}+@<>,.2.1]>", "-" },
  { "a@[1,b@c]", "-" },
  { "a@[x;y]", "-" },
  { FIFTY FIFTY FIFTY FIFTY FIFTY "@b", FIFTY FIFTY FIFTY FIFTY FIFTY "@b" },
  { FIFTY FIFTY FIFTY FIFTY FIFTY "abcd@b", "-" },
  { FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY "@b", "-" },
  { FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY " <a@b>", "a@b" },
  { "a@" FIFTY FIFTY FIFTY FIFTY FIFTY TEN, "-" }
};

static void list_found(char *out, char const *s, size_t len)
{
  smtp_address_list list = { .s = s, .len = len };
  smtp_address address;
  int r;
  while ((r = smtp_address_next(&list, &address)) > 0)
  {
    if (!address.len) continue;
    out = stpcpy(stpcpy(out, address.s), address.qualified ? " " : "! ");
  }
  out = stpcpy(out, r < 0 ? "- " : "");
  out[-1] = 0;
}

static void check_lists(void)
{
  size_t i;
  for (i = 0; i < sizeof lists / sizeof *lists; i++)
  {
    char found[2000] = "\n", *result = found + 1;
    list_found(result, lists[i].text, strlen(lists[i].text));
    if (!CHECK(lists[i].text, !strcmp(result, lists[i].found))) printf("# %s\n", result);
  }
}

static void check_nul(void)
{
  char found[200] = "\n";
  list_found(found + 1, "a\0@b", 4);
  CHECK("a NUL", !strcmp(found + 1, "-"));
  list_found(found + 1, "\"a\0\"@b", 6);
  CHECK("a NUL in quotes", !strcmp(found + 1, "-"));
}

/* Where the domain that is missing belongs. */
static void check_ends(void)
{
  char const text[] = "alice (x), \"B\" <bob>, \"c d\" , e@f, Nobody <>";
  smtp_address_list list = { .s = text, .len = sizeof text - 1 };
  smtp_address address;
  CHECK("a bare word", smtp_address_next(&list, &address) == 1 && !address.qualified && address.end == 5);
  CHECK("in brackets", smtp_address_next(&list, &address) == 1 && !address.qualified && text[address.end] == '>');
  CHECK("in quotes", smtp_address_next(&list, &address) == 1 && !address.qualified && address.end == 27);
  CHECK("with a domain", smtp_address_next(&list, &address) == 1 && address.qualified);
  CHECK("the null address", smtp_address_next(&list, &address) == 1 && address.qualified && !address.len);
  CHECK("the end", smtp_address_next(&list, &address) == 0 && smtp_address_next(&list, &address) == 0);
}

/* --- names --- */

static struct { char const *name; char const *phrase; } const phrases[] =
{
  { "Alice", "Alice" },
  { "Alice Liddell", "Alice Liddell" },
  { "Alice P. Liddell", "\"Alice P. Liddell\"" },
  { "Liddell, Alice", "\"Liddell, Alice\"" },
  { "A \"B\" \\ C", "\"A \\\"B\\\" \\\\ C\"" },
  { " Alice", "\" Alice\"" },
  { "", "\"\"" },
  { "a\r\nBcc: x@y", "\"a??Bcc: x@y\"" },
  { "J\303\266rg", "=?UTF-8?Q?J=C3=B6rg?=" },
  { "J\303\266rg (x) _?=", "=?UTF-8?Q?J=C3=B6rg_=28x=29_=5F=3F=3D?=" },
  { "J\366rg", "J?rg" },
  { FIFTY FIFTY TEN, FIFTY FIFTY },
  { FIFTY TEN TEN TEN TEN "abcdefghi\303\266",  FIFTY TEN TEN TEN TEN "abcdefghi" },
  { "\303\266\303\266\303\266\303\266\303\266\303\266\303\266\303\266\303\266\303\266\303\266",
    "=?UTF-8?Q?=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6?= =?UTF-8?Q?=C3=B6?=" }
};

static void check_phrases(void)
{
  size_t i;
  for (i = 0; i < sizeof phrases / sizeof *phrases; i++)
  {
    char out[SMTP_PHRASE_MAX];
    size_t n = smtp_phrase_format(out, phrases[i].name, strlen(phrases[i].name));
    if (!CHECK(phrases[i].name, n == strlen(phrases[i].phrase) && !memcmp(out, phrases[i].phrase, n)))
      printf("# %.*s\n", (int)n, out);
  }
}

static void check_utf8(void)
{
  CHECK("ASCII", !smtp_header_utf8("Subject: x\r\n", 12));
  CHECK("UTF-8", smtp_header_utf8("\303\266", 2));
  CHECK("Latin-1", !smtp_header_utf8("\303\266 \366", 4));
}

int main(void)
{
  check_fields();
  check_lists();
  check_nul();
  check_ends();
  check_phrases();
  check_utf8();
  CHECK_END();
}
