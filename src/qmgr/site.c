#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/alloc.h>
#include <skalibs/djbunix.h>

#include "base/log.h"
#include "queue/sitefile.h"
#include "qmgr/qmgr-internal.h"

/* Messages handed out in one turn, before the next site has its turn. */
#define SITE_TURN 16
/* Sites that wait for a connection and have their turns in one piece. */
#define CROWD_TURNS 64
/* --- the file ---------------------------------------------------------------------------- */

static void site_path(char *out, char const *name)
{
  strcpy(stpcpy(out, "site/"), name);
}

static void site_write(qmgr *q, site const *s, enum sitefile_state state, char const *why)
{
  char path[strlen("site/") + FLUSH_NAME_MAX + 16];
  sitefile const file = {
    .state = state, .since_s = s->health.since_us / SECOND_US, .failures = s->health.failures,
    .next_s = s->health.next_us / SECOND_US, .why = why
  };
  stralloc line = STRALLOC_ZERO;
  site_path(path, s->name);
  if (!sitefile_format(&line, &file) || !qmgr_file_replace(q, path, line.s, line.len))
    log_line("warning: unable to write ", path, ": ", strerror(errno));
  stralloc_free(&line);
}

/* Only what was down matters after a restart: its back-off goes on. */
static void site_read(qmgr *q, site *s)
{
  sitefile file;
  if (!sitefile_read(q->queue, s->name, &file) || file.state != SITEFILE_DOWN) return;
  health_restore(&s->health, q->now_us, file.since_s * SECOND_US, file.failures, file.next_s * SECOND_US,
                 q->settings.backoff.max * SECOND_US);
}

/* --- knowing them ----------------------------------------------------------------------- */

site *site_get(qmgr *q, char const *name)
{
  site *s = tree_find(&q->sites, name);
  size_t len = strlen(name);
  if (s) s->known.used_us = q->now_us;
  if (s) return s;
  if (!conf_site_ok(name, len) || len > FLUSH_NAME_MAX) return (errno = EINVAL, (site *)0);
  s = alloc(sizeof *s + len + 1);
  if (!s) return 0;
  memset(s, 0, sizeof *s);
  s->name = memcpy(s + 1, name, len + 1);
  health_init(&s->health);
  s->waiter.place.owner = s;
  s->source = crowd_use(&q->crowd.unknown);
  s->probe.kind = TIMER_SITE;
  s->probe.owner = s;
  if (!tree_add(&q->sites, s))
  {
    alloc_free(s);
    return 0;
  }
  s->known.owner = s;
  s->known.used_us = q->now_us;
  known_add(&q->all_sites, &s->known);
  site_read(q, s);
  if (s->health.state == HEALTH_DOWN) timer_set(&q->timers, &s->probe, s->health.next_us);
  return s;
}

/* --- forgetting them --------------------------------------------------------------------- */

/* Where there are many, a site to which nothing leads is remembered no longer than this... */
#define SITE_KEEP_MANY_US SECOND_US
/* ...and else as long as it could be left alone; for so many times as long that it offers what it does not know. */
#define SITE_KEEP_LIED 24

/* While a site that is down may not be tried, somebody needs to know that. */
static uint64_t remembered_us(qmgr const *q, site const *s)
{
  uint64_t from_us = s->known.used_us;
  uint64_t keep_us = q->settings.backoff.max * SECOND_US;
  if (knowns_many(&q->all_sites)) return from_us + SITE_KEEP_MANY_US;
  if (s->health.state == HEALTH_DOWN && s->health.next_us > from_us) from_us = s->health.next_us;
  return from_us + (s->lied ? SITE_KEEP_LIED * keep_us : keep_us);
}

static int site_idle(qmgr const *q, site const *s)
{
  return !s->gates && !s->agents && !s->runnable && !s->waiter.lane && remembered_us(q, s) <= q->now_us;
}

int site_forget(qmgr *q, site *s)
{
  char path[strlen("site/") + FLUSH_NAME_MAX + 16];
  if (!site_idle(q, s)) return 0;
  site_path(path, s->name);
  if (unlinkat(q->queue, path, 0) == -1 && errno != ENOENT)
    log_line("warning: unable to remove ", path, ": ", strerror(errno));
  timer_clear(&q->timers, &s->probe);
  crowd_forget(&q->crowd, s->source);
  known_take(&q->all_sites, &s->known);
  tree_take(&q->sites, s);
  alloc_free(s);
  return 1;
}

/* --- on whose account ------------------------------------------------------------------ */

static void source_set(qmgr *q, site *s, source *from)
{
  crowd_forget(&q->crowd, s->source);
  s->source = from;
}

source *site_source(qmgr *q, message const *m)
{
  return crowd_source(&q->crowd, message_string(m, m->client), !*message_string(m, m->sender));
}

void site_learn(qmgr *q, site *s, message const *m)
{
  source *from;
  if (s->health.proven || (s->source != &q->crowd.unknown && !s->source->key.null)) return;
  from = site_source(q, m);
  if (s->source == &q->crowd.unknown || !from->key.null) source_set(q, s, from);
  else crowd_forget(&q->crowd, from);
}

source *site_account(qmgr *q, site const *s, source *from)
{
  if (s->health.proven) return &q->crowd.sure;
  return from ? from : s->source;
}

/* Whoever takes mail is on nobody's account, until he fails. */
static void site_prove(qmgr *q, site *s)
{
  if (s->health.proven) return;
  agents_trust(q, s);
  source_set(q, s, crowd_use(&q->crowd.unknown));
}

/* --- states ------------------------------------------------------------------------------ */

int site_open(qmgr const *q, site const *s)
{
  return health_open(&s->health, q->now_us);
}

static void gates_open(qmgr *q, site *s)
{
  gate *g;
  for (g = s->gates; g; g = g->site_next) gate_open(q, g);
}

void site_answered(qmgr *q, site *s, char const *relay)
{
  int down = s->health.state == HEALTH_DOWN;
  if (!health_answered(&s->health, q->now_us)) return;
  if (down) log_later("site ", s->name, ": up, ", relay);
  timer_clear(&q->timers, &s->probe);
  site_write(q, s, SITEFILE_UP, relay);
  gates_open(q, s);
  site_wake(q, s);
}

void site_served(qmgr *q, site *s, job_result const *result)
{
  char relay[LOG_LINE_MAX];
  site_prove(q, s);
  if (health_served(&s->health))
    site_write(q, s, SITEFILE_UP, log_clean(relay, sizeof relay, result->relay.s, result->relay.len));
}

int site_in_vain(site *s, char const *id, char const *why)
{
  char const *text = strchr(why, ' ');
  return health_in_vain(&s->health, id, text && !strncmp(text + 1, JOB_TEXT_LOST, strlen(JOB_TEXT_LOST)));
}

void site_failed(qmgr *q, site *s, char const *why)
{
  uint64_t min_us = q->settings.backoff.min * SECOND_US;
  uint64_t max_us = q->settings.backoff.max * SECOND_US;
  gate *g;
  gate *next;
  if (health_failed(&s->health, q->now_us, min_us, max_us, (uint64_t)random()))
    timer_set(&q->timers, &s->probe, s->health.next_us);
  log_later("site ", s->name, ": down, ", why);
  site_write(q, s, SITEFILE_DOWN, why);
  for (g = s->gates; g; g = next)
  {
    next = g->site_next;
    gate_close(q, g);
  }
  site_wake(q, s);
}

static void set_back_each(void const *node, VISIT visit, void *by_us)
{
  site *s = *(site *const *)node;
  uint64_t by = *(uint64_t *)by_us;
  if (visit != postorder && visit != leaf) return;
  health_set_back(&s->health, by);
  s->known.used_us = moment_earlier(s->known.used_us, by);
}

/* The files stay as they are: who reads them knows moments of the future for what they are. */
void sites_set_back(qmgr *q, uint64_t by_us)
{
  twalk_r(q->sites, set_back_each, &by_us);
}

void site_note_parked(qmgr *q, site *s)
{
  if (health_parked(&s->health, q->now_us)) site_write(q, s, SITEFILE_PARKED, "");
}

void site_probe(qmgr *q, site *s)
{
  gates_open(q, s);
  site_wake(q, s);
}

/* --- turns --------------------------------------------------------------------------------- */

void site_wake(qmgr *q, site *s)
{
  if (s->runnable || !s->ready_first) return;
  s->runnable = 1;
  s->runnable_next = 0;
  if (q->runnable_last) q->runnable_last->runnable_next = s;
  else q->runnable_first = s;
  q->runnable_last = s;
}

/* --- connections ------------------------------------------------------------------------- */

void site_crowd(qmgr *q, site *s, source *account, int asked)
{
  crowd_wait(&q->crowd, &s->waiter, account, asked);
}

static waiter *crowd_turn(qmgr const *q)
{
  return q->crowd.waiting && !q->breathless && !q->connecting_paused ? crowd_next(&q->crowd) : 0;
}

int sites_crowd_ready(qmgr const *q)
{
  return crowd_turn(q) != 0;
}

/* It gets its connection on the account on which it has waited. */
static void crowd_turn_take(qmgr *q, waiter *w)
{
  site *s = w->place.owner;
  if (w->lane->source != &q->crowd.sure) source_set(q, s, crowd_use(w->lane->source));
  crowd_serve(&q->crowd, w);
  site_run(q, s);
}

void sites_run_crowd(qmgr *q)
{
  unsigned int turns = CROWD_TURNS;
  waiter *w;
  while (turns-- && (w = crowd_turn(q))) crowd_turn_take(q, w);
}

/* --- the turn of one ------------------------------------------------------------------------ */

static gate *ready_take(site *s, gate *before)
{
  gate *g = before ? before->ready_next : s->ready_first;
  if (before) before->ready_next = g->ready_next;
  else s->ready_first = g->ready_next;
  if (s->ready_last == g) s->ready_last = before;
  g->ready = 0;
  g->ready_next = 0;
  return g;
}

/* The gate whose turn it is; while the site may not be tried, only one that was asked for. */
static gate *ready_next(qmgr const *q, site *s)
{
  gate *before = 0;
  gate *g = s->ready_first;
  if (site_open(q, s)) return g ? ready_take(s, 0) : 0;
  for (; g; before = g, g = g->ready_next)
    if (gate_forced(g)) return ready_take(s, before);
  return 0;
}

void site_unready(gate *g)
{
  gate *before = 0;
  gate *at = g->site->ready_first;
  for (; at != g; before = at, at = at->ready_next) ;
  ready_take(g->site, before);
}

int site_asked(site const *s)
{
  gate const *g = s->ready_first;
  while (g && !gate_asked(g)) g = g->ready_next;
  return g != 0;
}

static void ready_add(site *s, gate *g)
{
  g->ready = 1;
  g->ready_next = 0;
  if (s->ready_last) s->ready_last->ready_next = g;
  else s->ready_first = g;
  s->ready_last = g;
}

/* Whose mail it is decides how many connections there are for it. */
static void source_find(qmgr *q, site const *s, gate *g)
{
  int unknown = !s->health.proven && s->source == &q->crowd.unknown;
  if (unknown && !s->agents_count && crowd_room(&q->crowd, s->source, gate_asked(g))) gate_learn(q, g);
}

static agent *agent_for(qmgr *q, site *s, gate *g)
{
  source_find(q, s, g);
  return gate_alone(g) ? agent_at_rest(q, s, gate_asked(g)) : agent_with_room(q, s, 0, gate_asked(g));
}

/* Hand out the next of a gate; it keeps its turn while there is more. */
static void gate_hand_out(qmgr *q, gate *g, agent *a)
{
  char id[ID_LEN + 1];
  pass *from;
  enum urge urge;
  if (!gate_next(q, g, id, &from, &urge)) return;
  site_ready(q, g);
  deliver_listed(q, g, a, id, from, urge);
}

/* A gate that waits for an agent at rest keeps no other from those that have room; once round, it waits itself. */
void site_run(qmgr *q, site *s)
{
  gate const *waiting = 0;
  unsigned int turn;
  for (turn = 0; turn < SITE_TURN && !q->breathless; turn++)
  {
    gate *g = ready_next(q, s);
    agent *a;
    if (!g) return;
    if (gate_waits(g)) continue;
    a = g == waiting ? 0 : agent_for(q, s, g);
    if (a)
    {
      gate_hand_out(q, g, a);
      continue;
    }
    ready_add(s, g);
    if (g == waiting || !gate_alone(g)) return;
    if (!waiting) waiting = g;
  }
  site_wake(q, s);
}

void site_ready(qmgr *q, gate *g)
{
  if (!g->ready) ready_add(g->site, g);
  site_wake(q, g->site);
}

static void wake_each(void const *node, VISIT visit, void *q)
{
  if (visit == postorder || visit == leaf) site_wake(q, *(site *const *)node);
}

void site_wake_all(qmgr *q)
{
  twalk_r(q->sites, wake_each, q);
}
