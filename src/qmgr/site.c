#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/alloc.h>
#include <skalibs/djbunix.h>

#include "base/log.h"
#include "flush/sitefile.h"
#include "qmgr/qmgr-internal.h"

/* Connections a site may have as soon as it answered, and one more for each message it took. */
#define SITE_LIMIT_FIRST 5
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
    .state = state, .since_s = s->since_s, .failures = s->failures, .next_s = s->next_us / SECOND_US, .why = why
  };
  stralloc line = STRALLOC_ZERO;
  site_path(path, s->name);
  if (!sitefile_format(&line, &file) || !qmgr_file_replace(q, path, line.s, line.len))
    log_line("warning: unable to write ", path, ": ", strerror(errno));
  stralloc_free(&line);
}

/*
 * Only what was down matters after a restart: its back-off goes on.  What has failed in the future, or waits longer than
 * any may, was written before the clock was set back: then it is due.
 */
static void site_read(qmgr *q, site *s)
{
  uint64_t latest_us = q->now_us + q->settings.backoff.max * SECOND_US;
  sitefile file;
  if (!sitefile_read(q->queue, s->name, &file) || file.state != SITEFILE_DOWN) return;
  s->state = SITE_DOWN;
  s->since_s = file.since_s;
  s->failures = file.failures;
  s->next_us = file.next_s * SECOND_US;
  if (s->since_s <= q->now_us / SECOND_US && s->next_us <= latest_us) return;
  s->since_s = q->now_us / SECOND_US;
  s->next_us = q->now_us;
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
  s->limit = 1;
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
  if (s->state == SITE_DOWN) timer_set(&q->timers, &s->probe, s->next_us);
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
  if (s->state == SITE_DOWN && s->next_us > from_us) from_us = s->next_us;
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
  if (s->proven || (s->source != &q->crowd.unknown && !s->source->key.null)) return;
  from = site_source(q, m);
  if (s->source == &q->crowd.unknown || !from->key.null) source_set(q, s, from);
  else crowd_forget(&q->crowd, from);
}

source *site_account(qmgr *q, site const *s, source *from)
{
  if (s->proven) return &q->crowd.sure;
  return from ? from : s->source;
}

/* Whoever takes mail is on nobody's account, until he fails. */
static void site_prove(qmgr *q, site *s)
{
  if (s->proven) return;
  s->proven = 1;
  agents_trust(q, s);
  source_set(q, s, crowd_use(&q->crowd.unknown));
}

/* --- states ------------------------------------------------------------------------------ */

int site_open(qmgr const *q, site const *s)
{
  return s->state != SITE_DOWN || s->next_us <= q->now_us;
}

int site_just_failed(qmgr const *q, site const *s)
{
  return s->state == SITE_DOWN && qmgr_lately(q, s->failed_us, VAIN_REST_US);
}

static void gates_open(qmgr *q, site *s)
{
  gate *g;
  for (g = s->gates; g; g = g->site_next) gate_open(q, g);
}

void site_answered(qmgr *q, site *s, char const *relay)
{
  if (s->state == SITE_UP) return;
  if (s->state == SITE_DOWN) log_later("site ", s->name, ": up, ", relay);
  s->state = SITE_UP;
  s->since_s = q->now_us / SECOND_US;
  s->next_us = 0;
  s->limit = SITE_LIMIT_FIRST;
  timer_clear(&q->timers, &s->probe);
  site_write(q, s, SITEFILE_UP, relay);
  gates_open(q, s);
  site_wake(q, s);
}

void site_served(qmgr *q, site *s, job_result const *result)
{
  char relay[LOG_LINE_MAX];
  site_prove(q, s);
  s->in_vain = 0;
  if (s->state != SITE_UP || !s->failures) return;
  s->failures = 0;
  site_write(q, s, SITEFILE_UP, log_clean(relay, sizeof relay, result->relay.s, result->relay.len));
}

static int vain_already(site const *s, char const *id)
{
  unsigned int i;
  for (i = 0; i < s->in_vain && i < SITE_VAIN_MAX; i++)
    if (!strcmp(s->vain[i], id)) return 1;
  return 0;
}

static unsigned int vain_max(site const *s, char const *why)
{
  char const *text = strchr(why, ' ');
  int link = text && !strncmp(text + 1, JOB_TEXT_LOST, strlen(JOB_TEXT_LOST));
  return s->proven && link ? SITE_VAIN_MAX_PROVEN : SITE_VAIN_MAX;
}

int site_in_vain(site *s, char const *id, char const *why)
{
  if (strlen(id) == ID_LEN && vain_already(s, id)) return 0;
  if (strlen(id) == ID_LEN && s->in_vain < SITE_VAIN_MAX) strcpy(s->vain[s->in_vain], id);
  return ++s->in_vain >= vain_max(s, why);
}

/* Many sites that went down together (a lost link) come back spread over an eighth of the time. */
static uint64_t backoff_us(settings const *now, uint64_t failures)
{
  uint64_t delay = settings_retry_us(now, failures);
  uint64_t min = now->backoff.min * SECOND_US;
  uint64_t less = delay / 8 ? (uint64_t)random() % (delay / 8) : 0;
  return delay - less < min ? min : delay - less;
}

void site_failed(qmgr *q, site *s, char const *why)
{
  gate *g;
  gate *next;
  int asked_only = s->state == SITE_DOWN && !site_open(q, s);
  if (s->state != SITE_DOWN) s->since_s = q->now_us / SECOND_US;
  s->state = SITE_DOWN;
  s->failed_us = q->now_us;
  s->proven = 0;
  s->in_vain = 0;
  s->limit = 1;
  if (!asked_only)
  {
    s->failures++;
    s->next_us = q->now_us + backoff_us(&q->settings, s->failures);
    timer_set(&q->timers, &s->probe, s->next_us);
  }
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
  s->since_s = clock_earlier(s->since_s, by / SECOND_US);
  s->next_us = clock_earlier(s->next_us, by);
  s->failed_us = clock_earlier(s->failed_us, by);
  s->known.used_us = clock_earlier(s->known.used_us, by);
}

/* The files stay as they are: who reads them knows moments of the future for what they are. */
void sites_set_back(qmgr *q, uint64_t by_us)
{
  twalk_r(q->sites, set_back_each, &by_us);
}

void site_note_parked(qmgr *q, site *s)
{
  if (s->state != SITE_UNKNOWN || s->since_s) return;
  s->since_s = q->now_us / SECOND_US;
  site_write(q, s, SITEFILE_PARKED, "");
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
  int unknown = !s->proven && s->source == &q->crowd.unknown;
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
