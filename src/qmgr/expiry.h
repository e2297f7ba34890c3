#ifndef QMGR_EXPIRY_H
#define QMGR_EXPIRY_H

/* The age of messages: given up, and warned of a delay. */

#include "qmgr/delivery.h"

enum expiry
{
  EXPIRY_OVER,               /* the list need not keep it */
  EXPIRY_KEEP,               /* something of it is not that old, is held, or has yet to be tried */
  EXPIRY_BUSY                /* somebody has it in hand: later */
};
/*
 * All that the message owes in the domain has expired: is it given up?  It is read again under its
 * locks.
 */
extern enum expiry delivery_expire(delivery *d, list const *l, message *m, char const *id, int fd);
extern int delivery_expired(delivery *d, domain const *x, message const *m, char const *id);
/* One bounded piece of the looks for expired mail, and for senders to be warned of a delay. */
extern void delivery_sweep(delivery *d);
extern int delivery_sweep_more(delivery const *d);

#endif
