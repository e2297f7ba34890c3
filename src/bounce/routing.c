#include "bounce/routing.h"

#include <string.h>

#define PARKED "the mail of this domain waits until its server asks for it"

void routing_forget(routing *rt)
{
  rt->domain.len = 0;
  rt->routes_known = 0;
}

/* Routes are read when the first domain is looked up: most messages need none. */
static int routes_read(routing *rt)
{
  if (!rt->routes_known) rt->routes_known = conf_routes_read(rt->conf, &rt->routes);
  return rt->routes_known;
}

int routing_find(routing *rt, char const *domain)
{
  size_t const len = strlen(domain);
  if (rt->domain.len == len + 1 && !memcmp(rt->domain.s, domain, len)) return 1;
  rt->domain.len = 0;
  if (!routes_read(rt) || !conf_routes_find(&rt->routes, domain, len, &rt->route)) return 0;
  sitefile_read(rt->queue, rt->route.site.s, &rt->site);
  return stralloc_copyb(&rt->domain, domain, len + 1);
}

char const *routing_reason(routing const *rt, char code[SMTP_STATUS_MAX])
{
  char const *why = rt->site.state == SITEFILE_DOWN ? rt->site.why : rt->route.parked ? PARKED : "";
  size_t n = smtp_status_scan(code, 400, why, strlen(why));
  return why + n + (why[n] == ' ');
}

void routing_free(routing *rt)
{
  conf_routes_free(&rt->routes);
  stralloc_free(&rt->domain);
  conf_route_free(&rt->route);
}
