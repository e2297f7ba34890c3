/* conf-check: show the settings in force, and the lines that make no sense. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/directory.h"
#include "base/log.h"
#include "base/resolver.h"
#include "base/wallclock.h"
#include "conf/conf-internal.h"
#include "start/options.h"
#include "start/program.h"
#include "tls/inspect.h"

#define USAGE "conf-check [-C dir] [-v] [name...]"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "conf-check";

typedef struct checker
{
  int conf;
  int values;      /* -v: the values alone, for scripts */
  int wrong;       /* something makes no sense */
  int unreadable;  /* something could not be read */
  stralloc text;   /* of the file being looked at */
  stralloc from;   /* where the value came from, a string */
} checker;

/* --- saying what is wrong ------------------------------------------------------------------ */

/* Print conf_error(), while errno is that of the reader. */
static void complain(void *data)
{
  checker *c = data;
  if (errno == EINVAL) c->wrong = 1;
  else c->unreadable = 1;
  log_line(conf_error());
}

static void warn(char const *name, char const *suffix, char const *what)
{
  log_line("warning: conf/", name, suffix, ": ", what);
}

static void die_memory(void)
{
  strerr_diefusys(111, "check the configuration");
}

/* --- printing ------------------------------------------------------------------------------ */

static void put(char const *s, size_t len)
{
  if (buffer_put(buffer_1, s, len) < 0) strerr_diefusys(111, "write to standard output");
}

static void put_string(char const *s)
{
  put(s, strlen(s));
}

static void put_setting(checker const *c, conf_setting const *setting, char const *value,
                        size_t len)
{
  if (!c->values)
  {
    put_string(setting->name);
    put_string(" = ");
  }
  if (len || c->values) put(value, len);
  else put_string("(none)");
  if (!c->values)
  {
    put_string("  (");
    put_string(c->from.s);
    put_string(")");
  }
  put_string("\n");
}

static void from_set(checker *c, char const *directory, char const *name, char const *suffix)
{
  c->from.len = 0;
  if (!stralloc_cats(&c->from, directory) || !stralloc_cats(&c->from, name)
   || !stralloc_cats(&c->from, suffix) || !stralloc_0(&c->from)) die_memory();
}

/* --- one value ------------------------------------------------------------------------------ */

typedef int reader(int conf, stralloc *out);

static int tls_read(int conf, stralloc *out)
{
  enum conf_tls tls;
  return conf_tls(conf, &tls) && (stralloc_cats(out, conf_tls_name(tls)) || (errno = ENOMEM, 0));
}

/* The mark of a value that is not the file's line as it stands; NULL where it is. */
static reader *reader_find(char const *name)
{
  static struct { char const *name; reader *read; } const readers[] =
  {
    { "me", &conf_me }, { "postmaster", &conf_postmaster },
    { "listen", &conf_listen }, { "listentls", &conf_listentls },
    { "listenodmr", &conf_listenodmr }, { "tls", &tls_read }, { "nameserver", &conf_nameserver }
  };
  size_t i = 0;
  for (; i < sizeof readers / sizeof *readers; i++)
    if (!strcmp(readers[i].name, name)) return readers[i].read;
  return 0;
}

static void check_value(checker *c, conf_setting const *setting)
{
  stralloc value = STRALLOC_ZERO;
  reader *read = reader_find(setting->name);
  conf_line line;
  if (!conf_value_read(c->conf, setting, &c->text, &line))
  {
    complain(c);
    return;
  }
  if (line.number) from_set(c, "conf/", setting->name, "");
  else from_set(c, "default", "", "");
  if (line.number && !(*setting->check)(line.s, line.len))
  {
    conf_fail_where(setting->name, line.number);
    complain(c);
  }
  else if (!read) put_setting(c, setting, line.s, line.len);
  else if ((*read)(c->conf, &value)) put_setting(c, setting, value.s, value.len);
  else complain(c);
  stralloc_free(&value);
}

/* --- several lines -------------------------------------------------------------------------- */

/* Print a setting in force, also one without a file. */
static void put_timeouts(checker *c, conf_setting const *setting)
{
  stralloc all = STRALLOC_ZERO;
  unsigned int seconds[CONF_TIMEOUTS], i = 0;
  char number[UINT_FMT];
  if (!conf_timeouts(c->conf, seconds))
  {
    complain(c);
    return;
  }
  for (; i < CONF_TIMEOUTS; i++)
    if ((i && !stralloc_cats(&all, c->values ? "\n" : ", "))
     || !stralloc_cats(&all, conf_timeout_name(i)) || !stralloc_cats(&all, " ")
     || !stralloc_catb(&all, number, uint_fmt(number, seconds[i]))) die_memory();
  put_setting(c, setting, all.s, all.len);
  stralloc_free(&all);
}

/* -v: print the entries of a list; of secrets, whose they are. */
static void put_entries(conf_setting const *setting, stralloc const *text)
{
  conf_line line = { .number = 0 };
  conf_word word;
  size_t pos = 0;
  while (conf_line_next(setting, text, &pos, &line) > 0)
  {
    if (setting->kind != CONF_SECRETS) put(line.s, line.len);
    else if (conf_word_next(&line.s, &line.len, &word)) put(word.s, word.len);
    put_string("\n");
  }
}

static void put_count(checker const *c, conf_setting const *setting, size_t entries)
{
  char count[UINT64_FMT];
  stralloc text = STRALLOC_ZERO;
  if (!stralloc_catb(&text, count, uint64_fmt(count, entries))
   || !stralloc_cats(&text, entries == 1 ? " entry" : " entries")) die_memory();
  put_setting(c, setting, text.s, text.len);
  stralloc_free(&text);
}

/*
 * Do programs read the compiled form of the list?  Warns when there is one that they do not read.
 * 1, 0, -1 after a complaint.
 */
static int compiled_used(checker *c, conf_setting const *setting, int there)
{
  conf_list list = CONF_LIST_ZERO;
  int used;
  if (!conf_list_open(c->conf, setting->name, &list))
  {
    complain(c);
    return -1;
  }
  used = list.form == CONF_LIST_CDB;
  conf_list_close(&list);
  from_set(c, "", setting->name, ".cdb");
  if (!used && !faccessat(c->conf, c->from.s, F_OK, 0))
    warn(setting->name, ".cdb", there ? "not used: older than the list; run conf-cdb"
                                      : "not used: the list itself is missing");
  return used;
}

/* The entries of a list that make a look-up take most of a millisecond. */
#define LONG_LIST 2000

/* Secrets are for one user to read; that nobody else can is no fault. */
static int kept_from_us(conf_setting const *setting)
{
  return setting->kind == CONF_SECRETS && errno == EACCES;
}

static void put_kept(checker *c, conf_setting const *setting)
{
  static char const words[] = "(not for this user to read)";
  from_set(c, "conf/", setting->name, "");
  if (!c->values) put_setting(c, setting, words, strlen(words));
}

static void check_lines(checker *c, conf_setting const *setting)
{
  size_t entries = 0;
  int there = conf_file_read(c->conf, setting, &c->text), compiled = 0;
  if (there < 0 && kept_from_us(setting))
  {
    put_kept(c, setting);
    return;
  }
  if (there < 0)
  {
    complain(c);
    return;
  }
  if (there && !conf_lines_check(setting, &c->text, &entries, &complain, c)) return;
  if (setting->kind == CONF_COMPILED && (compiled = compiled_used(c, setting, there)) < 0) return;
  if (setting->kind == CONF_COMPILED && !compiled && entries >= LONG_LIST)
    warn(setting->name, "", "a long list: conf-cdb makes it quick to look up");
  if (there) from_set(c, "conf/", setting->name, compiled ? ".cdb" : "");
  else from_set(c, "default", "", "");

  if (setting->kind == CONF_LINES) put_timeouts(c, setting);
  else if (c->values)
  {
    if (there) put_entries(setting, &c->text);
  }
  else if (there) put_count(c, setting, entries);
  else put_setting(c, setting, setting->fallback, strlen(setting->fallback));
}

/* --- a file of another format --------------------------------------------------------------- */

/* Where the file is, by a link maybe.  1; 0 when there is none; -1 after a complaint. */
static int pem_look(checker *c, conf_setting const *setting, struct stat *st)
{
  if (fstatat(c->conf, setting->name, st, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT) return 0;
  if (fstatat(c->conf, setting->name, st, 0) == -1) conf_fail_system(setting->name);
  else if (S_ISREG(st->st_mode)) return 1;
  else
  {
    conf_fail("not a regular file", 0, 0);
    conf_fail_where(setting->name, 0);
  }
  complain(c);
  return -1;
}

static void check_pem(checker *c, conf_setting const *setting)
{
  struct stat st;
  char size[UINT64_FMT + sizeof " octets"];
  int there = pem_look(c, setting, &st);
  if (there < 0) return;
  if (there) from_set(c, "conf/", setting->name, "");
  else from_set(c, "default", "", "");
  *size = 0;
  if (there) stpcpy(size + uint64_fmt(size, (uint64_t)st.st_size), " octets");
  if (there || c->values) put_setting(c, setting, size, strlen(size));
  else put_setting(c, setting, setting->fallback, strlen(setting->fallback));
}

static void check_setting(checker *c, conf_setting const *setting)
{
  if (setting->kind == CONF_VALUE) check_value(c, setting);
  else if (setting->kind == CONF_PEM) check_pem(c, setting);
  else check_lines(c, setting);
}

/* --- what is right and still not meant so ------------------------------------------------- */

static int is_set(checker const *c, char const *name)
{
  return !faccessat(c->conf, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* Does the list of clients have an entry for everybody? */
static int clients_everybody(checker *c, char const *name)
{
  conf_setting const *setting = conf_setting_find(name);
  conf_line line = { .number = 0 };
  size_t pos = 0;
  if (conf_file_read(c->conf, setting, &c->text) <= 0) return 0;
  while (conf_line_next(setting, &c->text, &pos, &line) > 0)
    if (line.len > 2 && !memcmp(line.s + line.len - 2, "/0", 2)) return 1;
  return 0;
}

/* Does any site have one of two levels, by the settings? */
static int level_wanted(checker *c, enum tls_level one, enum tls_level other)
{
  conf_setting const *setting = conf_setting_find("routes");
  conf_route_line route = CONF_ROUTE_LINE_ZERO;
  conf_line line = { .number = 0 };
  enum tls_level level = TLS_NONE;
  size_t pos = 0;
  int wanted = conf_tlslevel(c->conf, &level) && (level == one || level == other);
  if (conf_file_read(c->conf, setting, &c->text) <= 0) return wanted;
  while (!wanted && conf_line_next(setting, &c->text, &pos, &line) > 0)
    wanted = conf_route_scan(&route, line.s, line.len)
      && (route.options.tls == one || route.options.tls == other);
  conf_route_line_free(&route);
  return wanted;
}

static void check_tlsca(checker *c)
{
  char const *path = is_set(c, CONF_TLSCA) ? CONF_TLSCA : conf_setting_find(CONF_TLSCA)->fallback;
  int wanted = is_set(c, "tlspolicy") || level_wanted(c, TLS_VERIFY, TLS_VERIFY);
  if (wanted && faccessat(c->conf, path, R_OK, 0) == -1)
    warn(CONF_TLSCA, "", "cannot be read: no site that is to be verified gets any mail");
}

/* Does whoever answers for the DNS stand where nobody can speak for him (base/resolver.h)? */
static int resolver_good(checker const *c)
{
  struct __res_state r = { .nscount = 0 };
  stralloc server = STRALLOC_ZERO;
  int good = conf_nameserver(c->conf, &server) && server.len;
  if (good) good = !strncmp(server.s, "127.", 4) || !strncmp(server.s, "[::1]", 5);
  else if (res_ninit(&r) == 0)
  {
    good = resolver_believed(&r);
    res_nclose(&r);
  }
  stralloc_free(&server);
  return good;
}

static void check_dane(checker *c)
{
  if (!level_wanted(c, TLS_DANE, TLS_DANE_ONLY) || resolver_good(c)) return;
  warn("tlslevel", "", "dane without a resolver to believe: at 127.0.0.1, or with \"options trust-ad\" in resolv.conf");
}

/* May others read the key: anybody, or who may add to the queue, whose group conf/ has? */
static int key_shown(checker const *c)
{
  struct stat key, conf;
  if (fstatat(c->conf, CONF_TLSKEY, &key, 0) == -1 || fstat(c->conf, &conf) == -1) return 0;
  return key.st_mode & S_IRWXO || (key.st_mode & S_IRWXG && key.st_gid == conf.st_gid);
}

/* Other servers need not know TLS (RFC 3207 section 4). */
static int listens_for_all(checker const *c)
{
  stralloc listen = STRALLOC_ZERO;
  int r = conf_listen(c->conf, &listen) && listen.len > 3
    && !strcmp(listen.s + listen.len - 3, ":25");
  stralloc_free(&listen);
  return r;
}

/* Time enough to get another one, for who reads mail from cron. */
#define CERTIFICATE_ENDS_SOON_S (14 * 24 * 3600)

static void certificate_end(inspect const *certificate)
{
  int64_t const left_s = inspect_until_s(certificate) - (int64_t)(wallclock_us() / 1000000);
  if (left_s < 0) warn(CONF_TLSCERT, "", "it has expired");
  else if (left_s < CERTIFICATE_ENDS_SOON_S) warn(CONF_TLSCERT, "", "it expires within 14 days");
}

static void certificate_name(checker const *c, inspect *certificate)
{
  stralloc me = STRALLOC_ZERO;
  if (conf_me(c->conf, &me) && stralloc_0(&me) && !inspect_names(certificate, me.s))
    warn(CONF_TLSCERT, "", "it is not for the name in conf/me");
  stralloc_free(&me);
}

static void certificate_key(checker const *c, inspect const *certificate)
{
  int fits = inspect_fits(certificate, c->conf, CONF_TLSKEY);
  if (!fits) warn(CONF_TLSKEY, "", "it is not the key of the certificate in conf/" CONF_TLSCERT);
  else if (fits == -1 && errno == EINVAL) warn(CONF_TLSKEY, "", "no key in it that can be used");
}

static void check_certificate(checker const *c)
{
  inspect *certificate = inspect_open(c->conf, CONF_TLSCERT);
  if (!certificate)
  {
    if (errno == EINVAL) warn(CONF_TLSCERT, "", "no certificate in it");
    return;
  }
  certificate_end(certificate);
  certificate_name(c, certificate);
  certificate_key(c, certificate);
  inspect_close(certificate);
}

static void check_tls_sense(checker const *c)
{
  enum conf_tls tls = CONF_TLS_NONE;
  int wanted = is_set(c, "listentls") || is_set(c, "listenodmr") || is_set(c, CONF_CLIENTCERTS)
    || (conf_tls(c->conf, &tls) && tls != CONF_TLS_NONE);
  if (wanted && !is_set(c, CONF_TLSCERT))
    warn(CONF_TLSCERT, "", "missing: no client can begin TLS");
  if (is_set(c, CONF_TLSCERT) && !is_set(c, CONF_TLSKEY))
    warn(CONF_TLSKEY, "", "missing: no client can begin TLS");
  if (key_shown(c)) warn(CONF_TLSKEY, "", "others may read it");
  check_certificate(c);
  if (tls == CONF_TLS_ENCRYPT && listens_for_all(c))
    warn("tls", "", "at port 25 other servers have to be served in clear text too");
}

/* --- users and their secrets -------------------------------------------------------------- */

static int word_compare(void const *a, void const *b)
{
  conf_word const *x = a, *y = b;
  int r = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
  return r ? r : (x->len > y->len) - (x->len < y->len);
}

static void words_sort(genalloc *words)
{
  if (!words->len) return;
  qsort(words->s, genalloc_len(conf_word, words), sizeof (conf_word), &word_compare);
}

static int word_find(conf_word const *word, genalloc const *words)
{
  return words->len
    && bsearch(word, words->s, genalloc_len(conf_word, words), sizeof *word, &word_compare) != 0;
}

/*
 * The first words of all lines of a list, sorted; they point into *text.  0: it is missing or cannot
 * be read to its end, which was told already.
 */
static int first_words(checker *c, char const *name, stralloc *text, genalloc *words)
{
  conf_setting const *setting = conf_setting_find(name);
  conf_line line = { .number = 0 };
  conf_word word;
  size_t pos = 0;
  int r;
  if (conf_file_read(c->conf, setting, text) <= 0) return 0;
  while ((r = conf_line_next(setting, text, &pos, &line)) > 0)
    if (conf_word_next(&line.s, &line.len, &word) && !genalloc_append(conf_word, words, &word))
      die_memory();
  words_sort(words);
  return !r;
}

/* The user's name, for a line about it. */
static char const *name_shown(char out[CONF_ACCOUNT_MAX + 1], conf_word const *user)
{
  return log_clean(out, CONF_ACCOUNT_MAX + 1, user->s, user->len);
}

static void names_twice(checker *c, genalloc const *names, char const *what)
{
  conf_word const *all = genalloc_s(conf_word, names);
  char name[CONF_ACCOUNT_MAX + 1];
  size_t i = 1;
  for (; i < genalloc_len(conf_word, names); i++)
    if (!word_compare(all + i - 1, all + i))
    {
      c->wrong = 1;
      log_line(what, name_shown(name, all + i));
    }
}

/* Those whose certificates are named are added to *users; they point into *text.  1 or 0, as above. */
static int certified_users(checker *c, stralloc *text, genalloc *users)
{
  conf_setting const *setting = conf_setting_find(CONF_CLIENTCERTS);
  char print[TLS_PRINT_LEN + 1];
  conf_line line = { .number = 0 };
  conf_word user;
  size_t pos = 0;
  int r;
  if (!is_set(c, CONF_CLIENTCERTS)) return 1;
  if (conf_file_read(c->conf, setting, text) <= 0) return 0;
  while ((r = conf_line_next(setting, text, &pos, &line)) > 0)
    if (conf_clientcert_scan(line.s, line.len, print, &user) && !genalloc_append(conf_word, users, &user))
      die_memory();
  return !r;
}

/* Warn of users who can prove nothing: they have neither a secret nor a certificate. */
static void users_without(checker *c, genalloc const *proved)
{
  stralloc text = STRALLOC_ZERO;
  genalloc users = GENALLOC_ZERO;
  char name[CONF_ACCOUNT_MAX + 1];
  char const *what = !is_set(c, CONF_CLIENTCERTS) ? "no secret in conf/authsecrets: "
    : !is_set(c, "authsecrets") ? "no certificate in conf/clientcerts: "
    : "no secret in conf/authsecrets, no certificate in conf/clientcerts: ";
  size_t i = 0;
  if (first_words(c, "users", &text, &users))
    for (; i < genalloc_len(conf_word, &users); i++)
    {
      conf_word const *user = genalloc_s(conf_word, &users) + i;
      if (!word_find(user, proved))
        log_line("warning: conf/users: ", what, name_shown(name, user));
    }
  genalloc_free(conf_word, &users);
  stralloc_free(&text);
}

static void check_mode(checker const *c, char const *name)
{
  struct stat st;
  if (!fstatat(c->conf, name, &st, 0) && st.st_mode & 077)
    warn(name, "", "others than its owner may read it: chmod 600");
}

static void secrets_free(stralloc *text, genalloc *words)
{
  genalloc_free(conf_word, words);
  if (text->s) explicit_bzero(text->s, text->a);
  stralloc_free(text);
}

/* Who can prove to be whom?  secrets are the users of conf/authsecrets. */
static void check_proofs(checker *c, genalloc *secrets)
{
  stralloc text = STRALLOC_ZERO;
  if (certified_users(c, &text, secrets))
  {
    words_sort(secrets);
    users_without(c, secrets);
  }
  stralloc_free(&text);
}

static void check_secrets(checker *c)
{
  stralloc text = STRALLOC_ZERO;
  genalloc secrets = GENALLOC_ZERO;
  int readable;
  if (is_set(c, "authsecrets") && is_set(c, "checkpassword"))
  {
    c->wrong = 1;
    log_line("conf/checkpassword: not beside conf/authsecrets, which alone is asked");
  }
  check_mode(c, "authsecrets");
  readable = first_words(c, "authsecrets", &text, &secrets);
  if (readable) names_twice(c, &secrets, "conf/authsecrets: a second secret: ");
  if (readable || (is_set(c, CONF_CLIENTCERTS) && !is_set(c, "authsecrets") && !is_set(c, "checkpassword")))
    check_proofs(c, &secrets);
  secrets_free(&text, &secrets);
}

/* --- who we are at sites -------------------------------------------------------------------- */

/* Is the site proved to be itself before it gets our password? */
static int site_proved(checker const *c, conf_route_line const *route)
{
  enum tls_level level = route->options.tls;
  return (level != TLS_LEVELS || conf_tlslevel(c->conf, &level)) && level >= TLS_FINGERPRINT;
}

/* A route wants a name that may not be there. */
static void route_check(checker *c, conf_route_line const *route, unsigned int number,
                        genalloc const *names)
{
  size_t const key = sizeof CONF_ROUTE_AUTH - 1;
  conf_word const name = { .s = route->auth.s + key, .len = route->auth.len - key };
  char digits[UINT_FMT], shown[CONF_ACCOUNT_MAX + 1];
  digits[uint_fmt(digits, number)] = 0;
  if (!site_proved(c, route))
    log_line("warning: conf/routes: line ", digits,
             ": auth without tls=verify: whoever poses as the site gets the password");
  if (word_find(&name, names)) return;
  c->wrong = 1;
  log_line("conf/routes: line ", digits, ": no such name in conf/authout: ",
           name_shown(shown, &name));
}

static void routes_check(checker *c, genalloc const *names)
{
  conf_setting const *setting = conf_setting_find("routes");
  conf_route_line route = CONF_ROUTE_LINE_ZERO;
  conf_line line = { .number = 0 };
  size_t pos = 0;
  if (conf_file_read(c->conf, setting, &c->text) <= 0) return;
  while (conf_line_next(setting, &c->text, &pos, &line) > 0)
    if (conf_route_scan(&route, line.s, line.len) && route.auth.len)
      route_check(c, &route, line.number, names);
  conf_route_line_free(&route);
}

static void check_authout(checker *c)
{
  stralloc text = STRALLOC_ZERO;
  genalloc names = GENALLOC_ZERO;
  int const read = first_words(c, "authout", &text, &names);
  check_mode(c, "authout");
  if (read) names_twice(c, &names, "conf/authout: a second line for: ");
  if (read || !is_set(c, "authout")) routes_check(c, &names);
  secrets_free(&text, &names);
}

typedef char print[TLS_PRINT_LEN + 1];

static int print_compare(void const *one, void const *other)
{
  return memcmp(one, other, TLS_PRINT_LEN);
}

/* All that lines of conf/clientcerts name, sorted. */
static void prints_read(checker *c, genalloc *prints)
{
  conf_setting const *setting = conf_setting_find(CONF_CLIENTCERTS);
  conf_line line = { .number = 0 };
  conf_word user;
  print one;
  size_t pos = 0;
  if (conf_file_read(c->conf, setting, &c->text) <= 0) return;
  while (conf_line_next(setting, &c->text, &pos, &line) > 0)
    if (conf_clientcert_scan(line.s, line.len, one, &user) && !genalloc_append(print, prints, &one))
      die_memory();
  if (prints->len) qsort(prints->s, genalloc_len(print, prints), sizeof (print), &print_compare);
}

/* A certificate that is named twice could be two users'. */
static void check_certificates(checker *c)
{
  genalloc prints = GENALLOC_ZERO;
  print const *all;
  size_t i = 1;
  prints_read(c, &prints);
  all = genalloc_s(print, &prints);
  for (; i < genalloc_len(print, &prints); i++)
    if (!print_compare(all[i - 1], all[i]))
    {
      c->wrong = 1;
      log_line("conf/clientcerts: named twice: ", all[i]);
    }
  genalloc_free(print, &prints);
}

/* --- the rest of it ------------------------------------------------------------------------- */

/* Without it qmgr keeps no connection for sites that accept mail. */
#define CONCURRENCY_FEW 5

static void check_sense(checker *c)
{
  conf_concurrency concurrency;
  stralloc me = STRALLOC_ZERO;
  if (!is_set(c, "relaydomains"))
    warn("relaydomains", "",
         is_set(c, "relayclients") ? "missing: mail is taken from relayclients alone"
                                   : "missing: mail is taken for no domain");
  if (!is_set(c, "postmaster"))
    warn("postmaster", "",
         "missing: mail for <postmaster> is held here, and nobody is told (queue-list -d "
         CONF_HELD ")");
  if (clients_everybody(c, "relayclients"))
    warn("relayclients", "", "anybody may send mail anywhere (an open relay)");
  if (clients_everybody(c, "flushclients")) warn("flushclients", "", "anybody may use ETRN");
  check_tls_sense(c);
  check_tlsca(c);
  check_dane(c);
  if (conf_concurrency_read(c->conf, &concurrency) && concurrency.total < CONCURRENCY_FEW)
    warn("concurrency", "", "so few in all that sites that hang can keep all others waiting");
  if (conf_me(c->conf, &me) && !memchr(me.s, '.', me.len))
    warn("me", "", "a name without a dot: other servers may not like it");
  stralloc_free(&me);
}

/* Is this the name of a setting's file, or of a compiled list? */
static int name_known(char const *name)
{
  char list[32];
  size_t len = strlen(name), suffix = sizeof ".cdb" - 1;
  conf_setting const *setting = conf_setting_find(name);
  if (setting) return 1;
  if (len <= suffix || len - suffix >= sizeof list || strcmp(name + len - suffix, ".cdb")) return 0;
  memcpy(list, name, len - suffix);
  list[len - suffix] = 0;
  setting = conf_setting_find(list);
  return setting && setting->kind == CONF_COMPILED;
}

/* Warn of files that no setting has: a misspelt name would be ignored in silence. */
static void check_names(checker *c)
{
  DIR *dir = directory_open(c->conf, ".");
  struct dirent const *d;
  if (!dir) strerr_diefusys(111, "list conf");
  while (errno = 0, (d = readdir(dir)))
    if (d->d_name[0] != '.' && !name_known(d->d_name))
      warn(d->d_name, "", "no setting has this name");
  if (errno) strerr_diefusys(111, "list conf");
  closedir(dir);
}

/* --- main --------------------------------------------------------------------------------- */

static int options_read(int argc, char const *const *argv, char const **dir, int *values)
{
  program_option const all[] = {
    { .letter = 'C', .text = dir }, { .letter = 'v', .flag = values }
  };
  return program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE);
}

static int conf_find(char const *dir)
{
  int instance = program_instance(&dir);
  int conf = conf_open(instance);
  if (conf == -1) strerr_dief(111, dir, ": ", conf_error());
  close(instance);
  return conf;
}

int main(int argc, char const *const *argv)
{
  checker c = { .text = STRALLOC_ZERO, .from = STRALLOC_ZERO };
  char const *dir = 0;
  size_t i;
  argv += options_read(argc, argv, &dir, &c.values);
  for (i = 0; argv[i]; i++)
    if (!conf_setting_find(argv[i])) strerr_dief(100, "no such setting: ", argv[i]);
  c.conf = conf_find(dir);

  for (i = 0; argv[i]; i++) check_setting(&c, conf_setting_find(argv[i]));
  if (!i)
  {
    for (; i < conf_settings_count; i++) check_setting(&c, conf_settings + i);
    check_sense(&c);
    check_secrets(&c);
    check_authout(&c);
    check_certificates(&c);
    check_names(&c);
  }
  if (!buffer_flush(buffer_1)) strerr_diefusys(111, "write to standard output");
  stralloc_free(&c.text);
  stralloc_free(&c.from);
  return c.wrong ? 100 : c.unreadable ? 111 : 0;
}
