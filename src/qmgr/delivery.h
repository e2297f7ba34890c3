#ifndef QMGR_DELIVERY_H
#define QMGR_DELIVERY_H

/*
 * What all need that lead from an id to a job, and back: what is owed, due, expired, locked.
 *
 * What must survive is on disk before it is here: a message stays in new/ until everything it owes
 * stands in a list, or is done; what was requested stays in asked/ until it was carried out.  So
 * every structure here can be lost at any moment.
 */

#include "qmgr/active.h"
#include "qmgr/lists.h"
#include "qmgr/messages.h"
#include "qmgr/notices.h"
#include "qmgr/totals.h"

/* A look through a domain's list and claim for senders to be warned of a delay. */
typedef struct delay_look
{
  domain *domain;            /* NULL: none is under way */
  flush_reader reader;
  int claim;                 /* to be read next; -1: none */
  uint64_t to_us;            /* what arrived up to then */
} delay_look;

typedef struct delivery
{
  core *core;
  hops *hops;
  agents *agents;
  lists *lists;
  messages *messages;
  notices *notices;
  totals *totals;
  void *actives;             /* trees of tsearch(3) */
  void *requests;
  genalloc arrivals;         /* of arrival: new messages since the last delivery_new_end() */
  stralloc senders;          /* theirs */
  delay_look delay;
  int look_new;              /* new/ must be looked at again, asked/ must: the user's to clear */
  int look_requests;
  message message;           /* memory for the one that is looked at, used again and again */
} delivery;

/* How it was tried last. */
extern attempt delivery_attempt(delivery const *d, message const *m, message_recipient const *r);
/* Whose message it is, for a site of which that is not known. */
extern void delivery_learn_sender(delivery *d, site *x, message const *m);
/* What is told and not noted down yet, left from before, is noted down.  0: that cannot be done. */
extern int delivery_untold_noted(delivery *d, message const *m, char const *id);

/*
 * The message becomes active: jobs are out for it.  keep_new: somebody has yet to record what else
 * it owes.
 */
extern active *delivery_active(delivery *d, char const *id, enum queue_place where,
                               message const *m, unsigned int keep_new);
extern void delivery_active_log(char const *id, char const *sender, uint64_t octets, size_t rcpts);
/* It is not, where no job is out: whatever is left to do for it is done. */
extern void delivery_inactive(delivery *d, active *a);
/* A new agent for the site, on this account; NULL: the scheduler knows why. */
extern agent *delivery_connect(delivery *d, site const *x, source *account);
/*
 * From here on the agent has the descriptor.  1, or 0: then the job is gone and nothing was sent.
 */
extern int delivery_hand_over(delivery *d, job *j, agent *a, int fd, active *of, message const *m);
/*
 * The message was read before we had its locks.  Is it still where it was, and has nobody written
 * to its journal meanwhile: an operator who moved it, an agent that came to its end?  Else it is
 * read again. 1, or 0 when nothing is left of the job: then its id must be looked at anew.
 */
extern int delivery_still_good(delivery *d, job *j, message *m, char const *id,
                               enum queue_place where, int fd);

/* What became of a recipient without an agent's doing, in an agent's words, for the log. */
extern void delivery_log(delivery const *d, char const *id, char const *address, char const *code,
                         char const *status, char const *text);

#endif
