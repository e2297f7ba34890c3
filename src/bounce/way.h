#ifndef BOUNCE_WAY_H
#define BOUNCE_WAY_H

/* How a domain's mail goes, and what keeps it. */

#include <skalibs/stralloc.h>

#include "conf/conf.h"
#include "queue/sitefile.h"
#include "smtp/reply.h"

typedef struct way
{
  int queue;
  int conf;
  conf_routes routes;
  int routes_known;        /* they were read since way_forget() */
  stralloc domain;         /* what the rest is about; empty: nothing yet */
  conf_route route;
  sitefile site;
} way;
#define WAY_ZERO { .routes = CONF_ROUTES_ZERO, .domain = STRALLOC_ZERO, .route = CONF_ROUTE_ZERO }

/*
 * Find it out for a folded domain, unless that was the last one.  1, or 0 with errno and
 * conf_error().
 */
extern int way_find(way *w, char const *domain);

/*
 * Why mail waits there that was never tried, "" where nothing keeps it; and an enhanced status
 * code for it.
 */
extern char const *way_why(way const *w, char code[SMTP_STATUS_MAX]);

/* Settings may have changed. */
extern void way_forget(way *w);
extern void way_free(way *w);

#endif
