#include "list/sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flush/flush.h"

static char *row_name(sites const *set, site_row const *row)
{
  return sites_string(set, row->name);
}

static void *row_key(uint32_t i, void *data)
{
  sites *set = data;
  return row_name(set, sites_at(set, i));
}

static int name_compare(void const *one, void const *other, void *data)
{
  (void)data;
  return strcmp(one, other);
}

void sites_init(sites *set, int queue, int conf)
{
  set->queue = queue;
  set->conf = conf;
  avltree_init(&set->by_name, 16, 3, 8, row_key, name_compare, set);
}

void sites_free(sites *set)
{
  avltree_free(&set->by_name);
  stralloc_free(&set->text);
  genalloc_free(site_row, &set->rows);
  names_free(&set->domains);
  conf_routes_free(&set->routes);
  conf_route_free(&set->route);
}

static int text_add(sites *set, char const *s, size_t *offset)
{
  *offset = set->text.len;
  return stralloc_catb(&set->text, s, strlen(s) + 1);
}

/* --- those with a file ------------------------------------------------------------------ */

static int row_add(sites *set, char const *name, sitefile const *file)
{
  site_row row =
  {
    .state = file->state, .since_s = file->since_s, .failures = file->failures,
    .next_s = file->next_s
  };
  uint32_t i = (uint32_t)sites_len(set);
  return text_add(set, name, &row.name) && text_add(set, file->why, &row.why)
    && genalloc_append(site_row, &set->rows, &row) && avltree_insert(&set->by_name, i);
}

/* A file that cannot be parsed still names a site: its state is unknown. */
static int file_each(char const *name, void *data)
{
  sites *set = data;
  sitefile file;
  if (!sitefile_read(set->queue, name, &file) && errno == ENOENT) return 1;
  return row_add(set, name, &file);
}

/* --- those that mail waits for ------------------------------------------------------------ */

static int domain_each(char const *name, void *data)
{
  sites *set = data;
  return names_add(&set->domains, 0, name, strlen(name));
}

/* Find every domain that has a list.  1; 0 with errno. */
static int domains_find(sites *set, char const **where)
{
  char const *directory;
  int r = flush_domains_each(set->queue, domain_each, set, &directory);
  *where = strcmp(directory, "claim") ? "queue/flush" : "queue/claim";
  if (r != 1) return 0;
  names_sort(&set->domains);
  return 1;
}

/* The row of a site; one without a file gets its row here. */
static site_row *row_get(sites *set, char const *name)
{
  static sitefile const nothing = { .state = SITEFILE_UNKNOWN, .why = "" };
  uint32_t i;
  if (avltree_search(&set->by_name, name, &i)) return sites_at(set, i);
  if (!row_add(set, name, &nothing)) return 0;
  return sites_at(set, sites_len(set) - 1);
}

static int domain_count(sites *set, char const *domain, char const **where)
{
  uint64_t waiting = flush_count(set->queue, domain);
  site_row *row;
  if (!waiting) return 1;
  *where = 0;
  if (!conf_routes_find(&set->routes, domain, strlen(domain), &set->route)) return 0;
  *where = "queue/site";
  row = row_get(set, set->route.site.s);
  if (!row) return 0;
  row->waiting += waiting;
  return 1;
}

/* --- all of them -------------------------------------------------------------------------- */

static int row_compare(void const *one, void const *other, void *data)
{
  static unsigned char const rank[SITEFILE_STATES] =
    { [SITEFILE_DOWN] = 0, [SITEFILE_PARKED] = 1, [SITEFILE_UNKNOWN] = 2, [SITEFILE_UP] = 3 };
  site_row const *a = one, *b = other;
  if (a->state != b->state) return rank[a->state] - rank[b->state];
  return strcmp(row_name(data, a), row_name(data, b));
}

static void forget(sites *set)
{
  int queue = set->queue, conf = set->conf;
  set->text.len = 0;
  genalloc_setlen(site_row, &set->rows, 0);
  set->domains.text.len = 0;
  genalloc_setlen(size_t, &set->domains.at, 0);
  avltree_free(&set->by_name);
  sites_init(set, queue, conf);
}

static int domains_count(sites *set, char const **where)
{
  size_t n = names_len(&set->domains);
  size_t i;
  *where = 0;
  if (n && !conf_routes_read(set->conf, &set->routes)) return 0;
  for (i = 0; i < n; i++)
    if (!domain_count(set, names_get(&set->domains, i), where)) return 0;
  return 1;
}

int sites_look(sites *set, char const **where)
{
  forget(set);
  *where = "queue/site";
  if (sitefile_each(set->queue, file_each, set) != 1) return 0;
  if (!domains_find(set, where) || !domains_count(set, where)) return 0;
  if (sites_len(set))
    qsort_r(sites_at(set, 0), sites_len(set), sizeof (site_row), row_compare, set);
  return 1;
}
