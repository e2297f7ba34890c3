#ifndef SCHED_DOMAIN_H
#define SCHED_DOMAIN_H

/*
 * A domain, behind it a list of ids that wait; and a pass, one walk through such a list.
 *
 * The list is the user's: a file, that becomes a claim when a pass begins and is removed when
 * nothing of it is left to do.  What this module wants done with it is taken with sched_order(),
 * all of it before anything else is told to the scheduler.
 */

#include "sched/array.h"
#include "sched/connection.h"
#include "sched/cuts.h"
#include "sched/limit.h"

/* What its route says. */
typedef struct domain_route
{
  int parked;                /* never tried unasked */
  int held;                  /* never tried, whoever asks */
  uint64_t lifetime_us;
  uint64_t delaywarning_us;  /* 0: none */
  unsigned int concurrency;
} domain_route;

enum pass_kind
{
  PASS_RETRY,                /* what is due */
  PASS_FLUSH,                /* everything not tried since it was requested */
  PASS_EXPIRY                /* nothing is tried, only looked at for its age */
};

typedef struct pass
{
  enum pass_kind kind;
  uint64_t begun_us;
  uint64_t requested_us;
  uint64_t oldest_us;        /* of the list when it was claimed */
  int read_through;
  int over;                  /* nothing of it is left to do but to settle it */
  int given_back;            /* the claim is a list again; jobs may still be out */
  int reversal;              /* it was begun at a reversal's */
  int damaged;               /* something could not be recorded: keep the claim's ids */
  int busy;                  /* something that may have expired was in somebody's hands */
  size_t jobs;               /* handed out and not back */
  int deferred;              /* something of it was */
  int settled;               /* something of it was sent, or refused for good */
  cuts cuts;
} pass;

/* Why a message is tried; what comes later is reason enough where what comes earlier is not. */
enum cause
{
  CAUSE_DUE,                 /* its time has come */
  CAUSE_FLUSH,               /* its domain was requested */
  CAUSE_FLUSH_ANEW,          /* the same, while it was out */
  CAUSE_ALONE,               /* it was cut off, and is tried alone on a connection */
  CAUSE_BY_ID                /* the message itself was requested */
};

/* A message to be tried at once. */
typedef struct at_once
{
  char id[SCHED_ID_MAX];
  enum cause cause;
} at_once;

/* How a message came back. */
enum came
{
  CAME_DONE,
  CAME_CUT,                  /* the connection ended in the middle of it */
  CAME_AGAIN,                /* it was not tried, and goes out again at once */
  CAME_UNDONE                /* it was not tried, and waits */
};

struct domain
{
  void *owner;               /* what the user has it in */
  known known;
  site *site;
  site *home;                /* its route's, while it is at a reversal's (reversal.h); else NULL */
  row_place in_site;         /* among those that lead there */
  row_place ready;           /* among those that have something to hand out there */
  domain_route route;
  row loads;                 /* connections that carry its mail */
  int waiting;               /* its list may hold ids */
  int untried;               /* among them some that a pass should look at now */
  uint64_t oldest_us;        /* arrival of the oldest of them; NEVER_US: none known */
  uint64_t expiry_after_us;  /* what is overdue was looked at, and cannot expire: not before this */
  uint64_t warned_us;        /* what arrived up to then was looked at for delay warnings */
  uint64_t unwarned_us;      /* the oldest of the rest; NEVER_US: none known */
  uint64_t warn_after_us;    /* not before this */
  row_place warning;         /* among those to be looked through for delay warnings */
  uint64_t look_again_us;    /* when to look again at what was requested; NEVER_US: no need */
  uint64_t due_us;           /* when the first of the deferred may be tried again */
  timer timer;               /* the earliest of that, of an expiry, and of a delay warning */
  unsigned int requests;     /* flushes requested so far, by reversals too */
  unsigned int own_requests; /* so many when another than a reversal requested it last */
  uint64_t requested_us;     /* the last of them */
  int request_open;          /* one is to be carried out, and its file removed then */
  /* what was out when another than a reversal requested it is requested anew: without a file */
  int request_again;
  int request_pending;       /* it came while a pass was under way */
  uint64_t vain_us;          /* when a pass that was requested ended last and had settled nothing */
  pass *pass;
  row_place sweeping;        /* among those that are looked through for expired mail */
  size_t jobs;               /* that hold recipients in it, or are of a pass through it */
  array at_once;             /* of at_once: to be tried at once, the last one first */
  array dropped;             /* of at_once: will not be, see ORDER_DROP */
  unsigned int orders;       /* kinds of what is to be done for it */
  row_place ordered;
  enum pass_kind claim;      /* for which its list is to be claimed */
};

/* --- knowing them ---------------------------------------------------------------------------- */

extern void domain_add(sched *s, domain *d, void *owner, site *x, domain_route const *route);
/* It was asked for. */
extern void domain_used(sched const *s, domain *d);
/* Its route was read anew: it may lead to another site. */
extern void domain_reroute(sched *s, domain *d, site *x, domain_route const *route);
/* Nothing waits for it, is on its way or is requested, nor has been lately. */
extern int domain_idle(sched const *s, domain const *d);
/* The user forgets it. */
extern void domain_leave(sched *s, domain *d);
/* Is it never tried unasked?  That counts at its own site, not at a reversal's. */
extern int domain_parked(domain const *d);
/* How many connections may carry its mail at once?  To a reversal's it does not matter. */
extern unsigned int domain_concurrency(domain const *d);
/* The limits of its domains to connections at a site, told to that. */
extern void domains_limit(site *x);

/* --- what happens to its list ---------------------------------------------------------------- */

/* An id of this arrival stands in its list now; or is the oldest that does. */
extern void domain_recorded(sched *s, domain *d, uint64_t arrival_us);
/*
 * Something of it waits.
 *   untried  a pass should look at it as soon as the site has room
 * 1: it is parked mail, and the first thing that is known of its site.
 */
extern int domain_waits(sched *s, domain *d, int untried);
/*
 * There is a list, as the directory says, whose oldest is of then; NEVER_US: not known.  As
 * domain_waits().
 */
extern int domain_listed(sched *s, domain *d, uint64_t oldest_us);
/* Something could not be recorded. */
extern void domain_damaged(domain *d);
/* A recipient in it was deferred for the nth time at this moment. */
extern void domain_deferred(sched *s, domain *d, uint64_t last_us, uint64_t attempts);

/* --- requests -------------------------------------------------------------------------------- */

/* A flush was requested. */
extern void domain_request(sched *s, domain *d);
/* Was one, since there were so many requests?  A reversal's counts while that lasts. */
extern int domain_requested_since(domain const *d, unsigned int requests);
/*
 * A message that was out when it was requested came back undelivered: it is tried once more, at
 * once where it was out unasked; or where its domain is at a reversal's, which may end first.
 *   cause     for which it was out
 *   requests  so many there were when it went out
 */
extern void domain_requested_meanwhile(sched *s, domain *d, char const *id, enum cause cause,
                                       unsigned int requests);
/* It is requested anew, though its file stands: what is under way does not count as that. */
extern void domain_request_anew(domain *d);
/*
 * Something requested is in other hands (an agent that outlived its qmgr, an operator): look again
 * soon.
 */
extern void domain_look_again(sched *s, domain *d);
/* Until when it is left alone, whoever asks for it; 0: it is not. */
extern uint64_t domain_rest_us(sched const *s, domain const *d);

/* --- messages to be tried at once ------------------------------------------------------------ */

/*
 * Try this id at once.  1; 0 when that is what comes next anyway, for this cause or a better one,
 * or without memory.
 */
extern int domain_try(sched *s, domain *d, char const *id, enum cause cause);
/* What is tried at once next, or NULL; take it. */
extern at_once const *domain_at_once(domain const *d);
extern void domain_at_once_take(domain *d, char id[SCHED_ID_MAX], enum cause *cause);
/* Take one of those that ORDER_DROP is about.  1, or 0: there are no more. */
extern int domain_dropped(domain *d, at_once *u);

/* --- what passes need of it ------------------------------------------------------------------ */

/* This is to be done for it; is it? */
extern void domain_order(sched *s, domain *d, enum order_kind kind);
extern int domain_ordered(domain const *d, enum order_kind kind);
/* Its list is to be claimed, for a pass of this kind. */
extern void domain_claim(sched *s, domain *d, enum pass_kind kind);
/* The earliest of its moments is waited for. */
extern void domain_wait(sched *s, domain *d);
/* The same but for its next try: it has its turn, or waits for its site. */
extern void domain_wait_other(sched *s, domain *d);
/*
 * When something of it may expire; when a sender may be due to be warned.  NEVER_US: nothing is
 * known of that.
 */
extern uint64_t domain_expiry_us(domain const *d);
extern uint64_t domain_warning_us(domain const *d);
/* When what was deferred for the nth time at this moment is due. */
extern uint64_t domain_due_us(sched const *s, uint64_t last_us, uint64_t attempts);
/* A flush is taken up, once it may be; when it is time to look again; it was carried out. */
extern void domain_request_in_time(sched *s, domain *d);
extern void domain_request_looked_at(sched *s, domain *d);
extern void domain_request_over(sched *s, domain *d);
/* What was to be tried at once is not; or none of it but what was requested. */
extern void domain_drop(sched *s, domain *d);
extern void domain_at_once_requested(domain *d);

/* --- its site, and time ---------------------------------------------------------------------- */

/* The site is up, or may be probed: what waits and is not parked gets a pass. */
extern void domain_open(sched *s, domain *d);
/* The clock was set back. */
extern void domain_set_back(sched *s, domain *d, uint64_t by_us);

/*
 * It is looked through for delay warnings: up to which arrival; and what arrived then.  At its end,
 * opened 0 where it could not be looked through.
 */
extern uint64_t domain_warn_begin(sched const *s, domain *d);
extern void domain_unwarned(domain *d, uint64_t arrival_us);
extern void domain_warned(sched *s, domain *d, uint64_t to_us, int opened);

#endif
