#include "sim.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Do both say the same, of whatever numbers? */
static int alike(char const *a, char const *b)
{
  for (;; a++, b++)
  {
    while (isdigit((unsigned char)*a) || *a == '.') a++;
    while (isdigit((unsigned char)*b) || *b == '.') b++;
    if (*a != *b) return 0;
    if (!*a) return 1;
  }
}

static int fails(plan const *p, outcome *o)
{
  outcome now;
  run(p, 0, &now);
  if (!*now.failed || !alike(now.failed, o->failed)) return 0;
  *o = now;
  return 1;
}

/* Without so many from there: 1, and it is so; or 0, and it is as before. */
static int without(plan *p, outcome *o, size_t from, size_t n)
{
  plan less = *p;
  less.deeds = malloc((p->count + 1) * sizeof *less.deeds);
  less.count = p->count - n;
  memcpy(less.deeds, p->deeds, from * sizeof *less.deeds);
  memcpy(less.deeds + from, p->deeds + from + n, (p->count - from - n) * sizeof *less.deeds);
  if (!fails(&less, o))
  {
    free(less.deeds);
    return 0;
  }
  free(p->deeds);
  *p = less;
  return 1;
}

static int without_each(plan *p, outcome *o, size_t n, time_t until)
{
  size_t from = 0;
  int any = 0;
  while (from + n <= p->count && time(0) < until)
    if (without(p, o, from, n)) any = 1;
    else from += n;
  return any;
}

/* The end may come sooner. */
static void sooner(plan *p, outcome *o)
{
  uint64_t end_us = p->end_us;
  uint64_t last_us = 0;
  size_t i;
  for (i = 0; i < p->count; i++)
    if (p->deeds[i].at_us > last_us) last_us = p->deeds[i].at_us;
  p->end_us = last_us + 1000000;
  if (!fails(p, o)) p->end_us = end_us;
}

void shrink(plan *p, outcome *o, unsigned int seconds)
{
  time_t until = time(0) + (time_t)seconds;
  size_t n;
  for (n = p->count / 2; n; n = n > 1 ? n / 2 : without_each(p, o, 1, until) && time(0) < until)
    without_each(p, o, n, until);
  sooner(p, o);
}
