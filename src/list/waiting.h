#ifndef LIST_WAITING_H
#define LIST_WAITING_H

/*
 * Why a recipient's mail waits, and until when: its route, the site file, and conf/backoff
 * taken together.  What is found for a domain is kept for the next message, for a bounded
 * number of domains.
 */

#include <stdint.h>
#include <skalibs/stralloc.h>

#include "conf/conf.h"
#include "queue/sitefile.h"
#include "queue/message.h"

/* A domain's way out.  The strings belong to it. */
typedef struct waiting_domain
{
  stralloc domain;
  conf_route route;
  enum sitefile_state state;
  uint64_t probe_us;    /* while down: when qmgr probes it again; 0: at once */
  stralloc why;         /* while down: what the site file says, a string */
} waiting_domain;

/*
 * Powers of two: domains kept, and how many of them may share a hash, so that few domains never
 * displace each other.
 */
#define WAITING_DOMAINS 4096
#define WAITING_PLACES 8

typedef struct waiting
{
  int queue;
  conf_routes routes;
  conf_backoff backoff;
  uint64_t now_us;      /* when that was read */
  unsigned int turn;    /* whose place is taken next where all are in use */
  waiting_domain domains[WAITING_DOMAINS];
} waiting;

/*
 * Read what is the same for all domains.  The descriptor of the queue stays the caller's.  1, or 0
 * with conf_why().
 */
extern int waiting_init(waiting *w, int queue, int conf);
extern void waiting_free(waiting *w);

/*
 * The way of a folded domain.  Good until the next call.
 * Returns NULL when its route cannot be told: errno and conf_why() of conf_routes_find().
 */
extern waiting_domain const *waiting_find(waiting *w, char const *domain);

/*
 * Why: what the last attempt met, else why the site is not tried, else that it is parked.
 * The offset of an enhanced status code before it is passed.  "" where nothing is known.
 */
extern char const *waiting_why(waiting_domain const *d, message const *m,
                               message_recipient const *r);

/*
 * When qmgr tries the recipient next unless something happens before, in microseconds since 1970.
 * A moment that has passed means that the recipient is due; so is one whose last attempt lies in
 * the future, under a wrong clock.  0: not before its site asks for mail, or the recipient is
 * settled.
 */
extern uint64_t waiting_next_us(waiting const *w, waiting_domain const *d, message const *m,
                                message_recipient const *r);

/*
 * Is something owed on account of this recipient: the mail, or word to its sender of what became
 * of it?
 */
static inline int waiting_owed(message_recipient const *r)
{
  return !r->settled || message_untold(r);
}

#endif
