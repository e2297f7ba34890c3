#include "conf/conf-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/genalloc.h>
#include <skalibs/types.h>

#include "base/duration.h"
#include "smtp/domain.h"
#include "smtp/reply.h"

/* --- hosts and ports ------------------------------------------------------------------ */

#define SMTP_PORT 25

/* A port, 1 to 65535, all of s. */
static int port_scan(char const *s, size_t len, unsigned int *port)
{
  char text[6];
  if (!len || len >= sizeof text) return 0;
  memcpy(text, s, len);
  text[len] = 0;
  return uint0_scan(text, port) && *port && *port <= 65535;
}

/* An IP address in its normal form.  1, 0 when it is none, -1 with errno. */
static int address_fold(stralloc *out, char const *s, size_t len)
{
  char text[INET6_ADDRSTRLEN];
  unsigned char octets[16];
  int family;
  if (len >= sizeof text || memchr(s, 0, len)) return 0;
  memcpy(text, s, len);
  text[len] = 0;
  family = memchr(s, ':', len) ? AF_INET6 : AF_INET;
  if (inet_pton(family, text, octets) != 1) return 0;
  if (!inet_ntop(family, octets, text, sizeof text)) return -1;
  return stralloc_copys(out, text) ? 1 : -1;
}

static int port_append(stralloc *out, unsigned int port)
{
  char text[UINT_FMT];
  return stralloc_append(out, ':') && stralloc_catb(out, text, uint_fmt(text, port));
}

/* A host name or an IP address.  1, or 0 with conf_say(). */
static int host_fold(stralloc *out, char const *s, size_t len)
{
  int r = address_fold(out, s, len);
  if (r) return r > 0;
  if (conf_domain_fold(out, s, len)) return 1;
  return errno == EINVAL ? conf_say("neither host name nor IP address", s, len) : 0;
}

int conf_endpoint_fold(stralloc *out, char const *s, size_t len, int any, unsigned int port)
{
  char const *all = s, *p;
  size_t alllen = len;
  int bracketed = len && *s == '[', r;
  char const *end = bracketed ? memchr(s, ']', len) : memrchr(s, ':', len);
  if (bracketed && !end) return conf_say("no closing bracket", all, alllen);
  /* a bare IPv6 address: its last colon parts no port from it */
  if (!bracketed && end && memchr(s, ':', (size_t)(end - s))) end = 0;
  p = end ? end + bracketed : s + len;
  if (p != s + len && (*p != ':' || !port_scan(p + 1, len - (size_t)(p + 1 - s), &port)))
    return conf_say("not ADDRESS:PORT", all, alllen);
  if (!port) return conf_say("no port", all, alllen);
  if (bracketed) s++, len = (size_t)(end - s);
  else len = (size_t)(p - s);
  if (any && !bracketed && (!len || (len == 1 && *s == '0'))) r = stralloc_copys(out, "[::]");
  else
  {
    r = address_fold(out, s, len);
    if (!r) return conf_say("not an IP address", all, alllen);
    if (r > 0 && bracketed && !memchr(out->s, ':', out->len)) return conf_say("brackets are for IPv6", all, alllen);
    if (r > 0 && memchr(out->s, ':', out->len))
      r = stralloc_insertb(out, 0, "[", 1) && stralloc_append(out, ']');
  }
  if (r <= 0 || !port_append(out, port) || !stralloc_0(out)) return 0;
  out->len--;
  return 1;
}

/* --- next hops -------------------------------------------------------------------------- */

/* A site is the name of a file. */
#define SITE_MAX 255

/* "[HOST]" and "[HOST]:25" are one site, so are "DOMAIN" and "DOMAIN:25". */
static int site_fold(stralloc *out, char const *s, size_t len)
{
  char const *all = s, *end;
  size_t alllen = len, hostlen;
  unsigned int port = SMTP_PORT;
  int bracketed = len && *s == '[', r;
  end = bracketed ? memchr(s, ']', len) : memchr(s, ':', len);
  if (bracketed && !end) return conf_say("no closing bracket", all, alllen);
  if (!end) end = s + len;
  hostlen = (size_t)(end - s) - (size_t)bracketed;
  if (bracketed) s++, end++;
  len = alllen - (size_t)(end - all);
  if (len && (*end != ':' || !port_scan(end + 1, len - 1, &port)))
    return conf_say("not [HOST]:PORT, [HOST], DOMAIN, DOMAIN:PORT", all, alllen);
  if (bracketed) r = host_fold(out, s, hostlen);
  else
  {
    r = conf_domain_fold(out, s, hostlen);
    if (!r && errno == EINVAL) return conf_say("not a domain name (an address stands in brackets)", s, hostlen);
  }
  if (!r) return 0;
  if (bracketed && (!stralloc_insertb(out, 0, "[", 1) || !stralloc_append(out, ']'))) return 0;
  if ((bracketed || port != SMTP_PORT) && !port_append(out, port)) return 0;
  return out->len <= SITE_MAX ? 1 : conf_say("next hop too long", all, alllen);
}

int conf_site_ok(char const *site, size_t len)
{
  stralloc folded = STRALLOC_ZERO;
  int r = site_fold(&folded, site, len);
  stralloc_free(&folded);
  return r;
}

/* --- a line ----------------------------------------------------------------------------- */

/* The value of a word "KEY=VALUE", or NULL; KEY with its '='. */
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

static int option_scan(conf_route_line *route, conf_word const *word)
{
  char const *value;
  size_t len;
  if (word->len == 4 && !memcmp(word->s, "park", 4))
  {
    if (route->parked) return conf_say("said twice", word->s, word->len);
    route->parked = 1;
    return 1;
  }
  if ((value = option_value(word, "lifetime=", &len)))
  {
    if (route->lifetime) return conf_say("said twice", word->s, word->len);
    return (duration_scan(value, len, &route->lifetime) && route->lifetime)
      || conf_say("not a time (such as 300s, 12h, 5d)", word->s, word->len);
  }
  if ((value = option_value(word, "delaywarning=", &len)))
  {
    if (route->delaywarning != CONF_ROUTE_UNSAID) return conf_say("said twice", word->s, word->len);
    return duration_scan(value, len, &route->delaywarning)
      || conf_say("not a time (such as 300s, 12h, 5d)", word->s, word->len);
  }
  if ((value = option_value(word, "concurrency=", &len)))
  {
    if (route->concurrency) return conf_say("said twice", word->s, word->len);
    return option_number(value, len, &route->concurrency)
      || conf_say("not a number from 1 to 10000", word->s, word->len);
  }
  if ((value = option_value(word, "without=", &len)))
  {
    if (route->without) return conf_say("said twice", word->s, word->len);
    route->without = smtp_extensions_scan(value, len);
    return route->without || conf_say("not among PIPELINING,CHUNKING,SIZE,8BITMIME,DSN,SMTPUTF8", word->s, word->len);
  }
  return conf_say("unknown option", word->s, word->len);
}

/* Next hop and options. */
static int target_scan(conf_route_line *route, char const *s, size_t len)
{
  conf_word word;
  route->parked = 0;
  route->lifetime = route->concurrency = 0;
  route->without = 0;
  route->delaywarning = CONF_ROUTE_UNSAID;
  if (!conf_word_next(&s, &len, &word)) return conf_say("no next hop", 0, 0);
  if (word.len == 1 && *word.s == '-')
  {
    if (!stralloc_copyb(&route->site, "-", 1)) return 0;
  }
  else if (!site_fold(&route->site, word.s, word.len)) return 0;
  while (conf_word_next(&s, &len, &word))
    if (!option_scan(route, &word)) return 0;
  return 1;
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
  return target_scan(route, s, len);
}

int conf_check_route(char const *s, size_t len)
{
  conf_route_line route = CONF_ROUTE_LINE_ZERO;
  int r = conf_route_scan(&route, s, len);
  stralloc_free(&route.pattern);
  stralloc_free(&route.site);
  return r;
}

/* --- all of them ------------------------------------------------------------------------- */

typedef struct pattern_line
{
  size_t offset;        /* of the pattern, a string, in the text of all */
  unsigned int number;
} pattern_line;

static int pattern_compare(void const *a, void const *b, void *text)
{
  pattern_line const *p = a, *q = b;
  int r = strcmp((char const *)text + p->offset, (char const *)text + q->offset);
  return r ? r : p->number < q->number ? -1 : 1;
}

/* Every pattern and its line. */
static int patterns_collect(conf_setting const *setting, stralloc const *text, stralloc *patterns, genalloc *lines)
{
  conf_route_line route = CONF_ROUTE_LINE_ZERO;
  conf_line line = { .number = 0 };
  size_t pos = 0;
  int r = 1;
  while (r && conf_line_next(setting, text, &pos, &line) > 0)
  {
    pattern_line one = { .offset = patterns->len, .number = line.number };
    r = conf_route_scan(&route, line.s, line.len)
      && stralloc_catb(patterns, route.pattern.s, route.pattern.len)
      && stralloc_0(patterns)
      && genalloc_append(pattern_line, lines, &one);
  }
  stralloc_free(&route.pattern);
  stralloc_free(&route.site);
  return r;
}

int conf_routes_twice(conf_setting const *setting, stralloc const *text, void (*tell)(void *data), void *data)
{
  stralloc patterns = STRALLOC_ZERO;
  genalloc lines = GENALLOC_ZERO; /* of pattern_line */
  pattern_line const *line;
  size_t i = 1, n;
  int good = patterns_collect(setting, text, &patterns, &lines);
  line = genalloc_s(pattern_line, &lines);
  n = genalloc_len(pattern_line, &lines);
  if (!good)
  {
    conf_say_system(setting->name);
    (*tell)(data);
    n = 0;
  }
  if (n > 1) qsort_r(genalloc_s(pattern_line, &lines), n, sizeof *line, &pattern_compare, patterns.s);
  for (; i < n; i++)
  {
    char const *pattern = patterns.s + line[i].offset;
    if (strcmp(pattern, patterns.s + line[i - 1].offset)) continue;
    conf_say("a second route for", pattern, strlen(pattern));
    conf_say_where(setting->name, line[i].number);
    (*tell)(data);
    good = 0;
  }
  stralloc_free(&patterns);
  genalloc_free(pattern_line, &lines);
  return good;
}

/* Never: a hundred years, which can still be counted in microseconds. */
#define HELD_LIFETIME_S UINT64_C(3155760000)

/* --- finding one --------------------------------------------------------------------------- */

/*
 * How well the pattern fits: 0 not at all, 1 as "*", then the longer the better; the domain
 * itself is longer than any part of it behind a dot.
 */
static size_t pattern_fit(stralloc const *pattern, char const *domain, size_t len)
{
  if (pattern->len == 1 && *pattern->s == '*') return 1;
  if (*pattern->s == '.')
    return len > pattern->len - 1 && smtp_domain_below(domain, len, pattern->s + 1, pattern->len - 1) ? pattern->len : 0;
  return pattern->len == len && !memcmp(pattern->s, domain, len) ? len + 1 : 0;
}

static void route_swap(conf_route_line *a, conf_route_line *b)
{
  conf_route_line c = *a;
  *a = *b;
  *b = c;
}

/* All lines are looked at, see list_each() of list.c; two for the same pattern are one too many. */
static int route_in_text(conf_list const *list, char const *domain, size_t len, conf_route_line *best, size_t *best_fit)
{
  conf_route_line route = CONF_ROUTE_LINE_ZERO;
  conf_line line = { .number = 0 };
  size_t pos = 0, fit;
  int r;
  while ((r = conf_line_next(list->setting, &list->text, &pos, &line)) > 0)
  {
    r = conf_route_scan(&route, line.s, line.len);
    if (!r && errno != EINVAL) conf_say_system(list->setting->name);
    else if (r)
    {
      fit = pattern_fit(&route.pattern, domain, len);
      if (fit > *best_fit)
      {
        *best_fit = fit;
        route_swap(best, &route);
        continue;
      }
      if (!fit || fit < *best_fit) continue;
      conf_say("a second route for", route.pattern.s, route.pattern.len);
    }
    if (errno == EINVAL) conf_say_where(list->setting->name, line.number);
    r = -1;
    break;
  }
  stralloc_free(&route.pattern);
  stralloc_free(&route.site);
  return !r;
}

/* What stands behind the key in the compiled list.  1, 0 when there is none, -1 with conf_why(). */
static int route_get(conf_list const *list, char const *key, size_t len, conf_route_line *best)
{
  cdb_data data;
  int r = conf_list_get(list, key, len, &data);
  if (r <= 0) return r;
  if (target_scan(best, data.s, data.len)) return 1;
  if (errno == EINVAL) conf_say_where("routes.cdb", 0);
  else conf_say_system("routes.cdb");
  return -1;
}

static int route_in_cdb(conf_list const *list, char const *domain, size_t len, conf_route_line *best, size_t *best_fit)
{
  char const *s = domain, *end = domain + len;
  int r = route_get(list, s, len, best);
  while (!r && (s = memchr(s, '.', (size_t)(end - s))))
  {
    r = route_get(list, s, (size_t)(end - s), best);
    s++;
  }
  if (!r) r = route_get(list, "*", 1, best);
  *best_fit = r > 0;
  return r >= 0;
}

static int route_lookup(int conf, char const *domain, size_t len, conf_route_line *best, size_t *best_fit)
{
  conf_list list = CONF_LIST_ZERO;
  int r = conf_list_open(conf, "routes", &list);
  if (r && list.form == CONF_LIST_TEXT) r = route_in_text(&list, domain, len, best, best_fit);
  else if (r && list.form == CONF_LIST_CDB) r = route_in_cdb(&list, domain, len, best, best_fit);
  conf_list_close(&list);
  return r;
}

/* Who parks a domain expects its mail to wait: no warnings unless its route asks for them. */
static int delaywarning_complete(int conf, conf_route_line const *line, conf_route *route)
{
  route->delaywarning = 0;
  if (line->delaywarning == CONF_ROUTE_UNSAID) return line->parked || conf_delaywarning(conf, &route->delaywarning);
  route->delaywarning = line->delaywarning;
  return 1;
}

/* What the line says, and what the settings say where it is silent. */
static int route_complete(int conf, char const *domain, size_t len, conf_route_line const *line, conf_route *route)
{
  conf_concurrency concurrency;
  int own = !line->site.len || (line->site.len == 1 && *line->site.s == '-');
  if (!(own ? stralloc_copyb(&route->site, domain, len) : stralloc_copy(&route->site, &line->site))
   || !stralloc_0(&route->site)) return conf_say_system("routes");
  route->site.len--;
  route->parked = line->parked;
  route->held = 0;
  route->lifetime = line->lifetime;
  route->concurrency = line->concurrency;
  route->without = line->without;
  if (!route->lifetime && !conf_lifetime(conf, &route->lifetime)) return 0;
  if (!delaywarning_complete(conf, line, route)) return 0;
  if (route->concurrency) return 1;
  if (!conf_concurrency_read(conf, &concurrency)) return 0;
  route->concurrency = concurrency.site;
  return 1;
}

static int route_listed(int conf, char const *domain, size_t len, conf_route *route)
{
  conf_route_line best = CONF_ROUTE_LINE_ZERO;
  size_t best_fit = 0;
  int r = route_lookup(conf, domain, len, &best, &best_fit)
    && route_complete(conf, domain, len, &best, route);
  stralloc_free(&best.pattern);
  stralloc_free(&best.site);
  return r;
}

/* No line of the file can be about it. */
static int route_held(conf_route *route)
{
  if (!stralloc_copyb(&route->site, CONF_HELD, sizeof CONF_HELD)) return conf_say_system("routes");
  route->site.len--;
  route->parked = route->held = 1;
  route->lifetime = HELD_LIFETIME_S;
  route->delaywarning = 0;
  route->concurrency = 1;
  route->without = 0;
  return 1;
}

int conf_route_find(int conf, char const *domain, size_t len, conf_route *route)
{
  if (len == sizeof CONF_HELD - 1 && !memcmp(domain, CONF_HELD, len)) return route_held(route);
  return route_listed(conf, domain, len, route);
}
