#ifndef BASE_WALLCLOCK_H
#define BASE_WALLCLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Moments, and how long something takes, are counted in microseconds. */
#define SECOND_US UINT64_C(1000000)

/* Microseconds since 1970, UTC, without leap seconds (clock_gettime(2), CLOCK_REALTIME). */
extern uint64_t wallclock_us(void);

/*
 * Microseconds since some moment, of a clock that nobody sets (CLOCK_MONOTONIC): to measure how
 * long something takes.
 */
extern uint64_t wallclock_steady_us(void);

/* The same in milliseconds: for deadlines. */
extern int64_t wallclock_steady_ms(void);

/*
 * The milliseconds until that clock shows so many, for poll(2): 0 when it does, or did; some weeks
 * at the most, so that a wait may be over before the time is.
 */
extern int wallclock_left_ms(int64_t deadline_ms);

/*
 * Room for a date in the form of RFC 5322 section 3.3: "Sat, 21 Nov 2026 07:45:53 +0000", a string.
 */
#define WALLCLOCK_DATE_MAX 40
extern size_t wallclock_date(char *out, uint64_t us);

#endif
