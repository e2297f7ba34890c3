#ifndef BOUNCE_ROUTING_H
#define BOUNCE_ROUTING_H

/*
 * The routing of one domain at a time: its route in conf/routes, and the state of its site.  Both
 * say how long a message of the domain is kept, and why it is delayed.
 */

#include <skalibs/stralloc.h>

#include "conf/conf.h"
#include "queue/sitefile.h"
#include "smtp/reply.h"

typedef struct routing
{
  int queue;
  int conf;
  conf_routes routes;
  int routes_known;        /* were they read since routing_forget()? */
  stralloc domain;         /* the one that route and site are of; empty: none yet */
  conf_route route;
  sitefile site;
} routing;
#define ROUTING_ZERO \
  { .routes = CONF_ROUTES_ZERO, .domain = STRALLOC_ZERO, .route = CONF_ROUTE_ZERO }

/*
 * Look up the route and the site of a folded domain; those of the domain that was looked up last
 * are still known.  Returns 1, or 0 with errno and conf_error().
 */
extern int routing_find(routing *rt, char const *domain);

/*
 * The reason why a message of that domain waits though no delivery was attempted, and its enhanced
 * status code; "" where neither the site nor the route delays it.
 */
extern char const *routing_reason(routing const *rt, char code[SMTP_STATUS_MAX]);

/* Forget the routes and the domain: settings may have changed. */
extern void routing_forget(routing *rt);
extern void routing_free(routing *rt);

#endif
