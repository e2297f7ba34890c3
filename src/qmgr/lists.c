#include "qmgr/lists.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/alloc.h>
#include <skalibs/djbunix.h>

#include "qmgr/named.h"
#include "queue/queuedir.h"

/* Ids of a pass put aside in memory before they are written back: 1 MiB or so. */
#define KEPT_MAX (65536 * ID_LEN)

/* --- knowing them ---------------------------------------------------------------------------- */

static domain_route route_of(conf_route const *route)
{
  return (domain_route){
    .parked = route->parked, .held = route->held, .lifetime_us = route->lifetime * SECOND_US,
    .delaywarning_us = route->delaywarning * SECOND_US,
    .concurrency = (unsigned int)route->concurrency
  };
}

/* Its next hop, and what its route says; NULL: they cannot be told. */
static hop *route_find(lists *all, char const *name, domain_route *says)
{
  core *q = all->core;
  conf_route route = CONF_ROUTE_ZERO;
  hop *h;
  if (!conf_routes_find(&q->settings.routes, name, strlen(name), &route))
  {
    core_complain(q, "find the route of ", name, conf_error());
    return 0;
  }
  h = hops_get(all->hops, route.site.s, route.tls.s);
  conf_route_free(&route);
  if (!h) return 0;
  h->without = route.without;
  *says = route_of(&route);
  return h;
}

/*
 * Where its route cannot be told, what was known of it still holds; and while it leads elsewhere,
 * see list_home().
 */
static void route_refresh(lists *all, list *l)
{
  domain_route says;
  hop *h;
  if (l->domain.home || l->route_generation == all->core->settings.generation) return;
  h = route_find(all, l->name, &says);
  if (!h) return;
  domain_reroute(&all->core->sched, &l->domain, &h->site, &says);
  l->route_generation = all->core->settings.generation;
}

static list *list_new(lists *all, char const *name)
{
  size_t len = strlen(name);
  domain_route says;
  hop *h = route_find(all, name, &says);
  list *l = h ? alloc(sizeof *l + len + 1) : 0;
  if (!l) return 0;
  memset(l, 0, sizeof *l);
  l->name = memcpy(l + 1, name, len + 1);
  l->noting.owner = l;
  l->route_generation = all->core->settings.generation;
  if (!named_add(&all->tree, l))
  {
    alloc_free(l);
    return 0;
  }
  domain_add(&all->core->sched, &l->domain, l, &h->site, &says);
  return l;
}

list *lists_get(lists *all, char const *name)
{
  list *l = lists_find(all, name);
  if (!l) return list_new(all, name);
  domain_used(&all->core->sched, &l->domain);
  route_refresh(all, l);
  return l;
}

list *lists_find(lists const *all, char const *name)
{
  return named_find(&all->tree, name);
}

list *list_of(domain const *d)
{
  return d->owner;
}

void lists_forget(lists *all, list *l)
{
  domain_leave(&all->core->sched, &l->domain);
  stralloc_free(&l->noted);
  named_take(&all->tree, l);
  alloc_free(l);
}

static void refresh_each(void const *node, VISIT visit, void *data)
{
  lists *all = data;
  list *l = *(list *const *)node;
  if (visit != postorder && visit != leaf) return;
  route_refresh(all, l);
  domain_rerouted(&all->core->sched, &l->domain);
}

void lists_refresh(lists *all)
{
  twalk_r(all->tree, refresh_each, all);
}

/* --- recording ------------------------------------------------------------------------------- */

static int record(lists *all, list *l, char const *ids, size_t n)
{
  core *q = all->core;
  int e;
  int r = flush_record(q->queue, l->name, ids, n);
  if (!r && lists_free_descriptors(all)) r = flush_record(q->queue, l->name, ids, n);
  if (r) return 1;
  e = errno;
  if (flush_obstructed(e)) core_obstacle(q, "flush", l->name, e);
  else core_complain(q, "record in flush/", l->name, strerror(e));
  domain_damaged(&l->domain);
  errno = e;
  return 0;
}

/* Something of it waits in its list now. */
static void waits(lists *all, list *l, int untried)
{
  if (domain_waits(&all->core->sched, &l->domain, untried))
    hop_write(all->hops, hop_of(l->domain.site), SITEFILE_PARKED, "");
}

void list_home(lists *all, list *l)
{
  unsigned int generation = l->route_generation;
  route_refresh(all, l);
  if (l->route_generation != generation) domain_rerouted(&all->core->sched, &l->domain);
  if (l->domain.waiting || l->domain.pass) waits(all, l, 0);
}

int list_record(lists *all, list *l, pass *from, char const *id, int untried)
{
  if (from) list_keep(all, l, from, id);
  else if (record(all, l, id, 1)) domain_recorded(&all->core->sched, &l->domain, id_time(id));
  else return 0;
  waits(all, l, untried);
  return 1;
}

int list_note(lists *all, list *l, char const *id)
{
  if (!stralloc_catb(&l->noted, id, ID_LEN)) return 0;
  if (!l->noting.row) row_add(&all->noting, &l->noting);
  return 1;
}

static uint64_t oldest_of(stralloc const *ids)
{
  uint64_t oldest_us = NEVER_US;
  size_t at;
  for (at = 0; at < ids->len; at += ID_LEN)
    if (id_time(ids->s + at) < oldest_us) oldest_us = id_time(ids->s + at);
  return oldest_us;
}

static void record_noted(lists *all, list *l)
{
  if (record(all, l, l->noted.s, l->noted.len / ID_LEN))
  {
    domain_recorded(&all->core->sched, &l->domain, oldest_of(&l->noted));
    waits(all, l, 1);
  }
  else
  {
    all->missed_short |= !flush_obstructed(errno);
    if (!stralloc_cat(&all->missed, &l->noted)) all->missed_all = all->missed_short = 1;
  }
  l->noted.len = 0;
}

void lists_record_noted(lists *all)
{
  list *l;
  while ((l = row_first(&all->noting)))
  {
    row_leave(&l->noting);
    record_noted(all, l);
  }
}

int lists_missed(lists const *all, char const *id)
{
  size_t at;
  for (at = 0; at < all->missed.len; at += ID_LEN)
    if (!memcmp(all->missed.s + at, id, ID_LEN)) return 1;
  return all->missed_all;
}

void lists_missed_over(lists *all)
{
  all->missed.len = 0;
  all->missed_all = all->missed_short = 0;
}

/* --- reading --------------------------------------------------------------------------------- */

/* The first id is the oldest, or near enough to it for an expiry to be noticed. */
static uint64_t oldest_read(lists const *all, list const *l)
{
  char path[sizeof "flush/" + FLUSH_NAME_MAX];
  char id[ID_LEN + 1];
  flush_reader reader;
  uint64_t oldest_us = NEVER_US;
  int fd;
  strcpy(stpcpy(path, "flush/"), l->name);
  fd = queuedir_open_file(all->core->queue, path, O_RDONLY, 0);
  if (fd == -1) return NEVER_US;
  flush_reader_init(&reader, fd);
  if (flush_reader_next(&reader, id) == 1) oldest_us = id_time(id);
  fd_close(fd);
  return oldest_us;
}

/* Where a parked domain's list is not there, after all, nobody would find that out. */
void list_found(lists *all, list *l)
{
  uint64_t oldest_us;
  if (l->domain.waiting) return;
  oldest_us = oldest_read(all, l);
  if (l->domain.route.parked && oldest_us == NEVER_US) return;
  if (domain_listed(&all->core->sched, &l->domain, oldest_us))
    hop_write(all->hops, hop_of(l->domain.site), SITEFILE_PARKED, "");
}

int list_first(lists const *all, list const *l, char id[ID_LEN + 1])
{
  int found = 0;
  int fds[2];
  size_t i;
  if (!flush_open(all->core->queue, l->name, fds)) return 0;
  for (i = 0; i < 2; i++)
  {
    flush_reader reader;
    if (fds[i] == -1) continue;
    flush_reader_init(&reader, fds[i]);
    if (!found) found = flush_reader_next(&reader, id) == 1;
    fd_close(fds[i]);
  }
  return found;
}

/* --- descriptors ------------------------------------------------------------------------------ */

static void reader_set_aside(void const *node, VISIT visit, void *data)
{
  claim *c = (*(list *const *)node)->claim;
  (void)data;
  if ((visit != postorder && visit != leaf) || !c || c->reader.fd == -1) return;
  c->at = lseek(c->reader.fd, 0, SEEK_CUR);
  if (c->at == -1) return;
  fd_close(c->reader.fd);
  c->reader.fd = -1;
  c->set_aside = 1;
}

int lists_free_descriptors(lists *all)
{
  if (!agents_free_descriptors(all->agents)) return 0;
  twalk_r(all->tree, reader_set_aside, 0);
  return 1;
}

/* --- claims ---------------------------------------------------------------------------------- */

static void reader_close(claim *c)
{
  if (c->reader.fd != -1) fd_close(c->reader.fd);
  c->reader.fd = -1;
  c->set_aside = 0;
}

static void claim_free(list *l)
{
  claim *c = l->claim;
  if (!c) return;
  reader_close(c);
  stralloc_free(&c->kept);
  alloc_free(c);
  l->claim = 0;
}

static int claim_new(list *l)
{
  claim *c = alloc(sizeof *c);
  if (!c) return 0;
  flush_reader_init(&c->reader, -1);
  c->set_aside = 0;
  c->kept = (stralloc)STRALLOC_ZERO;
  l->claim = c;
  return 1;
}

/*
 * The list becomes a claim.  A claim that is there already is one that could not be given back;
 * *more: there is a list besides.
 */
static int claim_open(lists *all, list const *l, int *more)
{
  int queue = all->core->queue;
  int fd = flush_claim(queue, l->name);
  if (fd == -1 && lists_free_descriptors(all)) fd = flush_claim(queue, l->name);
  *more = fd == -1 && errno == EEXIST;
  if (fd != -1 || (errno != EEXIST && errno != ENOENT)) return fd;
  return flush_claim_open(queue, l->name);
}

static enum claimed claim_failed(lists *all, list const *l, int e)
{
  if (e == ENOENT) return CLAIM_NOTHING;
  if (flush_obstructed(e))
  {
    core_obstacle(all->core, "flush", l->name, e);
    return CLAIM_OBSTRUCTED;
  }
  errno = e;
  core_pause(all->core, "claim the list of ", l->name);
  return CLAIM_STUCK;
}

static enum claimed claim_try(lists *all, list *l)
{
  int more = 0;
  if (!claim_new(l)) return claim_failed(all, l, ENOMEM);
  l->claim->reader.fd = claim_open(all, l, &more);
  if (l->claim->reader.fd == -1) return claim_failed(all, l, errno);
  return more ? CLAIMED_MORE : CLAIMED;
}

enum claimed list_claim(lists *all, list *l)
{
  enum claimed how = claim_try(all, l);
  if (!domain_claimed(&all->core->sched, &l->domain, how)) claim_free(l);
  return how;
}

/* Go on where it was set aside.  1; 0: that cannot be, by errno. */
static int reader_open(lists *all, list *l)
{
  claim *c = l->claim;
  int queue = all->core->queue;
  int fd;
  if (!c->set_aside) return 1;
  fd = flush_claim_open(queue, l->name);
  if (fd == -1 && lists_free_descriptors(all)) fd = flush_claim_open(queue, l->name);
  if (fd == -1) return 0;
  c->reader.fd = fd;
  c->set_aside = 0;
  return lseek(fd, c->at, SEEK_SET) != -1;
}

int list_read(lists *all, list *l, char id[ID_LEN + 1])
{
  int good = reader_open(all, l);
  int r = -1;
  if (!good && (errno == EMFILE || errno == ENFILE))
  {
    core_pause(all->core, "read the list of ", l->name);
    return -1;
  }
  if (good) r = l->claim->reader.fd == -1 ? 0 : flush_reader_next(&l->claim->reader, id);
  if (r == 1) return 1;
  if (r == -1) log_line("warning: unable to read claim/", l->name, ": ", strerror(errno));
  reader_close(l->claim);
  domain_read_through(&all->core->sched, &l->domain, r == -1);
  return 0;
}

/* --- what a pass could not send -------------------------------------------------------------- */

static int id_compare(void const *a, void const *b)
{
  return memcmp(a, b, ID_LEN);
}

/* Oldest first again, and each once. */
static void kept_sort(stralloc *kept)
{
  size_t from;
  size_t to = 0;
  qsort(kept->s, kept->len / ID_LEN, ID_LEN, id_compare);
  for (from = 0; from < kept->len; from += ID_LEN)
    if (!to || memcmp(kept->s + to - ID_LEN, kept->s + from, ID_LEN))
    {
      memmove(kept->s + to, kept->s + from, ID_LEN);
      to += ID_LEN;
    }
  kept->len = to;
}

static void kept_record(lists *all, list *l)
{
  stralloc *kept = &l->claim->kept;
  if (!kept->len) return;
  kept_sort(kept);
  if (record(all, l, kept->s, kept->len / ID_LEN))
    domain_recorded(&all->core->sched, &l->domain, id_time(kept->s));
  kept->len = 0;
}

/* The claim holds the id until the pass ends; a list that was given back holds it anyway. */
void list_keep(lists *all, list *l, pass const *from, char const *id)
{
  if (from != l->domain.pass) return;
  if (!stralloc_catb(&l->claim->kept, id, ID_LEN)) domain_damaged(&l->domain);
  else if (l->claim->kept.len >= KEPT_MAX) kept_record(all, l);
}

static int claim_back(lists const *all, list const *l)
{
  if (flush_unclaim(all->core->queue, l->name) == 0) return 1;
  log_line("warning: unable to give back claim/", l->name, ": ", strerror(errno));
  return 0;
}

void list_settle(lists *all, list *l)
{
  domain *d = &l->domain;
  char id[SCHED_ID_MAX];
  int damaged;
  while (domain_given_up(d, id)) list_keep(all, l, d->pass, id);
  kept_record(all, l);
  damaged = d->pass->damaged;
  if (damaged) claim_back(all, l);
  else if (flush_settle(all->core->queue, l->name) == -1)
    log_line("warning: unable to remove claim/", l->name, ": ", strerror(errno));
  claim_free(l);
  domain_settled(&all->core->sched, d, damaged);
}

void list_give_back(lists *all, list *l)
{
  int done;
  reader_close(l->claim);
  done = claim_back(all, l);
  if (done) claim_free(l);
  domain_given_back(&all->core->sched, &l->domain, done);
}

static void give_back_each(void const *node, VISIT visit, void *all)
{
  list *l = *(list *const *)node;
  if ((visit == postorder || visit == leaf) && l->claim) claim_back(all, l);
}

void lists_give_back(lists *all)
{
  twalk_r(all->tree, give_back_each, all);
}
