#include "conf/conf-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/genalloc.h>


/* --- all lines of a text ------------------------------------------------------------------- */

/* A line of conf/routes as it is kept: names are offsets of strings in conf_routes.names. */
typedef struct entry
{
  size_t pattern;
  size_t site;
  size_t peer;
  size_t auth;
  unsigned int number;  /* of the line */
  conf_route_options options;
} entry;
#define ENTRIES(routes) genalloc_s(entry, &(routes)->entries)
#define ENTRIES_COUNT(routes) genalloc_len(entry, &(routes)->entries)

static int string_add(stralloc *names, stralloc const *s, size_t *at)
{
  *at = names->len;
  return stralloc_cat(names, s) && stralloc_0(names);
}

static int entry_add(conf_routes *routes, conf_route_line const *line, unsigned int number)
{
  entry one = { .number = number, .options = line->options };
  return string_add(&routes->names, &line->pattern, &one.pattern)
    && string_add(&routes->names, &line->site, &one.site)
    && string_add(&routes->names, &line->peer, &one.peer)
    && string_add(&routes->names, &line->auth, &one.auth)
    && genalloc_append(entry, &routes->entries, &one);
}

static int entry_compare(void const *a, void const *b, void *names)
{
  entry const *p = a, *q = b;
  int r = strcmp((char const *)names + p->pattern, (char const *)names + q->pattern);
  return r ? r : p->number < q->number ? -1 : 1;
}

/* Sort the lines by pattern, those of one pattern by number.  1, or 0 with conf_error(). */
static int entries_read(conf_setting const *setting, stralloc const *text, conf_routes *routes)
{
  conf_route_line route = CONF_ROUTE_LINE_ZERO;
  conf_line line = { .number = 0 };
  size_t pos = 0;
  int r;
  while ((r = conf_line_next(setting, text, &pos, &line)) > 0)
  {
    if (conf_route_scan(&route, line.s, line.len)
     && entry_add(routes, &route, line.number)) continue;
    if (errno == EINVAL) conf_fail_where(setting->name, line.number);
    else conf_fail_system(setting->name);
    r = -1;
    break;
  }
  conf_route_line_free(&route);
  if (!r && ENTRIES_COUNT(routes))
    qsort_r(ENTRIES(routes), ENTRIES_COUNT(routes), sizeof(entry), &entry_compare, routes->names.s);
  return !r;
}

static int twice(conf_setting const *setting, conf_routes const *routes, entry const *e)
{
  char const *pattern = routes->names.s + e->pattern;
  conf_fail("a second route for", pattern, strlen(pattern));
  return conf_fail_where(setting->name, e->number);
}

/* Does this line have the same pattern as the line before it? */
static int entry_again(conf_routes const *routes, entry const *e)
{
  return e > ENTRIES(routes)
    && !strcmp(routes->names.s + e->pattern, routes->names.s + e[-1].pattern);
}

int conf_routes_twice(conf_setting const *setting, stralloc const *text, void (*tell)(void *data),
                      void *data)
{
  conf_routes routes = CONF_ROUTES_ZERO;
  int good = entries_read(setting, text, &routes);
  size_t i, n = good ? ENTRIES_COUNT(&routes) : 0;
  if (!good) (*tell)(data);
  for (i = 0; i < n; i++)
    if (entry_again(&routes, ENTRIES(&routes) + i))
    {
      good = twice(setting, &routes, ENTRIES(&routes) + i);
      (*tell)(data);
    }
  conf_routes_free(&routes);
  return good;
}

/* --- finding one --------------------------------------------------------------------------- */

typedef struct question
{
  conf_routes const *routes;
  char const *key;
  size_t len;
} question;

static int key_compare(void const *key, void const *e)
{
  question const *q = key;
  char const *pattern = q->routes->names.s + ((entry const *)e)->pattern;
  int r = strncmp(q->key, pattern, q->len);
  return r ? r : -!!pattern[q->len];
}

/* Find a pattern in the text.  1, 0 when there is none, -1 with conf_error(). */
static int get_in_text(conf_routes const *routes, char const *key, size_t len,
                       conf_route_line *found)
{
  question q = { routes, key, len };
  entry const *e = ENTRIES_COUNT(routes)
    ? bsearch(&q, ENTRIES(routes), ENTRIES_COUNT(routes), sizeof *e, &key_compare) : 0;
  entry const *end = ENTRIES(routes) + ENTRIES_COUNT(routes);
  if (!e) return 0;
  if (!entry_again(routes, e) && e + 1 < end && entry_again(routes, e + 1)) e++;
  if (entry_again(routes, e)) return twice(routes->list.setting, routes, e) - 1;
  found->options = e->options;
  if (!stralloc_copys(&found->site, routes->names.s + e->site)
   || !stralloc_copys(&found->peer, routes->names.s + e->peer)
   || !stralloc_copys(&found->auth, routes->names.s + e->auth))
    return conf_fail_system("routes") - 1;
  return 1;
}

/* The same in a compiled list. */
static int get_in_cdb(conf_routes const *routes, char const *key, size_t len,
                      conf_route_line *found)
{
  cdb_data data;
  int r = conf_list_get(&routes->list, key, len, &data);
  if (r <= 0) return r;
  if (conf_target_scan(found, data.s, data.len)) return 1;
  return (errno == EINVAL ? conf_fail_where("routes.cdb", 0) : conf_fail_system("routes.cdb")) - 1;
}

static int get(conf_routes const *routes, char const *key, size_t len, conf_route_line *found)
{
  if (routes->list.form == CONF_LIST_CDB) return get_in_cdb(routes, key, len, found);
  return get_in_text(routes, key, len, found);
}

/*
 * Find the line for the domain itself, then for ".parent" of each parent, the longest first, then
 * for "*".
 */
static int line_find(conf_routes const *routes, char const *domain, size_t len,
                     conf_route_line *found)
{
  char const *s = domain, *end = domain + len;
  int r = get(routes, s, len, found);
  while (!r && (s = memchr(s, '.', (size_t)(end - s))))
  {
    r = get(routes, s, (size_t)(end - s), found);
    s++;
  }
  if (!r) r = get(routes, "*", 1, found);
  return r >= 0;
}

/* Complete the options of a line by the settings that are their defaults. */
static void options_complete(conf_routes const *routes, conf_route_options const *line,
                             conf_route *route)
{
  route->parked = line->parked;
  route->held = 0;
  route->without = line->without;
  route->lifetime = line->lifetime ? line->lifetime : routes->lifetime;
  route->concurrency = line->concurrency ? line->concurrency : routes->concurrency;
  if (line->delaywarning != CONF_ROUTE_UNSAID) route->delaywarning = line->delaywarning;
  /* mail for a parked domain is expected to wait */
  else route->delaywarning = line->parked ? 0 : routes->delaywarning;
}

/* What the agent is told of TLS and AUTH, in its words: where more is wanted that needs TLS, it is demanded. */
static int tls_complete(conf_routes const *routes, conf_route_line const *line, conf_route *route)
{
  enum tls_level level = line->options.tls == TLS_LEVELS ? routes->tls : line->options.tls;
  int const needed = line->options.tlswrap || line->auth.len;
  if (needed && level < TLS_ENCRYPT) level = TLS_ENCRYPT;
  return stralloc_copys(&route->tls, "tls=") && stralloc_cats(&route->tls, tls_level_name(level))
    && (!line->options.tlswrap || stralloc_cats(&route->tls, " tlswrap"))
    && stralloc_cat(&route->tls, &line->peer) && stralloc_cat(&route->tls, &line->auth)
    && stralloc_0(&route->tls);
}

static int route_listed(conf_routes const *routes, char const *domain, size_t len,
                        conf_route *route)
{
  conf_route_line line = CONF_ROUTE_LINE_ZERO;
  int r = line_find(routes, domain, len, &line);
  int own = !line.site.len || (line.site.len == 1 && *line.site.s == '-');
  if (r)
    r = ((own ? stralloc_copyb(&route->site, domain, len) : stralloc_copy(&route->site, &line.site))
         && stralloc_0(&route->site) && tls_complete(routes, &line, route))
      || conf_fail_system("routes");
  conf_route_line_free(&line);
  if (!r) return 0;
  route->site.len--;
  route->tls.len--;
  options_complete(routes, &line.options, route);
  return 1;
}

/* Never expires: a hundred years, which can still be counted in microseconds. */
#define HELD_LIFETIME_S UINT64_C(3155760000)

/* The route of CONF_HELD, which no line of the file can change. */
static int route_held(conf_route *route)
{
  if (!stralloc_copyb(&route->site, CONF_HELD, sizeof CONF_HELD)
   || !stralloc_copyb(&route->tls, "", 1)) return conf_fail_system("routes");
  route->site.len--;
  route->tls.len--;
  route->parked = route->held = 1;
  route->lifetime = HELD_LIFETIME_S;
  route->delaywarning = 0;
  route->concurrency = 1;
  route->without = 0;
  return 1;
}

int conf_routes_find(conf_routes const *routes, char const *domain, size_t len, conf_route *route)
{
  if (len == sizeof CONF_HELD - 1 && !memcmp(domain, CONF_HELD, len)) return route_held(route);
  return route_listed(routes, domain, len, route);
}

void conf_route_free(conf_route *route)
{
  int e = errno;
  stralloc_free(&route->site);
  stralloc_free(&route->tls);
  errno = e;
}

/* --- all of them ----------------------------------------------------------------------------- */

static int list_read(int conf, conf_routes *routes)
{
  conf_list *list = &routes->list;
  if (!conf_list_open(conf, "routes", list)) return 0;
  return list->form != CONF_LIST_TEXT || entries_read(list->setting, &list->text, routes);
}

int conf_routes_read(int conf, conf_routes *routes)
{
  conf_routes fresh = CONF_ROUTES_ZERO;
  conf_concurrency concurrency;
  if (!list_read(conf, &fresh)
   || !conf_lifetime(conf, &fresh.lifetime)
   || !conf_delaywarning(conf, &fresh.delaywarning)
   || !conf_tlslevel(conf, &fresh.tls)
   || !conf_concurrency_read(conf, &concurrency))
  {
    conf_routes_free(&fresh);
    return 0;
  }
  fresh.concurrency = concurrency.site;
  stralloc_free(&fresh.list.text);
  conf_routes_free(routes);
  *routes = fresh;
  return 1;
}

void conf_routes_free(conf_routes *routes)
{
  int e = errno;
  conf_list_close(&routes->list);
  stralloc_free(&routes->names);
  genalloc_free(entry, &routes->entries);
  errno = e;
}
