#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "sched/limit.h"
#include "sched/moment.h"

/* As long as an agent looks for a way to a site; as a reply may take. */
#define REACH_US (120 * SECOND_US)
#define REPLY_US (300 * SECOND_US)
/* Messages a connection carries to a site that says 421 then. */
#define FEW 7
/* Connections a site takes that takes few. */
#define LIMIT 2

static uint64_t chance(world const *w, agent *a, uint64_t of)
{
  return roll(w->p->seed, a->number * 65536 + a->asked_rolls++, a->x->number, 9) % of;
}

static void later(world *w, agent *a, uint64_t in_us)
{
  at(w, in_us, EVENT_AGENT, a, a->serial);
}

static int over(node const *x)
{
  return x->open >= LIMIT;
}

/* --- its beginning and end ------------------------------------------------------------------- */

static agent *agent_take(world *w)
{
  agent *a = w->agents_free;
  uint32_t index;
  if (a)
  {
    w->agents_free = a->next;
    index = a->index;
  }
  else
  {
    a = malloc(sizeof *a);
    index = (uint32_t)w->agents_count;
    if (!(index & (index + 1)))
      w->agents = realloc(w->agents, (2 * (size_t)index + 2) * sizeof *w->agents);
    w->agents[w->agents_count++] = a;
  }
  memset(a, 0, sizeof *a);
  a->index = index;
  return a;
}

static void connect_begin(world *w, agent *a)
{
  a->serial = ++w->serials;
  a->up = a->working = a->doomed = 0;
  a->carried = a->settled = 0;
  if (a->x->mode == MODE_MUTE) a->doomed = 1;
  later(w, a, a->doomed ? REACH_US : 1000 + chance(w, a, 200000));
}

agent *agent_new(world *w, node *x, source *account)
{
  agent *a = agent_take(w);
  a->x = x;
  a->live = 1;
  a->number = ++w->connected;
  connection_add(&w->s, &a->c, a, &x->x, account);
  note(w, "connect", x->number, a->number);
  if (!chance(w, a, 4)) connection_window(&a->c, 1 + chance(w, a, 1000));
  connect_begin(w, a);
  return a;
}

static void down_at_site(agent *a)
{
  if (a->up) a->x->open--;
  a->up = 0;
}

void agent_end(world *w, agent *a, enum came came)
{
  job *j = a->first;
  note(w, "end", a->x->number, a->number);
  down_at_site(a);
  a->live = 0;
  a->serial = ++w->serials;
  connection_leave(&w->s, &a->c);
  if (a->x->reversal) reversal_over(w, a->x);
  while (j)
  {
    job *next = j->next;
    job_back(w, j, a->x->reversal ? reversal_came(j->cause) : came);
    j = next;
  }
  a->first = a->last = 0;
  if (!a->x->reversal) site_wake(&w->s, &a->x->x);
  if (a->c.loads.count)
    fail(w, "connection %llu ends and carries mail", (unsigned long long)a->number);
  a->next = w->agents_free;
  w->agents_free = a;
}

static void agents_failed(world *w, node *x)
{
  while (x->x.connections.count) agent_end(w, row_first(&x->x.connections), CAME_UNDONE);
}

static void file_write(world *w, node *x)
{
  health const *h = &x->x.health;
  (void)w;
  x->file_down = h->state == HEALTH_DOWN;
  x->file_since_s = h->since_us / SECOND_US;
  x->file_failures = h->failures;
  x->file_next_s = h->next_us / SECOND_US;
}

/* It refused, or hung: one end, or all. */
static void refused(world *w, agent *a)
{
  node *x = a->x;
  uint64_t next_us = x->x.health.next_us;
  int was_down = x->x.health.state == HEALTH_DOWN;
  int failed;
  note(w, "refused", x->number, a->number);
  failed = sched_refused(&w->s, &a->c);
  if (x->reversal)
  {
    agent_end(w, a, CAME_UNDONE);
    return;
  }
  if (failed) check_failed(w, x, next_us, was_down);
  if (failed) file_write(w, x);
  orders(w);
  if (failed)
  {
    agent_end(w, a, CAME_UNDONE);
    agents_failed(w, x);
  }
  else agent_end(w, a, CAME_AGAIN);
}

void agent_give_up(world *w, agent *a)
{
  note(w, "give up", a->x->number, a->number);
  refused(w, a);
}

/* --- messages -------------------------------------------------------------------------------- */

void agent_give(world *w, agent *a, job *j)
{
  j->a = a;
  j->next = 0;
  if (a->last) a->last->next = j;
  else a->first = j;
  a->last = j;
  a->jobs++;
  connection_given(&w->s, &a->c, j->m->bytes, j->cause == CAUSE_ALONE);
  if (!a->to_send) ids_add(&w->sending, a->index);
  a->to_send = 1;
}

static uint64_t service_us(world *w, agent *a)
{
  if (a->x->mode == MODE_SLOW) return SECOND_US + chance(w, a, 9 * SECOND_US);
  if (a->x->mode == MODE_SILENT) return REPLY_US;
  return 1000 + chance(w, a, 40000);
}

static void start(world *w, agent *a)
{
  if (!a->up || !a->first || a->working) return;
  a->working = 1;
  later(w, a, service_us(w, a));
  if (a->x->mode == MODE_SILENT) at(w, 5 * SECOND_US, EVENT_STUCK, a, a->serial);
}

/* The descriptors travel; now and then they do not at once. */
void agents_flush(world *w)
{
  size_t i;
  for (i = 0; i < w->sending.count; i++)
  {
    agent *a = w->agents[w->sending.items[i]];
    a->to_send = 0;
    if (!a->live) continue;
    connection_sent(&w->s, &a->c, !chance(w, a, 64));
    if (a->c.blocked) at(w, 1000 + chance(w, a, SECOND_US), EVENT_AGAIN, a, a->number);
    start(w, a);
  }
  w->sending.count = 0;
}

static void unlink_job(agent *a, job *j)
{
  job **link = &a->first;
  while (*link != j) link = &(*link)->next;
  *link = j->next;
  a->jobs--;
  a->last = a->first;
  while (a->last && a->last->next) a->last = a->last->next;
}

static void came_back(world *w, agent *a, job *j, enum came came)
{
  unlink_job(a, j);
  note(w, came == CAME_DONE ? "done" : came == CAME_CUT ? "cut" : "back", j->m->number, a->number);
  connection_back(&w->s, &a->c, j->m->bytes, came == CAME_AGAIN);
  job_back(w, j, came);
  site_wake(&w->s, &a->x->x);
}

/* It gives back what it has not begun. */
void agent_stuck(world *w, agent *a)
{
  while (a->live && a->up && a->first && a->first->next) came_back(w, a, a->last, CAME_AGAIN);
}

/* --- what the site says ---------------------------------------------------------------------- */

static enum settled verdict(world *w, agent *a, job *j, rcpt const *r)
{
  uint64_t z = roll(w->p->seed, j->m->number, r->attempts, 31) % 100;
  if (w->healed) return SENT;
  if (a->x->mode == MODE_DEFERS) return OWED;
  return z < 6 ? OWED : z < 9 ? REFUSED : SENT;
}

static void answer(world *w, agent *a, job *j)
{
  size_t i;
  for (i = 0; i < j->len; i++)
  {
    enum settled v = verdict(w, a, j, j->rcpts[i].r);
    job_answer(w, j, i, v, 0);
    if (v == OWED) continue;
    sched_served(&w->s, &a->c, v == SENT);
    a->x->sure = 1;
    a->x->failures = 0;
    a->settled++;
  }
  a->carried++;
  came_back(w, a, j, CAME_DONE);
}

static void cut_answer(world *w, job *j)
{
  size_t i;
  for (i = 0; i < j->len; i++)
    if (!j->rcpts[i].answered) job_answer(w, j, i, OWED, 1);
}

static void lost(world *w, agent *a, int drop)
{
  note(w, "lost", a->x->number, (uint64_t)drop);
  sched_lost(&w->s, &a->c, drop);
  orders(w);
}

/* 1; 0: the agent is no more. */
static int vain(world *w, agent *a, char const *id, int drop, int too_many)
{
  node *x = a->x;
  uint64_t next_us = x->x.health.next_us;
  int was_down = x->x.health.state == HEALTH_DOWN;
  enum vain came;
  note(w, "vain", x->number, (uint64_t)(drop * 2 + too_many));
  came = sched_vain(&w->s, &a->c, id, drop, too_many);
  if (came == VAIN_FAILED) check_failed(w, x, next_us, was_down);
  if (came == VAIN_FAILED) file_write(w, x);
  orders(w);
  if (came == VAIN_FAILED) agents_failed(w, x);
  if (came == VAIN_LEAVE) at(w, 10000, EVENT_LEAVE, a, a->number);
  return came != VAIN_FAILED;
}

/*
 * The connection ended.
 *   head  the message whose reply was due, or NULL
 *   mid   its MAIL had been taken
 */
static void connection_cut(world *w, agent *a, job *head, int mid, int drop, int too_many)
{
  int in_vain = !a->settled && !a->carried && (!drop || a->jobs < 2 || chance(w, a, 2));
  char id[SCHED_ID_MAX] = "-";
  int given_up = head && (mid || head->struck);
  if (head) strcpy(id, head->m->id);
  if (head && in_vain) head->struck = 1;
  down_at_site(a);
  if (given_up)
  {
    cut_answer(w, head);
    came_back(w, a, head, CAME_CUT);
    if (!a->live) return;
  }
  if (a->x->reversal)
  {
    agent_end(w, a, CAME_UNDONE);
    return;
  }
  if (in_vain && !vain(w, a, id, drop, too_many)) return;
  if (!in_vain) lost(w, a, drop);
  connect_begin(w, a);
}

static void came_up(world *w, agent *a)
{
  int was_down;
  a->up = 1;
  a->x->open++;
  note(w, "up", a->x->number, a->number);
  sched_answered(&w->s, &a->c, &was_down);
  if (was_down != a->x->down)
    fail(w, "site s%u was%s down, and the scheduler says the other", a->x->number,
         a->x->down ? "" : " not");
  if (a->x->down) a->x->up_true_us = w->true_us;
  a->x->down = 0;
  file_write(w, a->x);
  orders(w);
  start(w, a);
}

static void reached(world *w, agent *a)
{
  enum mode mode = a->x->mode;
  if (a->doomed || mode == MODE_DEAD || (mode == MODE_LIMITED && over(a->x)) || !chance(w, a, 300))
    refused(w, a);
  else if (mode == MODE_MUTE)
  {
    a->doomed = 1;
    later(w, a, REACH_US);
  }
  else came_up(w, a);
}

static void reply(world *w, agent *a)
{
  job *j = a->first;
  if (a->c.blocked)
  {
    later(w, a, 10000);
    return;
  }
  a->working = 0;
  if (!j) return;
  switch (a->x->mode)
  {
    case MODE_DEAD: case MODE_MUTE: connection_cut(w, a, j, 1, 1, 0); return;
    case MODE_SILENT: connection_cut(w, a, j, 1, 0, 0); return;
    case MODE_VAIN: connection_cut(w, a, j, 0, chance(w, a, 2) != 0, 0); return;
    case MODE_421: if (a->carried < FEW) break;
      connection_cut(w, a, j, 0, 0, 1); return;
    case MODE_LIMITED_421: if (a->x->open <= LIMIT) break;
      connection_cut(w, a, j, 0, 0, 1); return;
    case MODE_LOSSY: if (chance(w, a, 5)) break;
      connection_cut(w, a, j, 1, 1, 0); return;
    default: break;
  }
  if (j->m->poison && !w->healed) connection_cut(w, a, j, 1, 1, 0);
  else answer(w, a, j);
  if (a->live) start(w, a);
}

/* The other end of the socket is gone. */
static void crashed(world *w, agent *a)
{
  note(w, "crash", a->x->number, a->number);
  if (!a->jobs || a->c.done || a->c.leaving) agent_end(w, a, CAME_AGAIN);
  else refused(w, a);
}

void agent_event(world *w, agent *a)
{
  if (a->up && !w->healed && !chance(w, a, 2000)) crashed(w, a);
  else if (a->up) reply(w, a);
  else reached(w, a);
}
