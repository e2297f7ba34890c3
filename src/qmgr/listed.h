#ifndef QMGR_LISTED_H
#define QMGR_LISTED_H

/* What a domain hands out: from an id of its list to a job. */

#include "qmgr/delivery.h"

/* Try what the message owes in one domain, by its pass or none, over an agent. */
extern void delivery_try(delivery *d, list *l, agent *a, char const *id, pass *from,
                         enum cause cause);
/*
 * Look whose mail waits for the domain: this message's, or, with "", that of the first one in its
 * list.
 */
extern void delivery_learn(delivery *d, list const *l, char const *id);
/*
 * An operator let it go.  It stands in its lists, which were perhaps looked at meanwhile: look
 * again.
 */
extern void delivery_released(delivery *d, char const *id);

#endif
