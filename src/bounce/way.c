#include "bounce/way.h"

#include <string.h>

#define PARKED "the mail of this domain waits until its server asks for it"

void way_forget(way *w)
{
  w->domain.len = 0;
  w->routes_known = 0;
}

/* Most messages need none of them. */
static int routes_read(way *w)
{
  if (!w->routes_known) w->routes_known = conf_routes_read(w->conf, &w->routes);
  return w->routes_known;
}

int way_find(way *w, char const *domain)
{
  size_t const len = strlen(domain);
  if (w->domain.len == len + 1 && !memcmp(w->domain.s, domain, len)) return 1;
  w->domain.len = 0;
  if (!routes_read(w) || !conf_routes_find(&w->routes, domain, len, &w->route)) return 0;
  sitefile_read(w->queue, w->route.site.s, &w->site);
  return stralloc_copyb(&w->domain, domain, len + 1);
}

char const *way_why(way const *w, char code[SMTP_STATUS_MAX])
{
  char const *why = w->site.state == SITEFILE_DOWN ? w->site.why : w->route.parked ? PARKED : "";
  size_t n = smtp_status_scan(code, 400, why, strlen(why));
  return why + n + (why[n] == ' ');
}

void way_free(way *w)
{
  conf_routes_free(&w->routes);
  stralloc_free(&w->domain);
  stralloc_free(&w->route.site);
}
