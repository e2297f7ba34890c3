#ifndef BOUNCE_RETURNED_H
#define BOUNCE_RETURNED_H

/* What is returned of a message to its sender. */

#include <stdint.h>

#include "bounce/lines.h"
#include "bounce/original.h"
#include "job/job.h"

/*
 * So much of a header is returned at the most; and with a second notice of the same event, and
 * each further one.
 */
#define RETURNED_HEADER_MAX 50000
#define RETURNED_AGAIN_MAX 4096

typedef struct returned
{
  uint64_t offset;         /* in the file */
  uint64_t len;
  int whole;               /* 0: its header */
  int high;                /* it holds octets over 127 */
  int global;              /* in a header, it may: it is one of RFC 6532 */
} returned;

/*
 * Anybody can be said to be the sender.  What he is sent, who may never have sent anything, is
 * bounded: a whole message once, and of limited size, whatever RET asks for (RFC 3461 section 4.3
 * has it as a request), then little more than tells which message it was.  One message can have a
 * thousand recipients, who fail one by one.
 *   most  octets of a message that may be returned as a whole
 * 1, or 0 with errno.
 */
extern int returned_choose(returned *r, original const *o, enum job_event event, uint64_t most);
extern void returned_put(lines *l, returned const *r, original const *o);

#endif
