#include "sched/limit.h"

#include <stdlib.h>
#include <string.h>

/* In the shorter one of its rows. */
static load *load_find(row const *of_domain, row const *of_connection)
{
  row const *shorter = of_domain->count < of_connection->count ? of_domain : of_connection;
  row_place const *p;
  for (p = shorter->first; p; p = p->after)
  {
    load *l = p->owner;
    if (l->in_domain.row == of_domain && l->in_connection.row == of_connection) return l;
  }
  return 0;
}

int limit_allows_more(row const *of_domain, unsigned int most)
{
  return of_domain->count < most;
}

int limit_allows(row const *of_domain, row const *of_connection, unsigned int most)
{
  return limit_allows_more(of_domain, most) || load_find(of_domain, of_connection);
}

load *load_add(row *of_domain, row *of_connection)
{
  load *l = load_find(of_domain, of_connection);
  if (!l) l = calloc(1, sizeof *l);
  if (!l) return 0;
  if (!l->jobs++)
  {
    l->in_domain.owner = l->in_connection.owner = l;
    row_add(of_domain, &l->in_domain);
    row_add(of_connection, &l->in_connection);
  }
  return l;
}

void load_take(load *l)
{
  if (!l || --l->jobs) return;
  row_leave(&l->in_domain);
  row_leave(&l->in_connection);
  free(l);
}
