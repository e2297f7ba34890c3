#include "qmgr/cuts.h"

#include <stdlib.h>
#include <string.h>

/* So many tries in a row may be cut off again: where nothing tells that it is the link's doing, and where something does. */
#define IN_VAIN_MAX 2
#define IN_VAIN_MAX_LINK 8

void cuts_init(cuts *c, uint64_t drops)
{
  *c = (cuts){ .now = GENALLOC_ZERO, .later = GENALLOC_ZERO, .most = 1, .drops_before = drops };
}

void cuts_free(cuts *c)
{
  genalloc_free(cut, &c->now);
  genalloc_free(cut, &c->later);
}

int cuts_add(cuts *c, char const *id, uint64_t bytes)
{
  cut entry = { .bytes = bytes };
  if (genalloc_len(cut, &c->later) >= CUTS_MAX) return 0;
  memcpy(entry.id, id, ID_LEN);
  return genalloc_append(cut, &c->later, &entry);
}

int cuts_ready(cuts const *c, size_t out)
{
  return genalloc_len(cut, &c->now) && out < c->most;
}

static void last_take(genalloc *all, char id[ID_LEN + 1])
{
  size_t n = genalloc_len(cut, all) - 1;
  memcpy(id, genalloc_s(cut, all)[n].id, ID_LEN + 1);
  genalloc_setlen(cut, all, n);
}

void cuts_take(cuts *c, char id[ID_LEN + 1])
{
  last_take(&c->now, id);
}

void cuts_back(cuts *c, int cut_again)
{
  if (cut_again)
  {
    c->most = 1;
    c->in_vain++;
    return;
  }
  c->most++;
  c->in_vain = 0;
  c->any_went = c->link = 1;
}

/* --- rounds ------------------------------------------------------------------------------- */

static int compare(void const *a, void const *b)
{
  cut const *x = a;
  cut const *y = b;
  return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* A message that does harm ends two connections before it is put off; more of them are the link's. */
static void link_judge(cuts *c, uint64_t drops)
{
  if (drops - c->drops_before > 2 * genalloc_len(cut, &c->later)) c->link = 1;
}

static int go_on(cuts const *c)
{
  return c->any_went || c->in_vain < (c->link ? IN_VAIN_MAX_LINK : IN_VAIN_MAX);
}

static void round_begin(cuts *c)
{
  genalloc now = c->now;
  c->now = c->later;
  c->later = now;
  c->any_went = 0;
  qsort(genalloc_s(cut, &c->now), genalloc_len(cut, &c->now), sizeof(cut), compare);
}

int cuts_left(cuts *c, uint64_t drops)
{
  if (genalloc_len(cut, &c->now)) return 1;
  if (!genalloc_len(cut, &c->later)) return 0;
  link_judge(c, drops);
  if (!go_on(c)) return 0;
  round_begin(c);
  return 1;
}

int cuts_give_up(cuts *c, char id[ID_LEN + 1])
{
  if (!genalloc_len(cut, &c->later)) return 0;
  last_take(&c->later, id);
  return 1;
}
