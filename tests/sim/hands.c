#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "sched/backoff.h"
#include "sched/moment.h"

/* Ids of a pass that are kept in memory before they are recorded. */
#define KEPT_MAX 64
/* Ids looked at in one piece of an expiry pass; domains and sites in one of forgetting. */
#define SWEEP_TURN 64
#define FORGET_TURN 256

/* --- what is known --------------------------------------------------------------------------- */

node *site_get(world *w, uint32_t number)
{
  node *x = w->nodes + number;
  if (x->known)
  {
    site_used(&w->s, &x->x);
    return x;
  }
  x->known = 1;
  x->down = x->sure = 0;
  x->failures = 0;
  site_add(&w->s, &x->x, x);
  if (!x->file_down) return x;
  site_restore(&w->s, &x->x, x->file_since_s * SECOND_US, x->file_failures,
               x->file_next_s * SECOND_US);
  x->down = 1;
  x->failures = x->file_failures;
  x->next_us = x->x.health.next_us;
  x->failed_us = 0;
  x->probes = 0;
  return x;
}

dom *domain_get(world *w, uint32_t number)
{
  dom *d = w->doms + number;
  node *x;
  d->used_true_us = w->true_us;
  if (d->known)
  {
    domain_used(&w->s, &d->d);
    return d;
  }
  x = site_get(w, d->to);
  d->known = 1;
  domain_add(&w->s, &d->d, d, &x->x, &d->route);
  if (w->s.domains.row.count > w->most_domains) w->most_domains = w->s.domains.row.count;
  return d;
}

source *source_of(world *w, mail const *m)
{
  uint64_t z = roll(w->p->seed, m->number, 3, 3);
  source_key key = { .kind = 'u', .null = z % 7 == 0, .number = z / 7 % w->p->sources };
  return quota_source(&w->s.quota, &key);
}

static void learn(world *w, node *x, mail const *m)
{
  source *from = source_of(w, m);
  site_learn(&w->s, &x->x, from);
  quota_forget(&w->s.quota, from);
}

/* --- lists ----------------------------------------------------------------------------------- */

static uint64_t oldest_of(world const *w, ids const *all)
{
  uint64_t oldest_us = NEVER_US;
  size_t i;
  for (i = 0; i < all->count; i++)
    if (w->mails[all->items[i]].arrival_us < oldest_us)
      oldest_us = w->mails[all->items[i]].arrival_us;
  return oldest_us;
}

static int unrecorded(world const *w, dom const *d)
{
  return d->unrecorded_until_us > w->true_us;
}

static int stuck(world const *w, dom const *d)
{
  return d->stuck_until_us > w->true_us;
}

static int list_add(world *w, dom *d, uint32_t id)
{
  if (unrecorded(w, d))
  {
    domain_damaged(&d->d);
    return 0;
  }
  ids_add(&d->list, id);
  domain_recorded(&w->s, &d->d, w->mails[id].arrival_us);
  return 1;
}

static int id_compare(void const *a, void const *b)
{
  uint32_t x = *(uint32_t const *)a;
  uint32_t y = *(uint32_t const *)b;
  return (x > y) - (x < y);
}

static void ids_sort(ids *all)
{
  size_t from, to = 0;
  if (all->count) qsort(all->items, all->count, sizeof *all->items, id_compare);
  for (from = 0; from < all->count; from++)
    if (!to || all->items[to - 1] != all->items[from]) all->items[to++] = all->items[from];
  all->count = to;
}

static void kept_record(world *w, dom *d)
{
  size_t i;
  ids_sort(&d->kept);
  for (i = 0; i < d->kept.count; i++) list_add(w, d, d->kept.items[i]);
  d->kept.count = 0;
}

static void keep(world *w, dom *d, pass *from, uint32_t id)
{
  if (from->given_back) return;
  if (from != d->d.pass) fail(w, "d%u: what is kept is of no pass", d->number);
  ids_add(&d->kept, id);
  if (d->kept.count >= KEPT_MAX) kept_record(w, d);
}

/* 1, or 0: it stands nowhere. */
static int record(world *w, dom *d, pass *from, uint32_t id, int untried)
{
  if (from) keep(w, d, from, id);
  else if (!list_add(w, d, id)) return 0;
  domain_waits(&w->s, &d->d, untried);
  return 1;
}

void list_known(world *w, dom *d)
{
  if (!d->list.count && !d->claimed) return;
  domain_get(w, d->number);
  if (!d->d.waiting && (!d->route.parked || d->list.count)) domain_listed(&w->s, &d->d, oldest_of(w, &d->list));
  orders(w);
}

/* --- requests by id -------------------------------------------------------------------------- */

static void by_id_tried(world *w, mail *m)
{
  if (!m->asked_domains || --m->asked_domains) return;
  note(w, "by-id over", m->number, 0);
  m->asked = 0;
}

static uint64_t by_id_rest_us(world *w, mail *m)
{
  uint64_t latest_us = 0;
  size_t i;
  for (i = 0; i < m->rcpts_len; i++)
  {
    rcpt const *r = m->rcpts + i;
    dom *d = r->settled ? 0 : domain_get(w, r->domain);
    uint64_t site_us = d ? domain_rest_us(&w->s, &d->d) : 0;
    uint64_t own_us = d && r->attempts ? backoff_rest_us(r->last_us, w->s.now_us) : 0;
    if (site_us > latest_us) latest_us = site_us;
    if (own_us > latest_us) latest_us = own_us;
  }
  return latest_us;
}

void by_id_begin(world *w, mail *m, int first)
{
  uint64_t rest_us = first ? by_id_rest_us(w, m) : 0;
  size_t i;
  if (first) m->by_id++;
  if (rest_us)
  {
    at(w, rest_us - w->s.now_us, EVENT_BY_ID, m, w->boots);
    return;
  }
  m->asked_domains = 1;
  for (i = 0; i < m->rcpts_len; i++)
  {
    dom *d = m->rcpts[i].settled ? 0 : domain_get(w, m->rcpts[i].domain);
    if (d && !d->route.held && domain_try(&w->s, &d->d, m->id, CAUSE_BY_ID)) m->asked_domains++;
    orders(w);
  }
  by_id_tried(w, m);
}

/* What is out is tried once more, unless it is delivered. */
static void promise(world *w, dom const *d)
{
  size_t i, n;
  for (i = 0; i < w->p->mails; i++)
    for (n = 0; n < w->mails[i].rcpts_len; n++)
    {
      rcpt *r = w->mails[i].rcpts + n;
      if (r->domain == d->number && r->out && !r->orphan) r->promised_true_us = w->true_us;
    }
}

void request(world *w, dom *d)
{
  if (!d->known && !d->list.count && !d->claimed)
  {
    d->asked = 0;
    return;
  }
  domain_get(w, d->number);
  d->requests++;
  d->own_requests++;
  d->own_open = 1;
  promise(w, d);
  domain_request_anew(&d->d);
  domain_request(&w->s, &d->d);
  orders(w);
}

/* --- jobs: out ------------------------------------------------------------------------------- */

static uint32_t number_of(char const *id)
{
  return (uint32_t)strtoul(id + 1, 0, 10);
}

static job *job_new(mail *m, enum cause cause, pass *from, dom *from_dom)
{
  job *j = calloc(1, sizeof *j);
  j->m = m;
  j->cause = cause;
  j->from = from;
  j->from_dom = from_dom;
  return j;
}

static void job_add(world *w, job *j, rcpt *r)
{
  dom *d = w->doms + r->domain;
  if (r->out) fail(w, "%s is out twice", j->m->id);
  r->out = 1;
  j->rcpts[j->len].r = r;
  j->rcpts[j->len].d = d;
  j->rcpts[j->len].own_requests = d->own_requests;
  j->rcpts[j->len++].requests = d->d.requests;
}

static void job_out(world *w, job *j, agent *a)
{
  size_t i;
  w->tries++;
  note(w, "try", j->m->number, (uint64_t)j->cause);
  check_try(w, a, j);
  agent_give(w, a, j);
  j->m->jobs++;
  pass_job_out(j->from);
  for (i = 0; i < j->len; i++)
  {
    dom *d = j->rcpts[i].d;
    j->rcpts[i].r->over = a;
    j->rcpts[i].l = domain_job_out(&d->d, &a->c);
    ids_add(&d->carriers, a->index);
    d->jobs++;
  }
  if (j->from_dom) j->from_load = domain_job_out(&j->from_dom->d, &a->c);
}

/* --- jobs: back ------------------------------------------------------------------------------ */

void job_answer(world *w, job *j, size_t i, enum settled settled, int was_cut)
{
  rcpt *r = j->rcpts[i].r;
  j->rcpts[i].answered = 1;
  j->rcpts[i].deferred = settled == OWED;
  r->attempts++;
  r->last_us = clock_us(w) - 1; /* noted before it is told */
  r->last_true_us = w->true_us;
  r->cut = was_cut;
  r->settled = settled;
  if (j->rcpts[i].own_requests == j->rcpts[i].d->own_requests) r->promised_true_us = 0;
  if (settled) w->settled++;
  check_answered(w, j, r, j->rcpts[i].d);
  pass_note(j->from, settled == OWED);
}

static int last_of_dom(job const *j, size_t i)
{
  size_t n;
  for (n = i + 1; n < j->len; n++)
    if (j->rcpts[n].d == j->rcpts[i].d) return 0;
  return 1;
}

enum { DEFERRED = 1, UNTRIED = 2, ASKED_MEANWHILE = 4 };

static unsigned int outcome_of(world *w, job const *j, dom *d)
{
  unsigned int found = 0;
  size_t i;
  for (i = 0; i < j->len; i++)
  {
    if (j->rcpts[i].d != d || j->rcpts[i].r->settled) continue;
    if (j->rcpts[i].answered) domain_deferred(&w->s, &d->d, w->s.now_us, j->rcpts[i].r->attempts);
    found |= j->rcpts[i].answered ? DEFERRED : UNTRIED;
    if (domain_requested_since(&d->d, j->rcpts[i].requests)) found |= ASKED_MEANWHILE;
    check_asked(w, j, d, j->rcpts[i].own_requests, (found & ASKED_MEANWHILE) != 0);
  }
  return found;
}

static uint64_t attempts_of(job const *j)
{
  uint64_t most = 0;
  size_t i;
  for (i = 0; i < j->len; i++)
    if (j->rcpts[i].r->attempts > most) most = j->rcpts[i].r->attempts;
  return most;
}

/* But where that is tried at once, all that was tried since is tried anew with it. */
static void asked_meanwhile(world *w, job const *j, dom *d)
{
  size_t i = 0;
  while (j->rcpts[i].d != d) i++;
  if (d->reversal ? d->own_requests == j->rcpts[i].own_requests : j->cause != CAUSE_DUE)
    d->requests++;
  d->own_anew |= !d->reversal && j->cause != CAUSE_DUE;
  d->own_open |= d->own_anew;
  domain_requested_meanwhile(&w->s, &d->d, j->m->id, j->cause, j->rcpts[i].requests);
}

static void take_back(world *w, job *j, dom *d, enum came came)
{
  unsigned int found = outcome_of(w, j, d);
  if (!found) return;
  if (came == CAME_CUT && found == DEFERRED && j->from && j->from->kind == PASS_FLUSH
   && domain_cut(&d->d, j->from, j->m->id, attempts_of(j), j->m->bytes)) return;
  if (!record(w, d, j->from, j->m->number, (found & UNTRIED) != 0)) j->m->keep_new = 1;
  if (found & ASKED_MEANWHILE) asked_meanwhile(w, j, d);
  else if (came == CAME_AGAIN && (found & UNTRIED))
    domain_try(&w->s, &d->d, j->m->id, pass_again(j->from, j->cause));
  orders(w);
}

static void carrier_leave(dom *d, uint32_t index)
{
  size_t i = 0;
  while (d->carriers.items[i] != index) i++;
  d->carriers.items[i] = d->carriers.items[--d->carriers.count];
}

static void loads_take(job *j)
{
  size_t i;
  for (i = 0; i < j->len; i++)
  {
    domain_job_in(&j->rcpts[i].d->d, j->rcpts[i].l);
    carrier_leave(j->rcpts[i].d, j->a->index);
    j->rcpts[i].d->jobs--;
  }
  if (j->from_dom) domain_job_in(&j->from_dom->d, j->from_load);
}

static void mail_release(mail *m)
{
  if (--m->jobs) return;
  if (!m->keep_new) m->in_new = 0;
}

void job_back(world *w, job *j, enum came came)
{
  mail *m = j->m;
  size_t i;
  for (i = 0; i < j->len; i++) j->rcpts[i].r->out = 0;
  for (i = 0; i < j->len; i++)
    if (last_of_dom(j, i)) take_back(w, j, j->rcpts[i].d, came);
  if (j->cause == CAUSE_BY_ID) by_id_tried(w, m);
  loads_take(j);
  mail_release(m);
  if (j->from_dom) pass_job_in(&w->s, &j->from_dom->d, j->from, j->cause, came);
  orders(w);
  free(j);
}

/* --- new messages ---------------------------------------------------------------------------- */

typedef struct fresh
{
  mail *m;
  int seen[RCPTS_MAX];       /* in a job, or to be recorded, or done */
  int noted[RCPTS_MAX];
} fresh;

static agent *fresh_agent(world *w, fresh *f, dom *d)
{
  node *x = d->d.site->owner;
  source *from = source_of(w, f->m);
  source *account = site_account(&w->s, &x->x, from);
  connection *c;
  agent *a = 0;
  enum choice choice = sched_choose(&w->s, &d->d, account, 0, 0, &c);
  if (choice == CHOICE_CONNECTION) a = c->owner;
  else if (choice == CHOICE_CONNECT && w->connecting_until_us > w->true_us)
    sched_not_connected(&w->s, w->connecting);
  else if (choice == CHOICE_CONNECT)
  {
    check_connect(w, d, x, account);
    a = agent_new(w, x, account);
  }
  quota_forget(&w->s.quota, from);
  return a;
}

static void fresh_send(world *w, fresh *f, dom *first, agent *a)
{
  job *j = job_new(f->m, CAUSE_DUE, 0, 0);
  size_t i;
  for (i = 0; i < f->m->rcpts_len; i++)
  {
    rcpt *r = f->m->rcpts + i;
    dom *d = w->doms + r->domain;
    if (f->seen[i] || d->d.site != first->d.site || domain_parked(&d->d) || r->attempts || r->out)
      continue;
    job_add(w, j, r);
    f->seen[i] = 1;
  }
  if (j->len) job_out(w, j, a);
  else free(j);
}

static void fresh_see_to(world *w, fresh *f, size_t i)
{
  dom *d = w->doms + f->m->rcpts[i].domain;
  node *x = d->d.site->owner;
  agent *a = 0;
  learn(w, x, f->m);
  if (!domain_parked(&d->d) && site_open(&w->s, &x->x)) a = fresh_agent(w, f, d);
  if (a) fresh_send(w, f, d, a);
  if (f->seen[i]) return;
  f->noted[i] = 1;
  for (; i < f->m->rcpts_len; i++)
    if (f->m->rcpts[i].domain == d->number) f->seen[i] = 1;
}

/* What it owes goes at once, or is recorded. */
void mail_new(world *w, mail *m)
{
  fresh f = { .m = m };
  int missed = 0;
  size_t i;
  if (m->jobs || m->held) return;
  for (i = 0; i < m->rcpts_len; i++)
    if (m->rcpts[i].settled) f.seen[i] = 1;
    else domain_get(w, m->rcpts[i].domain);
  for (i = 0; i < m->rcpts_len; i++)
    if (!f.seen[i]) fresh_see_to(w, &f, i);
  for (i = 0; i < m->rcpts_len; i++)
  {
    dom *d = w->doms + m->rcpts[i].domain;
    if (!f.noted[i]) continue;
    if (list_add(w, d, m->number)) domain_waits(&w->s, &d->d, 1);
    else missed = 1;
  }
  m->keep_new = missed;
  if (!m->jobs && !missed) m->in_new = 0;
  orders(w);
}

/* --- from a list ----------------------------------------------------------------------------- */

static int ahead(world const *w, uint64_t us)
{
  return us > w->s.now_us + SECOND_US;
}

static attempt attempt_of(world const *w, rcpt const *r)
{
  return (attempt){ .count = r->attempts, .last_us = r->last_us, .ahead = ahead(w, r->last_us),
    .cut = r->cut };
}

static int owed_behind(dom const *d, rcpt const *r)
{
  return !r->settled && r->domain == d->number;
}

static int expired(world *w, mail const *m, rcpt const *r)
{
  dom *d = domain_get(w, r->domain);
  attempt a = attempt_of(w, r);
  return attempt_expired(&w->s, &d->d, m->arrival_us, &a);
}

static int expired_behind(world *w, dom const *d, mail const *m)
{
  size_t i;
  for (i = 0; i < m->rcpts_len; i++)
    if (owed_behind(d, m->rcpts + i) && !expired(w, m, m->rcpts + i)) return 0;
  return 1;
}

enum expiry { EXPIRY_OVER, EXPIRY_KEEP, EXPIRY_BUSY };

static enum expiry expire(world *w, dom const *d, mail *m)
{
  size_t i;
  for (i = 0; i < m->rcpts_len; i++)
    if (m->rcpts[i].out) return EXPIRY_BUSY;
  for (i = 0; i < m->rcpts_len; i++)
  {
    rcpt *r = m->rcpts + i;
    if (r->settled || !expired(w, m, r)) continue;
    check_expired(w, m, r);
    note(w, "expired", m->number, i);
    r->settled = EXPIRED;
    w->settled++;
  }
  for (i = 0; i < m->rcpts_len; i++)
    if (owed_behind(d, m->rcpts + i)) return EXPIRY_KEEP;
  return EXPIRY_OVER;
}

enum { LOOK_NOT_DUE = 1, LOOK_OURS = 2, LOOK_BUSY = 4 };

/* At the domain's site: what is out at another one is looked at again. */
static int in_our_hands(dom const *d, rcpt const *r)
{
  return !r->orphan && &r->over->x->x == d->d.site;
}

static unsigned int collect(world *w, job *j, dom *d)
{
  unsigned int look = 0;
  size_t i;
  for (i = 0; i < j->m->rcpts_len; i++)
  {
    rcpt *r = j->m->rcpts + i;
    attempt a = attempt_of(w, r);
    if (!owed_behind(d, r)) continue;
    if (!attempt_due(&w->s, &d->d, j->from, j->cause, &a)) look |= LOOK_NOT_DUE;
    else if (r->out) look |= in_our_hands(d, r) ? LOOK_OURS : LOOK_BUSY;
    else job_add(w, j, r);
  }
  return look;
}

static void busy_later(world *w, dom *d, job const *j)
{
  if (j->cause == CAUSE_FLUSH_ANEW || (j->from && j->from->kind == PASS_FLUSH))
    domain_look_again(&w->s, &d->d);
  else if (j->cause == CAUSE_DUE) domain_deferred(&w->s, &d->d, w->s.now_us, 1);
}

static void job_drop(job *j)
{
  size_t i;
  for (i = 0; i < j->len; i++) j->rcpts[i].r->out = 0;
  j->len = 0;
}

static int put_off(job *j, dom *d)
{
  int any = 0;
  size_t i;
  for (i = 0; i < j->len; i++) any |= j->rcpts[i].r->cut;
  return any && j->from && (j->cause == CAUSE_DUE || j->cause == CAUSE_FLUSH)
    && domain_cut(&d->d, j->from, j->m->id, attempts_of(j), j->m->bytes);
}

/* 1: it is out. */
static int deliver_read(world *w, dom *d, agent *a, mail *m, pass *from, enum cause cause)
{
  job *j = job_new(m, cause, from, d);
  unsigned int look = collect(w, j, d);
  if (look) record(w, d, from, m->number, 0);
  if (look & LOOK_BUSY) busy_later(w, d, j);
  if (put_off(j, d)) job_drop(j);
  if (j->len) job_out(w, j, a);
  else
  {
    free(j);
    return 0;
  }
  return 1;
}

static int owes(mail const *m)
{
  size_t i;
  for (i = 0; i < m->rcpts_len; i++)
    if (!m->rcpts[i].settled) return 1;
  return 0;
}

static int deliver(world *w, dom *d, agent *a, mail *m, pass *from, enum cause cause)
{
  if (!owes(m)) return 0;
  learn(w, d->d.site->owner, m);
  if (m->held) return record(w, d, from, m->number, 0), 0;
  if (cause == CAUSE_DUE && domain_overdue(&w->s, &d->d, m->arrival_us) && expired_behind(w, d, m))
  {
    if (expire(w, d, m) != EXPIRY_OVER) record(w, d, from, m->number, 0);
    return 0;
  }
  return deliver_read(w, d, a, m, from, cause);
}

static void deliver_listed(world *w, dom *d, agent *a, char const *id, pass *from, enum cause cause)
{
  mail *m = w->mails + number_of(id);
  int out = deliver(w, d, a, m, from, cause);
  if (cause == CAUSE_BY_ID && !out) by_id_tried(w, m);
}

/* --- orders ---------------------------------------------------------------------------------- */

static void drop_do(world *w, dom *d)
{
  at_once u;
  while (domain_dropped(&d->d, &u))
    if (u.cause == CAUSE_BY_ID) by_id_tried(w, w->mails + number_of(u.id));
}

static void claim_back(dom *d)
{
  ids_move(&d->list, &d->claim);
  d->claimed = 0;
  d->kept.count = 0;
}

static void give_back_do(world *w, dom *d)
{
  int done = !stuck(w, d);
  if (done) claim_back(d);
  domain_given_back(&w->s, &d->d, done);
}

static void settle_do(world *w, dom *d)
{
  char id[SCHED_ID_MAX];
  int given_back;
  while (domain_given_up(&d->d, id)) record(w, d, d->d.pass, number_of(id), 0);
  kept_record(w, d);
  given_back = d->d.pass->damaged;
  if (!given_back && d->d.pass->kind == PASS_FLUSH && d->d.look_again_us == NEVER_US)
    d->own_anew = 0;
  if (!given_back) d->claim.count = 0;
  if (!given_back) d->claimed = 0;
  else if (!stuck(w, d)) claim_back(d);
  domain_settled(&w->s, &d->d, given_back);
}

void pause_for(world *w, uint64_t us)
{
  sched_pause(&w->s);
  if (w->true_us + us <= w->short_until_us) return;
  w->short_until_us = w->true_us + us;
  at(w, us, EVENT_RESUME, 0, 0);
}

/* A claim that could not be given back is there still. */
static enum claimed claim_how(world *w, dom *d)
{
  int had = d->claimed;
  if (stuck(w, d)) return d->obstructed ? CLAIM_OBSTRUCTED : CLAIM_STUCK;
  if (!had && !d->list.count) return CLAIM_NOTHING;
  if (!had) ids_move(&d->claim, &d->list);
  d->claimed = 1;
  ids_sort(&d->claim);
  d->at = 0;
  d->kept.count = 0;
  return d->list.count ? CLAIMED_MORE : CLAIMED;
}

static void claim_do(world *w, dom *d)
{
  enum claimed how;
  check_claim(w, d);
  how = claim_how(w, d);
  if (how == CLAIM_STUCK) pause_for(w, SECOND_US);
  if (how == CLAIM_STUCK && d->d.claim == PASS_FLUSH) d->retake = 1;
  if (how == CLAIM_NOTHING) d->own_anew = 0;
  note(w, "claimed", d->number, (uint64_t)how);
  domain_claimed(&w->s, &d->d, how);
}

static void learn_do(world *w, order *o)
{
  dom *d = o->domain->owner;
  ids const *all = d->list.count ? &d->list : &d->claim;
  size_t n = d->d.at_once.count;
  if (n) learn(w, o->site->owner, w->mails + number_of(array_of(at_once, &d->d.at_once)[n - 1].id));
  else if (all->count) learn(w, o->site->owner, w->mails + all->items[0]);
}

static void connect_do(world *w, order *o)
{
  dom *d = o->domain->owner;
  if (w->connecting_until_us > w->true_us)
  {
    sched_not_connected(&w->s, w->connecting);
    return;
  }
  if (!d->list.count && !d->claim.count && !d->d.at_once.count)
    fail(w, "d%u: nothing waits, and a connection is made", d->number);
  check_connect(w, d, o->site->owner, o->account);
  agent_new(w, o->site->owner, o->account);
}

static void read_do(world *w, order *o)
{
  dom *d = o->domain->owner;
  uint32_t id;
  if (d->at == d->claim.count)
  {
    domain_read_through(&w->s, &d->d, 0);
    return;
  }
  id = d->claim.items[d->at++];
  domain_read(&w->s, &d->d);
  deliver_listed(w, d, o->connection->owner, w->mails[id].id, domain_pass(&d->d), o->cause);
}

static void over_do(world *w, dom *d)
{
  note(w, "request over", d->number, 0);
  if (d->asked) check_over(w, d);
  d->asked = 0;
}

void order_do(world *w, order *o)
{
  dom *d = o->domain->owner;
  w->steps++;
  note(w, "order", (uint64_t)o->kind, d->number);
  switch (o->kind)
  {
    case ORDER_DROP: drop_do(w, d); break;
    case ORDER_GIVE_BACK: give_back_do(w, d); break;
    case ORDER_SETTLE: settle_do(w, d); break;
    case ORDER_CLAIM: claim_do(w, d); break;
    case ORDER_REQUEST_OVER: over_do(w, d); break;
    case ORDER_LEARN: learn_do(w, o); break;
    case ORDER_CONNECT: connect_do(w, o); break;
    case ORDER_READ: read_do(w, o); break;
    case ORDER_TRY:
      deliver_listed(w, d, o->connection->owner, o->id, domain_pass(&d->d), o->cause);
      break;
    default: fail(w, "an order of no kind"); break;
  }
}

void orders(world *w)
{
  unsigned int n = 0;
  order o;
  if (w->draining) return;
  w->draining = 1;
  while (sched_order(&w->s, &o))
  {
    order_do(w, &o);
    if (++n < 1000000) continue;
    fail(w, "orders without an end");
    break;
  }
  w->draining = 0;
}

/* --- reversals ------------------------------------------------------------------------------- */

/* So long after it ended what it left behind has its turn. */
#define AFTER_REVERSAL_US (310 * SECOND_US)

static node *reversal_new(world *w, enum mode mode)
{
  node *x = calloc(1, sizeof *x);
  if (!(w->reversals_count & (w->reversals_count + 1)))
    w->reversals = realloc(w->reversals, (2 * w->reversals_count + 2) * sizeof *w->reversals);
  x->number = 100000 + (uint32_t)w->reversals_count;
  w->reversals[w->reversals_count++] = x;
  x->reversal = x->known = 1;
  x->mode = mode;
  x->begun_true_us = w->true_us;
  reversal_begin(&w->s, &x->x, x);
  return x;
}

static void reversal_takes(world *w, node *x, dom *d)
{
  connection *before;
  if (d->route.held || d->reversal == x) return;
  domain_get(w, d->number);
  d->requests++;
  d->reversal = x;
  d->calm_us = NEVER_US;
  before = reversal_take(&w->s, &x->x, &d->d);
  if (before) at(w, SECOND_US, EVENT_LEAVE, before->owner, ((agent *)before->owner)->number);
  orders(w);
}

/* Its domains are some of those that lead where its first one leads. */
void reversal_comes(world *w, deed const *e)
{
  uint32_t i;
  node *x;
  if (w->stopped) return;
  x = reversal_new(w, w->healed ? MODE_UP : (enum mode)e->b);
  agent_new(w, x, &w->s.quota.sure);
  for (i = 0; i < w->p->domains; i++)
    if (i == e->a || roll(w->p->seed, e->n, i, 41) % 4 == 0) reversal_takes(w, x, w->doms + i);
}

static void went_home(world *w, dom *d)
{
  d->reversal = 0;
  d->own_open = d->asked || d->own_anew;
  d->calm_us = w->true_us + AFTER_REVERSAL_US;
  if (d->d.home || d->d.site != &w->nodes[d->to].x)
    fail(w, "d%u: its reversal is over, and it is not at its site", d->number);
  if (d->rerouted) reroute(w, d, d->rerouted_to);
}

void reversal_over(world *w, node *x)
{
  domain *d;
  while ((d = reversal_release(&w->s, &x->x)))
  {
    went_home(w, d->owner);
    orders(w);
  }
  reversal_leave(&w->s, &x->x);
  x->known = 0;
}

/* --- looks ----------------------------------------------------------------------------------- */

/* 1: there is more. */
int sweep(world *w)
{
  domain *of = sched_sweep(&w->s);
  dom *d = of ? of->owner : 0;
  unsigned int n;
  if (!d) return 0;
  w->steps++;
  for (n = 0; n < SWEEP_TURN && d->at < d->claim.count; n++)
  {
    mail *m = w->mails + d->claim.items[d->at++];
    enum expiry came = EXPIRY_KEEP;
    if (!owes(m)) came = EXPIRY_OVER;
    else if (!m->held && domain_overdue(&w->s, &d->d, m->arrival_us)) came = expire(w, d, m);
    if (came != EXPIRY_OVER) keep(w, d, d->d.pass, m->number);
    d->d.pass->busy |= came == EXPIRY_BUSY;
  }
  if (d->at == d->claim.count) domain_read_through(&w->s, &d->d, 0);
  orders(w);
  return sched_sweep(&w->s) && sched_sweep(&w->s) != of;
}

static void warn_each(world *w, dom *d, ids const *all, uint64_t to_us)
{
  size_t i, n;
  for (i = 0; i < all->count; i++)
  {
    mail *m = w->mails + all->items[i];
    if (m->arrival_us > to_us) domain_unwarned(&d->d, m->arrival_us);
    else if (m->arrival_us > d->d.warned_us && !m->held)
      for (n = 0; n < m->rcpts_len; n++)
        if (owed_behind(d, m->rcpts + n)) m->rcpts[n].warned = 1;
  }
}

static void unseen_note(world *w)
{
  size_t i;
  for (i = 0; i < w->new.count; i++)
    if (w->mails[w->new.items[i]].in_new) w->mails[w->new.items[i]].unseen = 1;
}

int warn(world *w)
{
  domain *of = sched_warning(&w->s);
  dom *d = of ? of->owner : 0;
  int opened = d && !stuck(w, d);
  uint64_t to_us;
  if (!d) return 0;
  w->steps++;
  note(w, "warn", d->number, 0);
  unseen_note(w);
  if (!d->route.delaywarning_us)
    fail(w, "d%u: looked through for warnings that nobody wants", d->number);
  to_us = opened ? domain_warn_begin(&w->s, &d->d) : 0;
  if (opened) warn_each(w, d, &d->list, to_us);
  if (opened) warn_each(w, d, &d->claim, to_us);
  domain_warned(&w->s, &d->d, to_us, opened);
  return sched_warning(&w->s) != 0;
}

int forget(world *w)
{
  unsigned int left = FORGET_TURN;
  domain *d;
  site *x;
  while (sched_forget(&w->s, &left, &d, &x))
  {
    if (d)
    {
      dom *gone = d->owner;
      note(w, "forget domain", gone->number, 0);
      if (gone->list.count || gone->claimed || gone->jobs)
        fail(w, "d%u is forgotten, and mail of it is there", gone->number);
      domain_leave(&w->s, d);
      gone->known = 0;
    }
    else
    {
      node *gone = x->owner;
      note(w, "forget site", gone->number, 0);
      if (gone->open) fail(w, "s%u is forgotten, and has connections", gone->number);
      site_leave(&w->s, x);
      gone->known = gone->file_down = gone->down = 0;
    }
  }
  return sched_forget_more(&w->s);
}

/* --- the end of the scheduler ---------------------------------------------------------------- */

/* Its agents go on with what they have begun. */
static void orphan(world *w, job *j)
{
  size_t i;
  for (i = 0; i < j->len; i++)
  {
    j->rcpts[i].r->orphan = 1;
    j->rcpts[i].r->over = 0;
    at(w, 1000000 * (1 + j->m->number % 7), EVENT_ORPHAN, j->rcpts[i].r, 0);
  }
}

static void job_gone(world *w, job *j)
{
  orphan(w, j);
  loads_take(j);
  j->m->jobs = 0;
  if (j->from && j->from->given_back && !--j->from->jobs)
  {
    cuts_free(&j->from->cuts);
    free(j->from);
  }
  free(j);
}

static void agent_gone(world *w, agent *a)
{
  job *j = a->first;
  job *next;
  connection_leave(&w->s, &a->c);
  for (; j; j = next)
  {
    next = j->next;
    job_gone(w, j);
  }
  if (a->up) a->x->open--;
  a->live = a->up = 0;
  a->first = a->last = 0;
  a->jobs = 0;
  a->serial = ++w->serials;
  a->next = w->agents_free;
  w->agents_free = a;
}

static void domain_gone(world *w, dom *d)
{
  if (d->d.pass)
  {
    cuts_free(&d->d.pass->cuts);
    free(d->d.pass);
  }
  domain_leave(&w->s, &d->d);
  d->known = 0;
  if (d->reversal) d->calm_us = w->true_us + AFTER_REVERSAL_US;
  d->reversal = 0;
  d->own_anew = 0;
  d->kept.count = 0;
  d->retake = 0;
  if (d->claimed) claim_back(d);
}

/* What it has promised of what was out it forgets. */
static void promises_gone(world *w)
{
  size_t i, n;
  for (i = 0; i < w->p->mails; i++)
    for (n = 0; n < w->mails[i].rcpts_len; n++) w->mails[i].rcpts[n].promised_true_us = 0;
}

void hands_teardown(world *w)
{
  size_t i;
  promises_gone(w);
  for (i = 0; i < w->agents_count; i++)
    if (w->agents[i]->live) agent_gone(w, w->agents[i]);
  w->sending.count = 0;
  for (i = 0; i < w->agents_count; i++) w->agents[i]->to_send = 0;
  for (i = 0; i < w->p->domains; i++)
    if (w->doms[i].known) domain_gone(w, w->doms + i);
  for (i = 0; i < w->p->sites; i++)
  {
    node *x = w->nodes + i;
    if (!x->known) continue;
    quota_leave(&w->s.quota, &x->x.waiter);
    site_leave(&w->s, &x->x);
    x->known = 0;
  }
  for (i = 0; i < w->reversals_count; i++)
    if (w->reversals[i]->known) reversal_leave(&w->s, &w->reversals[i]->x);
  for (i = 0; i < w->reversals_count; i++) w->reversals[i]->known = 0;
  array_free(&w->s.timers.heap);
  if (w->s.quota.sources) fail(w, "sources are left when nobody uses one");
  if (w->s.quota.all || w->s.quota.waiting) fail(w, "connections are counted when there are none");
}
