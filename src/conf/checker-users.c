#include "conf/checker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <skalibs/genalloc.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "conf/conf-internal.h"
#include "smtp/chars.h"

/* --- users and their secrets -------------------------------------------------------------- */

static int word_compare(void const *a, void const *b)
{
  conf_word const *x = a, *y = b;
  int r = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
  return r ? r : (x->len > y->len) - (x->len < y->len);
}

/* As users of conf/users are compared: without regard to the case of ASCII letters. */
static int user_compare(void const *a, void const *b)
{
  conf_word const *x = a, *y = b;
  size_t i = 0;
  while (i < x->len && i < y->len && smtp_lower(x->s[i]) == smtp_lower(y->s[i])) i++;
  if (i == x->len || i == y->len) return (x->len > y->len) - (x->len < y->len);
  return smtp_lower(x->s[i]) - smtp_lower(y->s[i]);
}

typedef int compare_function(void const *, void const *);

static void words_sort(genalloc *words, compare_function *compare)
{
  if (!words->len) return;
  qsort(words->s, genalloc_len(conf_word, words), sizeof (conf_word), compare);
}

static int word_find(conf_word const *word, genalloc const *words, compare_function *compare)
{
  return words->len
    && bsearch(word, words->s, genalloc_len(conf_word, words), sizeof *word, compare) != 0;
}

/*
 * The first words of all lines of a list, sorted; they point into *text.  0: it is missing or
 * cannot be read to its end, which was told already.
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
      checker_die_memory();
  words_sort(words, &word_compare);
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

/*
 * Those whose certificates are named are added to *users; they point into *text.  1 or 0, as above.
 */
static int certified_users(checker *c, stralloc *text, genalloc *users)
{
  conf_setting const *setting = conf_setting_find(CONF_CLIENTCERTS);
  char print[TLS_PRINT_LEN + 1];
  conf_line line = { .number = 0 };
  conf_word user;
  size_t pos = 0;
  int r;
  if (!checker_has(c, CONF_CLIENTCERTS)) return 1;
  if (conf_file_read(c->conf, setting, text) <= 0) return 0;
  while ((r = conf_line_next(setting, text, &pos, &line)) > 0)
    if (conf_clientcert_scan(line.s, line.len, print, &user)
     && !genalloc_append(conf_word, users, &user))
      checker_die_memory();
  return !r;
}

/* Warn of users who can prove nothing: they have neither a secret nor a certificate. */
static void users_without(checker *c, genalloc const *proved)
{
  stralloc text = STRALLOC_ZERO;
  genalloc users = GENALLOC_ZERO;
  char name[CONF_ACCOUNT_MAX + 1];
  char const *what = !checker_has(c, CONF_CLIENTCERTS) ? "no secret in conf/authsecrets: "
    : !checker_has(c, "authsecrets") ? "no certificate in conf/clientcerts: "
    : "no secret in conf/authsecrets, no certificate in conf/clientcerts: ";
  size_t i = 0;
  if (first_words(c, "users", &text, &users))
    for (; i < genalloc_len(conf_word, &users); i++)
    {
      conf_word const *user = genalloc_s(conf_word, &users) + i;
      if (!word_find(user, proved, &user_compare))
        log_line("warning: conf/users: ", what, name_shown(name, user));
    }
  genalloc_free(conf_word, &users);
  stralloc_free(&text);
}

static void check_mode(checker const *c, char const *name)
{
  struct stat st;
  if (!fstatat(c->conf, name, &st, 0) && st.st_mode & 077)
    checker_warn(name, "", "others than its owner may read it: chmod 600");
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
    words_sort(secrets, &user_compare);
    users_without(c, secrets);
  }
  stralloc_free(&text);
}

static void check_secrets(checker *c)
{
  stralloc text = STRALLOC_ZERO;
  genalloc secrets = GENALLOC_ZERO;
  int readable;
  if (checker_has(c, "authsecrets") && checker_has(c, "checkpassword"))
  {
    c->wrong = 1;
    log_line("conf/checkpassword: not beside conf/authsecrets, which alone is asked");
  }
  check_mode(c, "authsecrets");
  readable = first_words(c, "authsecrets", &text, &secrets);
  if (readable) names_twice(c, &secrets, "conf/authsecrets: a second secret: ");
  if (readable || (checker_has(c, CONF_CLIENTCERTS) && !checker_has(c, "authsecrets")
                   && !checker_has(c, "checkpassword")))
    check_proofs(c, &secrets);
  secrets_free(&text, &secrets);
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
      checker_die_memory();
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

/* --- who we are at sites -------------------------------------------------------------------- */

/* Is the site proved to be itself before it gets our password? */
static int site_proved(checker const *c, conf_route_line const *route)
{
  enum tls_level level = route->options.tls;
  if (level == TLS_LEVELS && !conf_tlslevel(c->conf, &level)) return 0;
  return level == TLS_FINGERPRINT || level == TLS_VERIFY || level == TLS_DANE_ONLY;
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
  if (word_find(&name, names, &word_compare)) return;
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
  if (read || !checker_has(c, "authout")) routes_check(c, &names);
  secrets_free(&text, &names);
}

void checker_users(checker *c)
{
  check_secrets(c);
  check_certificates(c);
  check_authout(c);
}
