#include "sched/row.h"

static void put_between(row *r, row_place *before, row_place *p, row_place *after)
{
  p->row = r;
  p->before = before;
  p->after = after;
  if (before) before->after = p;
  else r->first = p;
  if (after) after->before = p;
  else r->last = p;
  r->count++;
}

void row_add(row *r, row_place *p)
{
  put_between(r, r->last, p, 0);
}

void row_add_first(row *r, row_place *p)
{
  put_between(r, 0, p, r->first);
}

void row_leave(row_place *p)
{
  row *r = p->row;
  if (!r) return;
  if (p->before) p->before->after = p->after;
  else r->first = p->after;
  if (p->after) p->after->before = p->before;
  else r->last = p->before;
  p->before = p->after = 0;
  p->row = 0;
  r->count--;
}

void *row_first(row const *r)
{
  return place_owner(r->first);
}

void *place_owner(row_place const *p)
{
  return p ? p->owner : 0;
}
