#ifndef QMGR_ORDERS_H
#define QMGR_ORDERS_H

/* What the scheduler wants done is done here, and it is told what agents say. */

#include "qmgr/delivery.h"

/* Carry out what is to be done before anything else is told to it. */
extern void orders_run(delivery *d);
/* The sites have their turns. */
extern void orders_turns(delivery *d);
/* Its moments that have come, seen to. */
extern void orders_timers(delivery *d);

/* An agent can be read from. */
extern void orders_agent_readable(delivery *d, agent *a);

/* One bounded piece of forgetting what nobody has asked for lately.  1 when there is more. */
extern int orders_forget(delivery *d);

#endif
