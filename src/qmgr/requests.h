#ifndef QMGR_REQUESTS_H
#define QMGR_REQUESTS_H

/* Requests for one message, asked/=ID. */

#include "qmgr/delivery.h"

typedef struct id_request id_request;
/*
 * One message was requested, behind whatever domains.  Its asked/=ID is removed once each of them
 * has tried it.
 */
extern void delivery_request(delivery *d, char const *id);
/* It was tried in vain a moment ago when it was requested: now is its time. */
extern void delivery_request_timer(delivery *d, id_request *r);
/* It was tried behind one of them; it could not be, and is to be taken up again. */
extern void delivery_request_tried(delivery *d, char const *id);
extern void delivery_request_again(delivery *d, char const *id);

#endif
