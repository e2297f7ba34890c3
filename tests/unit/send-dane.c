#include "send/dane.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "base/log.h"

char const *PROG = "send-dane";

static dane d;

/* Add a record from the heap: a step beyond its end is seen. */
static void add(void const *s, size_t len)
{
  unsigned char *copy = malloc(len ? len : 1);
  if (!copy) abort();
  memcpy(copy, s, len);
  dane_add(&d, copy, len);
  free(copy);
}

/* Usage, selector and matching, and so many octets behind them. */
static void add_of(unsigned int usage, unsigned int selector, unsigned int matching, size_t len)
{
  unsigned char s[8192];
  memset(s, 0xa5, sizeof s);
  s[0] = (unsigned char)usage;
  s[1] = (unsigned char)selector;
  s[2] = (unsigned char)matching;
  add(s, 3 + len);
}

static int useful(unsigned int usage, unsigned int selector, unsigned int matching, size_t len)
{
  dane_clear(&d);
  add_of(usage, selector, matching, len);
  return d.found && d.count == 1;
}

static int useless(unsigned int usage, unsigned int selector, unsigned int matching, size_t len)
{
  dane_clear(&d);
  add_of(usage, selector, matching, len);
  return d.found && !d.count && !d.len;
}

static void check_records(void)
{
  size_t len;
  int good = 1;
  CHECK("3 1 1", useful(3, 1, 1, 32));
  CHECK("3 0 2", useful(3, 0, 2, 64));
  CHECK("2 0 0", useful(2, 0, 0, 700));
  CHECK("usage 0, 1", useless(0, 0, 1, 32) && useless(1, 1, 1, 32));
  CHECK("usage 4, 255", useless(4, 1, 1, 32) && useless(255, 1, 1, 32));
  CHECK("selector 2", useless(3, 2, 1, 32));
  CHECK("matching 3, 255", useless(3, 1, 3, 48) && useless(3, 1, 255, 32));
  CHECK("half a digest", useless(3, 1, 1, 31) && useless(3, 1, 1, 33) && useless(3, 1, 2, 32));
  CHECK("nothing to match", useless(3, 1, 0, 0) && useless(2, 0, 0, 0));
  for (len = 0; len < 3; len++)
  {
    dane_clear(&d);
    add("\3\1\1", len);
    good &= d.found && !d.count;
  }
  CHECK("cut off", good);
}

static void check_many(void)
{
  static tls_request r;
  static tls_asked asked;
  unsigned int i;
  dane_clear(&d);
  for (i = 0; i < 1000; i++) add_of(i % 2 ? 3 : 1, 1, 1, 32);
  CHECK("no more than can be asked for", d.count == TLS_TLSA_MAX);
  tls_request_connect(&r, "mx.customer.tld", 30, TLS_DANE);
  dane_ask(&d, &r);
  tls_request_end(&r);
  CHECK("all of them are", tls_request_scan(r.s, r.len - 2, &asked) && asked.records == TLS_TLSA_MAX
        && asked.tlsa[31].usage == 3 && asked.tlsa[31].selector == 1 && asked.tlsa[31].matching == 1
        && asked.tlsa[31].hex.len == 64 && !memcmp(asked.tlsa[31].hex.s, "a5a5", 4));
  dane_clear(&d);
  for (i = 0; i < 1000; i++) add_of(3, 0, 0, 1000);
  CHECK("large ones", d.count == 4 && d.len <= sizeof d.octets);
  add_of(3, 0, 0, DANE_OCTETS_MAX);
  add_of(3, 1, 1, 32);
  CHECK("a small one behind those that do not fit", d.count == 5);
  tls_request_connect(&r, "", 30, TLS_DANE);
  dane_ask(&d, &r);
  tls_request_end(&r);
  CHECK("they fit", tls_request_scan(r.s, r.len - 2, &asked) && asked.records == 5);
  CHECK("one that is too large by itself", useless(3, 0, 0, DANE_OCTETS_MAX - 4) && useful(3, 0, 0, DANE_OCTETS_MAX - 5));
  dane_clear(&d);
  tls_request_connect(&r, "", 30, TLS_MAY);
  dane_ask(&d, &r);
  CHECK("none", !r.records && !d.found);
}

int main(void)
{
  check_records();
  check_many();
  CHECK_END();
}
