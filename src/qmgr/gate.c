#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/alloc.h>
#include <skalibs/djbunix.h>

#include "base/log.h"
#include "qmgr/qmgr-internal.h"
#include "sched/backoff.h"

/* Ids of a pass put aside in memory before they are written back: 1 MiB or so. */
#define KEPT_MAX (65536 * ID_LEN)
/* Ids looked at in one piece of an expiry pass. */
#define SWEEP_TURN 64
/* A list with something overdue that cannot expire, or that a pass under way does not let us look at: look again then. */
#define EXPIRY_AGAIN_US (60 * SECOND_US)
#define BUSY_AGAIN_US (SECOND_US / 4)
/* Delay warnings of one gate are looked for no more often than in an eighth of the delay, or this. */
#define WARN_AGAIN_US (600 * SECOND_US)
/* A list that is obstructed: somebody has to take that away. */
#define OBSTRUCTED_US (60 * SECOND_US)
/* A message that somebody else has in hand, while it was asked for: try again then. */
#define ASK_LATER_US SECOND_US

/* --- knowing them ------------------------------------------------------------------------- */

static void site_leave(qmgr *q, gate *g)
{
  if (!g->site) return;
  g->site->known.used_us = q->now_us;
  *g->site_link = g->site_next;
  if (g->site_next) g->site_next->site_link = g->site_link;
}

static void site_join(gate *g, site *s)
{
  g->site = s;
  g->site_next = s->gates;
  g->site_link = &s->gates;
  if (s->gates) s->gates->site_link = &g->site_next;
  s->gates = g;
}

static int route_refresh(qmgr *q, gate *g)
{
  conf_route route = CONF_ROUTE_ZERO;
  int ready = g->ready;
  site *s;
  if (g->route_generation == q->settings.generation) return 1;
  if (!conf_routes_find(&q->settings.routes, g->name, strlen(g->name), &route))
  {
    qmgr_complain(q, "find the route of ", g->name, conf_why());
    return g->site != 0;
  }
  s = site_get(q, route.site.s);
  if (s && s != g->site)
  {
    if (ready) site_unready(g);
    site_leave(q, g);
    site_join(g, s);
    if (ready) site_ready(q, g);
  }
  stralloc_free(&route.site);
  if (!s) return g->site != 0;
  g->parked = route.parked;
  g->held = route.held;
  g->lifetime_us = route.lifetime * SECOND_US;
  g->delaywarning_us = route.delaywarning * SECOND_US;
  s->limit_max = (unsigned int)route.concurrency;
  s->without = route.without;
  g->route_generation = q->settings.generation;
  return 1;
}

static gate *gate_new(qmgr *q, char const *domain)
{
  size_t len = strlen(domain);
  gate *g = alloc(sizeof *g + len + 1);
  if (!g) return 0;
  memset(g, 0, sizeof *g);
  g->name = memcpy(g + 1, domain, len + 1);
  g->oldest_us = UINT64_MAX;
  g->unwarned_us = UINT64_MAX;
  g->due_us = UINT64_MAX;
  g->asked_later_us = UINT64_MAX;
  g->timer.kind = TIMER_GATE;
  g->timer.owner = g;
  g->known.owner = g;
  g->known.used_us = q->now_us;
  if (!route_refresh(q, g)) goto err;
  if (tree_add(&q->gates, g))
  {
    known_add(&q->all_gates, &g->known);
    return g;
  }
  site_leave(q, g);
 err:
  alloc_free(g);
  return 0;
}

gate *gate_get(qmgr *q, char const *domain)
{
  gate *g = tree_find(&q->gates, domain);
  if (!g) return gate_new(q, domain);
  g->known.used_us = q->now_us;
  return route_refresh(q, g) ? g : 0;
}

/* How long at the most a gate behind which nothing is stays known, for what comes next; and where there are many. */
#define GATE_KEEP_US (60 * SECOND_US)
#define GATE_KEEP_MANY_US SECOND_US

static uint64_t keep_us(qmgr const *q)
{
  uint64_t backoff_us = q->settings.backoff.max * SECOND_US;
  if (knowns_many(&q->all_gates)) return GATE_KEEP_MANY_US;
  return backoff_us < GATE_KEEP_US ? backoff_us : GATE_KEEP_US;
}

static int gate_idle(qmgr const *q, gate const *g)
{
  return !g->waiting && !g->untried && !g->ready && !g->pass && !g->jobs && !g->warning
    && !g->asked && !g->asked_again && g->asked_later_us == UINT64_MAX
    && !genalloc_len(again, &g->agains) && !g->noted.len && g->known.used_us + keep_us(q) <= q->now_us;
}

int gate_forget(qmgr *q, gate *g)
{
  if (!gate_idle(q, g)) return 0;
  timer_clear(&q->timers, &g->timer);
  site_leave(q, g);
  genalloc_free(again, &g->agains);
  stralloc_free(&g->noted);
  known_take(&q->all_gates, &g->known);
  tree_take(&q->gates, g);
  alloc_free(g);
  return 1;
}

int gate_forced(gate const *g)
{
  size_t n = genalloc_len(again, &g->agains);
  if (g->pass && g->pass->kind == PASS_ASKED && (!g->pass->read_through || gate_alone(g))) return 1;
  return n && genalloc_s(again, &g->agains)[n - 1].urge;
}

int gate_asked(gate const *g)
{
  return gate_forced(g) || (g->pass && g->pass->kind == PASS_ASKED);
}

/* --- the list ------------------------------------------------------------------------------ */

static uint64_t expiry_us(gate const *g)
{
  uint64_t at = g->oldest_us == UINT64_MAX ? UINT64_MAX : g->oldest_us + g->lifetime_us;
  return at < g->expiry_after_us ? g->expiry_after_us : at;
}

static uint64_t warning_us(gate const *g)
{
  uint64_t at;
  if (!g->delaywarning_us || g->warning || g->unwarned_us == UINT64_MAX) return UINT64_MAX;
  at = g->unwarned_us + g->delaywarning_us;
  return at < g->warn_after_us ? g->warn_after_us : at;
}

static void timer_update(qmgr *q, gate *g)
{
  uint64_t at = g->asked_later_us;
  if (!g->parked && g->due_us < at) at = g->due_us;
  if (expiry_us(g) < at) at = expiry_us(g);
  if (warning_us(g) < at) at = warning_us(g);
  if (at == UINT64_MAX) timer_clear(&q->timers, &g->timer);
  else timer_set(&q->timers, &g->timer, at);
}

static void unwarned_note(gate *g, uint64_t arrival_us)
{
  if (arrival_us > g->warned_us && arrival_us < g->unwarned_us) g->unwarned_us = arrival_us;
}

static void oldest_note(qmgr *q, gate *g, uint64_t arrival_us)
{
  uint64_t unwarned_us = g->unwarned_us;
  unwarned_note(g, arrival_us);
  if (arrival_us >= g->oldest_us && unwarned_us == g->unwarned_us) return;
  if (arrival_us < g->oldest_us) g->oldest_us = arrival_us;
  timer_update(q, g);
}

static int record(qmgr *q, gate *g, char const *ids, size_t n)
{
  int e;
  int r = flush_record(q->queue, g->name, ids, n);
  if (!r && agents_free_descriptors(q)) r = flush_record(q->queue, g->name, ids, n);
  if (r)
  {
    g->waiting = 1;
    return 1;
  }
  e = errno;
  if (flush_obstructed(e)) qmgr_obstacle(q, "flush", g->name, e);
  else qmgr_complain(q, "record in flush/", g->name, strerror(e));
  if (g->pass) g->pass->damaged = 1;
  errno = e;
  return 0;
}

void gate_deferred(qmgr *q, gate *g, uint64_t last_us, uint64_t attempts)
{
  uint64_t due = last_us + settings_retry_us(&q->settings, attempts);
  if (due >= g->due_us) return;
  g->due_us = due;
  timer_update(q, g);
}

int gate_again(qmgr *q, gate *g, char const *id, enum urge urge)
{
  again entry = { .urge = urge };
  size_t n = genalloc_len(again, &g->agains);
  if (n && !memcmp(genalloc_s(again, &g->agains)[n - 1].id, id, ID_LEN)) return 0;
  memcpy(entry.id, id, ID_LEN + 1);
  if (!genalloc_append(again, &g->agains, &entry)) return 0;
  site_ready(q, g);
  return 1;
}

static void agains_drop(qmgr *q, gate *g)
{
  again const *all = genalloc_s(again, &g->agains);
  size_t n = genalloc_len(again, &g->agains);
  while (n--)
    if (all[n].urge == URGE_BY_ID) deliver_asked_tried(q, all[n].id);
  genalloc_setlen(again, &g->agains, 0);
}

static void again_take(gate *g, char id[ID_LEN + 1], enum urge *urge)
{
  again *all = genalloc_s(again, &g->agains);
  size_t n = genalloc_len(again, &g->agains) - 1;
  memcpy(id, all[n].id, ID_LEN + 1);
  *urge = all[n].urge;
  genalloc_setlen(again, &g->agains, n);
}

/* --- passes --------------------------------------------------------------------------------- */

/*
 * The list becomes a claim.  A claim that is there already is one that could not be given back;
 * *more: there is a list besides.
 */
static int claim_open(qmgr *q, gate const *g, int *more)
{
  int fd = flush_claim(q->queue, g->name);
  if (fd == -1 && agents_free_descriptors(q)) fd = flush_claim(q->queue, g->name);
  *more = fd == -1 && errno == EEXIST;
  if (fd != -1 || (errno != EEXIST && errno != ENOENT)) return fd;
  return flush_claim_open(q->queue, g->name);
}

enum begun
{
  BEGUN_PASS,
  BEGUN_NOTHING,   /* nothing waits */
  BEGUN_STUCK,     /* out of descriptors or the like: later */
  BEGUN_OBSTRUCTED /* this one list cannot be used: later, too, but nobody else is to wait for that */
};

static enum begun pass_not_begun(qmgr *q, gate *g, int e)
{
  if (e == ENOENT)
  {
    g->waiting = g->untried = 0;
    return BEGUN_NOTHING;
  }
  if (flush_obstructed(e))
  {
    qmgr_obstacle(q, "flush", g->name, e);
    return BEGUN_OBSTRUCTED;
  }
  errno = e;
  qmgr_breathe(q, "claim the list of ", g->name);
  return BEGUN_STUCK;
}

static enum begun pass_begin(qmgr *q, gate *g, enum pass_kind kind)
{
  pass *p = alloc(sizeof *p);
  int more = 0;
  int fd = p ? claim_open(q, g, &more) : -1;
  if (fd == -1)
  {
    enum begun not = pass_not_begun(q, g, errno);
    alloc_free(p);
    return not;
  }
  memset(p, 0, sizeof *p);
  flush_reader_init(&p->reader, fd);
  p->kind = kind;
  p->begun_us = q->now_us;
  cuts_init(&p->cuts, g->site->drops);
  p->asked_us = g->asked_us;
  p->oldest_us = g->oldest_us;
  g->pass = p;
  g->waiting = g->untried = more;
  g->oldest_us = UINT64_MAX;
  if (kind != PASS_EXPIRE) g->due_us = UINT64_MAX;
  return BEGUN_PASS;
}

static void asked_over(qmgr *q, gate *g)
{
  if (!g->asked) return;
  g->asked = 0;
  if (flush_unask(q->queue, g->name) == -1)
    log_line("warning: unable to remove asked/", g->name, ": ", strerror(errno));
}

static void ask_later(qmgr *q, gate *g, uint64_t at_us)
{
  g->asked_later_us = at_us;
  timer_update(q, g);
}

/* What was asked for is taken up; where it cannot be now, asked/ is looked at again. */
static void pass_ask(qmgr *q, gate *g)
{
  if (g->held) return asked_over(q, g);
  switch (pass_begin(q, g, PASS_ASKED))
  {
    case BEGUN_PASS: site_ready(q, g); break;
    case BEGUN_NOTHING: asked_over(q, g); break;
    case BEGUN_OBSTRUCTED: ask_later(q, g, q->now_us + OBSTRUCTED_US); break;
    case BEGUN_STUCK:
      g->asked = 0;
      q->intake.look_asked = 1;
      break;
  }
}

static void pass_free(pass *p)
{
  cuts_free(&p->cuts);
  stralloc_free(&p->kept);
  alloc_free(p);
}

static void reader_close(pass *p)
{
  if (p->reader.fd != -1) fd_close(p->reader.fd);
  p->reader.fd = -1;
}

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

static void kept_record(qmgr *q, gate *g, pass *p)
{
  if (!p->kept.len) return;
  kept_sort(&p->kept);
  if (record(q, g, p->kept.s, p->kept.len / ID_LEN)) oldest_note(q, g, id_time(p->kept.s));
  else p->damaged = 1;
  p->kept.len = 0;
}

static int claim_back(qmgr *q, gate *g)
{
  if (flush_unclaim(q->queue, g->name) == 0) return 1;
  log_line("warning: unable to give back claim/", g->name, ": ", strerror(errno));
  return 0;
}

static void pass_settle(qmgr *q, gate *g, pass *p)
{
  kept_record(q, g, p);
  if (p->damaged)
  {
    claim_back(q, g);
    g->waiting = 1;
    oldest_note(q, g, p->oldest_us);
  }
  else if (flush_settle(q->queue, g->name) == -1)
    log_line("warning: unable to remove claim/", g->name, ": ", strerror(errno));
}

uint64_t gate_rest_us(qmgr const *q, gate const *g)
{
  uint64_t site_us = health_rest_us(&g->site->health, q->now_us);
  uint64_t own_us = backoff_rest_us(g->vain_us, q->now_us);
  return site_us > own_us ? site_us : own_us;
}

/* However often it is asked for: what failed a moment ago is tried once, after that moment. */
static void ask_in_time(qmgr *q, gate *g)
{
  uint64_t rest_us = gate_rest_us(q, g);
  if (rest_us) ask_later(q, g, rest_us);
  else pass_ask(q, g);
}

/*
 * What is overdue was just looked at, and waits for its last try, for mercy to end, or for somebody who has it in hand:
 * an agent that has just said that the site is down lets go at once.
 */
static uint64_t expiry_again_us(qmgr const *q, gate const *g, int busy)
{
  uint64_t at = q->now_us + EXPIRY_AGAIN_US;
  uint64_t later = g->due_us;
  if (busy) return health_rest_us(&g->site->health, q->now_us) ? q->now_us + BUSY_AGAIN_US : at;
  if (g->parked) later = clock_mercy_us(q, g->lifetime_us);
  else if (g->site->health.state == HEALTH_DOWN) later = g->site->health.next_us;
  return later != UINT64_MAX && later > at ? later : at;
}

/*
 * What to do next for a gate that has no pass.  What is overdue may be looked at from then on: at once after a pass that
 * tried it, or a failure of the site.
 */
static void gate_continue(qmgr *q, gate *g, uint64_t expiry_after_us)
{
  if (g->asked_again)
  {
    g->asked_again = 0;
    ask_in_time(q, g);
  }
  else if (g->asked_later_us == UINT64_MAX) asked_over(q, g);
  g->expiry_after_us = 0;
  if (expiry_us(g) <= q->now_us) g->expiry_after_us = expiry_after_us;
  timer_update(q, g);
  if (g->pass || (g->untried && !g->parked)) site_ready(q, g);
}

/* --- what was cut off --- */

/* All is read, and nothing of it is to go out again. */
static int pass_handed_out(gate const *g)
{
  return g->pass && g->pass->read_through && !genalloc_len(again, &g->agains);
}

int gate_alone(gate const *g)
{
  return pass_handed_out(g) && cuts_ready(&g->pass->cuts, g->pass->jobs);
}

int gate_waits(gate const *g)
{
  return pass_handed_out(g) && g->pass->jobs && !gate_alone(g);
}

int gate_cut(gate *g, pass *from, char const *id, uint64_t bytes)
{
  return from && from == g->pass && cuts_add(&from->cuts, id, bytes);
}

/* None of them is out.  Those that are not tried again in this pass wait in the list. */
static int cut_left(qmgr *q, gate *g)
{
  pass *p = g->pass;
  char id[ID_LEN + 1];
  if (cuts_left(&p->cuts, g->site->drops)) return 1;
  while (cuts_give_up(&p->cuts, id)) gate_record(q, g, p, id, 0);
  return 0;
}

/* --- its end --- */

static void pass_end(qmgr *q, gate *g)
{
  pass *p = g->pass;
  int looked = p->kind == PASS_EXPIRE && p->begun_us > g->site->health.failed_us;
  uint64_t again_us = looked ? expiry_again_us(q, g, p->busy) : q->now_us;
  if (p->kind == PASS_ASKED && p->deferred && !p->settled) g->vain_us = q->now_us;
  pass_settle(q, g, p);
  g->pass = 0;
  pass_free(p);
  gate_continue(q, g, again_us);
}

/* The pass is over once all that was handed out is back, and what was cut off was tried alone. */
static void pass_check(qmgr *q, gate *g)
{
  if (!pass_handed_out(g)) return;
  if (!g->pass->jobs && !cut_left(q, g)) pass_end(q, g);
  else if (gate_alone(g)) site_ready(q, g);
}

/* 1 with an id; 0 at the end, which closes the list. */
static int pass_read(qmgr *q, gate *g, char id[ID_LEN + 1])
{
  pass *p = g->pass;
  int r = p->read_through ? 0 : flush_reader_next(&p->reader, id);
  if (r == 1) return 1;
  if (r == -1)
  {
    log_line("warning: unable to read claim/", g->name, ": ", strerror(errno));
    p->damaged = 1;
  }
  p->read_through = 1;
  reader_close(p);
  pass_check(q, g);
  return 0;
}

static void pass_later(qmgr *q, gate *g)
{
  g->untried = 0;
  if (g->due_us > q->now_us + OBSTRUCTED_US) g->due_us = q->now_us + OBSTRUCTED_US;
  timer_update(q, g);
}

/* A pass through what is due.  Where it cannot be begun now, the gate keeps its turn. */
static int pass_retry(qmgr *q, gate *g)
{
  enum begun begun;
  if (g->parked || !g->untried) return 0;
  begun = pass_begin(q, g, PASS_RETRY);
  if (begun == BEGUN_STUCK) site_ready(q, g);
  if (begun == BEGUN_OBSTRUCTED) pass_later(q, g);
  return begun == BEGUN_PASS;
}

int gate_next(qmgr *q, gate *g, char id[ID_LEN + 1], pass **from, enum urge *urge)
{
  *from = g->pass && g->pass->kind != PASS_EXPIRE ? g->pass : 0;
  if (genalloc_len(again, &g->agains))
  {
    again_take(g, id, urge);
    return 1;
  }
  if (!g->pass && !pass_retry(q, g)) return 0;
  if (g->pass->kind == PASS_EXPIRE)
  {
    pass_check(q, g);
    return 0;
  }
  if (gate_alone(g))
  {
    cuts_take(&g->pass->cuts, id);
    *urge = URGE_ALONE;
    return 1;
  }
  if (!pass_read(q, g, id)) return 0;
  *from = g->pass;
  *urge = g->pass->kind == PASS_ASKED ? URGE_ASKED : URGE_NONE;
  return 1;
}

/* --- whose mail it is --- */

/* The first id of the list, or of the claim. */
static int first_read(qmgr *q, gate const *g, char id[ID_LEN + 1])
{
  int found = 0;
  int fds[2];
  size_t i;
  if (!flush_open(q->queue, g->name, fds)) return 0;
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

void gate_learn(qmgr *q, gate *g)
{
  size_t n = genalloc_len(again, &g->agains);
  char id[ID_LEN + 1];
  if (n) memcpy(id, genalloc_s(again, &g->agains)[n - 1].id, ID_LEN + 1);
  else if (!first_read(q, g, id)) return;
  deliver_learn(q, g->site, id);
}

/* --- what a pass could not send --- */

/* The claim holds the id until the pass ends; a list that was given back holds it anyway. */
static void keep(qmgr *q, gate *g, pass *p, char const *id)
{
  if (p->taken_back) return;
  if (!stralloc_catb(&p->kept, id, ID_LEN)) p->damaged = 1;
  else if (p->kept.len >= KEPT_MAX) kept_record(q, g, p);
}

/* Something of it waits in its list now. */
static void waits(qmgr *q, gate *g, int untried)
{
  if (g->parked) site_note_parked(q, g->site);
  else if (untried)
  {
    g->untried = 1;
    if (!g->pass) site_ready(q, g);
  }
}

int gate_record(qmgr *q, gate *g, pass *from, char const *id, int untried)
{
  if (from) keep(q, g, from, id);
  else if (record(q, g, id, 1)) oldest_note(q, g, id_time(id));
  else return 0;
  waits(q, g, untried);
  return 1;
}

int gate_note(qmgr *q, gate *g, char const *id)
{
  int first = !g->noted.len;
  if (!stralloc_catb(&g->noted, id, ID_LEN)) return 0;
  if (!first) return 1;
  g->noted_next = q->noted_first;
  q->noted_first = g;
  return 1;
}

static uint64_t oldest_of(stralloc const *ids)
{
  uint64_t oldest_us = UINT64_MAX;
  size_t at;
  for (at = 0; at < ids->len; at += ID_LEN)
    if (id_time(ids->s + at) < oldest_us) oldest_us = id_time(ids->s + at);
  return oldest_us;
}

static void record_noted(qmgr *q, gate *g)
{
  if (record(q, g, g->noted.s, g->noted.len / ID_LEN))
  {
    oldest_note(q, g, oldest_of(&g->noted));
    waits(q, g, 1);
  }
  else
  {
    q->missed_short |= !flush_obstructed(errno);
    if (!stralloc_cat(&q->missed, &g->noted)) q->missed_all = q->missed_short = 1;
  }
  g->noted.len = 0;
}

void gates_record_noted(qmgr *q)
{
  for (; q->noted_first; q->noted_first = q->noted_first->noted_next) record_noted(q, q->noted_first);
}

int gates_missed(qmgr const *q, char const *id)
{
  size_t at;
  for (at = 0; at < q->missed.len; at += ID_LEN)
    if (!memcmp(q->missed.s + at, id, ID_LEN)) return 1;
  return q->missed_all;
}

void gate_job_back(qmgr *q, gate *g, pass *from, enum urge urge, enum job_came came)
{
  if (from)
  {
    from->jobs--;
    if (urge == URGE_ALONE && (came == JOB_CUT || came == JOB_DONE)) cuts_back(&from->cuts, came == JOB_CUT);
    if (from->taken_back && !from->jobs) pass_free(from);
  }
  pass_check(q, g);
}

/* --- opening and closing ------------------------------------------------------------------------ */

/* What was tried before now is tried once more. */
static void ask_anew(qmgr *q, gate *g)
{
  g->asked_us = q->now_us;
  if (g->pass) g->asked_again = 1;
  else ask_in_time(q, g);
}

void gate_ask(qmgr *q, gate *g)
{
  g->asked = 1;
  g->asked_count++;
  ask_anew(q, g);
}

void gate_asked_meanwhile(qmgr *q, gate *g, char const *id, enum urge urge)
{
  if (urge == URGE_NONE) gate_again(q, g, id, URGE_AGAIN);
  else ask_anew(q, g);
}

void pass_note(pass *p, enum job_status status)
{
  if (status == JOB_DEFERRED) p->deferred = 1;
  else p->settled = 1;
}

void gate_ask_later(qmgr *q, gate *g)
{
  ask_later(q, g, q->now_us + ASK_LATER_US);
}

/* asked_us stays: what was tried since then is not tried again for the same request. */
static void asked_later(qmgr *q, gate *g)
{
  g->asked_later_us = UINT64_MAX;
  pass_ask(q, g);
  if (!g->pass) timer_update(q, g);
}

/* The first id is the oldest, or near enough to it for an expiry to be noticed. */
static void oldest_read(qmgr *q, gate *g)
{
  char path[sizeof "flush/" + FLUSH_NAME_MAX];
  char id[ID_LEN + 1];
  flush_reader reader;
  int fd;
  strcpy(stpcpy(path, "flush/"), g->name);
  fd = queuedir_open_file(q->queue, path, O_RDONLY, 0);
  if (fd == -1) return;
  flush_reader_init(&reader, fd);
  if (flush_reader_next(&reader, id) == 1) oldest_note(q, g, id_time(id));
  fd_close(fd);
}

void gate_listed(qmgr *q, gate *g)
{
  if (g->waiting) return;
  g->waiting = 1;
  oldest_read(q, g);
  if (g->parked) site_note_parked(q, g->site);
  else gate_open(q, g);
}

void gate_open(qmgr *q, gate *g)
{
  if (g->parked || !g->waiting) return;
  g->untried = 1;
  if (!g->pass) site_ready(q, g);
}

/* Its jobs may still be out: then it lives until they are back. */
static void pass_take_back(qmgr *q, gate *g)
{
  pass *p = g->pass;
  reader_close(p);
  if (!claim_back(q, g))
  {
    p->damaged = p->read_through = 1;
    pass_check(q, g);
    return;
  }
  g->waiting = 1;
  g->pass = 0;
  oldest_note(q, g, p->oldest_us);
  p->taken_back = 1;
  if (!p->jobs) pass_free(p);
}

void gate_close(qmgr *q, gate *g)
{
  agains_drop(q, g);
  if (g->pass && g->pass->kind == PASS_EXPIRE) return;
  if (g->pass) pass_take_back(q, g);
  if (!g->pass) gate_continue(q, g, q->now_us);
}

/* --- time ------------------------------------------------------------------------------------------ */

/* Looks at a list whose site is away, or which is parked, for expired mail alone. */
static void sweep_begin(qmgr *q, gate *g)
{
  int untried = g->untried;
  if (pass_begin(q, g, PASS_EXPIRE) != BEGUN_PASS)
  {
    timer_set(&q->timers, &g->timer, q->now_us + EXPIRY_AGAIN_US);
    return;
  }
  g->untried |= untried;
  if (!genalloc_append(gate *, &q->sweeps, &g)) g->pass->read_through = 1;
}

/* --- delay warnings --- */

static void warning_begin(qmgr *q, gate *g)
{
  uint64_t pause = g->delaywarning_us / 8;
  if (pause < SECOND_US) pause = SECOND_US;
  g->warn_after_us = q->now_us + (pause < WARN_AGAIN_US ? pause : WARN_AGAIN_US);
  g->warning = genalloc_append(gate *, &q->warnings, &g) != 0;
  timer_update(q, g);
}

static int warning_open(qmgr *q, gate *g)
{
  warning_look *w = &q->warning_look;
  int fds[2];
  if (!flush_open(q->queue, g->name, fds))
  {
    qmgr_complain(q, "read the list of ", g->name, strerror(errno));
    return 0;
  }
  flush_reader_init(&w->reader, fds[0] != -1 ? fds[0] : fds[1]);
  w->claim = fds[0] != -1 ? fds[1] : -1;
  w->to_us = q->now_us > g->delaywarning_us ? q->now_us - g->delaywarning_us : 0;
  g->unwarned_us = UINT64_MAX;
  w->open = 1;
  return 1;
}

/* What was recorded meanwhile and is as old was perhaps not seen: then all of it is looked at once more. */
static void warning_end(qmgr *q, gate *g)
{
  warning_look *w = &q->warning_look;
  if (w->open && g->unwarned_us > w->to_us) g->warned_us = w->to_us;
  w->open = 0;
  g->warning = 0;
  timer_update(q, g);
}

/* Next id of the list, then of the claim.  1, or 0 at the end of both. */
static int warning_read(warning_look *w, char id[ID_LEN + 1])
{
  while (w->reader.fd != -1)
  {
    if (flush_reader_next(&w->reader, id) == 1) return 1;
    fd_close(w->reader.fd);
    flush_reader_init(&w->reader, w->claim);
    w->claim = -1;
  }
  return 0;
}

/* 1 when the gate's warnings are through. */
static int warnings_one(qmgr *q, gate *g)
{
  warning_look *w = &q->warning_look;
  char id[ID_LEN + 1];
  unsigned int turn;
  if (!w->open && !warning_open(q, g)) return 1;
  for (turn = 0; turn < SWEEP_TURN; turn++)
  {
    if (!warning_read(w, id)) return 1;
    if (id_time(id) > w->to_us) unwarned_note(g, id_time(id));
    else if (id_time(id) > g->warned_us) deliver_warn(q, g, id);
  }
  return 0;
}

static void warnings_sweep(qmgr *q)
{
  gate **all = genalloc_s(gate *, &q->warnings);
  size_t n = genalloc_len(gate *, &q->warnings);
  gate *g = all[n - 1];
  if (!warnings_one(q, g)) return;
  genalloc_setlen(gate *, &q->warnings, n - 1);
  warning_end(q, g);
}

void gate_timer(qmgr *q, gate *g)
{
  int expiry = expiry_us(g) <= q->now_us;
  if (warning_us(g) <= q->now_us)
  {
    warning_begin(q, g);
    return;
  }
  if (g->pass) timer_set(&q->timers, &g->timer, q->now_us + (expiry ? EXPIRY_AGAIN_US : ASK_LATER_US));
  else if (g->asked_later_us <= q->now_us) asked_later(q, g);
  else if (!g->waiting) timer_clear(&q->timers, &g->timer);
  else if (expiry) sweep_begin(q, g);
  else if (site_open(q, g->site)) gate_open(q, g);
}

/* 1 when the gate's expiry pass is through. */
static int sweep_one(qmgr *q, gate *g)
{
  char id[ID_LEN + 1];
  unsigned int turn;
  for (turn = 0; turn < SWEEP_TURN; turn++)
  {
    pass *p = g->pass;
    enum expiry came;
    if (!pass_read(q, g, id)) return 1;
    came = deliver_expire(q, g, id);
    if (came != EXPIRY_OVER) keep(q, g, p, id);
    p->busy |= came == EXPIRY_BUSY;
  }
  return 0;
}

/* --- the clock was set back --- */

typedef struct set_back
{
  qmgr *q;
  uint64_t by_us;
} set_back;

static void pass_set_back(pass *p, uint64_t by_us)
{
  p->begun_us = moment_earlier(p->begun_us, by_us);
  p->asked_us = moment_earlier(p->asked_us, by_us);
}

/* What stands for the arrival of a message stays: ids keep their times.  But new ones may be as old as now. */
static void set_back_each(void const *node, VISIT visit, void *data)
{
  set_back const *b = data;
  gate *g = *(gate *const *)node;
  if (visit != postorder && visit != leaf) return;
  g->known.used_us = moment_earlier(g->known.used_us, b->by_us);
  g->expiry_after_us = moment_earlier(g->expiry_after_us, b->by_us);
  g->warn_after_us = moment_earlier(g->warn_after_us, b->by_us);
  g->asked_later_us = moment_earlier(g->asked_later_us, b->by_us);
  g->due_us = moment_earlier(g->due_us, b->by_us);
  g->asked_us = moment_earlier(g->asked_us, b->by_us);
  g->vain_us = moment_earlier(g->vain_us, b->by_us);
  if (g->pass) pass_set_back(g->pass, b->by_us);
  if (g->warned_us > b->q->now_us) g->warned_us = b->q->now_us;
  timer_update(b->q, g);
}

void gates_set_back(qmgr *q, uint64_t by_us)
{
  set_back b = { q, by_us };
  warning_look *w = &q->warning_look;
  if (w->to_us > q->now_us) w->to_us = q->now_us;
  twalk_r(q->gates, set_back_each, &b);
}


static void refresh_each(void const *node, VISIT visit, void *data)
{
  qmgr *q = data;
  gate *g = *(gate *const *)node;
  if (visit != postorder && visit != leaf) return;
  route_refresh(q, g);
  if (g->parked && g->pass && g->pass->kind == PASS_RETRY) gate_close(q, g);
  if (site_open(q, g->site)) gate_open(q, g);
  timer_update(q, g);
}

void gates_refresh(qmgr *q)
{
  twalk_r(q->gates, refresh_each, q);
}

static void give_back_each(void const *node, VISIT visit, void *q)
{
  gate *g = *(gate *const *)node;
  if ((visit == postorder || visit == leaf) && g->pass) pass_take_back(q, g);
}

void gates_give_back(qmgr *q)
{
  twalk_r(q->gates, give_back_each, q);
}

int gates_sweep(qmgr *q)
{
  gate **all = genalloc_s(gate *, &q->sweeps);
  size_t n = genalloc_len(gate *, &q->sweeps);
  if (n && sweep_one(q, all[n - 1])) genalloc_setlen(gate *, &q->sweeps, n - 1);
  if (genalloc_len(gate *, &q->warnings)) warnings_sweep(q);
  return genalloc_len(gate *, &q->sweeps) || genalloc_len(gate *, &q->warnings);
}
