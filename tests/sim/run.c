#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/moment.h"

/* The clock when a run begins. */
#define BEGIN_US UINT64_C(1700000000000000)
/* Loops in a row, without an event and without a second that passes. */
#define LOOPS_MAX 20000
/* Whoever waits for a site's reply finds out so much later that it is well again. */
#define WELL_US (310 * SECOND_US)
#define CHECK_US (5 * MINUTE_US)

/* --- small things ---------------------------------------------------------------------------- */

void ids_add(ids *all, uint32_t id)
{
  if (all->count == all->room)
  {
    all->room = all->room ? 2 * all->room : 4;
    all->items = realloc(all->items, all->room * sizeof *all->items);
  }
  all->items[all->count++] = id;
}

void ids_free(ids *all)
{
  free(all->items);
  memset(all, 0, sizeof *all);
}

void ids_move(ids *to, ids *from)
{
  size_t i;
  for (i = 0; i < from->count; i++) ids_add(to, from->items[i]);
  from->count = 0;
}

void fail(world *w, char const *format, ...)
{
  int len;
  va_list args;
  if (*w->failed) return;
  va_start(args, format);
  len = vsnprintf(w->failed, sizeof w->failed, format, args);
  va_end(args);
  snprintf(w->failed + len, sizeof w->failed - (size_t)len, " (at %.6f s)",
           (double)w->true_us / 1e6);
}

static void hash_in(world *w, uint64_t n)
{
  w->hash = (w->hash ^ n) * UINT64_C(1099511628211);
}

void note(world *w, char const *what, uint64_t a, uint64_t b)
{
  char const *c;
  hash_in(w, w->true_us);
  for (c = what; *c; c++) hash_in(w, (unsigned char)*c);
  hash_in(w, a);
  hash_in(w, b);
  if (w->verbose)
    printf("# %14.6f %s %llu %llu\n", (double)w->true_us / 1e6, what, (unsigned long long)a,
           (unsigned long long)b);
}

uint64_t clock_us(world const *w)
{
  return w->true_us + (uint64_t)w->offset_us;
}

static void calm_after(world *w, uint64_t in_us)
{
  if (w->true_us + in_us > w->calm_us) w->calm_us = w->true_us + in_us;
}

void unquiet(world *w)
{
  calm_after(w, 0);
}

/* --- events ---------------------------------------------------------------------------------- */

static int before(event const *a, event const *b)
{
  return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void at(world *w, uint64_t in_us, enum event_kind kind, void *what, uint64_t serial)
{
  event e = { .at_us = w->true_us + in_us, .order = ++w->order, .kind = kind, .serial = serial,
    .what = what };
  size_t i = w->heap_count++;
  if (w->heap_count > w->heap_room)
  {
    w->heap_room = 2 * w->heap_count;
    w->heap = realloc(w->heap, w->heap_room * sizeof *w->heap);
  }
  for (; i && before(&e, w->heap + (i - 1) / 2); i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
  w->heap[i] = e;
}

static event event_take(world *w)
{
  event first = w->heap[0];
  event last = w->heap[--w->heap_count];
  size_t i = 0;
  for (;;)
  {
    size_t child = 2 * i + 1;
    if (child >= w->heap_count) break;
    if (child + 1 < w->heap_count && before(w->heap + child + 1, w->heap + child)) child++;
    if (!before(w->heap + child, &last)) break;
    w->heap[i] = w->heap[child];
    i = child;
  }
  w->heap[i] = last;
  return first;
}

/* --- the scheduler begins and ends ----------------------------------------------------------- */

static void clock_read(world *w)
{
  uint64_t by_us;
  size_t i;
  if (w->stopped) return;
  by_us = sched_now(&w->s, clock_us(w));
  if (!by_us) return;
  for (i = 0; i < w->p->sites; i++)
  {
    w->nodes[i].next_us = moment_earlier(w->nodes[i].next_us, by_us);
    w->nodes[i].failed_us = moment_earlier(w->nodes[i].failed_us, by_us);
  }
  w->jumped_us = moment_earlier(w->jumped_us, by_us);
}

static void jumped(world *w)
{
  w->jumped_us = clock_us(w);
  sched_jumped(&w->s);
}

static void new_look(world *w)
{
  size_t from, to = 0;
  for (from = 0; from < w->new.count; from++)
  {
    mail *m = w->mails + w->new.items[from];
    if (m->in_new) mail_new(w, m);
    m->noted = m->in_new;
    if (m->in_new) w->new.items[to++] = m->number;
  }
  w->new.count = to;
}

static void scheduler_begin(world *w)
{
  size_t i;
  memset(&w->s, 0, sizeof w->s);
  w->s.quota.total = w->p->total;
  w->s.backoff_min_us = w->p->backoff_min_us;
  w->s.backoff_max_us = w->p->backoff_max_us;
  sched_init(&w->s, clock_us(w), roll(w->p->seed, 8, 8, ++w->boots));
  if (w->jumped_us > clock_us(w)) w->jumped_us = 0;
  w->s.jumped_us = w->jumped_us;
  w->stopped = 0;
  w->short_until_us = 0;
  for (i = 0; i < w->p->domains; i++) list_known(w, w->doms + i);
  for (i = 0; i < w->p->domains; i++)
    if (w->doms[i].asked) request(w, w->doms + i);
  for (i = 0; i < w->p->mails; i++)
    if (w->mails[i].asked) by_id_begin(w, w->mails + i, 1);
  new_look(w);
}

/* --- deeds ----------------------------------------------------------------------------------- */

static void rcpt_add(world *w, mail *m, uint32_t to)
{
  m->rcpts[m->rcpts_len++] = (rcpt){ .domain = to % w->p->domains };
}

static void mail_comes(world *w, deed const *e)
{
  mail *m = w->mails + e->a;
  uint64_t z = roll(w->p->seed, e->a, 11, 0);
  snprintf(m->id, sizeof m->id, "m%u", e->a);
  m->number = e->a;
  m->here = m->in_new = m->noted = 1;
  m->arrival_us = clock_us(w);
  m->arrival_true_us = w->true_us;
  m->bytes = 1000 + (z % 50 == 0 ? z / 50 % 3000000 : z / 50 % 20000);
  m->poison = z / 7 % 300 == 0;
  rcpt_add(w, m, e->b);
  if (z % 4 == 0) rcpt_add(w, m, (uint32_t)(z / 4));
  if (z % 16 == 0) rcpt_add(w, m, e->b);
  ids_add(&w->new, m->number);
  if (!w->stopped) mail_new(w, m);
}

static void flush_comes(world *w, uint32_t number)
{
  dom *d = w->doms + number;
  d->asked = 1;
  d->asked_true_us = w->true_us;
  if (!w->stopped) request(w, d);
}

static void by_id_comes(world *w, mail *m)
{
  if (!m->here || m->asked || m->held) return;
  m->asked = 1;
  m->asked_true_us = w->true_us;
  if (!w->stopped) by_id_begin(w, m, 1);
}

static void site_changes(world *w, node *x, enum mode mode)
{
  if (w->healed) mode = MODE_UP;
  x->mode = mode;
  if (mode != MODE_UP) x->calm_us = NEVER_US;
  else if (x->calm_us == NEVER_US) x->calm_us = w->true_us + WELL_US;
}

static void clock_set(world *w, int64_t by_us)
{
  if (by_us < 0 && clock_us(w) < BEGIN_US / 2) return;
  w->offset_us += by_us;
  if (by_us < 0) w->back_true_us = w->true_us;
  unquiet(w);
  clock_read(w);
  if (by_us > (int64_t)HOUR_US && !w->stopped) jumped(w);
}

static void restart(world *w, uint64_t for_us)
{
  if (w->stopped) return;
  hands_teardown(w);
  w->stopped = 1;
  calm_after(w, for_us + 10 * SECOND_US);
  at(w, for_us, EVENT_START, 0, for_us);
}

/* What is reversed is left alone until that is over. */
void reroute(world *w, dom *d, uint64_t n)
{
  domain_route route;
  uint32_t to;
  d->rerouted = d->reversal != 0;
  d->rerouted_to = n;
  if (d->rerouted) return;
  plan_route(w->p, d->number, n, &to, &route);
  if (w->healed) route.held = 0;
  if (d->route.parked != route.parked) d->parked_true_us = w->true_us;
  d->calm_us = w->true_us + WELL_US; /* what is out at the old site keeps its pass */
  d->to = to;
  d->route = route;
  if (!d->known || w->stopped) return;
  domain_reroute(&w->s, &d->d, &site_get(w, to)->x, &route);
  domain_rerouted(&w->s, &d->d);
  orders(w);
}

static void hold(world *w, mail *m, uint64_t for_us)
{
  if (!m->here || m->held) return;
  m->held = m->unseen = 1;
  at(w, for_us, EVENT_RELEASE, m, 0);
}

static void release(world *w, mail *m)
{
  size_t i;
  m->held = 0;
  m->arrival_true_us = w->true_us;
  if (w->stopped) return;
  if (m->in_new) mail_new(w, m);
  for (i = 0; i < m->rcpts_len; i++)
  {
    dom *d = w->doms + m->rcpts[i].domain;
    if (m->rcpts[i].settled) continue;
    list_known(w, d);
    if (d->known) domain_open(&w->s, &d->d);
    orders(w);
  }
}

static void trouble_list(world *w, dom *d, deed const *e)
{
  uint64_t until_us = w->true_us + e->n;
  if (d->calm_us < until_us) d->calm_us = until_us;
  if (e->kind == DEED_UNRECORDED) d->unrecorded_until_us = until_us;
  else d->stuck_until_us = until_us;
  if (e->kind == DEED_STUCK) d->obstructed = (int)e->b;
  calm_after(w, e->n);
}

static void deed_do(world *w, deed const *e)
{
  note(w, "deed", (uint64_t)e->kind, e->a);
  w->steps++;
  switch (e->kind)
  {
    case DEED_MAIL: mail_comes(w, e); break;
    case DEED_FLUSH: flush_comes(w, e->a); break;
    case DEED_BY_ID: by_id_comes(w, w->mails + e->a); break;
    case DEED_SITE: site_changes(w, w->nodes + e->a, (enum mode)e->b); break;
    case DEED_BACK: clock_set(w, -(int64_t)e->n); break;
    case DEED_FORWARD: clock_set(w, (int64_t)e->n); break;
    case DEED_RESTART: restart(w, e->n); break;
    case DEED_ROUTE: reroute(w, w->doms + e->a, e->n + 1); break;
    case DEED_PAUSE:
      calm_after(w, e->n);
      if (!w->stopped) pause_for(w, e->n);
      break;
    case DEED_CONNECTING:
      calm_after(w, e->n);
      w->connecting = (enum connecting)e->a;
      w->connecting_until_us = w->true_us + e->n;
      break;
    case DEED_STUCK: case DEED_UNRECORDED: trouble_list(w, w->doms + e->a, e); break;
    case DEED_REVERSAL: reversal_comes(w, e); break;
    case DEED_HOLD: hold(w, w->mails + e->a, e->n); break;
    default: break;
  }
}

/* --- all is well ----------------------------------------------------------------------------- */

static void heal(world *w)
{
  size_t i;
  w->healed = 1;
  w->connecting_until_us = 0;
  for (i = 0; i < w->p->sites; i++) site_changes(w, w->nodes + i, MODE_UP);
  for (i = 0; i < w->p->domains; i++)
  {
    dom *d = w->doms + i;
    d->stuck_until_us = d->unrecorded_until_us = 0;
    if (d->route.held)
    {
      d->route.held = 0;
      d->calm_us = w->true_us;
      if (d->known && !w->stopped) domain_reroute(&w->s, &d->d, &site_get(w, d->to)->x, &d->route);
      if (d->known && !w->stopped) domain_rerouted(&w->s, &d->d);
      if (!w->stopped) orders(w);
    }
    if (d->route.parked) flush_comes(w, d->number);
  }
}

/* --- what comes by itself -------------------------------------------------------------------- */

static void minute(world *w)
{
  at(w, MINUTE_US, EVENT_MINUTE, 0, 0);
  if (w->stopped) return;
  sched_forget_begin(&w->s);
  new_look(w);
}

static void resume(world *w)
{
  size_t i;
  if (w->stopped || w->short_until_us > w->true_us) return;
  sched_resume(&w->s);
  for (i = 0; i < w->p->domains; i++)
  {
    dom *d = w->doms + i;
    if (!d->retake) continue;
    d->retake = 0;
    if (d->asked) request(w, d);
  }
}

/* No connection could be had: try again soon. */
static void connecting_resume(world *w)
{
  if (w->stopped || w->s.connecting == CONNECTING_GOES || w->resume_set) return;
  w->resume_set = 1;
  at(w, 10000, EVENT_RESUME, 0, 1);
}

/* An agent that outlived its scheduler is done with it. */
static void orphan_done(world *w, rcpt *r)
{
  r->out = r->orphan = 0;
  r->attempts++;
  r->last_us = clock_us(w);
  r->last_true_us = w->true_us;
  r->cut = 0;
  if (roll(w->p->seed, r->attempts, r->domain, w->true_us) % 2 == 0) return;
  r->settled = SENT;
  w->settled++;
}

static void agent_unblocked(world *w, agent *a, uint64_t number)
{
  if (!a->live || a->number != number || !a->c.blocked) return;
  connection_sent(&w->s, &a->c, 0);
}

static void start(world *w, uint64_t was_off_us)
{
  scheduler_begin(w);
  if (was_off_us > HOUR_US) jumped(w);
}

static void event_do(world *w, event const *e)
{
  agent *a = e->what;
  switch (e->kind)
  {
    case EVENT_DEED: deed_do(w, e->what); break;
    case EVENT_AGENT: if (a->serial == e->serial) agent_event(w, a); break;
    case EVENT_STUCK: if (a->serial == e->serial) agent_stuck(w, a); break;
    case EVENT_LEAVE: if (a->live && a->number == e->serial) agent_end(w, a, CAME_AGAIN); break;
    case EVENT_AGAIN: agent_unblocked(w, a, e->serial); break;
    case EVENT_MINUTE: minute(w); break;
    case EVENT_RESUME:
      if (e->serial) w->resume_set = 0;
      resume(w);
      break;
    case EVENT_ORPHAN: orphan_done(w, e->what); break;
    case EVENT_BY_ID:
      if (!w->stopped && e->serial == w->boots) by_id_begin(w, e->what, 0);
      break;
    case EVENT_RELEASE: release(w, e->what); break;
    case EVENT_START: start(w, e->serial); break;
    case EVENT_HEAL: heal(w); break;
    case EVENT_CHECK:
      at(w, CHECK_US, EVENT_CHECK, 0, 0);
      if (!w->stopped) check_all(w);
      break;
    default: break;
  }
}

/* --- the loop -------------------------------------------------------------------------------- */

static int ticks(world *w)
{
  int any = 0;
  tick t;
  while (sched_tick(&w->s, &t))
  {
    any = 1;
    if (t.idle) agent_end(w, t.idle->owner, CAME_AGAIN);
    if (t.hanging) agent_give_up(w, t.hanging->owner);
    orders(w);
  }
  return any;
}

static void turns_run(world *w)
{
  order o;
  sched_turns(&w->s);
  while (sched_turn(&w->s, &o))
  {
    order_do(w, &o);
    orders(w);
    if (*w->failed) return;
  }
}

/* 1: there is more to do now. */
static int loop(world *w)
{
  int more = ticks(w);
  turns_run(w);
  agents_flush(w);
  connecting_resume(w);
  more |= sweep(w);
  more |= warn(w);
  more |= forget(w);
  return more | sched_more(&w->s);
}

/* No loop takes no time.  Many of them without an event are too many. */
static void settle(world *w)
{
  while (!w->stopped && !*w->failed)
  {
    int more = loop(w);
    w->true_us++;
    clock_read(w);
    if (++w->loops > LOOPS_MAX) fail(w, "the scheduler does not come to rest");
    if (!more) return;
  }
}

static uint64_t next_us(world *w)
{
  uint64_t timer_us = w->stopped ? NEVER_US : sched_next_us(&w->s);
  uint64_t clock = clock_us(w);
  uint64_t by_timer_us = timer_us == NEVER_US ? NEVER_US : timer_us <= clock ? w->true_us : w->true_us + (timer_us - clock);
  return w->heap_count && w->heap[0].at_us < by_timer_us ? w->heap[0].at_us : by_timer_us;
}

static void world_begin(world *w, plan const *p, int verbose)
{
  size_t i;
  memset(w, 0, sizeof *w);
  w->p = p;
  w->verbose = verbose;
  w->offset_us = (int64_t)BEGIN_US;
  w->hash = UINT64_C(14695981039346656037);
  w->nodes = calloc(p->sites, sizeof *w->nodes);
  w->doms = calloc(p->domains, sizeof *w->doms);
  w->mails = calloc(p->mails + 1, sizeof *w->mails);
  for (i = 0; i < p->sites; i++) w->nodes[i].number = (uint32_t)i;
  for (i = 0; i < p->domains; i++)
  {
    w->doms[i].number = (uint32_t)i;
    plan_route(p, (uint32_t)i, 0, &w->doms[i].to, &w->doms[i].route);
  }
  for (i = 0; i < p->count; i++) at(w, p->deeds[i].at_us, EVENT_DEED, p->deeds + i, 0);
  for (i = 0; i < 3; i++) at(w, p->end_us + i * HOUR_US, EVENT_HEAL, 0, 0);
  at(w, MINUTE_US, EVENT_MINUTE, 0, 0);
  at(w, CHECK_US, EVENT_CHECK, 0, 0);
  scheduler_begin(w);
}

static void world_end(world *w)
{
  size_t i;
  if (!w->stopped) hands_teardown(w);
  for (i = 0; i < w->p->domains; i++)
  {
    ids_free(&w->doms[i].list);
    ids_free(&w->doms[i].claim);
    ids_free(&w->doms[i].kept);
    ids_free(&w->doms[i].carriers);
  }
  for (i = 0; i < w->agents_count; i++) free(w->agents[i]);
  for (i = 0; i < w->reversals_count; i++) free(w->reversals[i]);
  free(w->reversals);
  ids_free(&w->new);
  ids_free(&w->sending);
  free(w->agents);
  free(w->heap);
  free(w->nodes);
  free(w->doms);
  free(w->mails);
}

void run(plan const *p, int verbose, outcome *o)
{
  uint64_t end_us = p->end_us + 4 * HOUR_US + 3 * p->backoff_max_us;
  world w;
  world_begin(&w, p, verbose);
  settle(&w);
  while (!*w.failed)
  {
    uint64_t next = next_us(&w);
    if (next > end_us && !w.stopped) break;
    if (next > w.true_us + SECOND_US || (w.heap_count && next == w.heap[0].at_us)) w.loops = 0;
    if (next > w.true_us) w.true_us = next;
    clock_read(&w);
    while (w.heap_count && w.heap[0].at_us <= w.true_us && !*w.failed)
    {
      event e = event_take(&w);
      w.steps++;
      event_do(&w, &e);
    }
    settle(&w);
  }
  if (!*w.failed) check_ended(&w);
  world_end(&w);
  *o = (outcome){ .hash = w.hash, .steps = w.steps, .tries = w.tries };
  memcpy(o->failed, w.failed, sizeof o->failed);
}
