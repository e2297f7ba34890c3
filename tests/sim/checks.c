#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "sched/moment.h"

/* What failed a moment ago is left alone for so long, or until it is tried unasked. */
#define REST_US (5 * SECOND_US)

/* --- one message goes out -------------------------------------------------------------------- */

uint64_t check_backoff(plan const *p, uint64_t n)
{
  uint64_t us = p->backoff_min_us;
  while (--n && us < p->backoff_max_us) us *= 2;
  return us < p->backoff_max_us ? us : p->backoff_max_us;
}

static int asked_for(job const *j)
{
  return j->cause == CAUSE_BY_ID || j->cause == CAUSE_FLUSH_ANEW || (j->from
      && j->from->kind == PASS_FLUSH);
}

static void check_due(world *w, job const *j, rcpt const *r)
{
  uint64_t due_us = r->last_us + check_backoff(w->p, r->attempts);
  if (r->last_us > w->s.now_us + SECOND_US || due_us <= w->s.now_us) return;
  fail(w, "%s is tried %.3f s before its time", j->m->id, (double)(due_us - w->s.now_us) / 1e6);
}

static void check_rcpt(world *w, job const *j, rcpt const *r)
{
  dom const *d = w->doms + r->domain;
  int asked = asked_for(j);
  if (j->m->held) fail(w, "%s is tried, though put aside", j->m->id);
  if (d->route.held) fail(w, "d%u: %s is tried, and nobody may", d->number, j->m->id);
  if (d->route.parked && !asked && !d->reversal)
    fail(w, "d%u: %s is tried, though parked and not asked for", d->number, j->m->id);
  if (!asked && r->attempts) check_due(w, j, r);
}

static void check_probe(world *w, node *x, job const *j)
{
  if (!x->down) return;
  if (!asked_for(j))
  {
    if (w->s.now_us < x->next_us) fail(w, "s%u: down, and tried before its time", x->number);
    if (++x->probes > 1) fail(w, "s%u: down, and %s is the second probe", x->number, j->m->id);
  }
  else if (j->cause != CAUSE_BY_ID && j->cause != CAUSE_FLUSH_ANEW && x->failed_us
        && w->s.now_us - x->failed_us < REST_US && w->s.now_us < x->next_us)
    fail(w, "s%u: failed a moment ago, and is tried", x->number);
}

static void check_alone(world *w, agent const *a, job const *j)
{
  if (j->cause == CAUSE_ALONE && a->jobs) fail(w, "%s is to be alone, and has company", j->m->id);
  if (a->jobs && a->first->cause == CAUSE_ALONE)
    fail(w, "%s comes to one that is to be alone", j->m->id);
}

/* At its site: what is out at one that it had before its route was changed does not count. */
static size_t carriers_count(world const *w, dom const *d, uint32_t but)
{
  size_t n = 0;
  size_t i, before;
  for (i = 0; i < d->carriers.count; i++)
  {
    for (before = 0; before < i && d->carriers.items[before] != d->carriers.items[i]; before++) ;
    if (d->carriers.items[i] == but) return 0;
    if (&w->agents[d->carriers.items[i]]->x->x != d->d.site) continue;
    n += before == i;
  }
  return n;
}

static void check_concurrency(world *w, agent const *a, dom const *d)
{
  if (d->route.concurrency <= 6 && carriers_count(w, d, a->index) >= d->route.concurrency)
    fail(w, "d%u: its mail is on more than %u connections", d->number, d->route.concurrency);
}

static void check_room(world *w, agent const *a)
{
  if (a->jobs >= CONNECTION_WINDOW_MAX || a->jobs >= a->c.window)
    fail(w, "connection %llu has more than its window", (unsigned long long)a->number);
  if (a->c.bytes >= 4194304)
    fail(w, "connection %llu has more than 4 MiB", (unsigned long long)a->number);
  if (a->c.leaving)
    fail(w, "connection %llu leaves, and is given mail", (unsigned long long)a->number);
  if (a->c.blocked)
    fail(w, "connection %llu is blocked, and is given mail", (unsigned long long)a->number);
  if (!a->up && a->jobs)
    fail(w, "connection %llu is not up, and is given a second", (unsigned long long)a->number);
}

void check_try(world *w, agent *a, job const *j)
{
  dom const *d = j->from_dom ? j->from_dom : j->rcpts[0].d;
  size_t i;
  for (i = 0; i < j->len; i++) check_rcpt(w, j, j->rcpts[i].r);
  if (d->reversal ? a->x != d->reversal : a->x->reversal)
    fail(w, "%s goes another way than its domain d%u", j->m->id, d->number);
  if (d->d.site != &a->x->x) fail(w, "%s goes to another site than d%u's", j->m->id, d->number);
  check_probe(w, a->x, j);
  check_alone(w, a, j);
  check_room(w, a);
  check_concurrency(w, a, d);
}

/* What is asked for is tried once for each time that it is. */
void check_answered(world *w, job const *j, rcpt *r, dom const *d)
{
  if (!asked_for(j) || j->cause == CAUSE_ALONE) return;
  if (++r->asked_tries > d->requests + j->m->by_id)
    fail(w, "%s: tried %u times for %u requests", j->m->id, r->asked_tries,
         d->requests + j->m->by_id);
}

/* What was out is asked for again when somebody has, and when nobody has it is not. */
void check_asked(world *w, job const *j, dom const *d, unsigned int own_requests, int again)
{
  int asked = d->own_requests != own_requests;
  if (asked && !again)
    fail(w, "d%u: %s was asked for while it was out, and waits", d->number, j->m->id);
  if (again && !asked && !d->reversal)
    fail(w, "d%u: %s is asked for again, and nobody has", d->number, j->m->id);
}

/* --- connections ----------------------------------------------------------------------------- */

static int urgent(dom const *d, node const *x)
{
  row_place const *p;
  if (domain_urgent(&d->d)) return 1;
  for (p = x->x.ready.first; p; p = p->after)
    if (domain_urgent(p->owner)) return 1;
  return 0;
}

typedef struct held
{
  size_t all;
  size_t sure;
  size_t null;
  size_t own;
} held;

static held held_count(world const *w, source const *account)
{
  held h = { 0, 0, 0, 0 };
  size_t i;
  for (i = 0; i < w->agents_count; i++)
  {
    agent const *a = w->agents[i];
    if (!a->live) continue;
    h.all++;
    h.sure += a->c.source == &w->s.quota.sure;
    h.null += a->c.source->key.null != 0;
    h.own += a->c.source == account;
  }
  return h;
}

static void check_quota(world *w, source const *account, int asked)
{
  size_t total = w->p->total;
  size_t fifth = total < 5 ? total > 1 : total / 5;
  size_t unsure = total - fifth - total / 5 + (asked ? (fifth + 1) / 2 : 0);
  size_t null = total < 10 ? 1 : total / 10;
  held h = held_count(w, account);
  if (h.all >= total || (!asked && h.all >= total - fifth))
    fail(w, "more connections than there may be");
  if (account == &w->s.quota.sure) return;
  if (h.all - h.sure >= unsure)
    fail(w, "more connections than there may be to sites that can hang");
  else if (h.own >= 2 * (unsure - (h.all - h.sure))) fail(w, "a source has more than its share");
  if (!account->key.null || asked) return;
  if (h.null >= null) fail(w, "the null sender has more than a tenth");
  else if (h.own >= 2 * (null - h.null))
    fail(w, "a source has more than its share of the null sender's");
}

static void check_earned(world *w, node *x)
{
  size_t n = x->x.connections.count;
  size_t may = 1;
  unsigned int most = 0;
  row_place const *p;
  for (p = x->x.domains.first; p; p = p->after)
  {
    dom const *d = ((domain const *)p->owner)->owner;
    if (d->route.concurrency > most) most = d->route.concurrency;
  }
  for (p = x->x.connections.first; p; p = p->after)
    may += ((connection const *)p->owner)->stuck != 0;
  if (n >= most) fail(w, "s%u: more connections than any of its domains may have", x->number);
  if (x->down && n >= may) fail(w, "s%u: down, and gets a second connection", x->number);
}

void check_connect(world *w, dom *d, node *x, source *account)
{
  if (x->reversal) fail(w, "s%u: a connection for one that was turned round", x->number);
  if (x->sure != (account == &w->s.quota.sure)) fail(w, "s%u: on the wrong account", x->number);
  check_quota(w, account, urgent(d, x));
  check_earned(w, x);
}

/* --- a site fails ---------------------------------------------------------------------------- */

static void check_next(world *w, node *x, uint64_t next_before_us, int open)
{
  health const *h = &x->x.health;
  uint64_t delay_us = h->next_us - w->s.now_us;
  uint64_t most_us;
  if (!open)
  {
    if (h->next_us != next_before_us)
      fail(w, "s%u: its back-off changes by what was asked for", x->number);
    return;
  }
  most_us = check_backoff(w->p, ++x->failures);
  if (delay_us > most_us || delay_us < most_us - most_us / 8 || delay_us < w->p->backoff_min_us)
    fail(w, "s%u: left alone for %.3f s after %llu failures", x->number, (double)delay_us / 1e6,
         (unsigned long long)x->failures);
}

void check_failed(world *w, node *x, uint64_t next_before_us, int was_down)
{
  if (was_down != x->down) fail(w, "s%u: it was not known whether it is down", x->number);
  check_next(w, x, next_before_us, !was_down || next_before_us <= w->s.now_us);
  if (x->x.health.state != HEALTH_DOWN) fail(w, "s%u: failed, and is not down", x->number);
  x->down = 1;
  x->sure = 0;
  x->probes = 0;
  x->next_us = x->x.health.next_us;
  x->failed_us = w->s.now_us;
  x->failed_true_us = w->true_us;
}

/* --- lists ----------------------------------------------------------------------------------- */

void check_claim(world *w, dom *d)
{
  if (d->d.pass) fail(w, "d%u: claimed with a pass under way", d->number);
  if (d->d.claim == PASS_EXPIRY) return;
  if (d->route.held) fail(w, "d%u: claimed, and nobody may try it", d->number);
  if (d->d.claim == PASS_FLUSH && !d->own_open && !d->reversal)
    fail(w, "d%u: claimed for a flush nobody asked for", d->number);
  if (d->d.claim == PASS_RETRY && d->route.parked && !d->reversal)
    fail(w, "d%u: claimed, though parked", d->number);
}

static void check_over_each(world *w, dom const *d, node const *x, mail const *m)
{
  size_t i;
  for (i = 0; i < m->rcpts_len; i++)
  {
    rcpt const *r = m->rcpts + i;
    if (r->domain != d->number || r->settled || r->out || m->held || m->unseen || m->jobs) continue;
    if (r->cut) continue; /* rounds of what is cut end by rules of their own */
    /* so it was tried later than now */
    if (r->attempts && w->back_true_us >= r->last_true_us) continue;
    if (m->arrival_true_us >= d->asked_true_us || r->last_true_us >= d->asked_true_us) continue;
    fail(w, "d%u: its flush is over, and %s was not tried at s%u", d->number, m->id, x->number);
  }
}

/* What waited when it was requested was tried, or its site failed. */
void check_over(world *w, dom const *d)
{
  node const *x = w->nodes + d->to;
  size_t i;
  if (d->route.held || x->failed_true_us >= d->asked_true_us) return;
  if (d->calm_us >= d->asked_true_us || w->calm_us >= d->asked_true_us) return;
  for (i = 0; i < d->list.count; i++) check_over_each(w, d, x, w->mails + d->list.items[i]);
}

static int tried_after(world const *w, rcpt const *r, uint64_t end_us)
{
  return r->attempts && r->last_us >= end_us && r->last_us <= w->s.now_us + SECOND_US;
}

static uint64_t mercy_end_us(world const *w, dom const *d)
{
  uint64_t us = d->route.lifetime_us < DAY_US ? d->route.lifetime_us : DAY_US;
  return w->jumped_us ? w->jumped_us + us : 0;
}

void check_expired(world *w, mail const *m, rcpt const *r)
{
  dom const *d = w->doms + r->domain;
  node const *x = w->nodes + d->to;
  uint64_t end_us = m->arrival_us + d->route.lifetime_us;
  if (m->held) fail(w, "%s expires, though put aside", m->id);
  if (end_us > w->s.now_us) fail(w, "%s expires before its time", m->id);
  if (tried_after(w, r, end_us)) return;
  if (d->route.parked)
  {
    if (mercy_end_us(w, d) > w->s.now_us)
      fail(w, "%s expires, though nobody could ask for it", m->id);
  }
  else if (!x->down || x->failed_us < end_us) fail(w, "%s expires untried", m->id);
}

/* --- all messages ---------------------------------------------------------------------------- */

/*
 * How long what may go may wait, where all is well.  With few connections in all none is kept for
 * sites that take mail: each of the others may have them until so many messages have met silence.
 */
static uint64_t bound_us(world const *w, node const *x)
{
  size_t unsure = w->p->total / 2 + 1;
  unsigned int silences = w->p->total < 5 ? HEALTH_VAIN_MAX : 1;
  return w->p->backoff_max_us + 600 * SECOND_US + x->owed * 60000
    + (w->p->sites / unsure + 1) * silences * 310 * SECOND_US;
}

static uint64_t later(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

static uint64_t waits_since(world const *w, mail const *m, rcpt const *r, dom const *d,
                            node const *x)
{
  uint64_t us = later(later(m->arrival_true_us, x->calm_us), later(w->calm_us, d->calm_us));
  us = later(us, x->up_true_us);
  if (!r->attempts) return us;
  /* Its journal has the moment of a clock that was set back since. */
  return later(us,
               r->last_true_us + (w->back_true_us >= r->last_true_us ? 2 : 1) * check_backoff(w->p, r->attempts));
}

static void check_waits(world *w, mail const *m, rcpt const *r, dom const *d, node const *x)
{
  uint64_t since_us;
  uint64_t bound;
  if (m->held || m->poison || r->out || d->route.parked || x->calm_us == NEVER_US) return;
  if (d->reversal) return;
  if (x->down && x->next_us > w->s.now_us) return;
  /* what could not be recorded is looked at again when all else the message owes is back */
  if (m->in_new && m->rcpts_len > 1) return;
  /* it has expired, but not while another recipient is in somebody's hands */
  if (m->rcpts_len > 1 && tried_after(w, r, m->arrival_us + d->route.lifetime_us)) return;
  /* its journal is of a clock that was set back, and not of the future any more */
  if (r->attempts && r->last_us <= w->s.now_us
      && r->last_us + check_backoff(w->p, r->attempts) > w->s.now_us) return;
  since_us = waits_since(w, m, r, d, x);
  bound = x->sure && w->p->total >= 10 ? 150 * SECOND_US + x->owed * 60000 : bound_us(w, x);
  if (w->true_us > since_us + bound)
    fail(w, "d%u: %s waits, and may go to s%u", d->number, m->id, x->number);
}

/* It was out when it was asked for: it is tried after that, or its site fails. */
static void check_promised(world *w, mail const *m, rcpt const *r, dom const *d, node const *x)
{
  uint64_t since_us = later(later(r->promised_true_us, x->calm_us), later(w->calm_us, d->calm_us));
  if (!r->promised_true_us || r->out || m->held || d->reversal) return;
  if (d->route.held || x->calm_us == NEVER_US || x->failed_true_us >= r->promised_true_us) return;
  if (w->true_us > since_us + bound_us(w, x))
    fail(w, "d%u: %s was asked for while it was out, and is not tried", d->number, m->id);
}

static void check_expires(world *w, mail const *m, rcpt const *r, dom const *d, node const *x)
{
  uint64_t end_us = m->arrival_us + d->route.lifetime_us;
  uint64_t since_us = later(later(w->calm_us, d->calm_us), m->arrival_true_us) + 900 * SECOND_US;
  int over = 0;
  /* it does not expire while another recipient is in somebody's hands */
  if (m->rcpts_len > 1) return;
  if (m->held || r->out || m->in_new || d->reversal || w->true_us < since_us
      || end_us + 900 * SECOND_US > w->s.now_us) return;
  if (d->route.parked) over = mercy_end_us(w, d) + 900 * SECOND_US < w->s.now_us && !d->asked;
  else if (x->down && x->failed_us >= end_us)
    over = x->failed_true_us + 900 * SECOND_US < w->true_us;
  if (over) fail(w, "d%u: %s is overdue, and does not expire", d->number, m->id);
}

static void check_warned(world *w, mail const *m, rcpt const *r, dom const *d)
{
  uint64_t delay_us = d->route.delaywarning_us;
  uint64_t bound = 900 * SECOND_US + delay_us / 8;
  if (m->unseen || m->in_new || r->out || r->warned || !delay_us || d->reversal) return;
  if (w->true_us < later(later(w->calm_us, d->calm_us), m->arrival_true_us) + bound) return;
  if (m->arrival_us + delay_us + bound > w->s.now_us) return;
  fail(w, "d%u: %s is late, and nobody is told", d->number, m->id);
}

static void mark(unsigned char *marks, ids const *all, unsigned char mask)
{
  size_t i;
  for (i = 0; i < all->count; i++) marks[all->items[i]] |= mask;
}

/* What is owed stands in a list or a claim, or in new/. */
static void check_lost(world *w, dom const *d, unsigned char const *marks, mail const *m,
                       rcpt const *r)
{
  if (r->settled || m->in_new || marks[m->number]) return;
  fail(w, "d%u: %s is lost", d->number, m->id);
}

/* The messages of each domain, in rows. */
static void check_mails(world *w)
{
  unsigned char *marks = calloc(w->p->mails + 1, 1);
  ids *of = calloc(w->p->domains, sizeof *of);
  size_t i, n;
  for (i = 0; i < w->p->sites; i++) w->nodes[i].owed = 0;
  for (i = 0; i < w->p->mails; i++)
    for (n = 0; n < w->mails[i].rcpts_len; n++)
      if (!w->mails[i].rcpts[n].settled)
      {
        ids_add(of + w->mails[i].rcpts[n].domain, (uint32_t)(i * RCPTS_MAX + n));
        w->nodes[w->doms[w->mails[i].rcpts[n].domain].to].owed++;
      }
  for (i = 0; i < w->p->domains; i++)
  {
    dom const *d = w->doms + i;
    node const *x = w->nodes + d->to;
    if (!of[i].count) continue;
    mark(marks, &d->list, 1);
    mark(marks, &d->claim, 1);
    for (n = 0; n < of[i].count; n++)
    {
      mail const *m = w->mails + of[i].items[n] / RCPTS_MAX;
      rcpt const *r = m->rcpts + of[i].items[n] % RCPTS_MAX;
      check_lost(w, d, marks, m, r);
      check_waits(w, m, r, d, x);
      check_promised(w, m, r, d, x);
      check_expires(w, m, r, d, x);
      check_warned(w, m, r, d);
    }
    for (n = 0; n < d->list.count; n++) marks[d->list.items[n]] = 0;
    for (n = 0; n < d->claim.count; n++) marks[d->claim.items[n]] = 0;
    ids_free(of + i);
  }
  free(marks);
  free(of);
}

/* --- requests, and what is remembered -------------------------------------------------------- */

static void check_request(world *w, dom const *d)
{
  node const *x = w->nodes + d->to;
  uint64_t since_us = later(later(d->asked_true_us, w->calm_us), d->calm_us);
  if (!d->asked || d->reversal) return;
  if (w->true_us > since_us + 12 * HOUR_US) fail(w, "d%u: its flush does not end", d->number);
  if (x->calm_us == NEVER_US) return;
  since_us = later(since_us, x->calm_us);
  if (w->true_us > since_us + bound_us(w, x))
    fail(w, "d%u: its flush does not end, and s%u is well", d->number, x->number);
}

static int there(dom const *d)
{
  return d->list.count || d->claimed || d->jobs || d->asked || d->reversal || d->d.at_once.count
    || d->d.look_again_us != NEVER_US;
}

static void check_remembered(world *w, dom *d)
{
  if (!d->known) return;
  if (there(d)) d->used_true_us = w->true_us;
  if (w->true_us < later(d->used_true_us, w->calm_us) + 11 * MINUTE_US) return;
  fail(w, "d%u: nothing of it is there, and it is not forgotten", d->number);
}

static void check_by_id(world *w, mail const *m)
{
  if (m->asked && w->true_us > later(m->asked_true_us, w->calm_us) + 12 * HOUR_US)
    fail(w, "%s: its request does not end", m->id);
}

/* It leads where it is to lead, and a reversal ends. */
static void check_way(world *w, dom const *d)
{
  node const *own = w->nodes + d->to;
  node const *x = d->reversal;
  if (!d->known) return;
  if (!own->known) fail(w, "d%u: its site was forgotten", d->number);
  if (d->d.site != (x ? &x->x : &own->x) || d->d.home != (x ? &own->x : 0))
    fail(w, "d%u: it leads to the wrong site", d->number);
  if (x && w->true_us > later(x->begun_true_us, w->calm_us) + 12 * HOUR_US)
    fail(w, "d%u: its reversal does not end", d->number);
}

void check_all(world *w)
{
  size_t i;
  check_mails(w);
  for (i = 0; i < w->p->domains; i++) check_way(w, w->doms + i);
  for (i = 0; i < w->p->domains; i++)
  {
    check_request(w, w->doms + i);
    check_remembered(w, w->doms + i);
    if (w->doms[i].known && !w->doms[i].jobs && w->doms[i].d.loads.count)
      fail(w, "d%u: connections carry its mail, and none is out", (unsigned int)i);
  }
  for (i = 0; i < w->p->mails; i++) check_by_id(w, w->mails + i);
}

/* --- at the end ------------------------------------------------------------------------------ */

static void check_done(world *w, mail const *m)
{
  size_t i;
  if (m->asked) fail(w, "%s: its request has not ended", m->id);
  for (i = 0; i < m->rcpts_len; i++)
    if (!m->rcpts[i].settled && !m->held)
      fail(w, "d%u: %s was not delivered in the end", m->rcpts[i].domain, m->id);
}

/* A site is remembered for the longest back-off after the last domain that led to it. */
static void check_forgotten(world *w, node const *n, unsigned int number)
{
  if (!n->known || n->x.domains.count) return;
  if (n->x.known.used_us + w->s.backoff_max_us + SECOND_US >= w->s.now_us) return;
  fail(w, "s%u is remembered, and nothing leads there", number);
}

void check_ended(world *w)
{
  size_t held_mails = 0;
  size_t i;
  check_all(w);
  for (i = 0; i < w->p->mails; i++) check_done(w, w->mails + i);
  for (i = 0; i < w->p->mails; i++) held_mails += w->mails[i].held != 0;
  for (i = 0; i < w->p->domains; i++)
    if (w->doms[i].asked) fail(w, "d%u: its flush has not ended", (unsigned int)i);
  if (w->s.connections.count) fail(w, "connections are left");
  if (w->s.quota.waiting) fail(w, "sites wait for a connection, and nothing is to be done");
  if (held_mails) return;
  for (i = 0; i < w->p->domains; i++)
    if (w->doms[i].known && !w->doms[i].list.count)
      fail(w, "d%u is remembered, and nothing of it is left", (unsigned int)i);
  for (i = 0; i < w->p->sites; i++) check_forgotten(w, w->nodes + i, (unsigned int)i);
}
