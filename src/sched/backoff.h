#ifndef SCHED_BACKOFF_H
#define SCHED_BACKOFF_H

/* How long after an attempt that failed the next one is made. */

#include <stdint.h>

/*
 * What was tried in vain is left alone for so long, however often it is asked for, in microseconds.
 */
#define BACKOFF_REST_US 5000000u
/* Until when that is, of what failed at this moment; 0: it is over. */
extern uint64_t backoff_rest_us(uint64_t failed_us, uint64_t now_us);

/*
 * After the nth attempt in a row that failed: min, then twice as long each time, max at the most.
 * In whatever unit these have.
 */
extern uint64_t backoff_delay(uint64_t min, uint64_t max, uint64_t n);

/*
 * Such a delay, or up to an eighth of it less, but min at the least: what failed together, when a
 * link was lost, does not come back all at once.
 *   random  any number, evenly distributed
 */
extern uint64_t backoff_spread(uint64_t min, uint64_t delay, uint64_t random);

#endif
