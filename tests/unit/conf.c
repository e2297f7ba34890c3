/*
 * The settings: values, defaults, lists as text and compiled, and what makes no sense.
 * Runs conf-cdb of $BIN to compile.
 */

#include "conf/conf-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "smtp/reply.h"

#include "check.h"

char const *PROG = "conf";

static char dir[] = "/tmp/conf.XXXXXX";
static int conf;

/* --- files of the test ---------------------------------------------------------------------- */

static void unset(char const *name)
{
  unlinkat(conf, name, 0);
}

static void set_mode(char const *name, char const *text, mode_t mode)
{
  int fd;
  unset(name);
  fd = openat(conf, name, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) perror(name);
  close(fd);
}

static void set(char const *name, char const *text)
{
  set_mode(name, text, 0644);
}

static int compiles(char const *name)
{
  char command[300];
  char const *bin = getenv("BIN");
  snprintf(command, sizeof command, "exec %s/conf-cdb -C %s %s 2>/dev/null", bin ? bin : "bin", dir, name);
  return system(command) == 0;
}

static void uncompile(char const *name)
{
  char file[64];
  snprintf(file, sizeof file, "%s.cdb", name);
  unset(file);
}

/* Did a reader fail for this reason? */
static int failed(int r, char const *why)
{
  int good = !r && !strcmp(conf_error(), why);
  if (!good) printf("# %d: %s\n", r, conf_error());
  return good;
}

/* --- values ----------------------------------------------------------------------------------- */

static int string_is(int r, stralloc *s, char const *text)
{
  int good = r && s->len == strlen(text) && !memcmp(s->s, text, s->len + 1);
  if (!good) printf("# %s\n", r ? s->s : conf_error());
  return good;
}

static void check_me(void)
{
  stralloc s = STRALLOC_ZERO, domain = STRALLOC_ZERO;
  int held;
  char host[256];
  gethostname(host, sizeof host);
  CHECK("me: the host's name", conf_me(conf, &s) && !strcasecmp(s.s, host));
  set("me", "# we\n\n  Mail.Customer.TLD.  # really\n");
  CHECK("me", string_is(conf_me(conf, &s), &s, "mail.customer.tld"));
  CHECK("postmaster by me", string_is(conf_postmaster(conf, &s), &s, "postmaster@mail.customer.tld"));
  set("postmaster", "\"Post Master\"@Example.ORG\r\n");
  CHECK("postmaster", string_is(conf_postmaster(conf, &s), &s, "\"Post Master\"@Example.ORG"));
  CHECK("its domain", conf_postmaster_domain(conf, &s, &domain, &held) && string_is(1, &domain, "example.org") && !held
    && string_is(1, &s, "\"Post Master\"@Example.ORG"));
  unset("postmaster");
  CHECK("where nobody says", conf_postmaster_domain(conf, &s, &domain, &held) && string_is(1, &domain, CONF_HELD) && held
    && string_is(1, &s, "postmaster@mail.customer.tld"));
  set("postmaster", "postmaster\n");
  CHECK("no domain", failed(conf_postmaster_domain(conf, &s, &domain, &held), "conf/postmaster: line 1: not a mailbox: postmaster"));
  CHECK("postmaster is a mailbox", failed(conf_postmaster(conf, &s), "conf/postmaster: line 1: not a mailbox: postmaster"));
  set("me", "\n\nno domain\n");
  CHECK("me is a domain", failed(conf_me(conf, &s), "conf/me: line 3: not a domain name: no domain"));
  CHECK("EINVAL for words", errno == EINVAL);
  set("me", "a.tld\nb.tld\n");
  CHECK("one value", failed(conf_me(conf, &s), "conf/me: line 2: more than one value: b.tld"));
  set("me", "# nothing\n");
  CHECK("a file says something", failed(conf_me(conf, &s), "conf/me: no value"));
  set("me", "a\001b\n");
  CHECK("no control characters", failed(conf_me(conf, &s), "conf/me: line 1: control character: a?b"));
  unset("me");
  unset("postmaster");
  stralloc_free(&s);
  stralloc_free(&domain);
}

typedef struct endpoint_case
{
  char const *text;
  char const *folded; /* NULL: makes no sense */
} endpoint_case;

static endpoint_case const listens[] =
{
  { "127.0.0.1:25", "127.0.0.1:25" }, { "[2001:DB8::0:1]:25", "[2001:db8::1]:25" },
  { ":25", "[::]:25" }, { "0:25", "[::]:25" }, { "[::]:25", "[::]:25" }, { "0.0.0.0:2525", "0.0.0.0:2525" },
  { "127.0.0.1", 0 }, { "127.0.0.1:", 0 }, { "127.0.0.1:0", 0 }, { "127.0.0.1:65536", 0 }, { "::1:25", 0 },
  { "[::1]", 0 }, { "[::1]25", 0 }, { "[127.0.0.1]:25", 0 }, { "localhost:25", 0 }, { "1.2.3.256:25", 0 },
  { "[::1:25", 0 }, { "25", 0 }, { "127.0.0.1:smtp", 0 }, { "[]:25", 0 }
};

static endpoint_case const nameservers[] =
{
  { "127.0.0.1", "127.0.0.1:53" }, { "127.0.0.1:5353", "127.0.0.1:5353" }, { "::1", "[::1]:53" },
  { "[::1]", "[::1]:53" }, { "[::1]:5353", "[::1]:5353" }, { "0:53", 0 }, { ":53", 0 }, { "ns.example", 0 }
};

/* So many addresses, one a line. */
static char const *many(unsigned int count)
{
  static char text[20 * 32];
  char *end = text;
  unsigned int i = 1;
  for (; i <= count; i++) end += sprintf(end, "192.0.2.%u:25\n", i);
  return text;
}

static void check_listens(void)
{
  stralloc s = STRALLOC_ZERO;
  set("listen", "# ours\n192.0.2.1:25  # to the world\n\n\t[2001:DB8::1]:25\n192.0.2.1:587");
  CHECK("listen: several", string_is(conf_listen(conf, &s), &s, "192.0.2.1:25,[2001:db8::1]:25,192.0.2.1:587"));
  set("listen", "0:25\n192.0.2.1:587\n\n[::]:25\n");
  CHECK("listen: twice", failed(conf_listen(conf, &s), "conf/listen: line 4: named twice: [::]:25"));
  CHECK("EINVAL for an address", errno == EINVAL);
  set("listen", "192.0.2.1:25\n192.0.2.1:2\n192.0.2.1:258\n");
  CHECK("listen: not the same", string_is(conf_listen(conf, &s), &s, "192.0.2.1:25,192.0.2.1:2,192.0.2.1:258"));
  set("listen", "192.0.2.1:25\n192.0.2.2\n");
  CHECK("listen: the second is wrong", failed(conf_listen(conf, &s), "conf/listen: line 2: no port: 192.0.2.2"));
  set("listen", "192.0.2.1:25 192.0.2.2:25\n");
  CHECK("listen: one a line", failed(conf_listen(conf, &s),
        "conf/listen: line 1: not one ADDRESS:PORT a line: 192.0.2.1:25 192.0.2.2:25"));
  set("listen", "192.0.2.1:25\t192.0.2.2:25\n");
  CHECK("listen: not with a tab either", !conf_listen(conf, &s) && errno == EINVAL);
  set("listen", many(16));
  CHECK("listen: 16", conf_listen(conf, &s) && strstr(s.s, ",192.0.2.16:25"));
  set("listen", many(17));
  CHECK("listen: 17", failed(conf_listen(conf, &s), "conf/listen: line 17: too many addresses: 192.0.2.17:25"));
  set("listen", "# nowhere\n");
  CHECK("listen: a file says something", failed(conf_listen(conf, &s), "conf/listen: no value"));
  unset("listen");
  CHECK("listen: the default again", string_is(conf_listen(conf, &s), &s, "127.0.0.1:2525"));
  set("listentls", "192.0.2.1:465\n[::1]:465\n");
  CHECK("listentls: several", string_is(conf_listentls(conf, &s), &s, "192.0.2.1:465,[::1]:465"));
  unset("listentls");
  stralloc_free(&s);
}

static void check_endpoints(void)
{
  stralloc s = STRALLOC_ZERO;
  size_t i = 0;
  CHECK("listen: default", string_is(conf_listen(conf, &s), &s, "127.0.0.1:2525"));
  CHECK("nameserver: default", string_is(conf_nameserver(conf, &s), &s, ""));
  for (; i < sizeof listens / sizeof *listens; i++)
  {
    set("listen", listens[i].text);
    if (listens[i].folded) CHECK(listens[i].text, string_is(conf_listen(conf, &s), &s, listens[i].folded));
    else CHECK(listens[i].text, !conf_listen(conf, &s) && errno == EINVAL);
  }
  for (i = 0; i < sizeof nameservers / sizeof *nameservers; i++)
  {
    set("nameserver", nameservers[i].text);
    if (nameservers[i].folded) CHECK(nameservers[i].text, string_is(conf_nameserver(conf, &s), &s, nameservers[i].folded));
    else CHECK(nameservers[i].text, !conf_nameserver(conf, &s) && errno == EINVAL);
  }
  CHECK("listentls: default", string_is(conf_listentls(conf, &s), &s, ""));
  set("listentls", "0:465\n");
  CHECK("listentls", string_is(conf_listentls(conf, &s), &s, "[::]:465"));
  set("listentls", "465\n");
  CHECK("listentls: a port is not enough", !conf_listentls(conf, &s) && errno == EINVAL);
  unset("listen");
  unset("listentls");
  check_listens();
  CHECK("listenodmr: default", string_is(conf_listenodmr(conf, &s), &s, ""));
  set("listenodmr", "192.0.2.1:366\n");
  CHECK("listenodmr", string_is(conf_listenodmr(conf, &s), &s, "192.0.2.1:366"));
  unset("listenodmr");
  unset("nameserver");
  stralloc_free(&s);
}

static int tls_is(enum conf_tls wanted)
{
  enum conf_tls tls;
  return conf_tls(conf, &tls) && tls == wanted;
}

static void check_tls(void)
{
  enum conf_tls tls;
  CHECK("tls: default", tls_is(CONF_TLS_NONE));
  set(CONF_TLSCERT, "");
  CHECK("tls: with a certificate", tls_is(CONF_TLS_MAY));
  set("tls", "none\n");
  CHECK("tls: none, and a certificate", tls_is(CONF_TLS_NONE));
  unset(CONF_TLSCERT);
  set("tls", "encrypt # always\n");
  CHECK("tls: encrypt, and no certificate", tls_is(CONF_TLS_ENCRYPT));
  set("tls", "May\n");
  CHECK("tls: a word", failed(conf_tls(conf, &tls), "conf/tls: line 1: neither none, may nor encrypt: May"));
  set("tls", "ma\n");
  CHECK("tls: a whole word", !conf_tls(conf, &tls) && errno == EINVAL);
  unset("tls");
}

static void check_numbers(void)
{
  int said;
  uint64_t n;
  int on;
  CHECK("databytes: default", conf_databytes(conf, &n) && n == 104857600);
  set("databytes", "0\n");
  CHECK("databytes: none", conf_databytes(conf, &n) && !n);
  set("databytes", "20000000000");
  CHECK("databytes: no LF at the end", conf_databytes(conf, &n) && n == 20000000000);
  set("databytes", "10M\n");
  CHECK("databytes: a number", failed(conf_databytes(conf, &n), "conf/databytes: line 1: not a number: 10M"));
  set("databytes", "99999999999999999999\n");
  CHECK("databytes: one that fits", !conf_databytes(conf, &n));
  set("databytes", "1001");
  CHECK("minfree: default", conf_minfree(conf, &n, &said) && n == 1501 && !said);
  set("databytes", "9223372036854775807");
  CHECK("minfree: of the largest there may be", conf_minfree(conf, &n, &said) && n > INT64_MAX && !said);
  unset("databytes");
  set("minfree", "1048576\n");
  CHECK("minfree", conf_minfree(conf, &n, &said) && n == 1048576 && said);
  set("minfree", "1 %\n");
  CHECK("minfree: a number", failed(conf_minfree(conf, &n, &said), "conf/minfree: line 1: not a number: 1 %"));
  unset("minfree");
  CHECK("bouncebytes: default", conf_bouncebytes(conf, &n) && n == 50000);
  set("bouncebytes", "0\n");
  CHECK("bouncebytes: none", conf_bouncebytes(conf, &n) && !n);
  unset("bouncebytes");
  CHECK("concurrencyincoming: default", conf_concurrencyincoming(conf, &n) && n == 500);
  set("concurrencyincoming", "0\n");
  CHECK("concurrencyincoming: one at least", failed(conf_concurrencyincoming(conf, &n), "conf/concurrencyincoming: line 1: too small: 0"));
  unset("concurrencyincoming");

  CHECK("concurrencyclient: default", conf_concurrencyclient(conf, &n, &said) && n == 50 && !said);
  set("concurrencyclient", "0\n");
  CHECK("concurrencyclient: no limit", conf_concurrencyclient(conf, &n, &said) && !n && said);
  set("concurrencyclient", "10000\n");
  CHECK("concurrencyclient: the most", conf_concurrencyclient(conf, &n, &said) && n == CONF_CONNECTIONS_MAX);
  set("concurrencyclient", "10001\n");
  CHECK("concurrencyclient: no more", failed(conf_concurrencyclient(conf, &n, &said), "conf/concurrencyclient: line 1: too large: 10001"));
  unset("concurrencyclient");

  CHECK("switch: default", conf_switch(conf, "etrncounts", &on) && !on);
  set("etrncounts", "1\n");
  CHECK("switch: on", conf_switch(conf, "etrncounts", &on) && on == 1);
  set("etrncounts", "0\n");
  CHECK("switch: off", conf_switch(conf, "etrncounts", &on) && !on);
  set("etrncounts", "yes\n");
  CHECK("switch: 1 or 0", failed(conf_switch(conf, "etrncounts", &on), "conf/etrncounts: line 1: neither 1 nor 0: yes"));
  CHECK("switch: no other setting", !conf_switch(conf, "databytes", &on) && !conf_switch(conf, "nonsense", &on));
  unset("etrncounts");

  CHECK("lifetime: default", conf_lifetime(conf, &n) && n == 432000);
  set("lifetime", "12h\n");
  CHECK("lifetime", conf_lifetime(conf, &n) && n == 43200);
  set("lifetime", "0\n");
  CHECK("lifetime: some", !conf_lifetime(conf, &n) && errno == EINVAL);
  unset("lifetime");
}

static void check_pairs(void)
{
  conf_backoff b;
  conf_concurrency c;
  CHECK("backoff: default", conf_backoff_read(conf, &b) && b.min == 60 && b.max == 3600);
  set("backoff", "1\t 2h # quick\n");
  CHECK("backoff", conf_backoff_read(conf, &b) && b.min == 1 && b.max == 7200);
  set("backoff", "7 5\n");
  CHECK("backoff: MIN first", failed(conf_backoff_read(conf, &b), "conf/backoff: line 1: MIN is over MAX: 7 5"));
  set("backoff", "7\n");
  CHECK("backoff: both", failed(conf_backoff_read(conf, &b), "conf/backoff: line 1: not MIN MAX: 7"));
  set("backoff", "1 2 3\n");
  CHECK("backoff: no more", !conf_backoff_read(conf, &b));
  set("backoff", "0 3\n");
  CHECK("backoff: over 0", !conf_backoff_read(conf, &b));
  unset("backoff");

  CHECK("concurrency: default", conf_concurrency_read(conf, &c) && c.site == 20 && c.total == 1000);
  set("concurrency", "5 50\n");
  CHECK("concurrency", conf_concurrency_read(conf, &c) && c.site == 5 && c.total == 50);
  set("concurrency", "5\n");
  CHECK("concurrency: PERSITE alone", conf_concurrency_read(conf, &c) && c.site == 5 && c.total == 1000);
  set("concurrency", "2000\n");
  CHECK("concurrency: TOTAL is no less", conf_concurrency_read(conf, &c) && c.total == 2000);
  set("concurrency", "50 5\n");
  CHECK("concurrency: PERSITE over TOTAL", !conf_concurrency_read(conf, &c));
  set("concurrency", "0\n");
  CHECK("concurrency: at least one", !conf_concurrency_read(conf, &c));
  unset("concurrency");
}

static void check_subdomains(void)
{
  uint64_t n;
  CHECK("subdomains: default", conf_subdomains(conf, &n) && n == 100);
  set("subdomains", "0\n");
  CHECK("subdomains: no limit", conf_subdomains(conf, &n) && !n);
  set("subdomains", "10001\n");
  CHECK("subdomains: no more", failed(conf_subdomains(conf, &n), "conf/subdomains: line 1: too large: 10001"));
  unset("subdomains");
}

static void check_timeouts(void)
{
  unsigned int t[CONF_TIMEOUTS];
  CHECK("timeouts: defaults", conf_timeouts(conf, t) && t[SMTP_TIMEOUT_GREETING] == 300
    && t[SMTP_TIMEOUT_DATAINIT] == 120 && t[SMTP_TIMEOUT_DATABLOCK] == 180
    && t[SMTP_TIMEOUT_DATADONE] == 600);
  set("timeouts", "greeting 10\n# one more\ncommand\t2m\n");
  CHECK("timeouts", conf_timeouts(conf, t) && t[SMTP_TIMEOUT_GREETING] == 10
    && t[CONF_TIMEOUT_COMMAND] == 120 && t[SMTP_TIMEOUT_MAIL] == 300);
  CHECK("timeouts: to find a host", t[CONF_TIMEOUT_LOOKUP] == 30);
  CHECK("timeouts: of a message", t[CONF_TIMEOUT_MESSAGE] == 86400);
  CHECK("timeouts: of a password", t[CONF_TIMEOUT_AUTH] == 30);
  set("timeouts", "lookup 1m\n");
  CHECK("timeouts: reach", conf_timeouts(conf, t) && t[CONF_TIMEOUT_REACH] == 120);
  CHECK("timeouts: lookup", conf_timeouts(conf, t) && t[CONF_TIMEOUT_LOOKUP] == 60
    && t[SMTP_TIMEOUT_QUIT] == 30);
  set("timeouts", "greeting 10\nfoo 10\n");
  CHECK("timeouts: a name we know", failed(conf_timeouts(conf, t), "conf/timeouts: line 2: unknown timeout: foo"));
  set("timeouts", "greeting 0\n");
  CHECK("timeouts: some time", !conf_timeouts(conf, t));
  set("timeouts", "greeting 2d\n");
  CHECK("timeouts: not days", !conf_timeouts(conf, t));
  unset("timeouts");
}

/* --- lists of domains ------------------------------------------------------------------------------ */

static int relays(char const *domain)
{
  int yes = -1;
  return conf_relaydomain(conf, 0, domain, strlen(domain), &yes) ? yes : -1;
}

static int flushes(char const *domain)
{
  int yes = -1;
  return conf_flushdomain(conf, domain, strlen(domain), &yes) ? yes : -1;
}

/* 2: by its own name. */
static int how_relays(char const *domain)
{
  int yes, below;
  if (!conf_relaydomain_below(conf, 0, domain, strlen(domain), &yes, &below)) return -1;
  return yes ? 2 - below : below ? -1 : 0;
}

static void check_relaydomains(char const *form)
{
  CHECK(form, relays("customer.tld") == 1);
  CHECK(form, relays("a.customer.tld") == 0);
  CHECK(form, relays("acustomer.tld") == 0);
  CHECK(form, relays("below.tld") == 0);
  CHECK(form, relays("a.below.tld") == 1);
  CHECK(form, relays("b.a.below.tld") == 1);
  CHECK(form, relays("abelow.tld") == 0);
  CHECK(form, relays("xn--bcher-kva.tld") == 1);
  CHECK(form, relays("last.tld") == 1);
  CHECK(form, relays("tld") == 0);
  CHECK(form, how_relays("customer.tld") == 2);
  CHECK(form, how_relays("a.below.tld") == 1);
  CHECK(form, how_relays("named.below.tld") == 2);
  CHECK(form, how_relays("a.named.below.tld") == 1);
  CHECK(form, how_relays("tld") == 0);
}

static void check_domains(void)
{
  CHECK("relaydomains: default none", relays("customer.tld") == 0);
  CHECK("flushdomains: default's default", flushes("customer.tld") == 0);
  set("relaydomains", "Customer.TLD.\n# no.tld\n.Below.tld\t# all below\r\nB\303\274cher.tld\n\nnamed.below.tld\nlast.tld");
  check_relaydomains("relaydomains, text");
  CHECK("relaydomains compile", compiles("relaydomains"));
  check_relaydomains("relaydomains, compiled");
  CHECK("flushdomains: default relaydomains", flushes("customer.tld") == 1);
  set("flushdomains", "");
  CHECK("flushdomains: empty is none", flushes("customer.tld") == 0);
  unset("flushdomains");

  set("relaydomains", "other.tld\n");
  CHECK("an edited list is the newer", relays("customer.tld") == 0 && relays("other.tld") == 1);
  set("relaydomains", "customer.tld\nbad_\377.tld\n");
  CHECK("a bad line behind the match", failed(relays("customer.tld") == 1, "conf/relaydomains: line 2: not a domain name: bad_?.tld"));
  CHECK("is not compiled", !compiles("relaydomains"));
  uncompile("relaydomains");
  unset("relaydomains");
}

/* --- a list that is kept from question to question --------------------------------------------------- */

static conf_list kept = CONF_LIST_ZERO;

static int kept_relays(char const *domain)
{
  int yes = -1;
  return conf_relaydomain(conf, &kept, domain, strlen(domain), &yes) ? yes : -1;
}

/* Ask until the file is no longer so young that it is read each time. */
static int is_kept(char const *domain)
{
  unsigned int turn;
  for (turn = 0; turn < 500 && kept_relays(domain) == 1 && !kept.setting; turn++) usleep(20000);
  return kept.setting != 0;
}

static void check_kept_changes(char const *form)
{
  CHECK(form, is_kept("customer.tld") && kept_relays("other.tld") == 0);
  set("relaydomains", "oustomer.tld\n");
  CHECK(form, kept_relays("customer.tld") == 0 && kept_relays("oustomer.tld") == 1);
  set("relaydomains", "customer.tld\n");
  CHECK(form, kept_relays("customer.tld") == 1 && kept_relays("oustomer.tld") == 0);
}

static void check_kept(void)
{
  unset("relaydomains");
  CHECK("kept: none", kept_relays("customer.tld") == 0 && kept.setting && kept_relays("customer.tld") == 0);
  set("relaydomains", "customer.tld\n");
  CHECK("kept: there is one now", kept_relays("customer.tld") == 1);
  check_kept_changes("kept text");
  CHECK("kept: compile", compiles("relaydomains"));
  check_kept_changes("kept, compiled");
  CHECK("kept, compiled anew", compiles("relaydomains") && is_kept("customer.tld"));
  set("relaydomains", "customer.tld\n\377.tld\n");
  CHECK("kept: a line went bad", failed(kept_relays("customer.tld") == 1, "conf/relaydomains: line 2: not a domain name: ?.tld"));
  CHECK("kept: not after a failure", !kept.setting);
  uncompile("relaydomains");
  unset("relaydomains");
  CHECK("kept: gone", kept_relays("customer.tld") == 0);
  conf_list_close(&kept);
}

/* --- lists of clients ------------------------------------------------------------------------------- */

static int client(int (*ask)(int, conf_address const *, int *), char const *text)
{
  conf_address address;
  int yes = -1;
  if (!conf_address_scan(text, &address)) return -2;
  return (*ask)(conf, &address, &yes) ? yes : -1;
}

static int relayclient(int directory, conf_address const *address, int *yes)
{
  return conf_relayclient(directory, 0, address, yes);
}

static void client_bad(char const *line)
{
  char text[100];
  snprintf(text, sizeof text, "10.0.0.0/8\n%s\n", line);
  set("relayclients", text);
  CHECK(line, client(&relayclient, "10.0.0.1") == -1 && errno == EINVAL && strstr(conf_error(), "conf/relayclients: line 2: "));
}

/* 1, 0, -1 with conf_error(). */
static int user(uid_t uid)
{
  int yes = -1;
  return conf_flushuser(conf, uid, &yes) ? yes : -1;
}

static void check_users(void)
{
  CHECK("flushusers: default nobody", user(0) == 0 && user(1) == 0);
  set("flushusers", "nobody\n1234 # some\nno-such-user\n");
  CHECK("flushusers: by name", user(65534) == 1);
  CHECK("flushusers: by number", user(1234) == 1);
  CHECK("flushusers: nobody else", user(0) == 0 && user(1) == 0 && user(123) == 0 && user(12345) == 0);
  set("flushusers", "# none\n");
  CHECK("flushusers: empty", user(65534) == 0);
  set("flushusers", "65534\nnot a user\n");
  CHECK("flushusers: no sense", user(65534) == -1 && errno == EINVAL
    && !strcmp(conf_error(), "conf/flushusers: line 2: not a user: not a user"));
  unset("flushusers");
}

static void check_clients(void)
{
  CHECK("relayclients: default none", client(&relayclient, "127.0.0.1") == 0);
  CHECK("flushclients: default loopback", client(&conf_flushclient, "127.0.0.1") == 1
    && client(&conf_flushclient, "127.9.9.9") == 1 && client(&conf_flushclient, "::1") == 1
    && client(&conf_flushclient, "::ffff:127.0.0.1") == 1);
  CHECK("flushclients: default nobody else", client(&conf_flushclient, "192.0.2.1") == 0);
  set("relayclients", "192.0.2.0/25\n10.1.2.3 # one\n2001:db8::/33\n::2/127\n203.0.113.0/32\n");
  CHECK("in a network", client(&relayclient, "192.0.2.127") == 1);
  CHECK("beside it", client(&relayclient, "192.0.2.128") == 0);
  CHECK("one address", client(&relayclient, "10.1.2.3") == 1 && client(&relayclient, "10.1.2.2") == 0);
  CHECK("mapped", client(&relayclient, "::ffff:10.1.2.3") == 1);
  CHECK("IPv6", client(&relayclient, "2001:db8:7fff::1") == 1 && client(&relayclient, "2001:db8:8000::1") == 0);
  CHECK("IPv6, two", client(&relayclient, "::3") == 1 && client(&relayclient, "::4") == 0);
  CHECK("/32", client(&relayclient, "203.0.113.0") == 1 && client(&relayclient, "203.0.113.1") == 0);
  CHECK("flushclients: relayclients too", client(&conf_flushclient, "10.1.2.3") == 1);
  set("flushclients", "10.9.9.9\n");
  CHECK("flushclients: these alone", client(&conf_flushclient, "10.9.9.9") == 1
    && client(&conf_flushclient, "127.0.0.1") == 0 && client(&conf_flushclient, "10.1.2.3") == 0);
  unset("flushclients");

  set("relayclients", "0.0.0.0/0\n");
  CHECK("all of IPv4", client(&relayclient, "1.2.3.4") == 1 && client(&relayclient, "2001:db8::1") == 0);
  set("relayclients", "::/0\n");
  CHECK("all of IPv6", client(&relayclient, "1.2.3.4") == 0 && client(&relayclient, "2001:db8::1") == 1);
  set("relayclients", "::ffff:10.0.0.0/104\n");
  CHECK("IPv4 as IPv6", client(&relayclient, "10.2.3.4") == 1 && client(&relayclient, "11.0.0.1") == 0);

  client_bad("10.0.0.1/8");
  client_bad("1.2.3.256");
  client_bad("1.2.3.4/33");
  client_bad("1.2.3.4/");
  client_bad("1.2.3.0/024x");
  client_bad("1.2.3.0/-1");
  client_bad("2001:db8::/129");
  client_bad("2001:db8::1/64");
  client_bad("fe80::1%eth0");
  client_bad("localhost");
  client_bad("10.0.0.0 255.0.0.0");
  client_bad("1.2.3");
  unset("relayclients");
  CHECK("no address", client(&relayclient, "") == -2 && client(&relayclient, "1.2.3.256") == -2);
}

/* --- recipients ------------------------------------------------------------------------------------ */

static int receives(char const *mailbox)
{
  int yes = -1;
  return conf_recipient(conf, 0, mailbox, strlen(mailbox), &yes) ? yes : -1;
}

static void check_recipients_listed(char const *form)
{
  CHECK(form, receives("alice@customer.tld") == 1);
  CHECK(form, receives("ALICE@Customer.TLD") == 1);
  CHECK(form, receives("bob@customer.tld") == 0);
  CHECK(form, receives("two words@customer.tld") == 1 || receives("\"two words\"@customer.tld") == 1);
  CHECK(form, receives("\"a\\@b\"@customer.tld") == 1);
  CHECK(form, receives("\"alice\"@customer.tld") == 1);
  CHECK(form, receives("anybody@all.tld") == 1);
  CHECK(form, receives("one@all.tld") == 1);
  CHECK(form, receives("anybody@other.tld") == 1);
  CHECK(form, receives("anybody@a.customer.tld") == 1);
  CHECK(form, receives("a@xn--bcher-kva.tld") == 1);
  CHECK(form, receives("b@xn--bcher-kva.tld") == 0);
  CHECK(form, receives("b@b\303\274cher.tld") == 0);
}

static void check_recipients(void)
{
  CHECK("recipients: default any", receives("bob@customer.tld") == 1);
  set("recipients", "Alice@Customer.tld\n\"Two Words\"@customer.tld\n\"a@b\"@customer.tld\none@all.tld\n@all.tld\na@b\303\274cher.tld\n");
  check_recipients_listed("recipients, text");
  CHECK("recipients compile", compiles("recipients"));
  check_recipients_listed("recipients, compiled");
  set("recipients", "alice\n");
  CHECK("recipients: a mailbox", failed(receives("a@b.tld") == 1, "conf/recipients: line 1: not a mailbox: alice"));
  set("recipients", "@\n");
  CHECK("recipients: a domain", receives("a@b.tld") == -1);
  uncompile("recipients");
  unset("recipients");
}

/* --- queues ------------------------------------------------------------------------------------------ */

static int queue_is(char const *name, char const *domains, size_t len)
{
  stralloc s = STRALLOC_ZERO;
  int found = 0, r = conf_queue(conf, name, strlen(name), &s, &found);
  r = r && found == !!len && s.len == len && !memcmp(s.s ? s.s : "", domains, len);
  stralloc_free(&s);
  return r;
}

static void check_queues(void)
{
  stralloc s = STRALLOC_ZERO;
  int found;
  CHECK("queues: default none", queue_is("night", "", 0));
  set("queues", "night A.example\tb.example.\nday c.example\nnight d.example\nnightly e.example\n");
  CHECK("queue", queue_is("day", "c.example", 10));
  CHECK("queue on two lines", queue_is("night", "a.example\0b.example\0d.example", 30));
  CHECK("queue in capitals", queue_is("NIGHTLY", "e.example", 10));
  CHECK("no such queue", queue_is("nigh", "", 0));
  set("queues", "night\n");
  CHECK("queue: some domain", failed(conf_queue(conf, "x", 1, &s, &found), "conf/queues: line 1: queue without domains: night"));
  set("queues", "a/b c.example\n");
  CHECK("queue: a name", failed(conf_queue(conf, "x", 1, &s, &found), "conf/queues: line 1: not a queue's name: a/b"));
  set("queues", "a c.example .d.example\n");
  CHECK("queue: domains", failed(conf_queue(conf, "x", 1, &s, &found), "conf/queues: line 1: not a domain name: .d.example"));
  unset("queues");
}

/* --- routes --------------------------------------------------------------------------------------------- */

/* As they are now. */
static int route_find(char const *domain, conf_route *route)
{
  conf_routes routes = CONF_ROUTES_ZERO;
  int r = conf_routes_read(conf, &routes) && conf_routes_find(&routes, domain, strlen(domain), route);
  conf_routes_free(&routes);
  return r;
}

static int route_is(char const *domain, char const *site, int parked, uint64_t lifetime, uint64_t concurrency)
{
  static conf_route route = CONF_ROUTE_ZERO;
  int r = route_find(domain, &route);
  int good = r && !strcmp(route.site.s, site) && route.site.len == strlen(site)
    && route.parked == parked && route.lifetime == lifetime && route.concurrency == concurrency;
  return good;
}

static int held_is(char const *domain, int held)
{
  static conf_route route = CONF_ROUTE_ZERO;
  return route_find(domain, &route) && route.held == held;
}

static int delaywarning_is(char const *domain, uint64_t seconds)
{
  static conf_route route = CONF_ROUTE_ZERO;
  return route_find(domain, &route) && route.delaywarning == seconds;
}

static int without_is(char const *domain, unsigned int extensions)
{
  static conf_route route = CONF_ROUTE_ZERO;
  return route_find(domain, &route) && route.without == extensions;
}

static int route_tls_is(char const *domain, char const *words)
{
  static conf_route route = CONF_ROUTE_ZERO;
  return route_find(domain, &route) && !strcmp(route.tls.s, words) && route.tls.len == strlen(words);
}

#define PRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check_route_tls_found(char const *form)
{
  CHECK(form, route_tls_is("none.tld", "tls=none") && route_tls_is("must.tld", "tls=encrypt"));
  CHECK(form, route_tls_is("dane.tld", "tls=dane-only"));
  CHECK(form, route_tls_is("named.tld", "tls=verify tlsname=mx.customer.tld"));
  CHECK(form, route_tls_is("below.tld", "tls=verify tlsname=.customer.tld"));
  CHECK(form, route_tls_is("print.tld", "tls=fingerprint tlsprint=" PRINT "," PRINT));
}

static void check_without(char const *form)
{
  CHECK(form, without_is("deep.customer.tld", SMTP_EXT_PIPELINING | SMTP_EXT_DSN));
  CHECK(form, without_is("customer.tld", 0) && without_is("mx.tld", 0));
}

static void check_delaywarnings(char const *form)
{
  CHECK(form, delaywarning_is("customer.tld", 0));
  CHECK(form, delaywarning_is("a.customer.tld", 14400));
  CHECK(form, delaywarning_is("mx.tld", 7200));
  CHECK(form, delaywarning_is("b.deep.customer.tld", 0));
}

static void check_routes_found(char const *form)
{
  CHECK(form, route_is("customer.tld", "[mailhost.customer.tld]:25", 1, 2592000, 20));
  CHECK(form, route_is("a.customer.tld", "[2001:db8::1]:2525", 0, 432000, 3));
  CHECK(form, route_is("b.a.customer.tld", "[2001:db8::1]:2525", 0, 432000, 3));
  CHECK(form, route_is("b.deep.customer.tld", "relay.tld:26", 0, 432000, 20));
  CHECK(form, route_is("deep.customer.tld", "[2001:db8::1]:2525", 0, 432000, 3));
  CHECK(form, route_is("acustomer.tld", "relay.tld", 0, 432000, 20));
  CHECK(form, route_is("mx.tld", "mx.tld", 1, 432000, 20));
  CHECK(form, route_is("xn--bcher-kva.tld", "[xn--bcher-kva.tld]:25", 0, 432000, 20));
}

static void route_bad(char const *line, char const *why)
{
  char text[2048], expected[512];
  snprintf(text, sizeof text, "* -\n%s\n", line);
  snprintf(expected, sizeof expected, "conf/routes: line 2: %s", why);
  set("routes", text);
  CHECK(line, failed(route_is("a.tld", "a.tld", 0, 432000, 20), expected));
}

/* What of TLS a route demands, and its default. */
static void check_route_tls(void)
{
  static char const routes[] =
    "none.tld - tls=none\n"
    "dane.tld - tls=dane-only\n"
    "must.tld - tls=encrypt\n"
    "named.tld - tlsname=MX.Customer.tld.\n"
    "below.tld - tls=verify tlsname=.customer.tld\n"
    "print.tld - tlsprint=" PRINT ",01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF\n"
    "wrap.tld [mx.tld]:465 tlswrap\n"
    "both.tld [mx.tld]:465 tlswrap tls=verify\n"
    "auth.tld [mx.tld]:587 auth=provider\n"
    "authed.tld [mx.tld]:587 auth=a-b_c.1 tlsname=mx.tld tlswrap\n";
  enum tls_level level;
  CHECK("tls: may", route_tls_is("a.tld", "tls=may") && conf_tlslevel(conf, &level) && level == TLS_MAY);
  CHECK("tls: nothing of what is held", route_tls_is(CONF_HELD, ""));
  set("routes", routes);
  check_route_tls_found("tls, text");
  CHECK("tls: from the first octet", route_tls_is("wrap.tld", "tls=encrypt tlswrap") && route_tls_is("both.tld", "tls=verify tlswrap"));
  CHECK("auth: not in clear text", route_tls_is("auth.tld", "tls=encrypt auth=provider"));
  CHECK("auth: the last word", route_tls_is("authed.tld", "tls=verify tlswrap tlsname=mx.tld auth=a-b_c.1"));
  CHECK("tls: routes compile", compiles("routes"));
  check_route_tls_found("tls, compiled");
  set("tlslevel", "verify\n");
  CHECK("auth: compiled", route_tls_is("auth.tld", "tls=verify auth=provider")
    && route_tls_is("authed.tld", "tls=verify tlswrap tlsname=mx.tld auth=a-b_c.1"));
  CHECK("tls: what the route does not say", route_tls_is("a.tld", "tls=verify") && route_tls_is("wrap.tld", "tls=verify tlswrap"));
  check_route_tls_found("tls, another default");
  uncompile("routes");
  set("tlslevel", "fingerprint\n");
  CHECK("tls: no default", failed(conf_tlslevel(conf, &level), "conf/tlslevel: line 1: not among none, may, dane, encrypt, verify, dane-only: fingerprint"));
  set("tlslevel", "dane\n");
  CHECK("tls: as the DNS says", route_tls_is("a.tld", "tls=dane") && conf_tlslevel(conf, &level) && level == TLS_DANE);
  unset("tlslevel");
  route_bad("a.tld b.tld tls=", "not among none, may, dane, encrypt, fingerprint, verify, dane-only: tls=");
  route_bad("a.tld b.tld tls=danes", "not among none, may, dane, encrypt, fingerprint, verify, dane-only: tls=danes");
  route_bad("a.tld b.tld tls=dane tlsname=a.tld", "tlsname is for tls=verify");
  route_bad("a.tld b.tld tls=may tls=may", "said twice: tls=may");
  route_bad("a.tld b.tld tlswrap tlswrap", "said twice: tlswrap");
  route_bad("a.tld b.tld tls=may tlswrap", "tlswrap needs tls=encrypt or more");
  route_bad("a.tld b.tld tls=may auth=x", "auth needs tls=encrypt or more");
  route_bad("a.tld b.tld auth=x tls=none", "auth needs tls=encrypt or more");
  route_bad("a.tld b.tld auth=x auth=x", "said twice: auth=x");
  route_bad("a.tld b.tld auth=", "not a name of conf/authout: auth=");
  route_bad("a.tld b.tld auth=a/b", "not a name of conf/authout: auth=a/b");
  route_bad("a.tld b.tld tls=encrypt tlsname=a.tld", "tlsname is for tls=verify");
  route_bad("a.tld b.tld tls=verify tlsprint=" PRINT, "tlsprint is for tls=fingerprint");
  route_bad("a.tld b.tld tls=fingerprint", "tls=fingerprint without tlsprint");
  route_bad("a.tld b.tld tlsname=a.tld tlsname=b.tld", "one too many: tlsname=b.tld");
  route_bad("a.tld b.tld tlsname=a..b", "not a domain name: a..b");
  route_bad("a.tld b.tld tlsprint=01", "not SHA-256 in hexadecimal digits: tlsprint=01");
  unset("routes");
}

static int policy_is(char const *text, char const *server, char const *map)
{
  static stralloc a = STRALLOC_ZERO, b = STRALLOC_ZERO;
  if (text) set("tlspolicy", text);
  else unset("tlspolicy");
  return conf_tlspolicy(conf, &a, &b) && !strcmp(a.s, server) && !strcmp(b.s, map);
}

static void policy_bad(char const *text, char const *why)
{
  char expected[512];
  snprintf(expected, sizeof expected, "conf/tlspolicy: line 1: %s", why);
  CHECK(text, failed(policy_is(text, "", ""), expected));
}

static void check_tlspolicy(void)
{
  CHECK("tlspolicy: none", policy_is(0, "", ""));
  CHECK("tlspolicy: address", policy_is("127.0.0.1:8461\n", "127.0.0.1:8461", "postfix"));
  CHECK("tlspolicy: IPv6", policy_is("[::1]:8461 sts\n", "[::1]:8461", "sts"));
  CHECK("tlspolicy: path", policy_is("/run/mta-sts.socket", "/run/mta-sts.socket", "postfix"));
  policy_bad("127.0.0.1", "neither ADDRESS:PORT nor /PATH: 127.0.0.1");
  policy_bad("localhost:8461", "neither ADDRESS:PORT nor /PATH: localhost:8461");
  policy_bad("127.0.0.1:0", "neither ADDRESS:PORT nor /PATH: 127.0.0.1:0");
  policy_bad("127.0.0.1:65536", "neither ADDRESS:PORT nor /PATH: 127.0.0.1:65536");
  policy_bad("127.0.0.1:8461 a b", "not SERVER [MAP]: 127.0.0.1:8461 a b");
  policy_bad("127.0.0.1:8461 \xc3\xbc", "not SERVER [MAP]: 127.0.0.1:8461 \xc3\xbc");
  unset("tlspolicy");
}

static int kept_is(conf_routes const *routes, char const *domain, char const *site)
{
  static conf_route route = CONF_ROUTE_ZERO;
  return conf_routes_find(routes, domain, strlen(domain), &route) && !strcmp(route.site.s, site);
}

/*
 * What was read stays as it was until it is read again, whatever becomes of the file; one that is
 * broken changes nothing.
 */
static void check_routes_kept(int compiled)
{
  conf_routes routes = CONF_ROUTES_ZERO;
  set("routes", "a.tld one.tld\n.tld two.tld\nb.tld two.tld\nb.tld three.tld\n* four.tld\n");
  if (compiled) set("routes", "a.tld one.tld\n.tld two.tld\n* four.tld\n");
  if (compiled) CHECK("kept routes compile", compiles("routes"));
  CHECK("kept: read", conf_routes_read(conf, &routes));
  CHECK("kept: exact", kept_is(&routes, "a.tld", "one.tld"));
  CHECK("kept: below", kept_is(&routes, "a.a.tld", "two.tld") && kept_is(&routes, "aa.tld", "two.tld"));
  CHECK("kept: any", kept_is(&routes, "tld", "four.tld") && kept_is(&routes, "a.tldx", "four.tld"));
  if (!compiled) CHECK("kept: twice", failed(kept_is(&routes, "b.tld", "two.tld"), "conf/routes: line 4: a second route for: b.tld"));
  uncompile("routes");
  set("routes", "a.tld\n");
  CHECK("kept: broken", failed(conf_routes_read(conf, &routes), "conf/routes: line 1: no next hop"));
  CHECK("kept: as it was", kept_is(&routes, "a.tld", "one.tld"));
  set("routes", "a.tld five.tld\n");
  CHECK("kept: still", kept_is(&routes, "a.tld", "one.tld"));
  CHECK("kept: read again", conf_routes_read(conf, &routes) && kept_is(&routes, "a.tld", "five.tld")
    && kept_is(&routes, "b.tld", "b.tld"));
  unset("routes");
  CHECK("kept: none", conf_routes_read(conf, &routes) && kept_is(&routes, "a.tld", "a.tld"));
  conf_routes_free(&routes);
}

static void check_routes(void)
{
  static char const routes[] =
    "customer.tld  [mailhost.customer.tld]:25  park lifetime=30d\n"
    ".Customer.tld [2001:DB8:0::1]:2525 concurrency=3 without=Pipelining,dsn\n"
    ".deep.customer.tld relay.tld:26 delaywarning=0\n"
    "mx.tld - park delaywarning=2h\n"
    "B\303\274cher.tld [b\303\274cher.TLD]\n"
    "* Relay.tld:25\n";
  char label[400], site[420];
  CHECK("a postmaster whom nobody named", route_is(CONF_HELD, CONF_HELD, 1, 3155760000, 1) && held_is(CONF_HELD, 1)
    && delaywarning_is(CONF_HELD, 0));
  CHECK("no other", held_is("customer.tld", 0) && held_is("a.postmaster.invalid", 0) && held_is("invalid", 0));
  CHECK("routes: default the domain's MX", route_is("customer.tld", "customer.tld", 0, 432000, 20));
  set("routes", routes);
  check_routes_found("routes, text");
  check_delaywarnings("delay warnings, text");
  check_without("without, text");
  CHECK("routes compile", compiles("routes"));
  check_routes_found("routes, compiled");
  check_delaywarnings("delay warnings, compiled");
  check_without("without, compiled");
  set("lifetime", "1d\n");
  set("concurrency", "7\n");
  CHECK("what the route does not say", route_is("mx.tld", "mx.tld", 1, 86400, 7));
  unset("lifetime");
  unset("concurrency");
  set("delaywarning", "0\n");
  CHECK("no delay warnings", delaywarning_is("a.customer.tld", 0) && delaywarning_is("mx.tld", 7200));
  unset("delaywarning");
  uncompile("routes");

  route_bad("a.tld", "no next hop");
  route_bad("a.tld b.tld parked", "unknown option: parked");
  route_bad("a.tld b.tld park park", "said twice: park");
  route_bad("a.tld b.tld lifetime=1d lifetime=2d", "said twice: lifetime=2d");
  route_bad("a.tld b.tld lifetime=", "not a time (such as 300s, 12h, 5d): lifetime=");
  route_bad("a.tld b.tld lifetime=0", "not a time (such as 300s, 12h, 5d): lifetime=0");
  route_bad("a.tld b.tld delaywarning=1h delaywarning=0", "said twice: delaywarning=0");
  route_bad("a.tld b.tld delaywarning=soon", "not a time (such as 300s, 12h, 5d): delaywarning=soon");
  route_bad("a.tld b.tld concurrency=0", "not a number from 1 to 10000: concurrency=0");
  route_bad("a.tld b.tld concurrency=4294967297", "not a number from 1 to 10000: concurrency=4294967297");
  route_bad("a.tld b.tld without=DSN without=SIZE", "said twice: without=SIZE");
  route_bad("a.tld b.tld without=", "not among PIPELINING,CHUNKING,SIZE,8BITMIME,DSN,SMTPUTF8: without=");
  route_bad("a.tld b.tld without=DSN,ETRN", "not among PIPELINING,CHUNKING,SIZE,8BITMIME,DSN,SMTPUTF8: without=DSN,ETRN");
  route_bad("a.tld [b.tld", "no closing bracket: [b.tld");
  route_bad("a.tld []", "neither host name nor IP address: ");
  route_bad("a.tld [b.tld]25", "not [HOST]:PORT, [HOST], DOMAIN, DOMAIN:PORT: [b.tld]25");
  route_bad("a.tld b.tld:0", "not [HOST]:PORT, [HOST], DOMAIN, DOMAIN:PORT: b.tld:0");
  route_bad("a.tld b.tld:65536", "not [HOST]:PORT, [HOST], DOMAIN, DOMAIN:PORT: b.tld:65536");
  route_bad("a.tld b.tld:", "not [HOST]:PORT, [HOST], DOMAIN, DOMAIN:PORT: b.tld:");
  route_bad("a.tld 192.0.2.1", "not a domain name (an address stands in brackets): 192.0.2.1");
  route_bad("a.tld ../x", "not a domain name (an address stands in brackets): ../x");
  route_bad("* b.tld", "a second route for: *");
  route_bad("..a.tld -", "not a domain name: ..a.tld");

  memset(label, 'a', sizeof label);
  for (size_t i = 50; i < 250; i += 50) label[i] = '.';
  label[253] = 0;
  snprintf(site, sizeof site, "[%s]:25", label);
  CHECK("a next hop is a file's name", !conf_site_ok(site, strlen(site)));
  CHECK("site: host", conf_site_ok("[a.tld]:25", 10) && conf_site_ok("a.tld", 5));
  CHECK("site: no path", !conf_site_ok("../a", 4) && !conf_site_ok("", 0) && !conf_site_ok(".", 1) && !conf_site_ok("-", 1));
  unset("routes");
  check_routes_kept(0);
  check_routes_kept(1);
}

/* --- files ------------------------------------------------------------------------------------------------ */

static void check_files(void)
{
  uint64_t n;
  int fd;
  stralloc s = STRALLOC_ZERO;
  static char large[70000];
  CHECK("a link", symlinkat("nowhere", conf, "lifetime") == 0);
  CHECK("a link to nowhere is no default", failed(conf_lifetime(conf, &n), "conf/lifetime: No such file or directory"));
  unset("lifetime");
  set("elsewhere", "1d\n");
  CHECK("another", symlinkat("elsewhere", conf, "lifetime") == 0);
  CHECK("a link is followed", conf_lifetime(conf, &n) && n == 86400);
  unset("lifetime");
  unset("elsewhere");
  mkdirat(conf, "lifetime", 0700);
  CHECK("a directory is no setting", failed(conf_lifetime(conf, &n), "conf/lifetime: not a regular file"));
  unlinkat(conf, "lifetime", AT_REMOVEDIR);
  mkfifoat(conf, "lifetime", 0600);
  CHECK("a FIFO does not hold us", failed(conf_lifetime(conf, &n), "conf/lifetime: not a regular file"));
  unset("lifetime");
  memset(large, '\n', sizeof large - 1);
  set("lifetime", large);
  CHECK("a value is small", failed(conf_lifetime(conf, &n), "conf/lifetime: file too large"));
  memset(large, 'x', sizeof large - 1);
  large[5000] = 0;
  set("lifetime", large);
  CHECK("a line is short", failed(conf_lifetime(conf, &n), "conf/lifetime: line 1: line too long"));
  unset("lifetime");
  if (geteuid())
  {
    set_mode("lifetime", "1d\n", 0);
    CHECK("what cannot be read is no default", failed(conf_lifetime(conf, &n), "conf/lifetime: Permission denied") && errno == EACCES);
    unset("lifetime");
  }

  set("relaydomains", "a.tld\n");
  set("relaydomains.cdb", "not one");
  CHECK("a damaged compiled list", failed(relays("a.tld") == 1, "conf/relaydomains.cdb: not made by conf-cdb, or damaged"));
  set("relaydomains.cdb", "");
  CHECK("an empty compiled list", failed(relays("a.tld") == 1, "conf/relaydomains.cdb: damaged"));
  set("routes", "a.tld -\n");
  if (!compiles("routes")) perror("conf-cdb");
  unset("relaydomains.cdb");
  renameat(conf, "routes.cdb", conf, "relaydomains.cdb");
  CHECK("another list's compiled", failed(relays("a.tld") == 1, "conf/relaydomains.cdb: not made by conf-cdb, or damaged"));
  unset("relaydomains");
  CHECK("a compiled list alone is none", relays("a.tld") == 0);
  unset("relaydomains.cdb");
  unset("routes");

  fd = open("/dev", O_RDONLY | O_DIRECTORY);
  CHECK("no conf", conf_open(fd) == -1 && errno == ENOENT && !strcmp(conf_error(), "unable to open conf: No such file or directory"));
  close(fd);
  stralloc_free(&s);
}

/* --- domains ------------------------------------------------------------------------------------------------ */

static int folds(char const *domain, char const *folded)
{
  static stralloc s = STRALLOC_ZERO;
  int r = conf_domain_fold(&s, domain, strlen(domain));
  return folded ? string_is(r, &s, folded) : !r && errno == EINVAL;
}

static void check_fold(void)
{
  CHECK("fold: case and dot", folds("Customer.TLD.", "customer.tld"));
  CHECK("fold: U-label", folds("B\303\234CHER.tld", "xn--bcher-kva.tld"));
  CHECK("fold: decomposed U-label", folds("bu\314\210cher.tld", "xn--bcher-kva.tld"));
  CHECK("fold: sharp s is itself", folds("stra\303\237e.tld", "xn--strae-oqa.tld"));
  CHECK("fold: ideographic dot", folds("\344\276\213\343\200\202tld", "xn--fsq.tld"));
  CHECK("fold: not UTF-8", folds("b\374cher.tld", 0));
  CHECK("fold: two dots", folds("a.tld..", 0) && folds("a..tld", 0));
  CHECK("fold: no path", folds("a/b", 0) && folds("..", 0) && folds("", 0) && folds(".", 0));
  CHECK("fold: U-label with a slash", folds("\303\274/../x", 0));
  CHECK("fold: literal", folds("[192.0.2.1]", 0) && folds("192.0.2.1", 0));
}

/* --- those who prove who they are ---------------------------------------------------------------- */

static char secret[CONF_SECRET_MAX + 1];

/* The user's secret; "-": there is none, "!": the file makes no sense. */
static char const *secret_of(char const *user)
{
  int found;
  if (!conf_secret(conf, user, strlen(user), secret, &found)) return "!";
  return found ? secret : *secret ? "?" : "-";
}

static void check_secrets(void)
{
  char line[CONF_ACCOUNT_MAX + CONF_SECRET_MAX + 4];
  CHECK("authsecrets: missing", !conf_exists(conf, "authsecrets") && !strcmp(secret_of("joe"), "-"));
  set("authsecrets", "# all of them\njoe   S3cret#1  # his\n\n\303\244nn\tx\njoey y\n");
  CHECK("authsecrets: there", conf_exists(conf, "authsecrets"));
  CHECK("authsecrets: a secret", !strcmp(secret_of("joe"), "S3cret#1"));
  CHECK("authsecrets: beyond ASCII", !strcmp(secret_of("\303\244nn"), "x"));
  CHECK("authsecrets: not a part", !strcmp(secret_of("jo"), "-") && !strcmp(secret_of("joey"), "y"));
  CHECK("authsecrets: case counts", !strcmp(secret_of("Joe"), "-") && !strcmp(secret_of(""), "-"));
  set("authsecrets", "joe s3cret\nann\n");
  CHECK("authsecrets: whole lines", !strcmp(secret_of("joe"), "!")
    && failed(0, "conf/authsecrets: line 2: not USER SECRET"));
  set("authsecrets", "joe s3cret more\n");
  CHECK("authsecrets: one word", !strcmp(secret_of("ann"), "!") && failed(0, "conf/authsecrets: line 1: not USER SECRET"));
  set("authsecrets", "joe s3\001cret\n");
  CHECK("authsecrets: none is shown", !strcmp(secret_of("joe"), "!")
    && failed(0, "conf/authsecrets: line 1: control character"));
  set("authsecrets", "joe a\nann b\njoe c\n");
  CHECK("authsecrets: two of them", !strcmp(secret_of("joe"), "!")
    && failed(0, "conf/authsecrets: line 3: a second secret: joe"));
  CHECK("authsecrets: of another", !strcmp(secret_of("ann"), "b"));
  memset(line, 'x', sizeof line);
  line[CONF_ACCOUNT_MAX] = ' ';
  line[sizeof line - 3] = '\n';
  line[sizeof line - 2] = 0;
  set("authsecrets", line);
  line[CONF_ACCOUNT_MAX] = 0;
  CHECK("authsecrets: the longest", strlen(secret_of(line)) == CONF_SECRET_MAX);
  line[CONF_ACCOUNT_MAX] = ' ';
  line[sizeof line - 3] = 'x';
  line[sizeof line - 2] = '\n';
  line[sizeof line - 1] = 0;
  set("authsecrets", line);
  CHECK("authsecrets: too long", !strcmp(secret_of("joe"), "!")
    && failed(0, "conf/authsecrets: line 1: user or secret too long"));
  unset("authsecrets");
}

/* "norelay" or "" and how many octets of domains. */
static char const *rights_of(char const *name)
{
  static char both[40];
  conf_account account = CONF_ACCOUNT_ZERO;
  int r = conf_account_read(conf, 0, name, strlen(name), &account);
  snprintf(both, sizeof both, "%s%zu", account.norelay ? "norelay " : "", account.domains.len);
  stralloc_free(&account.domains);
  return r ? both : "!";
}

static void check_accounts(void)
{
  CHECK("users: missing", !strcmp(rights_of("bob"), "0"));
  set("users", "bob norelay d.tld\nBoB e.tld\nB\303\226B f.tld\n");
  CHECK("users: all lines", !strcmp(rights_of("bob"), "norelay 12"));
  CHECK("users: case does not count", !strcmp(rights_of("BOB"), "norelay 12"));
  CHECK("users: not a part", !strcmp(rights_of("bo"), "0") && !strcmp(rights_of("bobb"), "0"));
  CHECK("users: case of ASCII", !strcmp(rights_of("b\303\226b"), "6") && !strcmp(rights_of("b\303\266b"), "0"));
  CHECK("users: no other octet", !strcmp(rights_of("b\017b"), "0"));
  unset("users");
}

static char const *account_of(char const *name)
{
  static smtp_account account;
  static char both[sizeof account + 1];
  if (!conf_authout(conf, name, &account)) return *account.user || *account.password ? "?" : "!";
  if (!*account.user) return "-";
  snprintf(both, sizeof both, "%s %s", account.user, account.password);
  return both;
}

static void check_authout(void)
{
  char line[SMTP_USER_MAX + SMTP_PASSWORD_MAX + 16];
  CHECK("authout: missing", !strcmp(account_of("provider"), "-"));
  set("authout", "# all of them\nprovider   us@provider.tld\tS3cret#1  # ours\nprov a b\n");
  CHECK("authout: an account", !strcmp(account_of("provider"), "us@provider.tld S3cret#1"));
  CHECK("authout: not a part", !strcmp(account_of("prov"), "a b") && !strcmp(account_of("pro"), "-"));
  CHECK("authout: case counts", !strcmp(account_of("Provider"), "-") && !strcmp(account_of(""), "-"));
  set("authout", "a b c\nann S3cret\n");
  CHECK("authout: whole lines", !strcmp(account_of("a"), "!") && failed(0, "conf/authout: line 2: not NAME USER PASSWORD"));
  set("authout", "a b c S3cret\n");
  CHECK("authout: one word", !strcmp(account_of("a"), "!") && failed(0, "conf/authout: line 1: not NAME USER PASSWORD"));
  set("authout", "a/S3cret b c\n");
  CHECK("authout: a name", !strcmp(account_of("a"), "!") && failed(0, "conf/authout: line 1: not a name that a route can have"));
  set("authout", "a b c\nd e f\na g h\n");
  CHECK("authout: two of them", !strcmp(account_of("a"), "!") && failed(0, "conf/authout: line 3: a second line for: a"));
  CHECK("authout: of another", !strcmp(account_of("d"), "e f"));
  memset(line, 'x', sizeof line);
  line[1] = line[2 + SMTP_USER_MAX] = ' ';
  memcpy(line + 3 + SMTP_USER_MAX + SMTP_PASSWORD_MAX, "\n", 2);
  set("authout", line);
  CHECK("authout: the longest", strlen(account_of("x")) == SMTP_USER_MAX + 1 + SMTP_PASSWORD_MAX);
  memcpy(line + 3 + SMTP_USER_MAX + SMTP_PASSWORD_MAX, "x\n", 3);
  set("authout", line);
  CHECK("authout: too long", !strcmp(account_of("x"), "!") && failed(0, "conf/authout: line 1: user or password too long"));
  unset("authout");
}

/* --- and by what certificate ------------------------------------------------------------------------ */

#define PRINT_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PRINT_B "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* Whose certificate and key these are; "!": the file makes no sense. */
static char const *certified(char const *certificate, char const *key)
{
  static char user[CONF_ACCOUNT_MAX + 1];
  tls_field const one = { certificate, strlen(certificate) }, other = { key, strlen(key) };
  return conf_clientcert(conf, &one, &other, user) ? user : "!";
}

static void check_clientcerts(void)
{
  CHECK("clientcerts: missing", !strcmp(certified(PRINT_A, PRINT_B), ""));
  set("clientcerts", "# all\n00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff joe\n"
    PRINT_B "\tann # hers\n");
  CHECK("clientcerts: a certificate", !strcmp(certified(PRINT_A, ""), "joe"));
  CHECK("clientcerts: a key", !strcmp(certified("", PRINT_A), "joe") && !strcmp(certified("x", PRINT_B), "ann"));
  CHECK("clientcerts: the certificate first", !strcmp(certified(PRINT_B, PRINT_A), "ann"));
  CHECK("clientcerts: nobody's", !strcmp(certified("", ""), ""));
  set("clientcerts", PRINT_A " joe\n" PRINT_B " ann\n" PRINT_A " bob\n");
  CHECK("clientcerts: twice", !strcmp(certified(PRINT_A, ""), "!")
    && failed(0, "conf/clientcerts: line 3: named twice: " PRINT_A));
  set("clientcerts", PRINT_B " joe\n" PRINT_A "00 joe\n");
  CHECK("clientcerts: too long", !strcmp(certified(PRINT_B, ""), "!")
    && failed(0, "conf/clientcerts: line 2: not a SHA-256: " PRINT_A "00"));
  set("clientcerts", PRINT_B "," PRINT_A " joe\n");
  CHECK("clientcerts: one a line", !strcmp(certified(PRINT_B, ""), "!"));
  set("clientcerts", PRINT_B " joe ann\n");
  CHECK("clientcerts: one user", !strcmp(certified(PRINT_B, ""), "!")
    && failed(0, "conf/clientcerts: line 1: not SHA256 USER"));
  unset("clientcerts");
}

static void check_command(void)
{
  stralloc s = STRALLOC_ZERO;
  CHECK("checkpassword: none", string_is(conf_checkpassword(conf, &s), &s, ""));
  set("checkpassword", "env A='b c' cvm-checkpassword /x  # ours\n");
  CHECK("checkpassword", string_is(conf_checkpassword(conf, &s), &s, "env A='b c' cvm-checkpassword /x"));
  unset("checkpassword");
  stralloc_free(&s);
}

int main(void)
{
  char below[64];
  int fd;
  if (!mkdtemp(dir)) perror(dir);
  snprintf(below, sizeof below, "%s/conf", dir);
  mkdir(below, 0700);
  fd = open(dir, O_RDONLY | O_DIRECTORY);
  conf = conf_open(fd);
  CHECK("conf opens", conf >= 0);

  check_me();
  check_endpoints();
  check_tls();
  check_numbers();
  check_pairs();
  check_subdomains();
  check_timeouts();
  check_domains();
  check_kept();
  check_clients();
  check_users();
  check_secrets();
  check_accounts();
  check_authout();
  check_clientcerts();
  check_command();
  check_recipients();
  check_queues();
  check_routes();
  check_route_tls();
  check_tlspolicy();
  check_files();
  check_fold();

  rm_rf(dir);
  CHECK_END();
}
