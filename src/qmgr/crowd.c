#include <arpa/inet.h>
#include <search.h>
#include <string.h>

#include <skalibs/alloc.h>
#include <skalibs/types.h>

#include "qmgr/crowd.h"

/* Of connections to sites that can hang, a source may hold so many times what is free. */
#define SHARE_OF_FREE 2

/* --- rows ------------------------------------------------------------------------------ */

static void row_add(row *r, row_place *p)
{
  p->before = r->last;
  p->after = 0;
  if (r->last) r->last->after = p;
  else r->first = p;
  r->last = p;
}

static void row_take(row *r, row_place *p)
{
  if (p->before) p->before->after = p->after;
  else r->first = p->after;
  if (p->after) p->after->before = p->before;
  else r->last = p->before;
}

/* --- sources ------------------------------------------------------------------------------ */

static uint64_t number_of(unsigned char const *octets, size_t n)
{
  uint64_t number = 0;
  while (n--) number = number << 8 | *octets++;
  return number;
}

/* "[192.0.2.7]", "[IPv6:2001:db8::1]". */
static int address_scan(char const *literal, source_key *key)
{
  static char const tag[] = "IPv6:";
  char text[INET6_ADDRSTRLEN];
  unsigned char octets[16];
  char const *s = literal + 1;
  size_t len;
  if (!strncmp(s, tag, strlen(tag))) s += strlen(tag);
  len = strcspn(s, "]");
  if (len >= sizeof text) return 0;
  memcpy(text, s, len);
  text[len] = 0;
  if (inet_pton(AF_INET, text, octets) == 1) *key = (source_key){ .kind = '4', .number = number_of(octets, 4) };
  else if (inet_pton(AF_INET6, text, octets) == 1) *key = (source_key){ .kind = '6', .number = number_of(octets, 8) };
  else return 0;
  return 1;
}

/* "NAME LITERAL PROTOCOL", where NAME is whatever the client said; "uid N"; or one of our own programs. */
static source_key key_of(char const *client, int null)
{
  char const *literal = strrchr(client, '[');
  source_key key = { .kind = 'o' };
  if (!literal || !address_scan(literal, &key))
    if (!strncmp(client, "uid ", 4) && uint640_scan(client + 4, &key.number)) key.kind = 'u';
  key.null = null;
  return key;
}

static int source_compare(void const *a, void const *b)
{
  source_key const *x = a;
  source_key const *y = b;
  if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
  if (x->null != y->null) return x->null < y->null ? -1 : 1;
  return (x->number > y->number) - (x->number < y->number);
}

static void source_init(source *s, source_key key)
{
  int asked;
  memset(s, 0, sizeof *s);
  s->key = key;
  s->users = 1;
  for (asked = 0; asked < 2; asked++)
  {
    s->lanes[asked].place.owner = s->lanes + asked;
    s->lanes[asked].source = s;
    s->lanes[asked].asked = asked;
  }
}

void crowd_init(crowd *c)
{
  memset(c, 0, sizeof *c);
  source_init(&c->sure, (source_key){ .kind = 's' });
  source_init(&c->unknown, (source_key){ .kind = '?' });
}

static source *source_new(crowd *c, source_key key)
{
  source *s = alloc(sizeof *s);
  if (!s) return 0;
  source_init(s, key);
  if (tsearch(s, &c->sources, source_compare)) return s;
  alloc_free(s);
  return 0;
}

source *crowd_use(source *s)
{
  s->users++;
  return s;
}

source *crowd_source(crowd *c, char const *client, int null)
{
  source_key key = key_of(client, null);
  source **found = tfind(&key, &c->sources, source_compare);
  source *s = found ? crowd_use(*found) : source_new(c, key);
  return s ? s : crowd_use(&c->unknown);
}

void crowd_forget(crowd *c, source *s)
{
  if (!s || --s->users) return;
  tdelete(s, &c->sources, source_compare);
  alloc_free(s);
}

/* --- how many there are for whom -------------------------------------------------------------- */

/* Where there is more than one, one at the least. */
static size_t kept_for_asked(crowd const *c)
{
  return c->total < 5 ? c->total > 1 : c->total / 5;
}

/* Connections that there may be in all; to sites that can hang. */
static size_t most(crowd const *c, int asked)
{
  return asked ? c->total : c->total - kept_for_asked(c);
}

static size_t most_unsure(crowd const *c, int asked)
{
  size_t kept = kept_for_asked(c);
  return c->total - kept - c->total / 5 + (asked ? (kept + 1) / 2 : 0);
}

static size_t most_null(crowd const *c)
{
  return c->total < 10 ? 1 : c->total / 10;
}

static size_t unsure(crowd const *c)
{
  return c->all - c->sure.held;
}

/* Only sure sites may have what is left, if anything is. */
static int only_sure(crowd const *c, int asked)
{
  return unsure(c) >= most_unsure(c, asked);
}

/* Is it the null sender's, and has that its part? */
static int null_over(crowd const *c, source const *s, int asked)
{
  if (!s->key.null || asked) return 0;
  return c->null >= most_null(c) || s->held >= SHARE_OF_FREE * (most_null(c) - c->null);
}

int crowd_room(crowd const *c, source const *s, int asked)
{
  if (c->all >= most(c, asked)) return 0;
  if (s == &c->sure) return 1;
  if (null_over(c, s, asked)) return 0;
  return !only_sure(c, asked) && s->held < SHARE_OF_FREE * (most_unsure(c, asked) - unsure(c));
}

int crowd_full(crowd const *c)
{
  return c->all >= most(c, 0);
}

void crowd_hold(crowd *c, source *s)
{
  crowd_use(s)->held++;
  c->all++;
  c->null += s->key.null != 0;
}

void crowd_release(crowd *c, source *s)
{
  c->all--;
  s->held--;
  c->null -= s->key.null != 0;
  crowd_forget(c, s);
}

/* --- who waits ----------------------------------------------------------------------------------- */

/* Has it waited in a better place, or the same? */
static int waits_well(waiter const *w, source const *s, int asked)
{
  lane const *l = w->lane;
  if (!l || l->asked < asked) return 0;
  return l->asked > asked || !l->source->key.null || s->key.null;
}

void crowd_wait(crowd *c, waiter *w, source *s, int asked)
{
  lane *l = s->lanes + asked;
  if (waits_well(w, s, asked)) return;
  crowd_leave(c, w);
  if (!l->waiters.first) row_add(c->turns + asked, &l->place);
  row_add(&l->waiters, &w->place);
  w->lane = l;
  crowd_use(s);
  c->waiting++;
}

void crowd_leave(crowd *c, waiter *w)
{
  lane *l = w->lane;
  if (!l) return;
  row_take(&l->waiters, &w->place);
  if (!l->waiters.first) row_take(c->turns + l->asked, &l->place);
  w->lane = 0;
  c->waiting--;
  crowd_forget(c, l->source);
}

void crowd_serve(crowd *c, waiter *w)
{
  lane *l = w->lane;
  row_take(c->turns + l->asked, &l->place);
  row_add(c->turns + l->asked, &l->place);
  crowd_leave(c, w);
}

int crowd_waits(source const *s)
{
  return s->lanes[0].waiters.first || s->lanes[1].waiters.first;
}

static waiter *lane_first(lane const *l)
{
  return (waiter *)l->waiters.first; /* its first member */
}

/* Lanes that are passed over are of sources that hold two or more connections each, or of the null sender. */
static waiter *next_in_turn(crowd const *c, int asked)
{
  row_place const *p;
  if (c->all >= most(c, asked)) return 0;
  if (only_sure(c, asked)) return lane_first(c->sure.lanes + asked);
  for (p = c->turns[asked].first; p; p = p->after)
  {
    lane const *l = p->owner;
    if (crowd_room(c, l->source, asked)) return lane_first(l);
  }
  return 0;
}

waiter *crowd_next(crowd const *c)
{
  waiter *w = next_in_turn(c, 1);
  return w ? w : next_in_turn(c, 0);
}

waiter *crowd_next_without(crowd *c, source *s)
{
  waiter *w;
  crowd_use(s);
  crowd_release(c, s);
  w = crowd_next(c);
  crowd_hold(c, s);
  crowd_forget(c, s);
  return w;
}
