#include "conf/syntax.h"

#include <errno.h>
#include <string.h>

#include <skalibs/types.h>

#include "base/duration.h"
#include "conf/conf.h"
#include "conf/error.h"
#include "conf/file.h"
#include "conf/fold.h"
#include "smtp/account.h"
#include "smtp/chars.h"
#include "smtp/reply.h"

/* --- where we listen --- */

int conf_listen_scan(stralloc *out, char const *s, size_t len)
{
  if (memchr(s, ' ', len) || memchr(s, '\t', len))
    return conf_fail("not one ADDRESS:PORT a line", s, len);
  return conf_endpoint_fold(out, s, len, 1, 0);
}

int conf_check_listen(char const *s, size_t len)
{
  stralloc folded = STRALLOC_ZERO;
  int r = conf_listen_scan(&folded, s, len);
  stralloc_free(&folded);
  return r;
}

/* --- domains and recipients --- */

int conf_check_pattern(char const *s, size_t len)
{
  stralloc folded = STRALLOC_ZERO;
  int r = conf_pattern_fold(&folded, s, len);
  stralloc_free(&folded);
  return r;
}

int conf_check_recipient(char const *s, size_t len)
{
  stralloc folded = STRALLOC_ZERO;
  size_t at;
  int r = conf_recipient_fold(&folded, &at, s, len);
  stralloc_free(&folded);
  return r;
}

/* --- names that lines give to something --- */

#define LABEL_MAX 64

static int label_ok(char const *s, size_t len)
{
  size_t i = 0;
  for (; i < len; i++)
    if (!smtp_letter(s[i]) && !smtp_digit(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
      return 0;
  return len && len <= LABEL_MAX;
}

/* Compare without regard to the case of ASCII letters. */
static int name_same(conf_word const *name, char const *s, size_t len)
{
  size_t i = 0;
  while (i < len && name->len == len && smtp_lower(name->s[i]) == smtp_lower(s[i])) i++;
  return name->len == len && i == len;
}

/* --- queues --- */

int conf_queue_match(void *data, char const *s, size_t len)
{
  conf_queue_question *q = data;
  conf_word name, domain;
  int ours;
  conf_word_next(&s, &len, &name);
  if (!label_ok(name.s, name.len)) return conf_fail("not a queue's name", name.s, name.len);
  if (!len) return conf_fail("queue without domains", name.s, name.len);
  ours = q->name && name_same(&name, q->name, q->len);
  q->found |= ours;
  while (conf_word_next(&s, &len, &domain))
  {
    if (!conf_domain_fold(&q->folded, domain.s, domain.len))
      return errno == EINVAL ? conf_fail("not a domain name", domain.s, domain.len) : 0;
    if (ours && !stralloc_catb(q->domains, q->folded.s, q->folded.len + 1)) return 0;
  }
  return 1;
}

int conf_check_queue(char const *s, size_t len)
{
  conf_queue_question q = { .folded = STRALLOC_ZERO };
  int r = conf_queue_match(&q, s, len);
  stralloc_free(&q.folded);
  return r;
}

/* --- users --- */

/* Room for every name that useradd(8) makes. */
#define USER_MAX 32

/* Check a user's name or number.  There need not be such a user: it may be made later. */
int conf_check_user(char const *s, size_t len)
{
  size_t i = 0;
  for (; i < len; i++)
    if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_'
       || ((s[i] >= '0' && s[i] <= '9') || (i && (s[i] == '-' || s[i] == '.')))
       || (i && i == len - 1 && s[i] == '$'))) return conf_fail("not a user", s, len);
  return len <= USER_MAX ? 1 : conf_fail("not a user", s, len);
}

/* --- those who prove who they are --- */

int conf_secret_scan(char const *s, size_t len, conf_word *user, conf_word *secret)
{
  if (!conf_word_next(&s, &len, user) || !conf_word_next(&s, &len, secret) || len)
    return conf_fail("not USER SECRET", 0, 0);
  return (user->len <= CONF_ACCOUNT_MAX && secret->len <= CONF_SECRET_MAX)
    || conf_fail("user or secret too long", 0, 0);
}

int conf_check_secret(char const *s, size_t len)
{
  conf_word user, secret;
  return conf_secret_scan(s, len, &user, &secret);
}

int conf_authout_scan(char const *s, size_t len, conf_word *name, conf_word *user,
                      conf_word *password)
{
  if (!conf_word_next(&s, &len, name) || !conf_word_next(&s, &len, user)
   || !conf_word_next(&s, &len, password) || len) return conf_fail("not NAME USER PASSWORD", 0, 0);
  if (!label_ok(name->s, name->len)) return conf_fail("not a name that a route can have", 0, 0);
  return (user->len <= SMTP_USER_MAX && password->len <= SMTP_PASSWORD_MAX)
    || conf_fail("user or password too long", 0, 0);
}

int conf_check_authout(char const *s, size_t len)
{
  conf_word name, user, password;
  return conf_authout_scan(s, len, &name, &user, &password);
}

int conf_clientcert_scan(char const *s, size_t len, char print[TLS_PRINT_LEN + 1], conf_word *user)
{
  conf_word first;
  if (!conf_word_next(&s, &len, &first) || !conf_word_next(&s, &len, user) || len)
    return conf_fail("not SHA256 USER", 0, 0);
  if (!tls_print_scan(print, first.s, first.len))
    return conf_fail("not a SHA-256", first.s, first.len);
  return user->len <= CONF_ACCOUNT_MAX || conf_fail("user too long", user->s, user->len);
}

int conf_check_clientcert(char const *s, size_t len)
{
  char print[TLS_PRINT_LEN + 1];
  conf_word user;
  return conf_clientcert_scan(s, len, print, &user);
}

static int word_is(conf_word const *word, char const *s)
{
  return word->len == strlen(s) && !memcmp(word->s, s, word->len);
}

int conf_account_match(void *data, char const *s, size_t len)
{
  conf_account_question *q = data;
  conf_word name, word;
  int ours, first = 1;
  conf_word_next(&s, &len, &name);
  if (name.len > CONF_ACCOUNT_MAX) return conf_fail("name too long", name.s, name.len);
  ours = q->name && name_same(&name, q->name, q->len);
  for (; conf_word_next(&s, &len, &word); first = 0)
  {
    int const norelay = first && word_is(&word, "norelay");
    if (ours && norelay) q->account->norelay = 1;
    if (norelay) continue;
    if (!conf_pattern_fold(&q->folded, word.s, word.len)) return 0;
    if (ours && (!stralloc_catb(&q->account->domains, q->folded.s, q->folded.len)
     || !stralloc_0(&q->account->domains))) return 0;
  }
  return 1;
}

int conf_check_account(char const *s, size_t len)
{
  conf_account_question q = { .folded = STRALLOC_ZERO };
  int r = conf_account_match(&q, s, len);
  stralloc_free(&q.folded);
  return r;
}

/* --- routes ----------------------------------------------------------------------------- */

/* The VALUE of a word "KEY=VALUE", or NULL; key includes the '='. */
static char const *option_value(conf_word const *word, char const *key, size_t *len)
{
  size_t keylen = strlen(key);
  if (word->len < keylen || memcmp(word->s, key, keylen)) return 0;
  *len = word->len - keylen;
  return word->s + keylen;
}

static int option_number(char const *s, size_t len, uint64_t *number)
{
  char text[6];
  unsigned int n;
  if (!len || len >= sizeof text) return 0;
  memcpy(text, s, len);
  text[len] = 0;
  if (!uint0_scan(text, &n) || !n || n > 10000) return 0;
  *number = n;
  return 1;
}

static int said_twice(conf_word const *word)
{
  return conf_fail("said twice", word->s, word->len);
}

/* A word without a value, which was said or was not. */
static int flag_scan(int *flag, conf_word const *word)
{
  if (*flag) return said_twice(word);
  *flag = 1;
  return 1;
}

int conf_tlslevel_scan(enum tls_level *level, char const *s, size_t len)
{
  *level = tls_level_scan(s, len);
  return (*level < TLS_LEVELS && *level != TLS_FINGERPRINT)
    || conf_fail("not among none, may, dane, encrypt, verify, dane-only", s, len);
}

#define TLSNAME " tlsname="
#define TLSPRINT " tlsprint="

/* NAME or ".NAME" of a certificate. */
static int tlsname_scan(conf_route_line *route, conf_word const *word, char const *s, size_t len)
{
  if (route->peer.len) return conf_fail("one too many", word->s, word->len);
  return conf_pattern_fold(&route->peer, s, len)
    && stralloc_insertb(&route->peer, 0, TLSNAME, sizeof TLSNAME - 1);
}

static int tlsprint_scan(conf_route_line *route, conf_word const *word, char const *s, size_t len)
{
  char prints[TLS_PRINTS_TEXT_MAX];
  if (route->peer.len) return conf_fail("one too many", word->s, word->len);
  if (!tls_prints_scan(prints, s, len))
    return conf_fail("not SHA-256 in hexadecimal digits", word->s, word->len);
  return stralloc_cats(&route->peer, TLSPRINT) && stralloc_cats(&route->peer, prints);
}

static int auth_scan(conf_route_line *route, conf_word const *word, char const *s, size_t len)
{
  if (route->auth.len) return said_twice(word);
  if (!label_ok(s, len)) return conf_fail("not a name of conf/authout", word->s, word->len);
  return stralloc_cats(&route->auth, CONF_ROUTE_AUTH) && stralloc_catb(&route->auth, s, len);
}

static int tls_option_scan(conf_route_line *route, conf_word const *word)
{
  conf_route_options *options = &route->options;
  char const *value;
  size_t len;
  if (word_is(word, "tlswrap")) return flag_scan(&options->tlswrap, word);
  if ((value = option_value(word, "tlsname=", &len)))
    return tlsname_scan(route, word, value, len);
  if ((value = option_value(word, "tlsprint=", &len)))
    return tlsprint_scan(route, word, value, len);
  if (!(value = option_value(word, "tls=", &len)))
    return conf_fail("unknown option", word->s, word->len);
  if (options->tls != TLS_LEVELS) return said_twice(word);
  options->tls = tls_level_scan(value, len);
  return options->tls < TLS_LEVELS
    || conf_fail("not among none, may, dane, encrypt, fingerprint, verify, dane-only", word->s, word->len);
}

static int option_scan(conf_route_line *line, conf_word const *word)
{
  conf_route_options *route = &line->options;
  char const *value;
  size_t len;
  if (word_is(word, "park")) return flag_scan(&route->parked, word);
  if ((value = option_value(word, "lifetime=", &len)))
  {
    if (route->lifetime) return said_twice(word);
    return (duration_scan(value, len, &route->lifetime) && route->lifetime)
      || conf_fail("not a time (such as 300s, 12h, 5d)", word->s, word->len);
  }
  if ((value = option_value(word, "delaywarning=", &len)))
  {
    if (route->delaywarning != CONF_ROUTE_UNSAID) return said_twice(word);
    return duration_scan(value, len, &route->delaywarning)
      || conf_fail("not a time (such as 300s, 12h, 5d)", word->s, word->len);
  }
  if ((value = option_value(word, "concurrency=", &len)))
  {
    if (route->concurrency) return said_twice(word);
    return option_number(value, len, &route->concurrency)
      || conf_fail("not a number from 1 to 10000", word->s, word->len);
  }
  if ((value = option_value(word, "without=", &len)))
  {
    if (route->without) return said_twice(word);
    route->without = smtp_extensions_scan(value, len);
    return route->without
      || conf_fail("not among PIPELINING,CHUNKING,SIZE,8BITMIME,DSN,SMTPUTF8", word->s, word->len);
  }
  if ((value = option_value(word, "auth=", &len))) return auth_scan(line, word, value, len);
  return tls_option_scan(line, word);
}

/* Who says how the server is known has said how much that is worth; and else it must fit. */
static int tls_judge(conf_route_line *route)
{
  conf_route_options *o = &route->options;
  int const named = route->peer.len && !memcmp(route->peer.s, TLSNAME, sizeof TLSNAME - 1);
  enum tls_level const proof = named ? TLS_VERIFY : TLS_FINGERPRINT;
  if (route->peer.len && o->tls == TLS_LEVELS) o->tls = proof;
  if (route->peer.len && o->tls != proof)
    return conf_fail(named ? "tlsname is for tls=verify" : "tlsprint is for tls=fingerprint", 0, 0);
  if (o->tls == TLS_FINGERPRINT && !route->peer.len)
    return conf_fail("tls=fingerprint without tlsprint", 0, 0);
  if (o->tlswrap && o->tls < TLS_ENCRYPT)
    return conf_fail("tlswrap needs tls=encrypt or more", 0, 0);
  if (route->auth.len && o->tls < TLS_ENCRYPT)
    return conf_fail("auth needs tls=encrypt or more", 0, 0);
  return 1;
}

int conf_target_scan(conf_route_line *route, char const *s, size_t len)
{
  conf_word word;
  route->options = (conf_route_options)CONF_ROUTE_OPTIONS_UNSAID;
  route->peer.len = route->auth.len = 0;
  if (!conf_word_next(&s, &len, &word)) return conf_fail("no next hop", 0, 0);
  if (word.len == 1 && *word.s == '-')
  {
    if (!stralloc_copyb(&route->site, "-", 1)) return 0;
  }
  else if (!conf_site_fold(&route->site, word.s, word.len)) return 0;
  while (conf_word_next(&s, &len, &word))
    if (!option_scan(route, &word)) return 0;
  return tls_judge(route);
}

void conf_route_line_free(conf_route_line *route)
{
  int e = errno;
  stralloc_free(&route->pattern);
  stralloc_free(&route->site);
  stralloc_free(&route->peer);
  stralloc_free(&route->auth);
  errno = e;
}

int conf_route_scan(conf_route_line *route, char const *s, size_t len)
{
  conf_word pattern;
  conf_word_next(&s, &len, &pattern);
  if (pattern.len == 1 && *pattern.s == '*')
  {
    if (!stralloc_copyb(&route->pattern, "*", 1)) return 0;
  }
  else if (!conf_pattern_fold(&route->pattern, pattern.s, pattern.len)) return 0;
  return conf_target_scan(route, s, len);
}

int conf_check_route(char const *s, size_t len)
{
  conf_route_line route = CONF_ROUTE_LINE_ZERO;
  int r = conf_route_scan(&route, s, len);
  conf_route_line_free(&route);
  return r;
}
