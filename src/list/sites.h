#ifndef LIST_SITES_H
#define LIST_SITES_H

/*
 * Every next hop that is known: those with a file in queue/site, and those that mail waits for.
 * SITES_ZERO is empty; sites_init() comes first.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/avltree.h>
#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#include "conf/conf.h"
#include "flush/names.h"
#include "queue/sitefile.h"

typedef struct site_row
{
  size_t name;          /* offsets into sites.text of strings */
  size_t why;           /* cleaned for a terminal */
  enum sitefile_state state;
  uint64_t since_s;     /* 0: unknown */
  uint64_t failures;
  uint64_t next_s;      /* 0: no time is set */
  uint64_t waiting;     /* entries of the lists that lead to the site: its messages at the most */
} site_row;

typedef struct sites
{
  int queue;
  int conf;
  stralloc text;
  genalloc rows;        /* the rows, of site_row */
  avltree by_name;
  names domains;        /* domains that have a list */
  conf_routes routes;
  conf_route route;     /* the route of the domain being looked at */
} sites;
#define SITES_ZERO \
{ \
  .text = STRALLOC_ZERO, .rows = GENALLOC_ZERO, .by_name = AVLTREE_ZERO, \
  .domains = NAMES_ZERO, .routes = CONF_ROUTES_ZERO, .route = CONF_ROUTE_ZERO \
}
#define sites_len(set) genalloc_len(site_row, &(set)->rows)
#define sites_at(set, n) (genalloc_s(site_row, &(set)->rows) + (n))
#define sites_string(set, offset) ((set)->text.s + (offset))

/*
 * The struct must not move from here on.  The caller keeps both descriptors open, and closes
 * them.
 */
extern void sites_init(sites *set, int queue, int conf);
extern void sites_free(sites *set);

/*
 * Find all sites anew, and sort them: down, parked, unknown, up, then by name.
 * Returns 1, or 0 with errno; then *where is the path below the instance that could not be read,
 * or NULL for a setting: see conf_error().
 */
extern int sites_look(sites *set, char const **where);

#endif
