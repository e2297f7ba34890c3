#include "list/filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include <skalibs/types.h>

#include "base/duration.h"
#include "base/wallclock.h"
#include "conf/conf.h"
#include "smtp/chars.h"
#include "list/delay.h"

/* This bit stands beside those of places. */
#define FILTER_ACTIVE (1u << 31)

static int invalid(void)
{
  errno = EINVAL;
  return 0;
}

/*
 * A pattern without one of these characters matches its own text alone: a backslash in it is one
 * of a quoted local part.
 */
static int is_glob(char const *pattern)
{
  return !!strpbrk(pattern, "*?[");
}

/* --- options ------------------------------------------------------------------------------ */

/* Append these octets as a string. */
static int string_add(stralloc *strings, char const *s, size_t len)
{
  return stralloc_catb(strings, s, len) && stralloc_0(strings);
}

/* An empty pattern is an error: a shell's variable was not set. */
static int pattern_ok(size_t len)
{
  return len && len <= FILTER_PATTERN_MAX;
}

/* Angle brackets around an address do not count. */
static size_t brackets_skip(char const **pattern)
{
  size_t len = strlen(*pattern);
  if (len < 2 || (*pattern)[0] != '<' || (*pattern)[len - 1] != '>') return len;
  ++*pattern;
  return len - 2;
}

/* A pattern that names the null sender matches no other: it is stored as an empty pattern. */
static int sender_add(stralloc *patterns, char const *pattern)
{
  size_t len;
  if (!pattern_ok(strlen(pattern))) return invalid();
  len = brackets_skip(&pattern);
  return string_add(patterns, pattern, smtp_word_is(pattern, len, FILTER_NULL_SENDER) ? 0 : len);
}

static int recipient_add(stralloc *patterns, char const *pattern)
{
  size_t len = brackets_skip(&pattern);
  if (!pattern_ok(len)) return invalid();
  return string_add(patterns, pattern, len);
}

/* Take a domain in any spelling, or a pattern of folded names. */
static int domain_add(stralloc *patterns, char const *pattern)
{
  stralloc folded = STRALLOC_ZERO;
  size_t len = strlen(pattern);
  int r;
  if (!pattern_ok(len)) return invalid();
  if (is_glob(pattern)) return string_add(patterns, pattern, len);
  r = conf_domain_fold(&folded, pattern, len) && string_add(patterns, folded.s, folded.len);
  stralloc_free(&folded);
  return r;
}

static int age_add(uint64_t *age_us, char const *value)
{
  uint64_t seconds;
  if (!duration_scan(value, strlen(value), &seconds)) return invalid();
  if (seconds * SECOND_US < *age_us) *age_us = seconds * SECOND_US;
  return 1;
}

/* The power of 1024 that a unit stands for; -1 for any other letter. */
static int unit_power(char const *unit)
{
  if (!*unit) return 0;
  if (unit[1]) return -1;
  switch (smtp_lower(*unit))
  {
    case 'k': return 1;
    case 'm': return 2;
    case 'g': return 3;
    default: return -1;
  }
}

static int octets_add(uint64_t *octets, char const *value)
{
  uint64_t number;
  size_t digits = smtp_digit(*value) ? strspn(value, "0123456789") : 0;
  int power = unit_power(value + digits);
  if (!digits || power == -1 || uint64_scan(value, &number) != digits) return invalid();
  if (number >= FILTER_NONE >> 10 * power) return invalid();
  number <<= 10 * power;
  if (number < *octets) *octets = number;
  return 1;
}

static int place_add(unsigned int *places, char const *value)
{
  static struct { char const *name; unsigned int place; } const rows[] =
  {
    { "new", 1u << QUEUE_NEW }, { "cur", 1u << QUEUE_CUR }, { "hold", 1u << QUEUE_HOLD },
    { "active", FILTER_ACTIVE }
  };
  size_t i;
  for (i = 0; i < sizeof rows / sizeof *rows; i++)
    if (!strcmp(value, rows[i].name))
    {
      *places |= rows[i].place;
      return 1;
    }
  return invalid();
}

int filter_add(filter *f, int option, char const *value)
{
  switch (option)
  {
    case 's': return sender_add(&f->senders, value);
    case 'r': return recipient_add(&f->recipients, value);
    case 'd': return domain_add(&f->domains, value);
    case 'o': return age_add(&f->age_us, value);
    case 'z': return octets_add(&f->octets, value);
    case 'q': return place_add(&f->places, value);
    default: return invalid();
  }
}

char const *filter_wrong(int option)
{
  switch (option)
  {
    case 's': return "-s: not a pattern of senders (such as bob@example.org, *@example.org, <>): ";
    case 'r': return "-r: not a pattern of recipients (such as bob@example.org, *@example.org): ";
    case 'd': return "-d: neither a domain nor a pattern of domains (such as *.example.org): ";
    case 'o': return "-o: not a time (such as 90s, 5m, 4h, 3d): ";
    case 'z': return "-z: not a size (such as 5000, 20k, 10m): ";
    case 'q': return "-q: none of new, cur, hold, active: ";
    default: return "unknown option: ";
  }
}

void filter_free(filter *f)
{
  stralloc_free(&f->senders);
  stralloc_free(&f->recipients);
  stralloc_free(&f->domains);
}

/* --- questions ---------------------------------------------------------------------------- */

/* Is every message in this place meant? */
static int place_all(filter const *f, enum queue_place place)
{
  return !f->places || f->places & 1u << place;
}

int filter_place_ok(filter const *f, enum queue_place place)
{
  return place_all(f, place) || (f->places & FILTER_ACTIVE && place != QUEUE_HOLD);
}

int filter_id_ok(filter const *f, char const *id, uint64_t now_us)
{
  return f->age_us == FILTER_NONE || id_time(id) + f->age_us <= now_us;
}

static int matches(char const *pattern, char const *s)
{
  return !(is_glob(pattern) ? fnmatch(pattern, s, FNM_CASEFOLD) : strcasecmp(pattern, s));
}

static int any_matches(stralloc const *patterns, char const *s)
{
  char const *p = patterns->s;
  if (!patterns->len) return 1;
  for (; p < patterns->s + patterns->len; p += strlen(p) + 1)
    if (matches(p, s)) return 1;
  return 0;
}

static int recipients_ok(filter const *f, message const *m)
{
  size_t i;
  if (!f->recipients.len && !f->domains.len) return 1;
  for (i = 0; i < message_rcpts(m); i++)
  {
    message_recipient const *r = message_rcptp(m, i);
    if (delay_owed(r) && any_matches(&f->recipients, message_string(m, r->address))
     && any_matches(&f->domains, message_string(m, r->domain))) return 1;
  }
  return 0;
}

int filter_message_ok(filter const *f, message const *m, enum queue_place place, int active)
{
  return (place_all(f, place) || (active && filter_place_ok(f, place)))
    && (f->octets == FILTER_NONE || m->content_len >= f->octets)
    && any_matches(&f->senders, message_string(m, m->sender))
    && recipients_ok(f, m);
}
