#ifndef SEND_CLOCK_H
#define SEND_CLOCK_H

#include <stdint.h>

/* Milliseconds of a clock that only goes forward (CLOCK_MONOTONIC): for deadlines. */
extern int64_t clock_ms(void);

/* Microseconds since 1970 (CLOCK_REALTIME): for the journal and the log. */
extern uint64_t clock_us(void);

#endif
