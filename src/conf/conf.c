#include "conf/conf-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/types.h>

#include "base/duration.h"
#include "base/endpoint.h"
#include "smtp/path.h"

/* --- words to values ------------------------------------------------------------------------ */

/* Copy as a string. */
static int string_copy(stralloc *out, char const *s, size_t len)
{
  if (!stralloc_copyb(out, s, len) || !stralloc_0(out)) return 0;
  out->len--;
  return 1;
}

/* Read all of s as a decimal number. */
static int number_scan(char const *s, size_t len, uint64_t *number)
{
  char text[UINT64_FMT];
  if (!len || len >= sizeof text || memchr(s, 0, len)) return 0;
  memcpy(text, s, len);
  text[len] = 0;
  return !!uint640_scan(text, number);
}

/* Read a number from min to max. */
static int number_within(char const *s, size_t len, uint64_t min, uint64_t max, uint64_t *number)
{
  if (!number_scan(s, len, number)) return conf_fail("not a number", s, len);
  if (*number < min) return conf_fail("too small", s, len);
  if (*number > max) return conf_fail("too large", s, len);
  return 1;
}

/* A length of time, or 0 for never. */
static int time_or_never_scan(char const *s, size_t len, uint64_t *seconds)
{
  return duration_scan(s, len, seconds) || conf_fail("not a time (such as 300s, 12h, 5d)", s, len);
}

/* A length of time of a second at least. */
static int period_scan(char const *s, size_t len, uint64_t *seconds)
{
  if (!time_or_never_scan(s, len, seconds)) return 0;
  if (!*seconds) return conf_fail("no time at all", s, len);
  return 1;
}

static int backoff_scan(char const *s, size_t len, conf_backoff *backoff)
{
  conf_word min, max;
  char const *all = s;
  size_t alllen = len;
  if (!conf_word_next(&s, &len, &min) || !conf_word_next(&s, &len, &max) || len)
    return conf_fail("not MIN MAX", all, alllen);
  if (!period_scan(min.s, min.len, &backoff->min) || !period_scan(max.s, max.len, &backoff->max))
    return 0;
  return backoff->min <= backoff->max ? 1 : conf_fail("MIN is over MAX", all, alllen);
}

/* The TOTAL of conf/concurrency where the file has none. */
#define CONCURRENCY_TOTAL 1000

static int concurrency_scan(char const *s, size_t len, conf_concurrency *concurrency)
{
  conf_word site, total;
  char const *all = s;
  size_t alllen = len;
  if (!conf_word_next(&s, &len, &site)) return conf_fail("not PERSITE [TOTAL]", all, alllen);
  if (!number_within(site.s, site.len, 1, CONF_CONNECTIONS_MAX, &concurrency->site)) return 0;
  concurrency->total = CONCURRENCY_TOTAL;
  if (concurrency->site > concurrency->total) concurrency->total = concurrency->site;
  if (!conf_word_next(&s, &len, &total)) return 1;
  if (len) return conf_fail("not PERSITE [TOTAL]", all, alllen);
  if (!number_within(total.s, total.len, 1, CONF_CONNECTIONS_MAX, &concurrency->total)) return 0;
  if (concurrency->site <= concurrency->total) return 1;
  return conf_fail("PERSITE is over TOTAL", all, alllen);
}

static char const *const tls_words[] =
{
  [CONF_TLS_NONE] = "none", [CONF_TLS_MAY] = "may", [CONF_TLS_ENCRYPT] = "encrypt"
};
#define TLS_WORDS (sizeof tls_words / sizeof *tls_words)

static int tls_scan(char const *s, size_t len, enum conf_tls *tls)
{
  unsigned int i = 0;
  while (i < TLS_WORDS && (len != strlen(tls_words[i]) || memcmp(s, tls_words[i], len))) i++;
  *tls = (enum conf_tls)i;
  return i < TLS_WORDS ? 1 : conf_fail("neither none, may nor encrypt", s, len);
}

#define MAP_MAX 64

/* A word that can stand in a question and in a line of job/job.h. */
static int map_ok(conf_word const *map)
{
  size_t i = 0;
  while (i < map->len && map->s[i] > ' ' && map->s[i] < 127) i++;
  return i == map->len && map->len <= MAP_MAX;
}

/* The words are strings afterwards, in memory of the caller's. */
static int tlspolicy_scan(char const *s, size_t len, stralloc *server, stralloc *map)
{
  conf_word first, second;
  char const *all = s;
  size_t alllen = len;
  if (!conf_word_next(&s, &len, &first)) return conf_fail("not SERVER [MAP]", all, alllen);
  if (!conf_word_next(&s, &len, &second))
    second = (conf_word){ ENDPOINT_MAP, sizeof ENDPOINT_MAP - 1 };
  if (len || !map_ok(&second))
    return conf_fail("not SERVER [MAP]", all, alllen);
  if (!string_copy(server, first.s, first.len) || !string_copy(map, second.s, second.len)) return 0;
  return endpoint_ok(server->s) || conf_fail("neither ADDRESS:PORT nor /PATH", first.s, first.len);
}

/* The names in conf/timeouts of enum conf_timeout, behind those of enum smtp_timeout. */
static smtp_timeout_kind const own_timeouts[CONF_TIMEOUTS - SMTP_TIMEOUTS] =
{
  [CONF_TIMEOUT_LOOKUP - SMTP_TIMEOUTS] = { "lookup", SMTP_LOOKUP_S },
  [CONF_TIMEOUT_REACH - SMTP_TIMEOUTS] = { "reach", SMTP_REACH_S },
  [CONF_TIMEOUT_COMMAND - SMTP_TIMEOUTS] = { "command", 300 },
  [CONF_TIMEOUT_RECEIVE - SMTP_TIMEOUTS] = { "receive", 300 },
  [CONF_TIMEOUT_MESSAGE - SMTP_TIMEOUTS] = { "message", 86400 },
  [CONF_TIMEOUT_AUTH - SMTP_TIMEOUTS] = { "auth", 30 }
};
#define TIMEOUT_MAX_S 86400

static smtp_timeout_kind const *timeout_kind(unsigned int which)
{
  return which < SMTP_TIMEOUTS ? smtp_timeouts + which : own_timeouts + (which - SMTP_TIMEOUTS);
}

char const *conf_timeout_name(unsigned int which)
{
  return timeout_kind(which)->name;
}

static int timeout_is(unsigned int which, conf_word const *name)
{
  char const *s = conf_timeout_name(which);
  return strlen(s) == name->len && !memcmp(s, name->s, name->len);
}

static int timeout_scan(char const *s, size_t len, unsigned int *which, unsigned int *seconds)
{
  conf_word name, value;
  char const *all = s;
  size_t alllen = len;
  uint64_t n;
  if (!conf_word_next(&s, &len, &name) || !conf_word_next(&s, &len, &value) || len)
    return conf_fail("not NAME TIME", all, alllen);
  for (*which = 0; *which < CONF_TIMEOUTS && !timeout_is(*which, &name);) ++*which;
  if (*which == CONF_TIMEOUTS) return conf_fail("unknown timeout", name.s, name.len);
  if (!period_scan(value.s, value.len, &n)) return 0;
  if (n > TIMEOUT_MAX_S) return conf_fail("over a day", value.s, value.len);
  *seconds = (unsigned int)n;
  return 1;
}

/* --- checks of a line, for the table ------------------------------------------------------ */

static int check_domain(char const *s, size_t len)
{
  stralloc domain = STRALLOC_ZERO;
  int r = conf_domain_fold(&domain, s, len);
  stralloc_free(&domain);
  return r || errno != EINVAL ? r : conf_fail("not a domain name", s, len);
}

static int check_mailbox(char const *s, size_t len)
{
  smtp_path path;
  if (!smtp_mailbox_scan(s, len, SMTP_PATH_UTF8, &path)) return conf_fail("not a mailbox", s, len);
  /* mail for an address literal has no list to wait in */
  return *path.domain != '[' ? 1 : conf_fail("not at a domain", s, len);
}

#define NAMESERVER_PORT 53

static int check_nameserver(char const *s, size_t len)
{
  stralloc folded = STRALLOC_ZERO;
  int r = conf_endpoint_fold(&folded, s, len, 0, NAMESERVER_PORT);
  stralloc_free(&folded);
  return r;
}

static int check_octets(char const *s, size_t len)
{
  uint64_t octets;
  return number_within(s, len, 0, INT64_MAX, &octets);
}

static int check_switch(char const *s, size_t len)
{
  uint64_t on;
  return number_scan(s, len, &on) && on <= 1 ? 1 : conf_fail("neither 1 nor 0", s, len);
}

/* A line of the shell's: what it means, only the shell can tell. */
static int check_command(char const *s, size_t len)
{
  return !memchr(s, 0, len) || conf_fail("not a command", s, len);
}

static int check_time_or_never(char const *s, size_t len)
{
  uint64_t seconds;
  return time_or_never_scan(s, len, &seconds);
}

static int check_time(char const *s, size_t len)
{
  uint64_t seconds;
  return period_scan(s, len, &seconds);
}

static int check_backoff(char const *s, size_t len)
{
  conf_backoff backoff;
  return backoff_scan(s, len, &backoff);
}

static int check_concurrency(char const *s, size_t len)
{
  conf_concurrency concurrency;
  return concurrency_scan(s, len, &concurrency);
}

static int check_connections(char const *s, size_t len)
{
  uint64_t connections;
  return number_within(s, len, 1, CONF_CONNECTIONS_MAX, &connections);
}

static int check_connections_or_any(char const *s, size_t len)
{
  uint64_t connections;
  return number_within(s, len, 0, CONF_CONNECTIONS_MAX, &connections);
}

static int check_tls(char const *s, size_t len)
{
  enum conf_tls tls;
  return tls_scan(s, len, &tls);
}

static int check_timeout(char const *s, size_t len)
{
  unsigned int which, seconds;
  return timeout_scan(s, len, &which, &seconds);
}

static int check_tlslevel(char const *s, size_t len)
{
  enum tls_level level;
  return conf_tlslevel_scan(&level, s, len);
}

static int check_tlspolicy(char const *s, size_t len)
{
  stralloc server = STRALLOC_ZERO, map = STRALLOC_ZERO;
  int r = tlspolicy_scan(s, len, &server, &map);
  stralloc_free(&server);
  stralloc_free(&map);
  return r;
}

/* --- the table -------------------------------------------------------------------------------- */

/* In the order of conf_settings. */
enum
{
  ME, POSTMASTER, LISTEN, LISTENTLS, LISTENODMR, TLS, NAMESERVER, LOOPBACKDNS, DATABYTES,
  ETRNCOUNTS, FSYNCDIR, LENIENT, PERCENTHACK, AUTHCLEAR, CHECKPASSWORD, LIFETIME, DELAYWARNING,
  BACKOFF, CONCURRENCY, CONCURRENCYINCOMING, CONCURRENCYCLIENT, SUBDOMAINS, MINFREE, BOUNCEBYTES,
  TLSLEVEL, TLSPOLICY, TIMEOUTS
};

conf_setting const conf_settings[] =
{
  [ME] = { "me", CONF_VALUE, "(the host's name)",
    "our name: in the greeting, in EHLO, in trace headers", &check_domain, 1 },
  [POSTMASTER] = { "postmaster", CONF_VALUE, "(postmaster@me)",
    "where mail for <postmaster> goes", &check_mailbox, 0 },
  [LISTEN] = { "listen", CONF_VALUES, "127.0.0.1:2525",
    "ADDRESS:PORT where mail is taken", &conf_check_listen, 1 },
  [LISTENTLS] = { "listentls", CONF_VALUES, "",
    "ADDRESS:PORT where mail is taken over TLS from the first octet", &conf_check_listen, 0 },
  [LISTENODMR] = { "listenodmr", CONF_VALUES, "",
    "ADDRESS:PORT where customers with fetchmail -p ODMR come for their mail, over TLS",
    &conf_check_listen, 0 },
  [TLS] = { "tls", CONF_VALUE, "(may where tlscert is, else none)",
    "none, may, encrypt: is STARTTLS offered, or asked of every client?", &check_tls, 0 },
  [NAMESERVER] = { "nameserver", CONF_VALUE, "",
    "ADDRESS[:PORT] of the DNS server to ask, instead of resolv.conf's", &check_nameserver, 1 },
  [LOOPBACKDNS] = { "loopbackdns", CONF_VALUE, "(0, or a lab's nameserver)",
    "1: take loopback addresses from the DNS, in a lab", &check_switch, 1 },
  [DATABYTES] = { "databytes", CONF_VALUE, "104857600",
    "octets a message may have; 0: no limit", &check_octets, 0 },
  [ETRNCOUNTS] = { "etrncounts", CONF_VALUE, "0",
    "1: answer ETRN with 251, 252, 253 and how many wait", &check_switch, 0 },
  [FSYNCDIR] = { "fsyncdir", CONF_VALUE, "0",
    "1: sync directories too, for file systems that need it", &check_switch, 0 },
  [LENIENT] = { "lenient", CONF_VALUE, "0",
    "1: take addresses without brackets, and with dots anywhere before the @", &check_switch, 0 },
  [PERCENTHACK] = { "percenthack", CONF_VALUE, "0",
    "1: take user%else@customer and its like from strangers too", &check_switch, 0 },
  [AUTHCLEAR] = { "authclear", CONF_VALUE, "0",
    "1: offer AUTH without TLS too, CRAM-MD5 alone", &check_switch, 0 },
  [CHECKPASSWORD] = { "checkpassword", CONF_VALUE, "",
    "command that checks the passwords of AUTH, where there is no authsecrets",
    &check_command, 0 },
  [LIFETIME] = { "lifetime", CONF_VALUE, "5d",
    "how long a message may wait", &check_time, 1 },
  [DELAYWARNING] = { "delaywarning", CONF_VALUE, "4h",
    "when to tell a sender that the message still waits; 0: never", &check_time_or_never, 1 },
  [BACKOFF] = { "backoff", CONF_VALUE, "60 3600",
    "MIN MAX seconds between two tries", &check_backoff, 1 },
  [CONCURRENCY] = { "concurrency", CONF_VALUE, "20 1000",
    "PERSITE [TOTAL] connections for delivery", &check_concurrency, 1 },
  [CONCURRENCYINCOMING] = { "concurrencyincoming", CONF_VALUE, "500",
    "connections at a time where mail is taken", &check_connections, 0 },
  [CONCURRENCYCLIENT] = { "concurrencyclient", CONF_VALUE, "50",
    "so many of them from one address, or IPv6 network of /64; 0: no limit",
    &check_connections_or_any, 0 },
  [SUBDOMAINS] = { "subdomains", CONF_VALUE, "100",
    "so many names below a .domain of relaydomains for a client at a time; 0: no limit",
    &check_connections_or_any, 0 },
  [MINFREE] = { "minfree", CONF_VALUE, "(1.5 x databytes, or 1 % of the disk)",
    "octets left free on the queue's disk: mail is taken while there are more; 0: no matter",
    &check_octets, 0 },
  [BOUNCEBYTES] = { "bouncebytes", CONF_VALUE, "50000",
    "octets of a failed message that are returned to its sender; of a larger one its header",
    &check_octets, 0 },
  [TLSLEVEL] = { "tlslevel", CONF_VALUE, "may",
    "none, may, dane, encrypt, verify or dane-only: TLS of sites whose route says nothing of it",
    &check_tlslevel, 1 },
  [TLSPOLICY] = { "tlspolicy", CONF_VALUE, "",
    "SERVER [MAP]: a socketmap server that knows the MTA-STS policies of sites",
    &check_tlspolicy, 1 },
  [TIMEOUTS] = { "timeouts", CONF_LINES, "(RFC 5321's)",
    "NAME TIME for each step of an SMTP dialogue", &check_timeout, 1 },
  { CONF_TLSCERT, CONF_PEM, "(none)",
    "our certificate, and those between it and its root", 0, 0 },
  { CONF_TLSKEY, CONF_PEM, "(none)",
    "the key of our certificate", 0, 0 },
  { CONF_TLSCA, CONF_PEM, "/etc/ssl/certs/ca-certificates.crt",
    "the certificates that those of sites are verified by", 0, 0 },
  { "relaydomains", CONF_COMPILED, "(none)",
    "domains whose mail is taken from anyone", &conf_check_pattern, 0 },
  { "relayclients", CONF_LIST, "(none)",
    "clients whose mail is taken for any domain", &conf_check_client, 0 },
  { "flushdomains", CONF_COMPILED, "(relaydomains)",
    "domains ETRN may ask for", &conf_check_pattern, 0 },
  { "flushclients", CONF_LIST, "(loopback and relayclients)",
    "clients that may use ETRN", &conf_check_client, 0 },
  { "flushusers", CONF_LIST, "(none)",
    "local users that may ask for a flush", &conf_check_user, 0 },
  { "users", CONF_LIST, "(none)",
    "NAME [norelay] [DOMAIN]...: what users of AUTH, and by certificate, may do",
    &conf_check_account, 0 },
  { "authsecrets", CONF_SECRETS, "(none)",
    "USER SECRET for AUTH", &conf_check_secret, 0 },
  { "authout", CONF_SECRETS, "(none)",
    "NAME USER PASSWORD: who we are at sites whose route has auth=NAME", &conf_check_authout, 0 },
  { "clientcerts", CONF_LIST, "(none)",
    "SHA256 USER: whose certificate, or key of one, that is", &conf_check_clientcert, 0 },
  { "routes", CONF_COMPILED, "(none: MX)",
    "PATTERN NEXTHOP [park] [lifetime=TIME] [delaywarning=TIME] [concurrency=N]"
    " [without=EXTENSION,...] [tls=LEVEL] [tlsname=NAME] [tlsprint=SHA256,...] [tlswrap]"
    " [auth=NAME]",
    &conf_check_route, 1 },
  { "queues", CONF_LIST, "(none)",
    "NAME DOMAIN... for ETRN #NAME", &conf_check_queue, 0 },
  { "recipients", CONF_COMPILED, "(any)",
    "mailboxes that exist in the relayed domains", &conf_check_recipient, 0 }
};
size_t const conf_settings_count = sizeof conf_settings / sizeof *conf_settings;

conf_setting const *conf_setting_find(char const *name)
{
  size_t i = 0;
  for (; i < conf_settings_count; i++)
    if (!strcmp(conf_settings[i].name, name)) return conf_settings + i;
  return 0;
}

/* --- has anything changed? ---------------------------------------------------------------- */

static uint64_t stamp_add(uint64_t stamp, int conf, char const *name)
{
  struct stat st = { .st_ino = 0 };
  fstatat(conf, name, &st, 0);
  stamp = stamp * 31 + st.st_ino;
  stamp = stamp * 31 + (uint64_t)st.st_size;
  return stamp * 31 + (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
}

uint64_t conf_kept_stamp(int conf)
{
  char compiled[NAME_MAX + 1];
  uint64_t stamp = 0;
  size_t i;
  for (i = 0; i < conf_settings_count; i++)
  {
    conf_setting const *setting = conf_settings + i;
    if (!setting->kept) continue;
    stamp = stamp_add(stamp, conf, setting->name);
    if (setting->kind != CONF_COMPILED) continue;
    strcpy(stpcpy(compiled, setting->name), ".cdb");
    stamp = stamp_add(stamp, conf, compiled);
  }
  return stamp;
}

/* --- the readers -------------------------------------------------------------------------- */

/* Read and check the line of a value; line->number is 0 where the file has none. */
static int value_read(int conf, unsigned int which, stralloc *text, conf_line *line)
{
  conf_setting const *setting = conf_settings + which;
  if (!conf_value_read(conf, setting, text, line)) return 0;
  if (!line->number || (*setting->check)(line->s, line->len)) return 1;
  return conf_fail_where(setting->name, line->number);
}

/* Memory is short: set conf_error(). */
static int no_memory(unsigned int which)
{
  errno = ENOMEM;
  return conf_fail_system(conf_settings[which].name);
}

int conf_me(int conf, stralloc *name)
{
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  char host[256];
  int r = value_read(conf, ME, &text, &line);
  if (r && !line.number)
  {
    host[sizeof host - 1] = 0;
    if (gethostname(host, sizeof host - 1) == -1) r = conf_fail_system("me");
    line = (conf_line){ .s = host, .len = strlen(host) };
  }
  if (r && !conf_domain_fold(name, line.s, line.len))
  {
    if (errno == EINVAL)
    {
      conf_fail("missing, and the host's name is no domain name", line.s, line.len);
      r = conf_fail_where("me", 0);
    }
    else r = no_memory(ME);
  }
  stralloc_free(&text);
  return r;
}

static int postmaster_read(int conf, stralloc *mailbox, int *said)
{
  static char const local[] = "postmaster@";
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  int r = value_read(conf, POSTMASTER, &text, &line);
  if (r && line.number) r = string_copy(mailbox, line.s, line.len) || no_memory(POSTMASTER);
  else if (r) r = conf_me(conf, &text)
    && ((stralloc_copyb(mailbox, local, sizeof local - 1)
      && stralloc_catb(mailbox, text.s, text.len + 1))
      || no_memory(POSTMASTER));
  if (r && !line.number) mailbox->len--;
  *said = r && line.number;
  stralloc_free(&text);
  return r;
}

int conf_postmaster(int conf, stralloc *mailbox)
{
  int said;
  return postmaster_read(conf, mailbox, &said);
}

int conf_postmaster_domain(int conf, stralloc *mailbox, stralloc *domain, int *held)
{
  smtp_path path;
  int said;
  *held = 0;
  if (!postmaster_read(conf, mailbox, &said)) return 0;
  *held = !said;
  if (*held) return string_copy(domain, CONF_HELD, sizeof CONF_HELD - 1) || no_memory(POSTMASTER);
  if (smtp_mailbox_scan(mailbox->s, mailbox->len, SMTP_PATH_UTF8, &path)
   && conf_domain_fold(domain, path.domain, path.domainlen)) return 1;
  if (errno == ENOMEM) return no_memory(POSTMASTER);
  conf_fail("not a mailbox in a domain", mailbox->s, mailbox->len);
  return conf_fail_where("postmaster", 0);
}

int conf_tls(int conf, enum conf_tls *tls)
{
  struct stat st;
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  int r = value_read(conf, TLS, &text, &line);
  if (r && line.number) r = tls_scan(line.s, line.len, tls);
  else if (r) *tls = fstatat(conf, CONF_TLSCERT, &st, AT_SYMLINK_NOFOLLOW) == 0
    ? CONF_TLS_MAY : CONF_TLS_NONE;
  stralloc_free(&text);
  return r;
}

char const *conf_tls_name(enum conf_tls tls)
{
  return tls_words[tls];
}

int conf_nameserver(int conf, stralloc *nameserver)
{
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  int r = value_read(conf, NAMESERVER, &text, &line);
  if (r && !line.len) r = string_copy(nameserver, "", 0) || no_memory(NAMESERVER);
  else if (r && !conf_endpoint_fold(nameserver, line.s, line.len, 0, NAMESERVER_PORT))
    r = no_memory(NAMESERVER);
  stralloc_free(&text);
  return r;
}

/* Read a value that is a number, with scan. */
static int number_read(int conf, unsigned int which,
                       int (*scan)(char const *s, size_t len, uint64_t *number), uint64_t *number)
{
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  int r = value_read(conf, which, &text, &line) && (*scan)(line.s, line.len, number);
  stralloc_free(&text);
  return r;
}

/*
 * The same; *said is 1 where the file has a value.  Without a file, a default that is no number
 * leaves *number as it is.
 */
static int number_said(int conf, unsigned int which, uint64_t *number, int *said)
{
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  int r = value_read(conf, which, &text, &line);
  *said = r && line.number;
  if (r) r = number_scan(line.s, line.len, number) || !*said;
  stralloc_free(&text);
  return r;
}

int conf_databytes(int conf, uint64_t *octets)
{
  return number_read(conf, DATABYTES, &number_scan, octets);
}

int conf_subdomains(int conf, uint64_t *names)
{
  return number_read(conf, SUBDOMAINS, &number_scan, names);
}

int conf_concurrencyclient(int conf, uint64_t *connections, int *said)
{
  return number_said(conf, CONCURRENCYCLIENT, connections, said);
}

int conf_bouncebytes(int conf, uint64_t *octets)
{
  return number_read(conf, BOUNCEBYTES, &number_scan, octets);
}

int conf_minfree(int conf, uint64_t *octets, int *said)
{
  if (!number_said(conf, MINFREE, octets, said)) return 0;
  if (*said) return 1;
  if (!conf_databytes(conf, octets)) return 0;
  *octets += *octets / 2;
  return 1;
}

int conf_loopbackdns(int conf, int *on, int *said)
{
  uint64_t number = 0;
  int r = number_said(conf, LOOPBACKDNS, &number, said);
  *on = !!number;
  return r;
}

int conf_concurrencyincoming(int conf, uint64_t *connections)
{
  return number_read(conf, CONCURRENCYINCOMING, &number_scan, connections);
}

int conf_switch(int conf, char const *name, int *on)
{
  conf_setting const *setting = conf_setting_find(name);
  uint64_t number = 0;
  int r;
  if (!setting || setting->check != &check_switch)
  {
    conf_fail("not a switch", 0, 0);
    return conf_fail_where(name, 0);
  }
  r = number_read(conf, (unsigned int)(setting - conf_settings), &number_scan, &number);
  *on = !!number;
  return r;
}

int conf_exists(int conf, char const *name)
{
  struct stat st;
  return fstatat(conf, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

int conf_checkpassword(int conf, stralloc *command)
{
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  int r = value_read(conf, CHECKPASSWORD, &text, &line)
    && (string_copy(command, line.s, line.len) || no_memory(CHECKPASSWORD));
  stralloc_free(&text);
  return r;
}

int conf_lifetime(int conf, uint64_t *seconds)
{
  return number_read(conf, LIFETIME, &period_scan, seconds);
}

int conf_delaywarning(int conf, uint64_t *seconds)
{
  return number_read(conf, DELAYWARNING, &time_or_never_scan, seconds);
}

int conf_tlslevel(int conf, enum tls_level *level)
{
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  int r = value_read(conf, TLSLEVEL, &text, &line)
    && conf_tlslevel_scan(level, line.s, line.len);
  stralloc_free(&text);
  return r;
}

int conf_tlspolicy(int conf, stralloc *server, stralloc *map)
{
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  int r = value_read(conf, TLSPOLICY, &text, &line);
  if (r && line.number) r = tlspolicy_scan(line.s, line.len, server, map) || no_memory(TLSPOLICY);
  else if (r) r = (string_copy(server, "", 0) && string_copy(map, "", 0)) || no_memory(TLSPOLICY);
  stralloc_free(&text);
  return r;
}

int conf_backoff_read(int conf, conf_backoff *backoff)
{
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  int r = value_read(conf, BACKOFF, &text, &line) && backoff_scan(line.s, line.len, backoff);
  stralloc_free(&text);
  return r;
}

int conf_concurrency_read(int conf, conf_concurrency *concurrency)
{
  stralloc text = STRALLOC_ZERO;
  conf_line line;
  int r = value_read(conf, CONCURRENCY, &text, &line)
    && concurrency_scan(line.s, line.len, concurrency);
  stralloc_free(&text);
  return r;
}

int conf_timeouts(int conf, unsigned int seconds[CONF_TIMEOUTS])
{
  conf_setting const *setting = conf_settings + TIMEOUTS;
  stralloc text = STRALLOC_ZERO;
  conf_line line = { .number = 0 };
  size_t pos = 0;
  unsigned int which, value;
  int r;
  for (which = 0; which < CONF_TIMEOUTS; which++) seconds[which] = timeout_kind(which)->seconds;
  r = conf_file_read(conf, setting, &text);
  while (r > 0 && (r = conf_line_next(setting, &text, &pos, &line)) > 0)
  {
    if (timeout_scan(line.s, line.len, &which, &value)) seconds[which] = value;
    else
    {
      conf_fail_where(setting->name, line.number);
      r = -1;
    }
  }
  stralloc_free(&text);
  return r >= 0;
}
