#include "list/delay.h"

#include <string.h>

#include "base/wallclock.h"
#include "sched/backoff.h"
#include "sched/health.h"
#include "smtp/chars.h"

#define HELD "held here: conf/postmaster does not say where it goes"
#define PARKED "waiting for the site to ask (parked)"

/*
 * An attempt may have been made since now_us was read.  One further ahead was made under a wrong
 * clock.
 */
#define AHEAD_US SECOND_US

int delay_init(delays *w, int queue, int conf)
{
  memset(w, 0, sizeof *w);
  w->queue = queue;
  w->now_us = wallclock_us();
  return conf_backoff_read(conf, &w->backoff) && conf_routes_read(conf, &w->routes);
}

void delay_free(delays *w)
{
  size_t i;
  for (i = 0; i < DELAY_DOMAINS; i++)
  {
    stralloc_free(&w->domains[i].domain);
    conf_route_free(&w->domains[i].route);
    stralloc_free(&w->domains[i].why);
  }
  conf_routes_free(&w->routes);
}

/* --- domains ------------------------------------------------------------------------------ */

/* Length of an enhanced status code (RFC 3463) and a space at the head of s. */
static size_t code_length(char const *s)
{
  size_t i = 0, dots = 0;
  for (; smtp_digit(s[i]) || s[i] == '.'; i++)
    if (s[i] == '.') dots++;
  return dots == 2 && s[i] == ' ' ? i + 1 : 0;
}

/*
 * When qmgr probes a site that its file says is down; 0: at once.  A qmgr that starts reads the
 * file by the same rules.
 */
static uint64_t probe_us(delays const *w, sitefile const *file)
{
  health site;
  health_restore(&site, w->now_us, file->since_s * SECOND_US, file->failures,
                 file->next_s * SECOND_US, w->backoff.max * SECOND_US);
  return site.next_us == w->now_us ? 0 : site.next_us;
}

/* A site without a file, or with one that makes no sense, is not known.  1, or 0 with ENOMEM. */
static int site_read(delays const *w, delay_domain *d)
{
  sitefile file;
  sitefile_read(w->queue, d->route.site.s, &file);
  d->state = file.state;
  if (d->state != SITEFILE_DOWN) return 1;
  d->probe_us = probe_us(w, &file);
  return stralloc_copys(&d->why, file.why + code_length(file.why)) && stralloc_0(&d->why);
}

static delay_domain *places_of(delays *w, char const *domain)
{
  uint32_t hash = 5381;
  while (*domain) hash = hash * 33 ^ (unsigned char)*domain++;
  return w->domains + ((hash ^ hash >> 15) & (DELAY_DOMAINS - 1) & ~(DELAY_PLACES - 1u));
}

/* The place for another domain: a free one, else the one whose turn it is. */
static delay_domain *place_take(delays *w, delay_domain *places)
{
  size_t i;
  for (i = 0; i < DELAY_PLACES; i++)
    if (!places[i].domain.len) return places + i;
  return places + w->turn++ % DELAY_PLACES;
}

static int domain_read(delays const *w, delay_domain *d, char const *domain)
{
  d->domain.len = 0;
  d->probe_us = 0;
  return stralloc_copys(&d->why, "") && stralloc_0(&d->why)
    && conf_routes_find(&w->routes, domain, strlen(domain), &d->route) && site_read(w, d)
    && stralloc_copys(&d->domain, domain) && stralloc_0(&d->domain);
}

delay_domain const *delay_find(delays *w, char const *domain)
{
  delay_domain *places = places_of(w, domain), *d;
  size_t i;
  for (i = 0; i < DELAY_PLACES; i++)
    if (places[i].domain.len && !strcmp(places[i].domain.s, domain)) return places + i;
  d = place_take(w, places);
  return domain_read(w, d, domain) ? d : 0;
}

/* --- answers ------------------------------------------------------------------------------ */

char const *delay_why(delay_domain const *d, message const *m, message_recipient const *r)
{
  char const *reason = message_string(m, r->reason);
  if (*reason) return reason;
  if (*d->why.s) return d->why.s;
  return d->route.held ? HELD : d->route.parked ? PARKED : "";
}

/* When qmgr tries the recipient again, if its site can be tried: what due() of qmgr waits for. */
static uint64_t retry_us(delays const *w, message const *m, message_recipient const *r)
{
  uint64_t delay_s = backoff_delay(w->backoff.min, w->backoff.max, r->attempts);
  if (r->attempts && r->last_us <= w->now_us + AHEAD_US) return r->last_us + delay_s * SECOND_US;
  return m->arrival_us < w->now_us ? m->arrival_us : w->now_us;
}

uint64_t delay_next_us(delays const *w, delay_domain const *d, message const *m,
                         message_recipient const *r)
{
  uint64_t next_us = retry_us(w, m, r);
  if (d->route.parked || r->settled) return 0;
  return d->probe_us > next_us ? d->probe_us : next_us;
}
