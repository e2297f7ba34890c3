#ifndef BOUNCE_ORIGINAL_H
#define BOUNCE_ORIGINAL_H

/*
 * The original message, the one that a notice is about.  A recipient of it is due for an event
 * when the sender is to be told of that event, or would be if NOTIFY did not rule it out.
 */

#include <stddef.h>

#include <skalibs/stralloc.h>

#include "bounce/routing.h"
#include "job/job.h"
#include "queue/message.h"
#include "queue/queuedir.h"

typedef struct original
{
  char id[ID_LEN + 1];
  int fd;
  enum queue_place place;
  message message;
  stralloc marks;          /* an octet for each recipient; private */
  char const *unwelcome;   /* why the sender cannot be told; NULL: the sender can */
} original;
#define ORIGINAL_ZERO { .fd = -1, .message = MESSAGE_ZERO, .marks = STRALLOC_ZERO }

enum original_state
{
  ORIGINAL_READ,
  ORIGINAL_GONE,
  ORIGINAL_ERROR,          /* errno */
  ORIGINAL_CONF            /* conf_error() */
};

/*
 * Open and read the message, lock every recipient that is due, and read the message again: an
 * agent may have written a result before the lock.  A recipient that is due after that and not
 * locked is being sent by an agent.
 */
extern enum original_state original_open(original *o, routing *rt, char const *id);
extern void original_close(original *o);

/* Is this recipient due for the event?  And is the sender to be told of that? */
extern int original_due(original const *o, size_t rcpt, enum job_event event);
extern int original_wanted(original const *o, size_t rcpt, enum job_event event);
/* Was the sender told of such an event before, about another recipient? */
extern int original_notified(original const *o, enum job_event event);
/* Is a recipient that is due locked by an agent? */
extern int original_busy(original const *o, enum job_event event);

#endif
