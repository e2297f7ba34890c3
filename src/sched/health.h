#ifndef SCHED_HEALTH_H
#define SCHED_HEALTH_H

/*
 * How a site does, as its connections and messages tell: whether it may be tried unasked, and how
 * many connections it has earned.  Moments are in microseconds, and handed in; a site is all zero
 * but for health_init().
 */

#include <stdint.h>

#include "sched/id.h"

/* So many connections in a row that settle nothing mean that it has failed... */
#define HEALTH_VAIN_MAX 3
/*
 * ...and so many that just end, where others have settled something: then it is more likely the
 * link, which drops now and then.
 */
#define HEALTH_VAIN_MAX_PROVEN 10
/*
 * Connections that a site may have as soon as it answered; then one more for each message it took.
 */
#define HEALTH_LIMIT_FIRST 5

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };

typedef struct health
{
  enum health_state state;
  int proven;                /* it has settled something since it failed last */
  uint64_t since_us;         /* of the state, or that mail for it was parked; 0: it is not known */
  uint64_t failures;         /* in a row, but for those while it was down and only asked for */
  uint64_t next_us;          /* while it is down: not before, unasked */
  uint64_t failed_us;        /* when it failed last */
  unsigned int limit;        /* connections it has earned */
  unsigned int in_vain;      /* connections in a row that settled nothing */
  char vain[HEALTH_VAIN_MAX][SCHED_ID_MAX]; /* the messages at their heads, each another one */
} health;

/* Of a site of which nothing is known. */
extern void health_init(health *h);

/*
 * Of one that was down when it was last heard of: its back-off goes on.  What began in the future,
 * or waits for longer than any may, was written under a clock that was set back since: then it is
 * due.
 *   max_us  the longest back-off
 */
extern void health_restore(health *h, uint64_t now_us, uint64_t since_us, uint64_t failures,
                           uint64_t next_us, uint64_t max_us);

/* May it be tried unasked? */
extern int health_open(health const *h, uint64_t now_us);

/* Until when it is left alone, whoever asks for it, no longer than unasked; 0: it is not. */
extern uint64_t health_rest_us(health const *h, uint64_t now_us);

/* It answered.  1: it was not up before. */
extern int health_answered(health *h, uint64_t now_us);

/*
 * It took a message or refused it for good: a greeting alone does not say so much.  1: its failures
 * are over.
 */
extern int health_served(health *h);

/* It took one: it has earned one more connection, up to so many. */
extern void health_grow(health *h, unsigned int most);

/* It has refused one of so many connections, while others work. */
extern void health_shrink(health *h, unsigned int connections);

/*
 * A connection ended and had settled nothing.
 *   id    of the message at its head; one that is no id ("-") counts each time
 *   link  1: it just ended, without a word
 * 1: that makes it a failure of the site.
 */
extern int health_in_vain(health *h, char const *id, int link);

/*
 * It cannot be talked to.
 *   min_us, max_us, random  of the delay until it is tried again unasked, see backoff_spread()
 * 1: next_us was set; 0: it was down, and only asked for, and its back-off stays as it is.
 */
extern int health_failed(health *h, uint64_t now_us, uint64_t min_us, uint64_t max_us,
                         uint64_t random);

/* Mail for it waits parked, and nothing else is known of it.  1: newly. */
extern int health_parked(health *h, uint64_t now_us);

/* The clock was set back by so much. */
extern void health_set_back(health *h, uint64_t by_us);

#endif
