#ifndef SCHED_TIMER_H
#define SCHED_TIMER_H

/* Moments to wait for, earliest first: a binary heap of timers that live inside their owners. */

#include <stddef.h>
#include <stdint.h>

#include "sched/array.h"

typedef struct timer
{
  uint64_t at_us;
  size_t place;   /* in the heap, from 1; 0: not set */
  int kind;       /* what owner is; the user's business */
  void *owner;
} timer;

typedef struct timers
{
  array heap;     /* of timer * */
} timers;

/* Set it, or move it when it is set.  1, or 0 (ENOMEM). */
extern int timer_set(timers *all, timer *t, uint64_t at_us);
/* The earlier of what it is set to and this. */
extern int timer_set_earlier(timers *all, timer *t, uint64_t at_us);
extern void timer_clear(timers *all, timer *t);

/* The clock was set back by so much: they are that much earlier, and as far away as before. */
extern void timers_set_back(timers *all, uint64_t by_us);

/* The earliest moment; UINT64_MAX when none is set. */
extern uint64_t timers_next(timers const *all);
/* Take out one timer that is due; NULL when none is. */
extern timer *timers_take(timers *all, uint64_t now_us);

#endif
