#include "qmgr/orders.h"

#include <errno.h>
#include <string.h>

#include "qmgr/listed.h"
#include "qmgr/outcome.h"
#include "qmgr/requests.h"
#include "qmgr/reversals.h"

/* What is looked at in one piece, to be forgotten. */
#define FORGET_TURN 256

/* --- orders ---------------------------------------------------------------------------------- */

/* Messages that were requested count as tried. */
static void drop(delivery *d, domain *x)
{
  at_once u;
  while (domain_dropped(x, &u))
    if (u.cause == CAUSE_BY_ID) delivery_request_tried(d, u.id);
}

static void claim_list(delivery *d, domain *x)
{
  int flush = x->claim == PASS_FLUSH;
  if (list_claim(d->lists, list_of(x)) == CLAIM_STUCK && flush) d->look_requests = 1;
}

static void request_over(delivery const *d, list const *l)
{
  if (flush_unask(d->core->queue, l->name) == -1)
    log_line("warning: unable to remove asked/", l->name, ": ", strerror(errno));
}

static void read_and_try(delivery *d, order const *o)
{
  list *l = list_of(o->domain);
  char id[ID_LEN + 1];
  int r = list_read(d->lists, l, id);
  if (!r) return;
  domain_read(&d->core->sched, o->domain);
  if (r == -1) return;
  delivery_try(d, l, agent_of(o->connection), id, domain_pass(o->domain), o->cause);
}

static void carry_out(delivery *d, order const *o)
{
  list *l = list_of(o->domain);
  switch (o->kind)
  {
    case ORDER_DROP: drop(d, o->domain); break;
    case ORDER_GIVE_BACK: list_give_back(d->lists, l); break;
    case ORDER_SETTLE: list_settle(d->lists, l); break;
    case ORDER_CLAIM: claim_list(d, o->domain); break;
    case ORDER_REQUEST_OVER: request_over(d, l); break;
    case ORDER_LEARN: delivery_learn(d, l, o->id); break;
    case ORDER_CONNECT: delivery_connect(d, o->site, o->account); break;
    case ORDER_READ: read_and_try(d, o); break;
    case ORDER_TRY:
      delivery_try(d, l, agent_of(o->connection), o->id, domain_pass(o->domain), o->cause);
      break;
  }
}

void orders_run(delivery *d)
{
  order o;
  while (sched_order(&d->core->sched, &o)) carry_out(d, &o);
}

void orders_turns(delivery *d)
{
  order o;
  sched_turns(&d->core->sched);
  while (sched_turn(&d->core->sched, &o)) carry_out(d, &o);
}

/* --- the end of an agent --------------------------------------------------------------------- */

/* Its jobs are back, whatever it was in the middle of. */
static void agent_over(delivery *d, agent *a, enum came came, char const *why)
{
  int turned = a->connection.site->reversal;
  job *j;
  agent_end(d->agents, a);
  if (turned)
  {
    reversals_over(d->lists, hop_of(a->connection.site));
    orders_run(d);
  }
  while ((j = agent_job_take(a)))
    delivery_back(d, j, turned ? reversal_came(j->cause) : came, why);
  site_wake(&d->core->sched, a->connection.site);
}

/*
 * Of the messages that agents held, each is told of in the log: by us, but for an agent that has
 * done so with its last word.
 */
static void site_over(delivery *d, hop *h, agent *told, char const *why)
{
  connection *c;
  log_later(h->turned ? "turn " : "site ", h->name, h->turned ? ": over, " : ": down, ", why);
  hop_write(d->hops, h, SITEFILE_DOWN, why);
  orders_run(d);
  if (told) agent_over(d, told, CAME_UNDONE, "");
  while ((c = row_first(&h->site.connections))) agent_over(d, agent_of(c), CAME_UNDONE, why);
}

static void refused(delivery *d, agent *a, agent *told, char const *why)
{
  if (sched_refused(&d->core->sched, &a->connection))
    site_over(d, hop_of(a->connection.site), told, why);
  else agent_over(d, a, CAME_AGAIN, "");
}

static void closed(delivery *d, agent *a)
{
  connection const *c = &a->connection;
  if (!c->jobs || c->done || c->leaving) agent_over(d, a, CAME_AGAIN, "");
  else refused(d, a, a, "4.3.0 the delivery agent ended without a word");
}

/* --- what agents say ------------------------------------------------------------------------- */

static void up(delivery *d, agent *a, char const *relay)
{
  hop const *h = hop_of(a->connection.site);
  int was_down;
  if (!sched_answered(&d->core->sched, &a->connection, &was_down)) return;
  if (was_down) log_later("site ", h->name, ": up, ", relay);
  hop_write(d->hops, h, SITEFILE_UP, relay);
}

static void result(delivery *d, agent *a, job *j, job_result const *r)
{
  int took = r->status == JOB_SENT || r->status == JOB_RELAYED;
  char relay[LOG_LINE_MAX];
  delivery_result(d, j, r);
  if (!job_status_settled(r->status)) return;
  if (sched_served(&d->core->sched, &a->connection, took))
    hop_write(d->hops, hop_of(a->connection.site), SITEFILE_UP,
              log_clean(relay, sizeof relay, r->relay.s, r->relay.len));
}

static void vain(delivery *d, agent *a, agent_event const *e)
{
  int too_many = strstr(e->text, JOB_TEXT_SAID "421") != 0;
  switch (sched_vain(&d->core->sched, &a->connection, e->id, e->drop, too_many))
  {
    case VAIN_LEAVE: agent_leave(a); break;
    case VAIN_FAILED: site_over(d, hop_of(a->connection.site), 0, e->text); break;
    default: break;
  }
}

static void back(delivery *d, agent *a, job *j, enum came came)
{
  delivery_back(d, j, came, "");
  site_wake(&d->core->sched, a->connection.site);
}

static void heard(delivery *d, agent *a, agent_event const *e)
{
  switch (e->kind)
  {
    case AGENT_UP: up(d, a, e->text); break;
    case AGENT_LOST: sched_lost(&d->core->sched, &a->connection, e->drop); break;
    case AGENT_VAIN: vain(d, a, e); break;
    case AGENT_DOWN: refused(d, a, a, e->text); break;
    case AGENT_RESULT: result(d, a, e->job, &e->result); break;
    case AGENT_BACK: back(d, a, e->job, e->came); break;
  }
  orders_run(d);
}

void orders_agent_readable(delivery *d, agent *a)
{
  agent_event e;
  int ended;
  if (agent_read(a, &ended))
    while (agent_event_next(d->agents, a, &e)) heard(d, a, &e);
  if (!ended) return;
  closed(d, a);
  orders_run(d);
}

/* --- time ------------------------------------------------------------------------------------ */

void orders_timers(delivery *d)
{
  sched *s = &d->core->sched;
  tick t;
  while (sched_tick(s, &t))
  {
    if (t.idle) agent_over(d, agent_of(t.idle), CAME_AGAIN, "");
    if (t.hanging)
      refused(d, agent_of(t.hanging), 0, "4.4.2 no answer, and others wait for the connection");
    orders_run(d);
  }
}

int orders_forget(delivery *d)
{
  sched *s = &d->core->sched;
  unsigned int left = FORGET_TURN;
  domain *x;
  site *y;
  while (sched_forget(s, &left, &x, &y))
  {
    if (x) lists_forget(d->lists, list_of(x));
    if (y) hops_forget(d->hops, hop_of(y));
  }
  return sched_forget_more(s);
}
