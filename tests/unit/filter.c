/* Which messages an operator means: every option's values, good and bad, and what they match. */

#include "list/filter.h"

#include <string.h>

#include "check.h"

#define NOW_US (UINT64_C(1763711153) * 1000000)
#define HOUR_US (UINT64_C(3600) * 1000000)

/* --- messages ------------------------------------------------------------------------------ */

static size_t text_add(message *m, char const *s)
{
  size_t at = m->text.len;
  stralloc_catb(&m->text, s, strlen(s) + 1);
  return at;
}

static message_recipient *rcpt_add(message *m, char const *domain, char const *address)
{
  message_recipient r = { .domain = text_add(m, domain), .address = text_add(m, address) };
  genalloc_append(message_recipient, &m->recipients, &r);
  return message_rcptp(m, message_rcpts(m) - 1);
}

static message make(char const *sender, char const *domain, char const *address)
{
  message m = MESSAGE_ZERO;
  m.content_len = 5000;
  m.sender = text_add(&m, sender);
  rcpt_add(&m, domain, address);
  return m;
}

/* --- options ------------------------------------------------------------------------------- */

static int takes(int option, char const *value)
{
  filter f = FILTER_ZERO;
  int r = filter_add(&f, option, value);
  filter_free(&f);
  return r;
}

static void check_values(void)
{
  static struct { int option; char const *value; int good; } const rows[] =
  {
    { 's', "bob@example.org", 1 }, { 's', "*", 1 }, { 's', "<>", 1 }, { 's', "[", 1 }, { 's', "", 0 },
    { 'r', "*@a.tld", 1 }, { 'r', "<a@a.tld>", 1 }, { 'r', "<>", 0 }, { 'r', "", 0 },
    { 'd', "A.tld.", 1 }, { 'd', "b\303\274cher.example", 1 }, { 'd', "*.tld", 1 }, { 'd', "", 0 },
    { 'd', "a b", 0 }, { 'd', ".tld", 0 }, { 'd', "a@b.tld", 0 }, { 'd', "a..b", 0 },
    { 'o', "0", 1 }, { 'o', "90s", 1 }, { 'o', "5m", 1 }, { 'o', "4h", 1 }, { 'o', "3d", 1 }, { 'o', "", 0 },
    { 'o', "-1", 0 }, { 'o', "5x", 0 }, { 'o', "5 m", 0 }, { 'o', "h", 0 }, { 'o', "99999999999999999999", 0 },
    { 'z', "0", 1 }, { 'z', "5000", 1 }, { 'z', "20k", 1 }, { 'z', "10M", 1 }, { 'z', "1g", 1 }, { 'z', "", 0 },
    { 'z', "k", 0 }, { 'z', "-1", 0 }, { 'z', "5kb", 0 }, { 'z', "5t", 0 }, { 'z', " 5", 0 },
    { 'z', "18446744073709551615", 0 }, { 'z', "18446744073709551616", 0 }, { 'z', "17179869184g", 0 },
    { 'q', "new", 1 }, { 'q', "cur", 1 }, { 'q', "hold", 1 }, { 'q', "active", 1 }, { 'q', "", 0 }, { 'q', "New", 0 },
    { 'q', "tmp", 0 }, { 'x', "y", 0 }
  };
  size_t i;
  for (i = 0; i < sizeof rows / sizeof *rows; i++)
  {
    char name[64] = "-";
    name[1] = (char)rows[i].option;
    strcat(strcat(name, " "), rows[i].value);
    CHECK(name, takes(rows[i].option, rows[i].value) == rows[i].good);
  }
}

static void check_pattern_length(void)
{
  char pattern[FILTER_PATTERN_MAX + 2];
  memset(pattern, 'a', sizeof pattern - 1);
  pattern[sizeof pattern - 1] = 0;
  CHECK("an overlong pattern", !takes('s', pattern) && !takes('r', pattern) && !takes('d', pattern));
  CHECK("the longest", takes('s', pattern + 1) && takes('r', pattern + 1));
}

/* --- what matches -------------------------------------------------------------------------- */

/* Does a message with this sender, and this recipient, match? */
static int matches(int option, char const *value, char const *sender, char const *domain, char const *address)
{
  filter f = FILTER_ZERO;
  message m = make(sender, domain, address);
  int r = filter_add(&f, option, value) && filter_message_ok(&f, &m, QUEUE_CUR, 0);
  filter_free(&f);
  message_free(&m);
  return r;
}
#define from(pattern, sender) matches('s', (pattern), (sender), "a.tld", "a@a.tld")
#define to(pattern, address) matches('r', (pattern), "bob@example.org", "a.tld", (address))
#define at(pattern, domain) matches('d', (pattern), "bob@example.org", (domain), "a@a.tld")

static void check_senders(void)
{
  CHECK("the address", from("bob@example.org", "bob@example.org"));
  CHECK("in any case", from("BOB@Example.org", "bob@eXample.ORG"));
  CHECK("in brackets", from("<bob@example.org>", "bob@example.org"));
  CHECK("not a piece of it", !from("bob@example", "bob@example.org") && !from("ob@example.org", "bob@example.org"));
  CHECK("a pattern", from("*@example.org", "bob@example.org") && !from("*@example.org", "bob@example.com"));
  CHECK("a pattern in any case", from("SPAM*@EXAMPLE.*", "spammer@example.org"));
  CHECK("one character", from("bo?@example.org", "bob@example.org") && !from("bo?@example.org", "bo@example.org"));
  CHECK("a set", from("bo[a-c]@example.org", "bob@example.org") && !from("bo[!b]@example.org", "bob@example.org"));
  CHECK("a slash, a leading dot", from("*@*", "a/b@example.org") && from("*@*", ".@example.org"));
  CHECK("a quoted one is its own pattern", from("\"a\\\"b\"@a.tld", "\"a\\\"b\"@a.tld"));
  CHECK("UTF-8", from("j\303\274rgen@*", "j\303\274rgen@example.org"));
}

static void check_null_sender(void)
{
  CHECK("<>", from("<>", "") && !from("<>", "bob@example.org"));
  CHECK("MAILER-DAEMON", from("MAILER-DAEMON", "") && from("mailer-daemon", "") && from("<MAILER-DAEMON>", ""));
  CHECK("not one of that name", !from("MAILER-DAEMON", "mailer-daemon@example.org"));
  CHECK("all senders", from("*", ""));
  CHECK("no other pattern", !from("*@*", "") && !from("m*", "") && !from("?*", ""));
}

static void check_recipients(void)
{
  CHECK("a recipient", to("A@a.tld", "a@A.tld") && !to("b@a.tld", "a@a.tld"));
  CHECK("a pattern of recipients", to("*@a.*", "a@a.tld"));
  CHECK("a domain", at("a.tld", "a.tld") && at("A.TLD.", "a.tld") && !at("a.tld", "b.a.tld") && !at("a.tld", "xa.tld"));
  CHECK("a U-label", at("B\303\274cher.example", "xn--bcher-kva.example"));
  CHECK("a pattern of domains", at("*.TLD", "a.tld") && !at("*.a.tld", "a.tld") && at("*.a.tld", "b.a.tld"));
}

/* Ever more stars over what nearly matches. */
static void check_effort(void)
{
  char address[257], pattern[129];
  size_t i;
  memset(address, 'a', sizeof address - 1);
  address[sizeof address - 1] = 0;
  for (i = 0; i < sizeof pattern - 1; i++) pattern[i] = i % 2 ? 'a' : '*';
  strcpy(pattern + sizeof pattern - 3, "*b");
  CHECK("many stars", !from(pattern, address));
}

static void check_owed(void)
{
  filter f = FILTER_ZERO;
  message m = make("bob@example.org", "a.tld", "a@a.tld");
  message_recipient *r = rcpt_add(&m, "b.tld", "b@b.tld");
  filter_add(&f, 'd', "b.tld");
  CHECK("another recipient", filter_message_ok(&f, &m, QUEUE_CUR, 0));
  r->settled = 1;
  r->status = JOB_SENT;
  CHECK("not one that was delivered", !filter_message_ok(&f, &m, QUEUE_CUR, 0));
  r->status = JOB_FAILED;
  CHECK("one whose failure the sender does not know of", filter_message_ok(&f, &m, QUEUE_CUR, 0));
  r->told = 1u << JOB_EVENT_FAILED;
  CHECK("not once it does", !filter_message_ok(&f, &m, QUEUE_CUR, 0));
  filter_free(&f);
  message_free(&m);
}

static void check_together(void)
{
  filter f = FILTER_ZERO;
  message m = make("bob@example.org", "a.tld", "alice@a.tld");
  rcpt_add(&m, "b.tld", "carol@b.tld");
  CHECK("no option: all", filter_message_ok(&f, &m, QUEUE_CUR, 0));
  filter_add(&f, 's', "eve@*");
  CHECK("one option", !filter_message_ok(&f, &m, QUEUE_CUR, 0));
  filter_add(&f, 's', "bob@*");
  CHECK("the same option again: any of them", filter_message_ok(&f, &m, QUEUE_CUR, 0));
  filter_add(&f, 'r', "alice@*");
  CHECK("another option: both", filter_message_ok(&f, &m, QUEUE_CUR, 0));
  filter_add(&f, 'd', "b.tld");
  CHECK("-r and -d are about one recipient", !filter_message_ok(&f, &m, QUEUE_CUR, 0));
  filter_add(&f, 'd', "a.tld");
  CHECK("that there is", filter_message_ok(&f, &m, QUEUE_CUR, 0));
  filter_add(&f, 'z', "5001");
  CHECK("too small", !filter_message_ok(&f, &m, QUEUE_CUR, 0));
  filter_add(&f, 'z', "4k");
  CHECK("any of the sizes", filter_message_ok(&f, &m, QUEUE_CUR, 0));
  filter_free(&f);
  message_free(&m);
}

static void check_size(void)
{
  filter f = FILTER_ZERO;
  message m = make("", "a.tld", "a@a.tld");
  filter_add(&f, 'z', "5k");
  m.content_len = 5119;
  CHECK("an octet too small", !filter_message_ok(&f, &m, QUEUE_CUR, 0));
  m.content_len = 5120;
  CHECK("just big enough", filter_message_ok(&f, &m, QUEUE_CUR, 0));
  filter_free(&f);
  message_free(&m);
}

/* --- age and place ------------------------------------------------------------------------- */

static int old(filter const *f, uint64_t arrival_us)
{
  char id[ID_LEN + 1];
  id_format(id, arrival_us, 1);
  return filter_id_ok(f, id, NOW_US);
}

static void check_age(void)
{
  filter f = FILTER_ZERO;
  CHECK("no age: all", old(&f, NOW_US) && old(&f, NOW_US + HOUR_US));
  filter_add(&f, 'o', "4h");
  CHECK("old enough", old(&f, NOW_US - 4 * HOUR_US) && old(&f, 0));
  CHECK("too young", !old(&f, NOW_US - 4 * HOUR_US + 1) && !old(&f, NOW_US));
  CHECK("in the future", !old(&f, NOW_US + HOUR_US) && !filter_id_ok(&f, "vvvvvvvvvvvvvv", NOW_US));
  filter_add(&f, 'o', "1h");
  filter_add(&f, 'o', "9h");
  CHECK("any of the ages", old(&f, NOW_US - HOUR_US) && !old(&f, NOW_US - HOUR_US + 1));
  filter_free(&f);
}

/* Where to look, and what is taken there, of "new cur hold", each idle and being sent: a letter for a yes. */
static int places(char const *options, char const *looked, char const *taken)
{
  static enum queue_place const all[] = { QUEUE_NEW, QUEUE_CUR, QUEUE_HOLD };
  filter f = FILTER_ZERO;
  message m = make("", "a.tld", "a@a.tld");
  char word[16];
  int good = 1;
  size_t i;
  while (*options)
  {
    size_t len = strcspn(options, " ");
    memcpy(word, options, len);
    word[len] = 0;
    filter_add(&f, 'q', word);
    options += len + (options[len] == ' ');
  }
  for (i = 0; i < 3; i++)
  {
    good &= filter_place_ok(&f, all[i]) == (looked[i] == 'y');
    good &= filter_message_ok(&f, &m, all[i], 0) == (taken[2 * i] == 'y');
    good &= filter_message_ok(&f, &m, all[i], 1) == (taken[2 * i + 1] == 'y');
  }
  filter_free(&f);
  message_free(&m);
  return good;
}

static void check_places(void)
{
  CHECK("no place: all", places("", "yyy", "yyyyyy"));
  CHECK("new", places("new", "y--", "yy----"));
  CHECK("cur", places("cur", "-y-", "--yy--"));
  CHECK("hold", places("hold", "--y", "----yy"));
  CHECK("active", places("active", "yy-", "-y-y--"));
  CHECK("new and hold", places("new hold", "y-y", "yy--yy"));
  CHECK("hold and active", places("hold active", "yyy", "-y-yyy"));
}

int main(void)
{
  check_values();
  check_pattern_length();
  check_senders();
  check_null_sender();
  check_recipients();
  check_effort();
  check_owed();
  check_together();
  check_size();
  check_age();
  check_places();
  return CHECK_END();
}
