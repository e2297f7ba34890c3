#ifndef SCHED_STATE_H
#define SCHED_STATE_H

/*
 * What all of the scheduler stands on: the moment, the settings, who waits for what.
 *
 * It has no files, no sockets and no clock.  Its user tells it what has happened, with the moment,
 * and takes from it what is to be done: sched_order() and sched_turn().
 */

#include <stddef.h>
#include <stdint.h>

#include "sched/known.h"
#include "sched/quota.h"
#include "sched/row.h"
#include "sched/timer.h"

typedef struct site site;
typedef struct domain domain;
typedef struct connection connection;

/* Can a connection be had? */
enum connecting
{
  CONNECTING_GOES,
  CONNECTING_BACKLOG,        /* not this moment: too many were begun at once */
  CONNECTING_SHORT           /* not this moment: descriptors are few */
};

/* What is to be done, see sched.h. */
enum order_kind
{
  ORDER_DROP,
  ORDER_GIVE_BACK,
  ORDER_SETTLE,
  ORDER_CLAIM,
  ORDER_REQUEST_OVER,
  ORDER_DOMAIN_KINDS,
  ORDER_LEARN = ORDER_DOMAIN_KINDS,
  ORDER_CONNECT,
  ORDER_READ,
  ORDER_TRY
};

/* Whose turn it is, see sched_turn(). */
typedef struct turns
{
  size_t sites_left;         /* that were runnable when the turns began */
  unsigned int waiters_left; /* sites that have waited for a connection and may have theirs */
  site *site;
  unsigned int left;         /* messages it may hand out before it is the next one's turn */
  /* waits for a connection of its own: once round, with nothing handed out, the site waits */
  domain const *resting;
  domain const *learned;     /* whose mail it is was just looked for */
} turns;

typedef struct sched
{
  uint64_t now_us;
  /* when time was last seen to have passed unseen, under today's clock; 0: never */
  uint64_t jumped_us;
  uint64_t backoff_min_us;
  uint64_t backoff_max_us;
  uint64_t random;           /* state of a generator: the user's seed */
  int paused;                /* something that all need is short: nothing is handed out */
  enum connecting connecting;
  timers timers;
  timer hanging;             /* look then for connections to be given up */
  quota quota;
  knowns sites;
  knowns domains;
  row connections;
  row runnable;              /* sites that may have work and room */
  row orders;                /* domains for which something is to be done */
  row sweeps;                /* domains that are looked through for expired mail */
  row warnings;              /* domains that are looked through for senders to be warned */
  turns turn;
} sched;

enum timer_kind { TIMER_SITE, TIMER_DOMAIN, TIMER_CONNECTION, TIMER_HANGING };

/* A number from the generator. */
extern uint64_t state_random(sched *s);

/* Is a moment less than so long ago? */
extern int state_lately(sched const *s, uint64_t since_us, uint64_t span_us);

/* Did time pass unseen (the clock was set forward, the machine was off) less than so long ago? */
extern int state_jumped(sched const *s, uint64_t span_us);

#endif
