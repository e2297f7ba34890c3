/* Domain names and address literals: what is one, what lies below what. */

#include "smtp/domain.h"

#include <string.h>

#include "check.h"

#define LABEL63 "a23456789012345678901234567890123456789012345678901234567890123"

typedef struct text_case
{
  char const *text;
  int good;
} text_case;

static text_case const names[] =
{
  { "customer.tld", 1 },
  { "CUSTOMER.Tld", 1 },
  { "localhost", 1 },
  { "a", 1 },
  { "a-b.tld", 1 },
  { "a.b.tld", 1 },
  { "3com.com", 1 },
  { "1.2.3.4.in-addr.arpa", 1 },
  { "_dmarc.tld", 1 },
  { "xn--bcher-kva.tld", 1 },
  { LABEL63 ".tld", 1 },
  { LABEL63 "." LABEL63 "." LABEL63 ".a2345678901234567890123456789012345678901234567890123456789012", 0 },
  { LABEL63 "." LABEL63 "." LABEL63 ".a234567890123456789012345678901234567890123456789012345678901", 1 },
  { "x" LABEL63 ".tld", 0 },
  { "", 0 },
  { ".", 0 },
  { "..", 0 },
  { ".tld", 0 },
  { "customer.tld.", 0 },
  { "customer..tld", 0 },
  { "-a.tld", 0 },
  { "a-.tld", 0 },
  { "a.-", 0 },
  { "a.tld-", 0 },
  { "192.0.2.1", 0 },
  { "host.1", 0 },
  { "1", 0 },
  { "[192.0.2.1]", 0 },
  { "a b.tld", 0 },
  { "a/b.tld", 0 },
  { "../a", 0 },
  { "a@b", 0 },
  { "*.tld", 0 },
  { "b\303\274cher.tld", 0 },
  { "a\n.tld", 0 }
};

static text_case const literals[] =
{
  { "[192.0.2.1]", 1 },
  { "[0.0.0.0]", 1 },
  { "[255.255.255.255]", 1 },
  { "[IPv6:2001:db8::1]", 1 },
  { "[ipv6:2001:DB8::1]", 1 },
  { "[IPv6:::]", 1 },
  { "[IPv6:::1]", 1 },
  { "[IPv6:::ffff:192.0.2.1]", 1 },
  { "[IPv6:2001:db8:1:2:3:4:5:6]", 1 },
  { "[IPv6:ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]", 1 },
  { "192.0.2.1", 0 },
  { "[192.0.2.1", 0 },
  { "192.0.2.1]", 0 },
  { "[192.0.2.256]", 0 },
  { "[192.0.2]", 0 },
  { "[192.0.2.1.]", 0 },
  { "[192.0.2.1 ]", 0 },
  { "[ 192.0.2.1]", 0 },
  { "[]", 0 },
  { "[", 0 },
  { "]", 0 },
  { "", 0 },
  { "[2001:db8::1]", 0 },
  { "[IPv6:]", 0 },
  { "[IPv6:192.0.2.1]", 0 },
  { "[IPv6:2001:db8::1::2]", 0 },
  { "[IPv6:2001:db8:1:2:3:4:5:6:7]", 0 },
  { "[IPv6:fe80::1%lo]", 0 },
  { "[IPv6:2001:db8:0000000000000000000000000000000000000000000000000000000000000001::]", 0 },
  { "[x-tag:anything]", 0 },
  { "[mail.customer.tld]", 0 }
};

static struct below_case
{
  char const *domain;
  char const *parent;
  int good;
} const belows[] =
{
  { "customer.tld", "customer.tld", 1 },
  { "a.customer.tld", "customer.tld", 1 },
  { "a.b.customer.tld", "customer.tld", 1 },
  { "customer.tld", "tld", 1 },
  { "customer.tld", "", 1 },
  { "acustomer.tld", "customer.tld", 0 },
  { "customer.tld", "a.customer.tld", 0 },
  { ".customer.tld", "customer.tld", 0 },
  { "a-customer.tld", "customer.tld", 0 },
  { "customer.tld.evil", "customer.tld", 0 },
  { "omer.tld", "customer.tld", 0 }
};

static struct fold_case
{
  char const *domain;
  char const *folded;
} const folds[] =
{
  { "Customer.TLD", "customer.tld" },
  { "customer.tld.", "customer.tld" },
  { "customer.tld..", "customer.tld." },
  { "AZ[`az@{", "az[`az@{" },
  { "B\303\234CHER.tld", "b\303\234cher.tld" },
  { ".", "" },
  { "", "" }
};

#define EACH(i, table) for (i = 0; i < sizeof table / sizeof *table; i++)

static void test_names(void)
{
  size_t i;
  EACH(i, names) CHECK(names[i].text, smtp_domain_ok(names[i].text, strlen(names[i].text)) == names[i].good);
  CHECK("NUL in a name", !smtp_domain_ok("a\0b.tld", 7));
  CHECK("NUL at the end of a name", !smtp_domain_ok("a.tld", 6));
}

static void test_literals(void)
{
  size_t i;
  EACH(i, literals)
    CHECK(literals[i].text, smtp_literal_ok(literals[i].text, strlen(literals[i].text)) == literals[i].good);
  CHECK("NUL in a literal", !smtp_literal_ok("[192.0.2.1\0]", 12));
  CHECK("NUL and more in a literal", !smtp_literal_ok("[192.0.2.1\0@b]", 14));
}

static void test_below(void)
{
  size_t i;
  EACH(i, belows)
    CHECK(belows[i].domain, smtp_domain_below(belows[i].domain, strlen(belows[i].domain),
                                              belows[i].parent, strlen(belows[i].parent)) == belows[i].good);
}

static void test_fold(void)
{
  char out[64];
  size_t i;
  EACH(i, folds)
  {
    size_t len = smtp_domain_fold(out, folds[i].domain, strlen(folds[i].domain));
    CHECK(folds[i].domain, len == strlen(folds[i].folded) && !memcmp(out, folds[i].folded, len));
  }
  memcpy(out, "CUSTOMER.tld.", 13);
  CHECK("fold in place", smtp_domain_fold(out, out, 13) == 12 && !memcmp(out, "customer.tld", 12));
}

int main(void)
{
  test_names();
  test_literals();
  test_below();
  test_fold();
  CHECK("U-labels seen", smtp_domain_utf8("b\303\274cher.tld", 11));
  CHECK("A-labels are not", !smtp_domain_utf8("xn--bcher-kva.tld", 17));
  return CHECK_END();
}
