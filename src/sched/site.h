#ifndef SCHED_SITE_H
#define SCHED_SITE_H

/* A site is a next hop: how it does, who leads to it, whose turn it is there. */

#include "sched/health.h"
#include "sched/state.h"

struct site
{
  void *owner;               /* what the user has it in */
  known known;
  health health;
  uint64_t drops;            /* connections that ended without a word */
  connection *resting;       /* gets nothing more until it is at rest: something is to go alone */
  timer probe;
  unsigned int most;         /* connections it may have: the most that one of its domains may */
  int most_stale;            /* its domains or their routes have changed */
  int worth_knowing;         /* what was found out about it is remembered for longer */
  int reversal;              /* see reversal.h: the one connection that it has is all it gets */
  size_t away;               /* domains whose home it is, and which are reversed at present */
  row connections;
  row domains;               /* all that lead here */
  row ready;                 /* those that have something to hand out, in turns */
  row_place runnable;
  /* whose mail for it was looked at first, the null sender's last, as long as it may hang */
  source *source;
  waiter waiter;             /* for a connection */
};

/* A site of which nothing is known but that it is the user's. */
extern void site_add(sched *s, site *x, void *owner);
/* It was down when it was last heard of: its back-off goes on, see health_restore(). */
extern void site_restore(sched *s, site *x, uint64_t since_us, uint64_t failures, uint64_t next_us);
/* It was asked for. */
extern void site_used(sched const *s, site *x);
/* Nothing leads to it, and nothing of it has to be remembered any more. */
extern int site_idle(sched const *s, site const *x);
/* The user forgets it. */
extern void site_leave(sched *s, site *x);

/* May it be tried unasked? */
extern int site_open(sched const *s, site const *x);

/*
 * On whose account it gets a connection, for mail of this source, or for what its lists hold
 * (NULL).
 */
extern source *site_account(sched *s, site const *x, source *from);
/* Is it worth looking whose a message for it is?  Then, of this source. */
extern int site_learns(sched const *s, site const *x);
extern void site_learn(sched *s, site *x, source *from);
/* Has nobody looked yet whose mail its lists hold, though that decides? */
extern int site_unknown(sched const *s, site const *x);
/* It gets its connection on the account on which it has waited. */
extern void site_account_set(sched *s, site *x, source *from);

/* Something has changed there: let it have its turn, if it has anything to hand out. */
extern void site_wake(sched *s, site *x);
/* A domain has something to hand out there: its turn is behind all others; before all others. */
extern void site_ready(sched *s, site *x, row_place *p);
extern void site_ready_first(sched *s, site *x, row_place *p);

/* The clock was set back. */
extern void site_set_back(site *x, uint64_t by_us);

#endif
