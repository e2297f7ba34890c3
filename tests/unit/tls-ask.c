/* What is asked of tls-io and what it answers: both ends. */

#include "tls/ask.h"

#include <string.h>

#include "check.h"

#define EACH(i, table) for (i = 0; i < sizeof table / sizeof *table; i++)

#define PRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PRINT_UPPER "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"

static int is(tls_field field, char const *text)
{
  return field.len == strlen(text) && !memcmp(field.s, text, field.len);
}

/* Read a request back, as it was made, less its line end. */
static int reread(tls_request const *r, tls_asked *asked)
{
  return r->len > 2 && !memcmp(r->s + r->len - 2, "\r\n", 2)
    && tls_request_scan(r->s, r->len - 2, asked);
}

static void accepts(void)
{
  static tls_request r;
  static tls_asked a;
  tls_request_accept(&r, 60, 1, 1);
  tls_request_end(&r);
  CHECK("accept, all of it", r.len == 31 && !memcmp(r.s, "accept ccert lines timeout=60\r\n", 31));
  CHECK("accept, read", reread(&r, &a) && !a.connect && a.certificate && a.lines
        && a.timeout_s == 60);
  tls_request_accept(&r, 4294967295, 0, 0);
  tls_request_end(&r);
  CHECK("a time without end", !reread(&r, &a));
  tls_request_accept(&r, 1, 0, 0);
  tls_request_end(&r);
  CHECK("accept, the least", reread(&r, &a) && !a.certificate && !a.lines && a.timeout_s == 1);
}

static void connects(void)
{
  static tls_request r;
  static tls_asked a;
  tls_request_connect(&r, "mx.customer.tld", 300, TLS_DANE);
  CHECK("a name", tls_request_match(&r, "customer.tld"));
  CHECK("names below", tls_request_match(&r, ".customer.tld"));
  CHECK("an address", tls_request_match(&r, "2001:db8::1"));
  CHECK("a fingerprint, any case", tls_request_print(&r, PRINT_UPPER));
  CHECK("a TLSA record", tls_request_tlsa(&r, 3, 1, 1, "\x00\xfe", 2));
  CHECK("one of nothing", tls_request_tlsa(&r, 255, 0, 2, "", 0));
  tls_request_end(&r);
  CHECK("connect, read", reread(&r, &a));
  CHECK("what it is", a.connect && a.level == TLS_DANE && a.timeout_s == 300
        && is(a.name, "mx.customer.tld"));
  CHECK("its names", a.names == 3 && is(a.match[0], "customer.tld")
        && is(a.match[1], ".customer.tld") && is(a.match[2], "2001:db8::1"));
  CHECK("its fingerprint", a.prints == 1 && is(a.print[0], PRINT));
  CHECK("its records", a.records == 2 && a.tlsa[0].usage == 3 && a.tlsa[0].selector == 1
        && a.tlsa[0].matching == 1 && is(a.tlsa[0].hex, "00fe") && a.tlsa[1].usage == 255
        && is(a.tlsa[1].hex, ""));
}

static void names_refused(void)
{
  static char const *const words[] =
  {
    "", ".", "..a", "a..b", "a b", "a\r\nready", "*.customer.tld", "b\xc3\xbc" "cher.tld",
    ".1.2.3.4", "1.2.3", "[1.2.3.4]", "a=b"
  };
  static tls_request r;
  static tls_asked a;
  size_t i;
  tls_request_connect(&r, "a b", 1, TLS_MAY);
  EACH(i, words) CHECK(words[i], !tls_request_match(&r, words[i]));
  CHECK("no fingerprint", !tls_request_print(&r, "01:23") && !tls_request_print(&r, PRINT "0")
        && !tls_request_print(&r, "0123456789abcdef0123456789abcdef"
                                  "0123456789abcdef0123456789abcdeg"));
  tls_request_end(&r);
  CHECK("nothing was put", reread(&r, &a) && !a.names && !a.prints && !a.name.len);
}

static void bounds(void)
{
  static tls_request r;
  static tls_asked a;
  static char data[TLS_REQUEST_MAX];
  unsigned int i;
  int good = 1;
  tls_request_connect(&r, "", 1, TLS_DANE_ONLY);
  for (i = 0; i < TLS_NAMES_MAX; i++) good &= tls_request_match(&r, "a.tld");
  for (i = 0; i < TLS_PRINTS_MAX; i++) good &= tls_request_print(&r, PRINT);
  for (i = 0; i < TLS_TLSA_MAX; i++) good &= tls_request_tlsa(&r, 2, 0, 1, PRINT, 32);
  CHECK("so many of each", good);
  CHECK("and no more", !tls_request_match(&r, "a.tld") && !tls_request_print(&r, PRINT)
        && !tls_request_tlsa(&r, 2, 0, 1, PRINT, 32));
  tls_request_end(&r);
  CHECK("all of them read", reread(&r, &a) && a.names == TLS_NAMES_MAX && a.prints == TLS_PRINTS_MAX
        && a.records == TLS_TLSA_MAX);

  tls_request_connect(&r, "", 1, TLS_DANE);
  CHECK("a record too long", !tls_request_tlsa(&r, 3, 0, 0, data, sizeof data)
        && !tls_request_tlsa(&r, 3, 0, 0, data, sizeof data / 2));
  CHECK("one that fits", tls_request_tlsa(&r, 3, 0, 0, data, 8100));
  CHECK("a second one does not", !tls_request_tlsa(&r, 3, 0, 0, data, 8100));
  while (tls_request_match(&r, "a.tld")) ;
  tls_request_end(&r);
  CHECK("full", r.len <= TLS_REQUEST_MAX && reread(&r, &a) && a.records == 1 && a.names);
}

static char const *const nonsense[] =
{
  "", " ", "accept", "accept ", "accept timeout=0", "accept timeout=", "accept timeout=x",
  "accept timeout=-1", "accept timeout=99999999999", "accept timeout=18446744073709551617",
  "Accept timeout=1", "accept  timeout=1", "accept timeout=1 what", "accept ccert=1 timeout=1",
  "accept level=may timeout=1", "accept timeout=1 match=a.tld", "accept timeout=1\r",
  "connect timeout=1", "connect level=may", "connect timeout=1 level=none",
  "connect timeout=1 level=MAY", "connect timeout=1 level=", "connect timeout=1 level=may lines",
  "connect timeout=1 level=may ccert", "connect name=a\tb timeout=1 level=may",
  "connect name=1.2.3.4 timeout=1 level=may", "connect timeout=1 level=verify match=",
  "connect timeout=1 level=verify match=*.tld", "connect timeout=1 level=fingerprint print=01",
  "connect timeout=1 level=fingerprint print=" PRINT_UPPER,
  "connect timeout=1 level=dane tlsa=3,1,1,0", "connect timeout=1 level=dane tlsa=3,1,1,0G",
  "connect timeout=1 level=dane tlsa=3,1,1,AB", "connect timeout=1 level=dane tlsa=3,1,ab",
  "connect timeout=1 level=dane tlsa=256,1,1,ab", "connect timeout=1 level=dane tlsa=,1,1,ab",
  "connect timeout=1 level=dane tlsa=", "go", "ready"
};

static void levels(void)
{
  unsigned int i;
  for (i = 0; i < TLS_LEVELS; i++)
  {
    char const *name = tls_level_name((enum tls_level)i);
    CHECK(name, tls_level_scan(name, strlen(name)) == (enum tls_level)i);
  }
  CHECK("no level", tls_level_scan("dane-", 5) == TLS_LEVELS
        && tls_level_scan("", 0) == TLS_LEVELS);
}

/* Write an answer, look at the line, read it back. */
static int answered(tls_answer const *answer, char const *line, tls_answer *back)
{
  static char out[TLS_ANSWER_MAX];
  size_t const len = tls_answer_format(out, answer);
  return is((tls_field){ out, len }, line) && tls_answer_scan(out, len - 2, back);
}

static void answers(void)
{
  tls_answer a = { .kind = TLS_READY }, b;
  CHECK("ready", answered(&a, "ready\r\n", &b) && b.kind == TLS_READY);
  a = (tls_answer){ .kind = TLS_NO, .reason = { "too many\r\nready", 15 } };
  CHECK("no", answered(&a, "no too many  ready\r\n", &b) && b.kind == TLS_NO
        && is(b.reason, "too many  ready"));
  a = (tls_answer){ .kind = TLS_FAILED, .reason = { "timed out", 9 } };
  CHECK("failed", answered(&a, "failed timed out\r\n", &b) && b.kind == TLS_FAILED
        && is(b.reason, "timed out"));
  a = (tls_answer){ .kind = TLS_DONE, .protocol = { "TLSv1.3", 7 }, .cipher = { "AES", 3 },
                    .bits = { "256/256", 7 }, .trust = TLS_ANONYMOUS };
  CHECK("anonymous", answered(&a, "tls TLSv1.3 AES 256/256 anonymous\r\n", &b)
        && b.kind == TLS_DONE && b.trust == TLS_ANONYMOUS && is(b.cipher, "AES")
        && is(b.protocol, "TLSv1.3") && is(b.bits, "256/256") && is(b.subject, ""));
  a.trust = TLS_VERIFIED;
  a.certificate = a.key = (tls_field){ PRINT, TLS_PRINT_LEN };
  a.subject = (tls_field){ "a+20b", 5 };
  a.issuer = (tls_field){ "ca", 2 };
  CHECK("all of it", answered(&a, "tls TLSv1.3 AES 256/256 verified cert=" PRINT " key=" PRINT
                              " cn=a+20b issuer=ca\r\n", &b)
        && b.trust == TLS_VERIFIED && is(b.certificate, PRINT) && is(b.key, PRINT)
        && is(b.subject, "a+20b") && is(b.issuer, "ca"));
}

static void answers_bounded(void)
{
  static char const text[TLS_ANSWER_MAX * 2];
  char out[TLS_ANSWER_MAX];
  tls_answer a = { .kind = TLS_NO, .reason = { text, sizeof text } }, b;
  CHECK("a long reason is cut", tls_answer_format(out, &a) == sizeof out
        && tls_answer_scan(out, sizeof out - 2, &b) && !memcmp(out + sizeof out - 2, "\r\n", 2));
  a = (tls_answer){ .kind = TLS_DONE, .protocol = { "p", 1 }, .cipher = { "c", 1 },
                    .bits = { "b", 1 }, .subject = { text, TLS_ANSWER_MAX },
                    .issuer = { "ca", 2 } };
  CHECK("a long name is left out", answered(&a, "tls p c b anonymous issuer=ca\r\n", &b));
}

static char const *const no_answers[] =
{
  "", "ready now", "READY", "fail x", "tls", "tls TLSv1.3", "tls TLSv1.3 AES 256/256",
  "tls TLSv1.3 AES 256/256 good", "tls  AES 256/256 trusted", "tls TLSv1.3 A\x01S 256/256 trusted",
  "tls p c b trusted cert=01", "tls p c b trusted cert=" PRINT_UPPER, "tls p c b trusted cn=a+2",
  "tls p c b trusted issuer=a=b", "tls p c b trusted more", "220 host ESMTP"
};

#define OCTETS "01:23:45:67:89:AB:cd:ef:"
#define PRINT_COLONS OCTETS OCTETS OCTETS "01:23:45:67:89:AB:cd:ef"

static int prints_are(char const *s, char const *text)
{
  char out[TLS_PRINTS_TEXT_MAX];
  size_t const len = tls_prints_scan(out, s, strlen(s));
  return len == strlen(text) && (!len || !strcmp(out, text));
}

static void prints(void)
{
  char many[(TLS_PRINTS_MAX + 1) * (TLS_PRINT_LEN + 1) + 1] = "";
  char out[TLS_PRINTS_TEXT_MAX];
  size_t i;
  CHECK("prints: one", prints_are(PRINT, PRINT));
  CHECK("prints: capitals", prints_are(PRINT_UPPER, PRINT));
  CHECK("prints: colons", prints_are(PRINT_COLONS, PRINT));
  CHECK("prints: two", prints_are(PRINT_COLONS "," PRINT, PRINT "," PRINT));
  CHECK("prints: none", prints_are("", "") && prints_are(",", "") && prints_are(PRINT ",", "")
        && prints_are("," PRINT, ""));
  CHECK("prints: colons where none are", prints_are(":" PRINT, "") && prints_are(PRINT ":", "")
        && prints_are("0:1" OCTETS, "") && prints_are("01:" PRINT_COLONS, ""));
  CHECK("prints: another digest", prints_are("0123456789abcdef", "") && prints_are(PRINT "01", "")
        && prints_are("x" PRINT_UPPER, ""));
  for (i = 0; i < TLS_PRINTS_MAX; i++) strcat(strcat(many, PRINT), ",");
  CHECK("prints: as many as can be",
        tls_prints_scan(out, many, strlen(many) - 1) == TLS_PRINTS_TEXT_MAX - 1);
  strcat(many, PRINT);
  CHECK("prints: one too many", !tls_prints_scan(out, many, strlen(many)));
}

int main(void)
{
  static tls_asked asked;
  tls_answer answer;
  size_t i;
  accepts();
  connects();
  names_refused();
  bounds();
  prints();
  EACH(i, nonsense) CHECK(nonsense[i], !tls_request_scan(nonsense[i], strlen(nonsense[i]), &asked));
  levels();
  answers();
  answers_bounded();
  EACH(i, no_answers)
    CHECK(no_answers[i], !tls_answer_scan(no_answers[i], strlen(no_answers[i]), &answer));
  return CHECK_END();
}
