#ifndef SCHED_MOMENT_H
#define SCHED_MOMENT_H

/* Moments in microseconds, under a clock that may be set back. */

#include <stdint.h>

#define SECOND_US UINT64_C(1000000)
/* A moment that never comes. */
#define NEVER_US UINT64_MAX

/* Is a moment less than so long ago?  Never one of the future: that was under another clock. */
extern int moment_lately(uint64_t now_us, uint64_t since_us, uint64_t span_us);

/* A moment under a clock that was set back by so much; NEVER_US stays. */
extern uint64_t moment_earlier(uint64_t at_us, uint64_t by_us);

#endif
