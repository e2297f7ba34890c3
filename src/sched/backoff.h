#ifndef SCHED_BACKOFF_H
#define SCHED_BACKOFF_H

/*
 * How long after an attempt that failed the next one is made.  In whatever unit the two limits have.
 */

#include <stdint.h>

/* What was tried in vain is left alone for so many microseconds, however often it is asked for. */
#define BACKOFF_REST_US 5000000u

/* After the nth attempt in a row that failed: min, then twice as long each time, max at the most. */
extern uint64_t backoff_delay(uint64_t min, uint64_t max, uint64_t n);

/*
 * Such a delay, or up to an eighth of it less, but min at the least: what failed together, when a link was lost, does not
 * come back all at once.
 *   random  any number, evenly distributed
 */
extern uint64_t backoff_spread(uint64_t min, uint64_t delay, uint64_t random);

#endif
