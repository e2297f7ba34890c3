#ifndef QMGR_SENDER_H
#define QMGR_SENDER_H

/* Whose mail a message is, as far as its client line tells. */

#include "queue/message.h"
#include "sched/quota.h"

/* The key of the source with this client line (message.h); null: its sender is the null one. */
extern source_key sender_key(char const *client, int null);

/* Whose message it is; the caller is one more user of the source. */
extern source *sender_source(quota *q, message const *m);

#endif
