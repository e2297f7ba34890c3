/*
 * A million domains and a hundred million messages a day: what the scheduler itself costs.
 *
 *     scale [-d DOMAINS] [-r MESSAGES_A_DAY] [-t SECONDS]
 *
 * At first a message waits for each domain, and its site was down when it was last heard of.  Then
 * mail comes at its rate, half of it for a thousand of the domains.  A tenth of the sites refuse,
 * one of a hundred hangs, one message of a hundred is deferred.  As much of a day is simulated as
 * takes so many seconds.  What is measured is the time spent inside of the scheduler, not this
 * world's.
 */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sched/moment.h"
#include "sched/sched.h"

#define NONE UINT32_MAX
#define BEGIN_US UINT64_C(1700000000000000)
#define DAY_US UINT64_C(86400000000)

typedef struct mail
{
  uint32_t next;             /* in its list, or among those that are free */
  uint32_t domain;
  uint64_t arrival_us;
  uint64_t last_us;
  uint32_t attempts;
} mail;

typedef struct list
{
  uint32_t first;
  uint32_t last;
} list;

typedef struct dom
{
  domain d;
  list waits;
  list claim;
  list kept;
  uint32_t number;
} dom;

typedef struct job
{
  struct job *next;
  uint32_t m;
  dom *d;
  pass *from;
  load *l;
  enum cause cause;
  int listed;
} job;

typedef struct agent
{
  connection c;
  job *first;
  job *last;
  uint64_t serial;
  int up;
  uint32_t site;
} agent;

typedef struct event
{
  uint64_t at_us;
  agent *a;
  uint64_t serial;
} event;

static sched s;
static uint64_t now_us = BEGIN_US;
static uint32_t domains = 1000000;
static uint32_t sites;
static uint64_t a_day = 100000000;
static dom **doms;
static list *lists;          /* of domains that are not known */
static site **nodes;
static mail *mails;
static uint32_t mails_room, mails_free = NONE;
static event *heap;
static size_t heap_count, heap_room;
static uint64_t serials;
static domain_route const route = {
  .lifetime_us = 5 * DAY_US, .delaywarning_us = 4 * 3600 * SECOND_US, .concurrency = 20
};

/* --- time in the scheduler ------------------------------------------------------------------- */

static uint64_t spent, spent_forgetting, entered, overhead, calls;

static uint64_t cycles(void)
{
#ifdef __x86_64__
  return __builtin_ia32_rdtsc();
#else
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
#endif
}

static void in(void)
{
  entered = cycles();
}

static void out(void)
{
  uint64_t took = cycles() - entered;
  spent += took > overhead ? took - overhead : 0;
  calls++;
}

static double cpu(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double ns_a_cycle(void)
{
  double began = cpu();
  uint64_t from = cycles();
  while (cpu() - began < 0.2) ;
  return (cpu() - began) * 1e9 / (double)(cycles() - from);
}

static void overhead_measure(void)
{
  unsigned int i;
  uint64_t least = UINT64_MAX;
  for (i = 0; i < 1000; i++)
  {
    uint64_t from = cycles();
    uint64_t took = cycles() - from;
    if (took < least) least = took;
  }
  overhead = least;
}

/* --- small things ---------------------------------------------------------------------------- */

static uint64_t roll(uint64_t a, uint64_t b)
{
  uint64_t z = a * UINT64_C(0x9e3779b97f4a7c15) + b * UINT64_C(0xd1b54a32d192ed03);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static void list_add(list *l, uint32_t m)
{
  mails[m].next = NONE;
  if (l->first == NONE) l->first = m;
  else mails[l->last].next = m;
  l->last = m;
}

static void list_move(list *to, list *from)
{
  if (from->first == NONE) return;
  if (to->first == NONE) *to = *from;
  else
  {
    mails[to->last].next = from->first;
    to->last = from->last;
  }
  from->first = NONE;
}

static uint32_t list_take(list *l)
{
  uint32_t m = l->first;
  if (m != NONE) l->first = mails[m].next;
  return m;
}

static uint32_t mail_new(uint32_t to)
{
  uint32_t m = mails_free;
  if (m == NONE)
  {
    uint32_t i, room = mails_room ? 2 * mails_room : 1u << 20;
    mails = realloc(mails, room * sizeof *mails);
    for (i = mails_room; i < room; i++) mails[i].next = i + 1 < room ? i + 1 : NONE;
    mails_free = mails_room;
    mails_room = room;
    m = mails_free;
  }
  mails_free = mails[m].next;
  mails[m] = (mail){ .next = NONE, .domain = to, .arrival_us = now_us };
  return m;
}

static void mail_done(uint32_t m)
{
  mails[m].next = mails_free;
  mails_free = m;
}

static void at(uint64_t in_us, agent *a)
{
  event e = { now_us + in_us, a, a->serial };
  size_t i = heap_count++;
  if (heap_count > heap_room) heap = realloc(heap, (heap_room = 2 * heap_count) * sizeof *heap);
  for (; i && e.at_us < heap[(i - 1) / 2].at_us; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
  heap[i] = e;
}

static event event_take(void)
{
  event first = heap[0];
  event last = heap[--heap_count];
  size_t i = 0, child;
  while ((child = 2 * i + 1) < heap_count)
  {
    if (child + 1 < heap_count && heap[child + 1].at_us < heap[child].at_us) child++;
    if (heap[child].at_us >= last.at_us) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = last;
  return first;
}

/* --- counts ---------------------------------------------------------------------------------- */

static uint64_t accepted, sent, deferred, tries, connects, failures, orders_done, most_known;

/* --- what is known --------------------------------------------------------------------------- */

static uint32_t site_of(uint32_t number)
{
  return number % sites;
}

/* 0: it is well; 1: it refuses; 2: it hangs. */
static int ill(uint32_t number)
{
  uint64_t z = roll(number, 5) % 100;
  return z < 10 ? 1 : z == 10 ? 2 : 0;
}

static site *site_get(uint32_t number)
{
  site *x = nodes[number];
  in();
  if (x) site_used(&s, x);
  else
  {
    x = nodes[number] = malloc(sizeof *x);
    site_add(&s, x, nodes + number);
  }
  out();
  return x;
}

static dom *domain_get(uint32_t number)
{
  dom *d = doms[number];
  site *x;
  if (d)
  {
    in(); domain_used(&s, &d->d); out();
    return d;
  }
  x = site_get(site_of(number));
  d = doms[number] = malloc(sizeof *d);
  d->number = number;
  d->waits = lists[number];
  d->claim.first = d->kept.first = NONE;
  in(); domain_add(&s, &d->d, d, x, &route); out();
  if (s.domains.row.count > most_known) most_known = s.domains.row.count;
  return d;
}

/* --- jobs ------------------------------------------------------------------------------------ */

static void orders(void);

static void give(agent *a, job *j)
{
  tries++;
  j->next = 0;
  if (a->last) a->last->next = j;
  else a->first = j;
  a->last = j;
  in();
  connection_given(&s, &a->c, 10000, j->cause == CAUSE_ALONE);
  j->l = domain_job_out(&j->d->d, &a->c);
  pass_job_out(j->from);
  out();
  in(); connection_sent(&s, &a->c, 0); out();
  if (a->up && a->first == j) at(20000, a);
}

static agent *connect_to(site *x, source *account)
{
  agent *a = calloc(1, sizeof *a);
  connects++;
  a->site = (uint32_t)((site **)x->owner - nodes);
  a->serial = ++serials;
  in(); connection_add(&s, &a->c, a, x, account); out();
  at(ill(a->site) == 2 ? 120 * SECOND_US : 50000, a);
  return a;
}

static void wait_in_list(dom *d, pass *from, uint32_t m, int untried)
{
  if (from && !from->given_back) list_add(&d->kept, m);
  else list_add(&d->waits, m);
  in();
  if (!from || from->given_back) domain_recorded(&s, &d->d, mails[m].arrival_us);
  domain_waits(&s, &d->d, untried);
  out();
}

/* state: 0 untried, 1 deferred, 2 sent. */
static void job_back(job *j, enum came came, int state)
{
  if (state == 2)
  {
    sent++;
    mail_done(j->m);
  }
  else
  {
    deferred += (uint64_t)state;
    if (state)
    {
      mails[j->m].attempts++;
      mails[j->m].last_us = now_us;
      in(); domain_deferred(&s, &j->d->d, now_us, mails[j->m].attempts); out();
    }
    wait_in_list(j->d, j->from, j->m, !state);
  }
  in();
  domain_job_in(&j->d->d, j->l);
  if (j->listed) pass_job_in(&s, &j->d->d, j->from, j->cause, came);
  out();
  orders();
  free(j);
}

static void agent_end(agent *a, enum came came)
{
  job *j = a->first;
  job *next;
  site *x = a->c.site;
  in(); connection_leave(&s, &a->c); out();
  for (; j; j = next)
  {
    next = j->next;
    job_back(j, came, 0);
  }
  in(); site_wake(&s, x); out();
  a->first = a->last = 0;
  a->serial = 0;
  free(a);
}

static void refused(agent *a)
{
  site *x = a->c.site;
  int failed;
  failures++;
  in(); failed = sched_refused(&s, &a->c); out();
  orders();
  agent_end(a, failed ? CAME_UNDONE : CAME_AGAIN);
  while (failed && x->connections.count) agent_end(row_first(&x->connections), CAME_UNDONE);
}

static void answered(agent *a)
{
  job *j = a->first;
  int went;
  if (!j) return;
  went = roll(j->m, mails[j->m].attempts + now_us) % 100 != 0;
  in();
  pass_note(j->from, !went);
  if (went) sched_served(&s, &a->c, 1);
  out();
  a->first = j->next;
  if (!a->first) a->last = 0;
  in(); connection_back(&s, &a->c, 10000, 0); out();
  job_back(j, CAME_DONE, went ? 2 : 1);
  in(); site_wake(&s, a->c.site); out();
  if (a->first) at(20000, a);
}

static void agent_event(agent *a)
{
  int was_down;
  if (a->up) answered(a);
  else if (ill(a->site)) refused(a);
  else
  {
    a->up = 1;
    in(); sched_answered(&s, &a->c, &was_down); out();
    orders();
    if (a->first) at(20000, a);
  }
}

/* --- orders ---------------------------------------------------------------------------------- */

static void try(dom *d, agent *a, uint32_t m, pass *from, enum cause cause)
{
  attempt t = { .count = mails[m].attempts, .last_us = mails[m].last_us };
  job *j;
  int due;
  in(); due = attempt_due(&s, &d->d, from, cause, &t); out();
  if (!due)
  {
    wait_in_list(d, from, m, 0);
    return;
  }
  j = calloc(1, sizeof *j);
  *j = (job){ .m = m, .d = d, .from = from, .cause = cause, .listed = 1 };
  give(a, j);
}

static void claim_do(dom *d)
{
  enum claimed how = d->waits.first == NONE && d->claim.first == NONE ? CLAIM_NOTHING : CLAIMED;
  list_move(&d->claim, &d->waits);
  in(); domain_claimed(&s, &d->d, how); out();
}

static void settle_do(dom *d)
{
  uint64_t oldest_us = d->kept.first == NONE ? NEVER_US : mails[d->kept.first].arrival_us;
  list_move(&d->waits, &d->kept);
  in();
  if (oldest_us != NEVER_US) domain_recorded(&s, &d->d, oldest_us);
  domain_settled(&s, &d->d, 0);
  out();
}

/* Of the claim what is out comes back by itself. */
static void give_back_do(dom *d)
{
  list_move(&d->waits, &d->claim);
  list_move(&d->waits, &d->kept);
  in(); domain_given_back(&s, &d->d, 1); out();
}

static void learn_do(dom *d, site *x)
{
  uint32_t m = d->waits.first != NONE ? d->waits.first : d->claim.first;
  source_key key = { .kind = 'u', .number = roll(m, 1) % 1000 };
  source *from;
  in();
  from = quota_source(&s.quota, &key);
  site_learn(&s, x, from);
  quota_forget(&s.quota, from);
  out();
}

static void read_do(dom *d, order const *o)
{
  uint32_t m = list_take(&d->claim);
  in();
  if (m == NONE) domain_read_through(&s, &d->d, 0);
  else domain_read(&s, &d->d);
  out();
  if (m != NONE) try(d, o->connection->owner, m, domain_pass(&d->d), o->cause);
}

static void order_do(order *o)
{
  dom *d = o->domain->owner;
  orders_done++;
  switch (o->kind)
  {
    case ORDER_GIVE_BACK: give_back_do(d); break;
    case ORDER_SETTLE: settle_do(d); break;
    case ORDER_CLAIM: claim_do(d); break;
    case ORDER_LEARN: learn_do(d, o->site); break;
    case ORDER_CONNECT: connect_to(o->site, o->account); break;
    case ORDER_READ: read_do(d, o); break;
    case ORDER_TRY: fputs("scale: an id is to be tried by itself\n", stderr); exit(101);
    default: break;
  }
}

static int order_next(order *o)
{
  int r;
  in(); r = sched_order(&s, o); out();
  return r;
}

static void orders(void)
{
  order o;
  while (order_next(&o)) order_do(&o);
}

/* --- mail comes ------------------------------------------------------------------------------ */

static void mail_comes(uint32_t to)
{
  uint32_t m = mail_new(to);
  dom *d = domain_get(to);
  source_key key = { .kind = 'u', .number = roll(m, 1) % 1000 };
  source *from;
  source *account;
  connection *c;
  enum choice choice = CHOICE_NONE;
  agent *a = 0;
  accepted++;
  in();
  from = quota_source(&s.quota, &key);
  site_learn(&s, d->d.site, from);
  account = site_account(&s, d->d.site, from);
  if (site_open(&s, d->d.site)) choice = sched_choose(&s, &d->d, account, 0, 0, &c);
  out();
  if (choice == CHOICE_CONNECTION) a = c->owner;
  if (choice == CHOICE_CONNECT) a = connect_to(d->d.site, account);
  in(); quota_forget(&s.quota, from); out();
  if (a)
  {
    job *j = calloc(1, sizeof *j);
    *j = (job){ .m = m, .d = d, .cause = CAUSE_DUE };
    give(a, j);
  }
  else wait_in_list(d, 0, m, 1);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void ticks(void)
{
  tick t;
  int more = 1;
  while (more)
  {
    in(); more = sched_tick(&s, &t); out();
    if (more && t.idle) agent_end(t.idle->owner, CAME_AGAIN);
    if (more && t.hanging) refused(t.hanging->owner);
    orders();
  }
}

static int turn_next(order *o)
{
  int r;
  in(); r = sched_turn(&s, o); out();
  return r;
}

static void forget_one(domain *d, site *x)
{
  if (d)
  {
    dom *gone = d->owner;
    lists[gone->number] = gone->waits;
    doms[gone->number] = 0;
    domain_leave(&s, d);
    free(gone);
  }
  else
  {
    *(site **)x->owner = 0;
    site_leave(&s, x);
    free(x);
  }
}

static void forget(void)
{
  unsigned int left = 256;
  uint64_t before = spent;
  domain *d;
  site *x;
  in();
  while (sched_forget(&s, &left, &d, &x)) forget_one(d, x);
  out();
  spent_forgetting += spent - before;
}

static void sweeps(void)
{
  domain *of = sched_warning(&s);
  if (of) domain_warned(&s, of, domain_warn_begin(&s, of), 1);
}

static void loop(void)
{
  order o;
  ticks();
  in(); sched_turns(&s); out();
  while (turn_next(&o))
  {
    order_do(&o);
    orders();
  }
  sweeps();
  forget();
}

static void fill(void)
{
  size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  uint32_t i;
  for (i = 0; i < sites; i++)
  {
    site *x = site_get(i);
    site_restore(&s, x, now_us - 3600 * SECOND_US, 4, now_us + roll(i, 9) % (3600 * SECOND_US));
  }
  printf("%u sites: %.0f octets each\n", sites,
         (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / sites);
  before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (i = 0; i < domains; i++) domain_get(i);
  printf("%u domains: %.0f octets each, of them %zu this world's\n", domains,
         (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / domains,
           sizeof(dom) - sizeof(domain));
  for (i = 0; i < domains; i++) wait_in_list(doms[i], 0, mail_new(i), 1);
  loop();
}

static uint64_t next_event_us(uint64_t mail_us)
{
  uint64_t at_us = sched_next_us(&s);
  if (mail_us < at_us) at_us = mail_us;
  if (heap_count && heap[0].at_us < at_us) at_us = heap[0].at_us;
  return at_us > now_us ? at_us : now_us + 1;
}

static void day(double most_s)
{
  uint64_t gap_us = DAY_US / a_day ? DAY_US / a_day : 1;
  uint64_t mail_us = now_us, minute_us = now_us;
  double began = cpu();
  unsigned int n = 0;
  while (now_us < BEGIN_US + DAY_US && (++n % 256 || cpu() - began < most_s))
  {
    /* a turn of the loop takes its time, and what comes meanwhile is together */
    now_us = next_event_us(mail_us) + 500;
    in(); sched_now(&s, now_us); out();
    for (; mail_us <= now_us; mail_us += gap_us)
    {
      uint64_t z = roll(mail_us, 3);
      mail_comes((uint32_t)(z & 1 ? z / 2 % 1000 : z / 2 % domains));
    }
    while (heap_count && heap[0].at_us <= now_us)
    {
      event e = event_take();
      if (e.a->serial == e.serial) agent_event(e.a);
    }
    if (now_us >= minute_us)
    {
      sched_forget_begin(&s);
      minute_us = now_us + 60 * SECOND_US;
    }
    loop();
  }
}

static void tell(double cycle_ns, double took)
{
  double messages = (double)accepted;
  double hours = (double)(now_us - BEGIN_US) / 3.6e9;
  printf("%.2f hours in %.0f s of CPU, %.0f messages came, %.0f sent, %.0f deferred, %.0f tries\n", hours, took, messages,
         (double)sent, (double)deferred, (double)tries);
  printf("%.0f connections, %.0f failures of sites, %.0f orders; at most %.0f domains known, now %zu, and %zu sites\n",
         (double)connects, (double)failures, (double)orders_done, (double)most_known,
           s.domains.row.count, s.sites.row.count);
  printf("the scheduler: %.0f ns a message that came, %.0f ns a try, %.1f calls a try; of it forgetting: %.0f ns a message\n",
         (double)spent * cycle_ns / messages, (double)spent * cycle_ns / (double)tries,
           (double)calls / (double)tries,
         (double)spent_forgetting * cycle_ns / messages);
  printf("a day of %.0f messages: %.0f s of the scheduler\n", (double)a_day,
         (double)spent * cycle_ns / 1e9 * 24 / hours);
}

int main(int argc, char **argv)
{
  double most_s = 60, cycle_ns, began;
  uint32_t i;
  int c;
  while ((c = getopt(argc, argv, "d:r:t:")) != -1) switch (c)
  {
    case 'd': domains = (uint32_t)strtoul(optarg, 0, 10); break;
    case 'r': a_day = strtoull(optarg, 0, 10); break;
    case 't': most_s = strtod(optarg, 0); break;
    default: fputs("usage: scale [-d DOMAINS] [-r MESSAGES_A_DAY] [-t SECONDS]\n",
                   stderr); return 100;
  }
  sites = domains / 3 + 1;
  doms = calloc(domains, sizeof *doms);
  lists = malloc(domains * sizeof *lists);
  nodes = calloc(sites, sizeof *nodes);
  for (i = 0; i < domains; i++) lists[i].first = NONE;
  cycle_ns = ns_a_cycle();
  overhead_measure();
  s.quota.total = 5000;
  s.backoff_min_us = 300 * SECOND_US;
  s.backoff_max_us = 3600 * SECOND_US;
  sched_init(&s, now_us, 1);
  fill();
  spent = spent_forgetting = calls = 0;
  began = cpu();
  day(most_s);
  tell(cycle_ns, cpu() - began);
  return 0;
}
