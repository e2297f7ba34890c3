#include "tools/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "flush/flush.h"
#include "smtp/chars.h"

/* A site file is a line; more is not ours. */
#define SITE_FILE_MAX 4096
#define SECOND_US 1000000ull

#define PARKED "waiting for the site to ask (parked)"

static char const *const site_names[] =
{
  [WAITING_UNKNOWN] = "unknown", [WAITING_UP] = "up", [WAITING_DOWN] = "down", [WAITING_PARKED] = "parked"
};

char const *waiting_site_name(enum waiting_site state)
{
  return site_names[state];
}

int waiting_init(waiting *w, int queue, int conf)
{
  memset(w, 0, sizeof *w);
  w->queue = queue;
  w->conf = conf;
  return conf_backoff_read(conf, &w->backoff);
}

void waiting_free(waiting *w)
{
  size_t i;
  for (i = 0; i < WAITING_DOMAINS; i++)
  {
    stralloc_free(&w->domains[i].domain);
    stralloc_free(&w->domains[i].route.site);
    stralloc_free(&w->domains[i].why);
  }
}

/* --- the site file: "STATE since=S failures=N next=S WHY" --------------------------------- */

/* An enhanced status code (RFC 3463) and a space. */
static size_t code_length(char const *s)
{
  size_t i = 0, dots = 0;
  for (; smtp_digit(s[i]) || s[i] == '.'; i++)
    if (s[i] == '.') dots++;
  return dots == 2 && s[i] == ' ' ? i + 1 : 0;
}

/* One word of the line that is KEY=NUMBER; what follows, or NULL when it is another word. */
static char const *number_skip(char const *s, char const *key, uint64_t *number)
{
  size_t len = strlen(key);
  if (strncmp(s, key, len)) return 0;
  s += len;
  s += uint64_scan(s, number);
  return s + (*s == ' ');
}

/* What is no such line says nothing. */
static int site_scan(waiting_domain *d, char const *line)
{
  uint64_t ignored;
  char const *s = strchr(line, ' ');
  enum waiting_site state;
  if (!s) return 1;
  for (state = WAITING_UP; state <= WAITING_PARKED; state++)
    if (strlen(site_names[state]) == (size_t)(s - line) && !strncmp(line, site_names[state], (size_t)(s - line))) break;
  if (state > WAITING_PARKED) return 1;
  d->state = state;
  if (state != WAITING_DOWN) return 1;
  s = number_skip(s + 1, "since=", &ignored);
  if (s) s = number_skip(s, "failures=", &ignored);
  if (s) s = number_skip(s, "next=", &d->next_s);
  return !s || (stralloc_copys(&d->why, s + code_length(s)) && stralloc_0(&d->why));
}

/* The site's name became a file name only where it is one. */
static int site_read(waiting const *w, waiting_domain *d)
{
  char path[sizeof "site/" + FLUSH_NAME_MAX];
  char line[SITE_FILE_MAX];
  size_t len = strlen(d->route.site.s);
  ssize_t r;
  int fd;
  if (len > FLUSH_NAME_MAX || !conf_site_ok(d->route.site.s, len)) return 1;
  strcpy(stpcpy(path, "site/"), d->route.site.s);
  fd = openat(w->queue, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd == -1) return 1;
  r = fd_read(fd, line, sizeof line - 1);
  fd_close(fd);
  if (r <= 0) return 1;
  line[r] = 0;
  line[strcspn(line, "\n")] = 0;
  return site_scan(d, line);
}

/* --- domains ------------------------------------------------------------------------------ */

static waiting_domain *domain_place(waiting *w, char const *domain)
{
  uint32_t hash = 5381;
  while (*domain) hash = hash * 33 ^ (unsigned char)*domain++;
  return w->domains + ((hash ^ hash >> 15) & (WAITING_DOMAINS - 1));
}

waiting_domain const *waiting_find(waiting *w, char const *domain)
{
  waiting_domain *d = domain_place(w, domain);
  if (d->domain.len && !strcmp(d->domain.s, domain)) return d;
  d->domain.len = 0;
  d->state = WAITING_UNKNOWN;
  d->next_s = 0;
  if (!stralloc_copys(&d->why, "") || !stralloc_0(&d->why)) return 0;
  if (!conf_route_find(w->conf, domain, strlen(domain), &d->route) || !site_read(w, d)) return 0;
  if (!stralloc_copys(&d->domain, domain) || !stralloc_0(&d->domain)) return 0;
  return d;
}

/* --- answers ------------------------------------------------------------------------------ */

char const *waiting_why(waiting_domain const *d, message const *m, message_recipient const *r)
{
  char const *reason = message_string(m, r->reason);
  if (*reason) return reason;
  if (*d->why.s) return d->why.s;
  return d->route.parked ? PARKED : "";
}

/* Seconds to the attempt after so many. */
static uint64_t backoff_s(conf_backoff const *backoff, unsigned int attempts)
{
  uint64_t seconds = backoff->min;
  while (attempts-- > 1 && seconds < backoff->max) seconds *= 2;
  return seconds < backoff->max ? seconds : backoff->max;
}

uint64_t waiting_next_us(waiting const *w, waiting_domain const *d, message const *m, message_recipient const *r)
{
  uint64_t next_us = m->arrival_us;
  if (d->route.parked) return 0;
  if (r->attempts)
  {
    uint64_t wait_us = backoff_s(&w->backoff, r->attempts) * SECOND_US;
    next_us = r->last_us > UINT64_MAX - wait_us ? UINT64_MAX : r->last_us + wait_us;
  }
  if (d->state == WAITING_DOWN && d->next_s < UINT64_MAX / SECOND_US && next_us < d->next_s * SECOND_US)
    next_us = d->next_s * SECOND_US;
  return next_us;
}
