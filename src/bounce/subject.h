#ifndef BOUNCE_SUBJECT_H
#define BOUNCE_SUBJECT_H

/*
 * The message that a notice is about, and who is due: a recipient of it is when its sender is to
 * be told of the event, or would be had he not asked to be left alone.
 */

#include <stddef.h>

#include <skalibs/stralloc.h>

#include "bounce/way.h"
#include "job/job.h"
#include "queue/message.h"
#include "queue/queuedir.h"

typedef struct subject
{
  char id[ID_LEN + 1];
  int fd;
  enum queue_place place;
  message message;
  stralloc marks;          /* an octet for each recipient; private */
  char const *unwelcome;   /* why nothing can be said to the sender; NULL: it can */
} subject;
#define SUBJECT_ZERO { .fd = -1, .message = MESSAGE_ZERO, .marks = STRALLOC_ZERO }

enum subject_state
{
  SUBJECT_READ,
  SUBJECT_GONE,
  SUBJECT_TROUBLE,         /* errno */
  SUBJECT_CONF             /* conf_error() */
};

/*
 * Open and read it, lock all that are due, and read it again: what has become of them by then,
 * becomes of them no more.  Who is due by then and not locked is in other hands.
 */
extern enum subject_state subject_take(subject *s, way *w, char const *id);
extern void subject_leave(subject *s);

/* Is this recipient due for the event, and is its sender to be told? */
extern int subject_due(subject const *s, size_t rcpt, enum job_event event);
extern int subject_wanted(subject const *s, size_t rcpt, enum job_event event);
/* Was its sender told of such an event before, about another recipient? */
extern int subject_again(subject const *s, enum job_event event);
/* Is one of those that are due in other hands? */
extern int subject_busy(subject const *s, enum job_event event);

#endif
