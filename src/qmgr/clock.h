#ifndef QMGR_CLOCK_H
#define QMGR_CLOCK_H

/*
 * The clock is the administrator's: it may be set back or forward while we run, and while we do
 * not.  What is still to come keeps its distance when it is set back; what the queue says of the
 * future was written under a wrong clock.
 */

#include "qmgr/core.h"

/*
 * Read the clock for the first time, and queue/clock, where the last qmgr said when it was there.
 */
extern void clock_start(core *q);
/*
 * Read the clock for a turn of the loop; where it was set back, the scheduler's moments and ours go
 * back with it.  Returns by how much.
 */
extern uint64_t clock_read(core *q);
/* Note down in queue/clock, once a minute, that we were there. */
extern void clock_note(core *q);
/*
 * Is a moment that the queue tells of in the future?  Then it was written under a wrong clock, and
 * whatever it is to delay is due.
 */
extern int clock_ahead(core const *q, uint64_t us);

#endif
