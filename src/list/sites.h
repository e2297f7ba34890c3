#ifndef LIST_SITES_H
#define LIST_SITES_H

/*
 * Every next hop that is known: those with a file in queue/site, and those that mail waits for.
 * All zero but for SITES_ZERO is empty; sites_init() comes first.
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
  size_t why;           /* cleaned */
  enum sitefile_state state;
  uint64_t since_s;     /* 0: unknown */
  uint64_t failures;
  uint64_t next_s;      /* 0: not before something happens */
  uint64_t waiting;     /* entries of the lists that lead there: messages at the most */
} site_row;

typedef struct sites
{
  int queue;
  int conf;
  stralloc text;
  genalloc rows;        /* of site_row */
  avltree by_name;
  names domains;        /* with a list */
  conf_routes routes;
  conf_route route;     /* of the one that is looked at */
} sites;
#define SITES_ZERO \
{ \
  .text = STRALLOC_ZERO, .rows = GENALLOC_ZERO, .by_name = AVLTREE_ZERO, \
  .domains = NAMES_ZERO, .routes = CONF_ROUTES_ZERO, .route = CONF_ROUTE_ZERO \
}
#define sites_len(set) genalloc_len(site_row, &(set)->rows)
#define sites_at(set, n) (genalloc_s(site_row, &(set)->rows) + (n))
#define sites_string(set, offset) ((set)->text.s + (offset))

/* The set stays where it is from here on; the descriptors stay the caller's. */
extern void sites_init(sites *set, int queue, int conf);
extern void sites_free(sites *set);

/*
 * Look anew: forgets what was found before.  Sorted: down, parked, unknown, up, then by name.
 * Returns 1, or 0 with errno; then *where is what it was about, below the instance, or NULL for a
 * setting that makes no sense or cannot be read: see conf_why().
 */
extern int sites_look(sites *set, char const **where);

#endif
