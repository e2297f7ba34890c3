#ifndef BOUNCE_RETURNED_H
#define BOUNCE_RETURNED_H

/* The part of the original that a notice returns to its sender. */

#include <stdint.h>

#include "bounce/lines.h"
#include "bounce/original.h"
#include "job/job.h"

/*
 * The most octets of a header that are returned: with the first notice of an event, and with each
 * further one.
 */
#define RETURNED_HEADER_MAX 50000
#define RETURNED_AGAIN_MAX 4096

typedef struct returned
{
  uint64_t offset;         /* in the file */
  uint64_t len;
  int whole;               /* the whole message; 0: its header */
  int high;                /* octets over 127 in it */
  int global;              /* which a header may hold: a message of RFC 6532 */
} returned;

/*
 * Choose that part.  The sender may be forged, so what is returned is bounded: a whole message
 * once, and of limited size, whatever RET asks for (a request in RFC 3461 section 4.3); after that
 * just enough to identify the message, which can have a thousand recipients that fail one by one.
 *   most  octets of a message that may be returned as a whole
 * 1, or 0 with errno.
 */
extern int returned_choose(returned *r, original const *o, enum job_event event, uint64_t most);
extern void returned_put(lines *l, returned const *r, original const *o);

#endif
