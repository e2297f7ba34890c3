#ifndef SCHED_REVERSAL_H
#define SCHED_REVERSAL_H

/*
 * A reversal: a connection that a customer has made, and has turned round for his mail (ATRN, RFC
 * 2645).
 *
 * It is a site that nobody else knows, with one connection and no other after that, no back-off and
 * no state that outlives it.  Its domains lead there instead of to their home, their route's site:
 * what waits for them is requested, parked or not and whatever the state of their home, and what
 * comes meanwhile goes there as well.  At its end they go home, and all is there as it was.
 */

#include "sched/pass.h"

/* A site for it.  Its connection is to be added at once. */
extern void reversal_begin(sched *s, site *x, void *owner);

/*
 * The domain's mail is to go there from now on, unless nobody may try that.  Returns the connection
 * of the reversal that had the domain before, which is given nothing more; NULL: there is none, or
 * it was told so already.
 */
extern connection *reversal_take(sched *s, site *x, domain *d);

/* Its connection has ended: the next one of its domains has gone home; NULL: all have. */
extern domain *reversal_release(sched *s, site *x);
/*
 * How what was out over its connection for this cause comes back then: there is no other to send it
 * by, but what others have requested goes out at home.
 */
extern enum came reversal_came(enum cause cause);
/* After that the user forgets it. */
extern void reversal_leave(sched *s, site *x);

/*
 * Is the connection, which has nothing to do, one of a reversal for which something may come soon?
 * What others have in hand comes back, and is requested again a second later; but who hangs has it
 * for long.
 */
extern int reversal_waits(sched const *s, connection const *c);

#endif
