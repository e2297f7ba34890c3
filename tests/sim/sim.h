#ifndef TESTS_SIM_H
#define TESTS_SIM_H

/*
 * A world for the scheduler: sites, mail, a clock, and hands that do what it says, all in memory
 * and in virtual time.
 *
 * What happens is a list of deeds made from a seed.  Whatever else is left to chance hangs on the
 * seed and on what it is about, never on what was drawn before: so a list with some deeds taken out
 * runs like the whole one, and the same list always runs the same.
 *
 *     plan.c    the deeds
 *     run.c     a run: the loop, and the deeds carried out
 *     hands.c   orders, and messages on their way from a list to a connection and back
 *     peer.c    connections, and the sites at their other ends
 *     checks.c  what must be true
 *     shrink.c  the shortest list that still fails
 */

#include "sched/sched.h"

#define MINUTE_US UINT64_C(60000000)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)

/* --- deeds ----------------------------------------------------------------------------------- */

enum deed_kind
{
  DEED_MAIL,                 /* message a comes, for domain b */
  DEED_FLUSH,                /* domain a is requested */
  DEED_BY_ID,                /* message a is */
  DEED_SITE,                 /* site a behaves like b from now on */
  DEED_BACK,                 /* the clock is set back by n; forward */
  DEED_FORWARD,
  DEED_RESTART,              /* the scheduler's memory is gone, for n */
  DEED_ROUTE,                /* domain a gets the route of the number n */
  DEED_PAUSE,                /* something is short for n */
  DEED_CONNECTING,           /* no connection can be had for n: of kind a */
  /* the list of domain a cannot be claimed or given back for n; b: it is obstructed */
  DEED_STUCK,
  DEED_UNRECORDED,           /* nothing can be recorded in it for n */
  DEED_HOLD,                 /* an operator puts message a aside for n */
  /* a customer at whose end it behaves like b turns a connection round, for domains like a, by n */
  DEED_REVERSAL,
  DEED_KINDS
};

typedef struct deed
{
  uint64_t at_us;
  enum deed_kind kind;
  uint32_t a;
  uint32_t b;
  uint64_t n;
} deed;

typedef struct plan
{
  uint64_t seed;
  uint32_t sites;
  uint32_t domains;
  uint32_t mails;
  uint32_t sources;
  uint32_t total;            /* connections there may be */
  uint64_t backoff_min_us;
  uint64_t backoff_max_us;
  uint64_t lifetime_us;
  uint64_t end_us;           /* then all is well, and what waits must go */
  deed *deeds;
  size_t count;
} plan;

extern void plan_make(plan *p, uint64_t seed, uint32_t profile);
extern void plan_print(plan const *p);
/* A number that hangs on these alone. */
extern uint64_t roll(uint64_t seed, uint64_t a, uint64_t b, uint64_t c);
/* The route of this number. */
extern void plan_route(plan const *p, uint32_t of_domain, uint64_t n, uint32_t *to_site,
                       domain_route *route);

/* --- the world ------------------------------------------------------------------------------- */

enum mode
{
  MODE_UP,
  MODE_SLOW,
  MODE_DEAD,                 /* refuses */
  MODE_MUTE,                 /* lets connections hang */
  MODE_SILENT,               /* greets, and says nothing more */
  MODE_LIMITED,              /* refuses what is over some connections */
  MODE_LIMITED_421,          /* greets it, and says 421 */
  MODE_DEFERS,               /* 4xx to all */
  MODE_LOSSY,
  MODE_VAIN,                 /* greets and ends */
  MODE_421,                  /* 421 after some messages */
  MODE_KINDS
};

enum settled { OWED, SENT, REFUSED, EXPIRED };

#define RCPTS_MAX 3

typedef struct world world;
typedef struct agent agent;
typedef struct job job;

typedef struct rcpt
{
  uint32_t domain;
  enum settled settled;
  /* somebody has it in hand: a job, or an agent that outlived its scheduler */
  int out;
  int orphan;                /* the latter */
  agent const *over;         /* the former: given to it */
  /* when it was out and its domain was requested, and it was not tried after that; 0: it was */
  uint64_t promised_true_us;
  int cut;                   /* last */
  int warned;
  uint64_t attempts;
  uint64_t last_us;
  uint64_t last_true_us;
  unsigned int asked_tries;  /* attempts that were asked for, but for those after it was cut off */
} rcpt;

typedef struct mail
{
  char id[SCHED_ID_MAX];
  uint32_t number;
  uint32_t rcpts_len;
  int here;                  /* it has come */
  int in_new;                /* not all it owes stands in a list */
  int keep_new;              /* nor will it when its jobs are back */
  int noted;                 /* in the list of what is in new/ */
  int held;                  /* put aside */
  /* it stood in no list, or was put aside, while its domain was looked through */
  int unseen;
  int poison;                /* connections end with it */
  uint64_t arrival_us;
  uint64_t arrival_true_us;
  uint64_t bytes;
  size_t jobs;
  unsigned int by_id;        /* requests so far */
  int asked;                 /* one is open */
  uint32_t asked_domains;    /* that have yet to try it */
  uint64_t asked_true_us;
  rcpt rcpts[RCPTS_MAX];
} mail;

typedef struct ids
{
  uint32_t *items;
  size_t count;
  size_t room;
} ids;

typedef struct node                  /* a site */
{
  site x;
  uint32_t number;
  int known;
  int reversal;              /* not one of the plan's */
  uint64_t begun_true_us;    /* that */
  enum mode mode;
  unsigned int open;         /* connections at its end */
  /* Its file. */
  int file_down;
  uint64_t file_since_s;
  uint64_t file_failures;
  uint64_t file_next_s;
  /* What the checks know. */
  int down;
  uint64_t up_true_us;       /* since it is not */
  int sure;                  /* it has settled something since it failed */
  uint64_t failures;
  uint64_t next_us;
  uint64_t failed_us;        /* last; 0: never */
  uint64_t failed_true_us;
  unsigned int probes;       /* messages tried unasked since it failed */
  uint64_t calm_us;          /* it has been well since then, in true time; NEVER_US: it is not */
  size_t owed;
} node;

typedef struct dom
{
  domain d;
  uint32_t number;
  uint32_t to;               /* its site */
  node *reversal;            /* its mail goes there instead; or NULL */
  int rerouted;              /* meanwhile, to the route of this number */
  uint64_t rerouted_to;
  int known;
  /* somebody else than a reversal requested it: so often, and perhaps it is not carried out yet */
  unsigned int own_requests;
  int own_open;
  int own_anew;              /* what came back is requested once more */
  domain_route route;
  ids list;
  ids claim;
  int claimed;               /* there is a claim */
  size_t at;                 /* read of it so far */
  ids kept;
  int asked;                 /* there is a file */
  uint64_t used_true_us;
  int retake;                /* the scheduler forgot the request, and is to be told again */
  uint64_t asked_true_us;
  unsigned int requests;
  uint64_t stuck_until_us;
  int obstructed;
  uint64_t unrecorded_until_us;
  uint64_t calm_us;
  uint64_t parked_true_us;   /* since when it is */
  size_t jobs;
  ids carriers;              /* agents, one for each job of it */
} dom;

struct job
{
  job *next;
  mail *m;
  agent *a;
  enum cause cause;
  pass *from;
  dom *from_dom;
  load *from_load;
  size_t len;
  int struck;
  struct
  {
    rcpt *r;
    dom *d;
    load *l;
    unsigned int requests;
    unsigned int own_requests;
    int answered;
    int deferred;
  } rcpts[RCPTS_MAX];
};

struct agent
{
  connection c;
  agent *next;               /* of those that are free */
  node *x;
  /* a new one for each connection made; events of an older one are void */
  uint64_t serial;
  uint64_t number;
  int live;
  int up;
  int doomed;
  int working;
  uint32_t index;
  uint64_t asked_rolls;
  size_t carried;
  size_t settled;
  size_t jobs;
  job *first;
  job *last;
  int to_send;
};

enum event_kind
{
  EVENT_DEED, EVENT_AGENT, EVENT_STUCK, EVENT_LEAVE, EVENT_MINUTE, EVENT_RESUME, EVENT_ORPHAN,
  EVENT_BY_ID, EVENT_RELEASE, EVENT_START, EVENT_HEAL, EVENT_CHECK, EVENT_AGAIN
};

typedef struct event
{
  uint64_t at_us;
  uint64_t order;
  enum event_kind kind;
  uint64_t serial;
  void *what;
} event;

struct world
{
  plan const *p;
  sched s;
  uint64_t true_us;
  int64_t offset_us;         /* of the clock */
  uint64_t jumped_us;        /* as the checks know it */
  uint64_t calm_us;
  uint64_t back_true_us;     /* when the clock was set back last */
  int stopped;
  int healed;
  int verbose;
  int draining;
  uint64_t short_until_us;
  uint64_t connecting_until_us;
  enum connecting connecting;
  int resume_set;
  event *heap;
  size_t heap_count;
  size_t heap_room;
  uint64_t order;
  node *nodes;
  node **reversals;          /* all there ever were */
  size_t reversals_count;
  dom *doms;
  mail *mails;
  agent **agents;            /* all there ever were */
  size_t agents_count;
  agent *agents_free;
  ids new;                   /* messages in new/ */
  ids sending;               /* agents with something to be sent */
  uint64_t serials;
  uint64_t boots;
  unsigned int loops;
  uint64_t hash;
  uint64_t steps;            /* words, orders and deeds */
  uint64_t tries;
  uint64_t settled;
  size_t connected;
  size_t most_domains;
  char failed[300];
};

extern void ids_add(ids *all, uint32_t id);
extern void ids_free(ids *all);
extern void ids_move(ids *to, ids *from);

/* --- run.c ----------------------------------------------------------------------------------- */

typedef struct outcome
{
  uint64_t hash;
  uint64_t steps;
  uint64_t tries;
  char failed[300];
} outcome;

extern void run(plan const *p, int verbose, outcome *o);
extern void at(world *w, uint64_t in_us, enum event_kind kind, void *what, uint64_t serial);
extern uint64_t clock_us(world const *w);
extern void fail(world *w, char const *format, ...) __attribute__((format(printf, 2, 3)));
extern void note(world *w, char const *what, uint64_t a, uint64_t b);
extern void unquiet(world *w);
extern void reroute(world *w, dom *d, uint64_t n);

/* --- hands.c --------------------------------------------------------------------------------- */

extern dom *domain_get(world *w, uint32_t number);
extern node *site_get(world *w, uint32_t number);
extern void orders(world *w);
extern void order_do(world *w, order *o);
extern void mail_new(world *w, mail *m);
extern void by_id_begin(world *w, mail *m, int first);
extern void request(world *w, dom *d);
extern void job_back(world *w, job *j, enum came came);
extern void job_answer(world *w, job *j, size_t i, enum settled settled, int was_cut);
extern int sweep(world *w);
extern int warn(world *w);
extern int forget(world *w);
extern void hands_teardown(world *w);
extern void list_known(world *w, dom *d);
extern void pause_for(world *w, uint64_t us);
extern source *source_of(world *w, mail const *m);
extern void reversal_comes(world *w, deed const *e);
extern void reversal_over(world *w, node *x);

/* --- peer.c ---------------------------------------------------------------------------------- */

extern agent *agent_new(world *w, node *x, source *account);
extern void agent_give(world *w, agent *a, job *j);
extern void agent_end(world *w, agent *a, enum came came);
extern void agent_event(world *w, agent *a);
extern void agent_stuck(world *w, agent *a);
extern void agents_flush(world *w);
extern void agent_give_up(world *w, agent *a);

/* --- checks.c -------------------------------------------------------------------------------- */

extern void check_try(world *w, agent *a, job const *j);
extern void check_connect(world *w, dom *d, node *x, source *account);
extern void check_failed(world *w, node *x, uint64_t next_before_us, int was_down);
extern void check_answered(world *w, job const *j, rcpt *r, dom const *d);
extern void check_asked(world *w, job const *j, dom const *d, unsigned int own_requests, int again);
extern void check_expired(world *w, mail const *m, rcpt const *r);
extern void check_over(world *w, dom const *d);
extern void check_claim(world *w, dom *d);
extern void check_all(world *w);
extern void check_ended(world *w);
extern uint64_t check_backoff(plan const *p, uint64_t n);

/* --- shrink.c -------------------------------------------------------------------------------- */

/* Takes out of it what it fails without. */
extern void shrink(plan *p, outcome *o, unsigned int seconds);

#endif
