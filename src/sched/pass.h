#ifndef SCHED_PASS_H
#define SCHED_PASS_H

/*
 * A pass: one walk through the list of a domain, from its claim to its end.
 */

#include "sched/domain.h"

enum claimed
{
  CLAIMED,
  CLAIMED_MORE,              /* and there is a list besides */
  CLAIM_NOTHING,             /* nothing waits */
  CLAIM_STUCK,               /* out of descriptors or the like: later */
  /* this one list cannot be used: later, but nobody else is to wait for that */
  CLAIM_OBSTRUCTED
};
/* What became of ORDER_CLAIM.  1: a pass is under way; 0: it is not. */
extern int domain_claimed(sched *s, domain *d, enum claimed how);
/* What became of ORDER_SETTLE: the claim is a list again, or it is gone. */
extern void domain_settled(sched *s, domain *d, int given_back);
/*
 * Take one of those that the pass, which is to be settled, has given up.  1, or 0: there are no
 * more.
 */
extern int domain_given_up(domain *d, char id[SCHED_ID_MAX]);
/* What became of ORDER_GIVE_BACK: 1, or 0 when that cannot be. */
extern void domain_given_back(sched *s, domain *d, int done);

/* What its pass hands out next. */
enum next
{
  NEXT_NOTHING,
  NEXT_ORDER,                /* once an order was carried out */
  NEXT_ID,                   /* this id */
  /* the next one of the claim: domain_read(), or domain_read_through() */
  NEXT_READ
};
extern enum next domain_next(sched *s, domain *d, char id[SCHED_ID_MAX], enum cause *cause);
/* May it have something more to hand out, or to see to? */
extern int domain_more(domain const *d);
/* An id was read; there are no more, or none that could be read. */
extern void domain_read(sched *s, domain *d);
extern void domain_read_through(sched *s, domain *d, int damaged);
/* The pass that records what is handed out now, if need be; NULL: there is none. */
extern pass *domain_pass(domain const *d);

/*
 * Was what it hands out next requested: may it be tried whatever the site's state; has it priority?
 */
extern int domain_forced(domain const *d);
extern int domain_urgent(domain const *d);
/* Has it nothing to hand out before a job of its pass is back? */
extern int domain_resting(domain const *d);
/* Is the next it hands out to be alone on a connection? */
extern int domain_alone(domain const *d);

/*
 * Try this message of the pass, that was tried so often, behind all others, and alone.  1; 0 when
 * that cannot be: record it.
 */
extern int domain_cut(domain *d, pass *from, char const *id, uint64_t attempts, uint64_t bytes);

/* A job of it, or of a pass through it, goes out over this connection; it is back. */
extern load *domain_job_out(domain *d, connection *c);
extern void domain_job_in(domain *d, load *l);
/*
 * A job of the pass goes out; what became of one of its recipients; it is back, its pass may be
 * NULL.
 */
extern void pass_job_out(pass *p);
extern void pass_note(pass *p, int deferred);
/*
 * For what an untried message that it, or NULL, handed out for this cause goes out again: what was
 * requested still is, though a reversal has ended the pass.
 */
extern enum cause pass_again(pass const *from, enum cause cause);
/* Something that it looked at, and that may have expired, is in somebody's hands. */
extern void pass_busy(pass *p);
extern void pass_job_in(sched *s, domain *d, pass *from, enum cause cause, enum came came);

/* --- its site, and time ---------------------------------------------------------------------- */

/* Its pass ends: the list is given back.  What was requested once more begins then. */
extern void domain_pass_end(sched *s, domain *d);
/* The site is down: the same, and nothing is tried at once. */
extern void domain_close(sched *s, domain *d);
/* Its route was read anew, and domain_reroute() was told. */
extern void domain_rerouted(sched *s, domain *d);
/* Its moment has come. */
extern void domain_timer(sched *s, domain *d);

#endif
