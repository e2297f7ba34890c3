/* Paths and mailboxes: what is taken, which part is what, what is refused. */

#include "smtp/path.h"

#include <string.h>

#include "check.h"

#define TEN "abcdefghij"
#define FIFTY TEN TEN TEN TEN TEN

static struct path_case
{
  char const *text;   /* the path, and perhaps what follows it */
  int flags;
  char const *local;  /* NULL: refused */
  char const *domain;
  char const *rest;
} const paths[] =
{
  { "<a@b>", 0, "a", "b", "" },
  { "<a@b> SIZE=1", 0, "a", "b", " SIZE=1" },
  { "<a@b>SIZE=1", 0, "a", "b", "SIZE=1" },
  { "<alice@Customer.tld>", 0, "alice", "Customer.tld", "" },
  { "<a.b.c@d.e>", 0, "a.b.c", "d.e", "" },
  { "<!#$%&'*+-/=?^_`{|}~@b>", 0, "!#$%&'*+-/=?^_`{|}~", "b", "" },

  /* null and bare paths */
  { "<>", SMTP_PATH_NULL, "", "", "" },
  { "<> SIZE=1", SMTP_PATH_NULL, "", "", " SIZE=1" },
  { "<>", SMTP_PATH_BARELOCAL, 0, 0, 0 },
  { "<postmaster>", SMTP_PATH_BARELOCAL, "postmaster", "", "" },
  { "<PostMaster>", SMTP_PATH_BARELOCAL, "PostMaster", "", "" },
  { "<postmaster>", SMTP_PATH_NULL, 0, 0, 0 },
  { "<postmaster2>", SMTP_PATH_BARELOCAL, 0, 0, 0 },
  { "<alice>", SMTP_PATH_BARELOCAL, 0, 0, 0 },
  { "<postmaster@>", SMTP_PATH_BARELOCAL, 0, 0, 0 },
  { "<@a:postmaster>", SMTP_PATH_BARELOCAL, 0, 0, 0 },
  { "< >", SMTP_PATH_NULL, 0, 0, 0 },

  /* quoted local parts */
  { "<\"a b\"@c>", 0, "\"a b\"", "c", "" },
  { "<\"a>b\"@c> X", 0, "\"a>b\"", "c", " X" },
  { "<\"a\\\"b\"@c>", 0, "\"a\\\"b\"", "c", "" },
  { "<\"a\\\\\"@c>", 0, "\"a\\\\\"", "c", "" },
  { "<\"a\\\\\"b\"@c>", 0, 0, 0, 0 },
  { "<\"a@b\"@c>", 0, "\"a@b\"", "c", "" },
  { "<\"@a:b\"@c>", 0, "\"@a:b\"", "c", "" },
  { "<\"a..b.\"@c>", 0, "\"a..b.\"", "c", "" },
  { "<\"\"@c>", 0, "\"\"", "c", "" },
  { "<\" \"@c>", 0, "\" \"", "c", "" },
  { "<\"a\\ b\"@c>", 0, "\"a\\ b\"", "c", "" },
  { "<\"a@c>", 0, 0, 0, 0 },
  { "<\"a\\\"@c>", 0, 0, 0, 0 },
  { "<\"a\\", 0, 0, 0, 0 },
  { "<\"", 0, 0, 0, 0 },
  { "<\"a\"b@c>", 0, 0, 0, 0 },
  { "<a\"b\"@c>", 0, 0, 0, 0 },
  { "<\"a\".b@c>", 0, 0, 0, 0 },
  { "<\"a\tb\"@c>", 0, 0, 0, 0 },
  { "<\"a\rb\"@c>", 0, 0, 0, 0 },
  { "<\"a\nb\"@c>", 0, 0, 0, 0 },
  { "<\"a\\\nb\"@c>", 0, 0, 0, 0 },
  { "<\"a\177b\"@c>", 0, 0, 0, 0 },
  { "<\"postmaster\">", SMTP_PATH_BARELOCAL, 0, 0, 0 },

  /* source routes */
  { "<@a:b@c>", 0, "b", "c", "" },
  { "<@a,@b.c:d@e>", 0, "d", "e", "" },
  { "<@a,@b:\"c d\"@e> X", 0, "\"c d\"", "e", " X" },
  { "<@a@b>", 0, 0, 0, 0 },
  { "<@a,b:c@d>", 0, 0, 0, 0 },
  { "<@a,:c@d>", 0, 0, 0, 0 },
  { "<@a,@b,:c@d>", 0, 0, 0, 0 },
  { "<@:c@d>", 0, 0, 0, 0 },
  { "<:c@d>", 0, 0, 0, 0 },
  { "<@a:>", SMTP_PATH_NULL, 0, 0, 0 },
  { "<@a:", 0, 0, 0, 0 },
  { "<@a", 0, 0, 0, 0 },
  { "<@", 0, 0, 0, 0 },

  /* address literals */
  { "<a@[192.0.2.1]>", 0, "a", "[192.0.2.1]", "" },
  { "<a@[IPv6:2001:db8::1]> X", 0, "a", "[IPv6:2001:db8::1]", " X" },
  { "<a@[192.0.2.1>", 0, 0, 0, 0 },
  { "<a@[192.0.2.1]b>", 0, 0, 0, 0 },
  { "<a@[192.0.2.300]>", 0, 0, 0, 0 },
  { "<a@[]>", 0, 0, 0, 0 },
  { "<a@[", 0, 0, 0, 0 },

  /* UTF-8 by the flag only, and well-formed */
  { "<\303\274@b>", SMTP_PATH_UTF8, "\303\274", "b", "" },
  { "<a\342\202\254.\360\237\230\200@b>", SMTP_PATH_UTF8, "a\342\202\254.\360\237\230\200", "b", "" },
  { "<\"a \303\274>\"@b>", SMTP_PATH_UTF8, "\"a \303\274>\"", "b", "" },
  { "<a@b\303\274cher.tld>", SMTP_PATH_UTF8, "a", "b\303\274cher.tld", "" },
  { "<@b\303\274cher.tld:a@b>", SMTP_PATH_UTF8, "a", "b", "" },
  { "<\303\274@b>", 0, 0, 0, 0 },
  { "<\"\303\274\"@b>", 0, 0, 0, 0 },
  { "<a@b\303\274cher.tld>", 0, 0, 0, 0 },
  { "<\303@b>", SMTP_PATH_UTF8, 0, 0, 0 },
  { "<\274@b>", SMTP_PATH_UTF8, 0, 0, 0 },
  { "<\300\257@b>", SMTP_PATH_UTF8, 0, 0, 0 },
  { "<\355\240\200@b>", SMTP_PATH_UTF8, 0, 0, 0 },
  { "<\302\205@b>", SMTP_PATH_UTF8, 0, 0, 0 },
  { "<\"\\\303\274\"@b>", SMTP_PATH_UTF8, 0, 0, 0 },
  { "<a@.\303\274.tld>", SMTP_PATH_UTF8, 0, 0, 0 },
  { "<a@\303\274..tld>", SMTP_PATH_UTF8, 0, 0, 0 },
  { "<a@\303\274.>", SMTP_PATH_UTF8, 0, 0, 0 },

  /* all the rest */
  { "", 0, 0, 0, 0 },
  { "<", SMTP_PATH_NULL, 0, 0, 0 },
  { ">", 0, 0, 0, 0 },
  { "a@b", 0, 0, 0, 0 },
  { "<a@b", 0, 0, 0, 0 },
  { "a@b>", 0, 0, 0, 0 },
  { " <a@b>", 0, 0, 0, 0 },
  { "<a@b >", 0, 0, 0, 0 },
  { "< a@b>", 0, 0, 0, 0 },
  { "<a @b>", 0, 0, 0, 0 },
  { "<a b@c>", 0, 0, 0, 0 },
  { "<<a@b>>", 0, 0, 0, 0 },
  { "<a@b@c>", 0, 0, 0, 0 },
  { "<@b>", 0, 0, 0, 0 },
  { "<a@>", 0, 0, 0, 0 },
  { "<.a@b>", 0, 0, 0, 0 },
  { "<a.@b>", 0, 0, 0, 0 },
  { "<a..b@c>", 0, 0, 0, 0 },
  { "<a(c)@b>", 0, 0, 0, 0 },
  { "<a,b@c>", 0, 0, 0, 0 },
  { "<a\\b@c>", 0, 0, 0, 0 },
  { "<a@b..c>", 0, 0, 0, 0 },
  { "<a@.b>", 0, 0, 0, 0 },
  { "<a@b.>", 0, 0, 0, 0 },
  { "<a@-b>", 0, 0, 0, 0 },
  { "<a@192.0.2.1>", 0, 0, 0, 0 },
  { "<a@b\r>", 0, 0, 0, 0 },
  { "<a\1@b>", 0, 0, 0, 0 },

  /* lengths: 64 is not held against anybody, 256 is */
  { "<" FIFTY TEN "abcd@b>", 0, FIFTY TEN "abcd", "b", "" },
  { "<" FIFTY FIFTY "@b>", 0, FIFTY FIFTY, "b", "" },
  { "<" FIFTY FIFTY FIFTY FIFTY FIFTY "ab@b>", 0, FIFTY FIFTY FIFTY FIFTY FIFTY "ab", "b", "" },
  { "<" FIFTY FIFTY FIFTY FIFTY FIFTY "abc@b>", 0, 0, 0, 0 }
};

/* By the flag only; local is what it becomes when quotes are put around a loose one. */
static struct path_case const lenients[] =
{
  { "a@b", SMTP_PATH_LENIENT, "a", "b", "" },
  { "a@b SIZE=1", SMTP_PATH_LENIENT, "a", "b", " SIZE=1" },
  { "<a@b>", SMTP_PATH_LENIENT, "a", "b", "" },
  { "<a@b> X", SMTP_PATH_LENIENT, "a", "b", " X" },
  { "a@[192.0.2.1] X", SMTP_PATH_LENIENT, "a", "[192.0.2.1]", " X" },
  { "\"a b>\"@c d", SMTP_PATH_LENIENT, "\"a b>\"", "c", " d" },
  { "<a..b@c>", SMTP_PATH_LENIENT, "\"a..b\"", "c", "" },
  { "<a.@c>", SMTP_PATH_LENIENT, "\"a.\"", "c", "" },
  { "<.a@c>", SMTP_PATH_LENIENT, "\".a\"", "c", "" },
  { "...a..b...@c X", SMTP_PATH_LENIENT, "\"...a..b...\"", "c", " X" },
  { "a.b@c", SMTP_PATH_LENIENT, "a.b", "c", "" },
  { "<@x,@y:a..@c>", SMTP_PATH_LENIENT, "\"a..\"", "c", "" },
  { "<>", SMTP_PATH_LENIENT | SMTP_PATH_NULL, "", "", "" },
  { "postmaster", SMTP_PATH_LENIENT | SMTP_PATH_BARELOCAL, "postmaster", "", "" },
  { "\303\274..@b", SMTP_PATH_LENIENT | SMTP_PATH_UTF8, "\"\303\274..\"", "b", "" },
  { "\303\274..@b", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "<" FIFTY FIFTY FIFTY FIFTY TEN TEN TEN TEN "abcdefgh..@b>", SMTP_PATH_LENIENT,
    "\"" FIFTY FIFTY FIFTY FIFTY TEN TEN TEN TEN "abcdefgh..\"", "b", "" },
  { "<" FIFTY FIFTY FIFTY FIFTY TEN TEN TEN TEN "abcdefghi..@b>", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "", SMTP_PATH_LENIENT | SMTP_PATH_NULL, 0, 0, 0 },
  { "SIZE=1", SMTP_PATH_LENIENT | SMTP_PATH_NULL, 0, 0, 0 },
  { "a@b>", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "<a@b", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "<a..@b", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "<a@b c", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a@b\tX", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a@b,c@d", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a b@c", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "@b", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "@x:a@b", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a@b..c", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a@b.", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a@.b", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a@-b", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a@192.0.2.1", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a..\1@b", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a.\"b\"@c", SMTP_PATH_LENIENT, 0, 0, 0 },
  { "a.(x)@c", SMTP_PATH_LENIENT, 0, 0, 0 }
};

static int same(char const *s, size_t len, char const *want)
{
  return len == strlen(want) && !memcmp(s, want, len);
}

static int local_same(smtp_path const *path, char const *want)
{
  size_t len = strlen(want);
  if (!path->loose) return same(path->local, path->locallen, want);
  return len == path->locallen + 2 && *want == '"' && want[len - 1] == '"' && !memcmp(path->local, want + 1, len - 2);
}

static int path_case_ok(struct path_case const *c)
{
  smtp_path path;
  size_t len = strlen(c->text);
  size_t n = smtp_path_scan(c->text, len, c->flags, &path);
  if (!c->local) return !n;
  return n && local_same(&path, c->local) && same(path.domain, path.domainlen, c->domain)
    && same(c->text + n, len - n, c->rest);
}

/* Does the scan stay within the path's octets, wherever these end? */
static int path_cut_ok(struct path_case const *c)
{
  smtp_path path;
  size_t len = strlen(c->text), cut;
  for (cut = 0; cut < len; cut++)
  {
    char *s = malloc(cut ? cut : 1); /* of just that size: valgrind and ASan see a step beyond it */
    size_t n;
    if (!s) exit(111);
    memcpy(s, c->text, cut);
    n = smtp_path_scan(s, cut, c->flags, &path);
    free(s);
    if (n > cut) return 0;
  }
  return 1;
}

static struct mailbox_case
{
  char const *text;
  int flags;
  int good;
} const mailboxes[] =
{
  { "a@b", 0, 1 },
  { "\"a b\"@c", 0, 1 },
  { "a@[IPv6:::1]", 0, 1 },
  { "postmaster", SMTP_PATH_BARELOCAL, 1 },
  { "", SMTP_PATH_NULL, 1 },
  { "\303\274@b", SMTP_PATH_UTF8, 1 },
  { "", 0, 0 },
  { "<a@b>", 0, 0 },
  { "a@b ", 0, 0 },
  { "a@b>", 0, 0 },
  { "a@b,", 0, 0 },
  { "a", 0, 0 },
  { "postmaster", 0, 0 },
  { "@a:b@c", 0, 0 },
  { "\303\274@b", 0, 0 }
};

int main(void)
{
  smtp_path path;
  size_t i;
  for (i = 0; i < sizeof paths / sizeof *paths; i++)
  {
    CHECK(paths[i].text, path_case_ok(&paths[i]));
    CHECK("the same cut anywhere", path_cut_ok(&paths[i]));
  }
  for (i = 0; i < sizeof lenients / sizeof *lenients; i++)
  {
    CHECK(lenients[i].text, path_case_ok(&lenients[i]));
    CHECK("the same cut anywhere", path_cut_ok(&lenients[i]));
  }
  for (i = 0; i < sizeof mailboxes / sizeof *mailboxes; i++)
    CHECK(mailboxes[i].text,
      smtp_mailbox_scan(mailboxes[i].text, strlen(mailboxes[i].text), mailboxes[i].flags, &path) == mailboxes[i].good);
  CHECK("NUL in an atom", !smtp_path_scan("<a\0b@c>", 7, 0, &path));
  CHECK("NUL between quotes", !smtp_path_scan("<\"a\0b\"@c>", 9, 0, &path));
  CHECK("NUL in a domain", !smtp_path_scan("<a@b\0c>", 7, 0, &path));
  return CHECK_END();
}
