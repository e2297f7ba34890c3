#ifndef ACT_OPERATION_H
#define ACT_OPERATION_H

/*
 * What an operator does to a message: delete, hold, release, requeue, expire it.
 *
 * A qmgr may run meanwhile.  An agent that sends a message has locked its recipients, and qmgr,
 * after it has locked one, checks that the message is still there.  So an operation locks the
 * whole message before it changes anything: then nobody sends the message, and nobody begins to.
 * Delete and hold do not wait for a lock that others have: the agent finishes its attempt on the
 * open file, and qmgr then finds the message in hold/, or gone.
 *
 * Qmgr may move a message from new/ to cur/ at any moment, lock or not: an operation that misses
 * the message in one place looks in all places again.  An id is never used twice, so whatever
 * file has the name is the message.
 */

#include <skalibs/stralloc.h>

#include "queue/message.h"

/* How long a requeue waits for agents that send the message. */
#define OPERATION_WAIT_MS 5000
/* How long all operations together wait for room in qmgr's FIFO. */
#define OPERATION_HINT_MS 1000

#define OPERATION_IN(place) (1u << (place))
/* The places of a message that is in the queue. */
#define OPERATION_QUEUED \
  (OPERATION_IN(QUEUE_NEW) | OPERATION_IN(QUEUE_CUR) | OPERATION_IN(QUEUE_HOLD))

/* The state of one program's operations. */
typedef struct operation
{
  int queue;
  unsigned int idle;       /* the places, or-ed, where a message that nobody sends may be touched */
  unsigned int busy;       /* the places where one that is being sent may be touched */
  enum queue_place first;  /* the place to look in first; operation_each() sets it */
  unsigned int wait_ms;    /* left to wait for agents that send */
  unsigned int hint_ms;    /* left to wait for room in the FIFO */
  int trigger;             /* the FIFOs, open for as many messages as there are; or -1 */
  int deeds;
  message message;         /* the one being read */
  /* for operation_requeue() alone, see operation_settings() */
  int fsyncdir;
  stralloc me;
  stralloc postmaster;     /* the postmaster's address and domain, as conf/ has them now */
  stralloc postmaster_domain;
  message_writer writer;   /* its id is the new message's */
} operation;
#define OPERATION_ZERO \
{ \
  .queue = -1, .idle = ~0u, .busy = ~0u, .first = QUEUE_CUR, \
  .wait_ms = OPERATION_WAIT_MS, .hint_ms = OPERATION_HINT_MS, .trigger = -1, .deeds = -1, \
  .me = STRALLOC_ZERO, .postmaster = STRALLOC_ZERO, .postmaster_domain = STRALLOC_ZERO, \
  .message = MESSAGE_ZERO, .writer = MESSAGE_WRITER_ZERO \
}

enum operation_result
{
  OPERATION_DONE,
  OPERATION_DONE_SENDING,  /* done, while an agent was sending the message */
  OPERATION_ALREADY,       /* the message was in that state before */
  OPERATION_GONE,          /* in no place that may be touched; or sent, and removed now */
  OPERATION_UNFINISHED,    /* in tmp/: a program is writing the message */
  OPERATION_BUSY,          /* agents were sending the message all the time */
  OPERATION_CORRUPT,       /* not a whole message */
  OPERATION_SETTLED,       /* the message owes nothing */
  OPERATION_UNTOLD,        /* the sender must be told of a failure first; a copy would not say so */
  OPERATION_TROUBLE,       /* errno; the message is as it was */
  OPERATION_RESULTS
};

/* Remove the message, from corrupt/ as well where op->idle says so. */
extern enum operation_result operation_delete(operation *op, char const *id);

/*
 * Move the message to hold/.  Its entries in the lists stay; a message in new/ that had no
 * entries yet gets them.
 */
extern enum operation_result operation_hold(operation *op, char const *id);

/* Move the message from hold/ to cur/ and tell qmgr, which finds the message in the lists. */
extern enum operation_result operation_release(operation *op, char const *id);

/*
 * Write a new message to new/: sender, parameters and client of the old one, the recipients that
 * the old one still owes, and its content below one more Received field.  Then remove the old
 * message; a kill in between leaves both.  Signals that end a program are blocked meanwhile.
 */
extern enum operation_result operation_requeue(operation *op, char const *id);

/*
 * Fail all recipients that the message owes, for good, and have its sender told: at once, or, of
 * a held message, when it is released.  OPERATION_ALREADY: the message owes nothing.
 */
extern enum operation_result operation_expire(operation *op, char const *id);

/*
 * Call fn for every message in these places, or-ed.  Messages that arrive after the call began
 * are left out: copies made by fn are among them.  Messages may come and go meanwhile, by fn's
 * doing as well.
 *   fn  returns 1 to go on, 0 to stop
 * Returns 1, 0 when fn stopped, -1 with errno; *where is then the directory that could not be
 * read.
 */
extern int operation_each(operation *op, unsigned int places,
                          int (*fn)(char const *id, void *data), void *data, char const **where);

/* Read what operation_requeue() needs of conf/.  1, or 0 with conf_error(). */
extern int operation_settings(operation *op, int conf);

extern void operation_free(operation *op);

#endif
