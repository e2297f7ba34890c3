#ifndef QMGR_ARRIVALS_H
#define QMGR_ARRIVALS_H

/* New messages, from new/ to jobs and lists. */

#include "qmgr/delivery.h"

/*
 * A message in new/: send what can go now, note the rest.  What was noted of one or of many is
 * recorded by delivery_new_end(), which must follow before a list is claimed or an agent is heard.
 * Returns how many recipients there were to look at.
 */
extern size_t delivery_new(delivery *d, char const *id);
extern void delivery_new_end(delivery *d);

#endif
