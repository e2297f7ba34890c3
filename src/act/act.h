#ifndef ACT_ACT_H
#define ACT_ACT_H

/*
 * What an operator does to a message: delete, hold, release, requeue, expire it.
 *
 * Beside a qmgr that runs.  Who sends a message has locked the recipients in question, and qmgr, once it
 * has locked one, looks whether the message is still there.  So a message is changed with all of it
 * locked: nobody is sending it then, and nobody begins to.  Where the lock is not to be had,
 * delete and hold do not wait: an attempt under way is finished from the descriptor, and qmgr finds
 * the message where it is by then, or gone.
 *
 * Qmgr may move a message from new/ to cur/ at any moment, lock or not: what is missed in one place is
 * looked for in all of them again.  An id is never used twice, so whatever has the name is the message.
 */

#include <skalibs/stralloc.h>

#include "queue/message.h"

/* How long a requeue waits for those who send the message. */
#define ACT_WAIT_MS 5000
/* How long to wait, in all, for room in a qmgr's FIFO. */
#define ACT_HINT_MS 1000

#define ACT_IN(place) (1u << (place))
/* The places of a message that is in the queue. */
#define ACT_QUEUED (ACT_IN(QUEUE_NEW) | ACT_IN(QUEUE_CUR) | ACT_IN(QUEUE_HOLD))

typedef struct act
{
  int queue;
  unsigned int idle;       /* places, or-ed: a message that nobody sends is touched there alone */
  unsigned int busy;       /* the same for one that is being sent */
  enum queue_place first;  /* where to look first: act_each() knows */
  unsigned int wait_ms;    /* left to wait for those who send */
  unsigned int hint_ms;    /* left to wait for room in the FIFO */
  int trigger;             /* the FIFOs, kept open: an operator may mean all there is; or -1 */
  int deeds;
  message message;
  /* act_requeue() alone, see act_settings() */
  int fsyncdir;
  stralloc me;
  stralloc postmaster;     /* whoever that is now, and the gate */
  stralloc postmaster_gate;
  message_writer writer;   /* its id is the new message's */
} act;
#define ACT_ZERO \
{ \
  .queue = -1, .idle = ~0u, .busy = ~0u, .first = QUEUE_CUR, .wait_ms = ACT_WAIT_MS, .hint_ms = ACT_HINT_MS, \
  .trigger = -1, .deeds = -1, .me = STRALLOC_ZERO, .postmaster = STRALLOC_ZERO, .postmaster_gate = STRALLOC_ZERO, \
  .message = MESSAGE_ZERO, .writer = MESSAGE_WRITER_ZERO \
}

enum act_result
{
  ACT_DONE,
  ACT_DONE_SENDING,  /* done; an attempt to send it is under way */
  ACT_ALREADY,       /* it is what it was to become */
  ACT_GONE,          /* in no place that was looked at; or it was sent, and removed now if it was still there */
  ACT_UNFINISHED,    /* in tmp/ */
  ACT_BUSY,          /* being sent all the time */
  ACT_CORRUPT,       /* not a whole message */
  ACT_SETTLED,       /* owes nothing */
  ACT_UNTOLD,        /* its sender has yet to be told of a failure; a copy would not say so */
  ACT_TROUBLE,       /* errno; the message is what it was */
  ACT_RESULTS
};

/* Remove it, from corrupt/ as well where idle says so. */
extern enum act_result act_delete(act *a, char const *id);

/* Move it to hold/.  Its entries in the lists stay; what had none yet gets them. */
extern enum act_result act_hold(act *a, char const *id);

/* Move it from hold/ to cur/ and tell qmgr, who finds it in the lists. */
extern enum act_result act_release(act *a, char const *id);

/*
 * Make a new message of it, in new/: its sender, parameters and client, the recipients it still owes,
 * and its content below one more Received field.  Then it is removed; a kill in between leaves both.
 * Signals that end a program wait meanwhile.
 */
extern enum act_result act_requeue(act *a, char const *id);

/*
 * Give up all that it owes, for good, and have its sender told: at once, or when it is released.
 * ACT_ALREADY: it owes nothing.
 */
extern enum act_result act_expire(act *a, char const *id);

/*
 * Call fn for every message in these places, or-ed, but for those that arrived after we began, our own
 * copies among them.  Messages may come and go meanwhile, and fn may have them do so.
 *   fn  returns 1 to go on, 0 to stop
 * Returns 1, 0 when fn stopped, -1 with errno; *where is then the directory that could not be read.
 */
extern int act_each(act *a, unsigned int places, int (*fn)(char const *id, void *data), void *data, char const **where);

/* What requeueing needs of conf/.  1, or 0 with conf_why(). */
extern int act_settings(act *a, int conf);

extern void act_free(act *a);

#endif
