#ifndef LIST_WAITING_H
#define LIST_WAITING_H

/*
 * Why a recipient's mail waits, and until when, as its route, the site file and conf/backoff say.
 * The route and site of a domain are kept for the next message, for a bounded number of domains.
 */

#include <stdint.h>
#include <skalibs/stralloc.h>

#include "conf/conf.h"
#include "queue/sitefile.h"
#include "queue/message.h"

/* A domain's route, and the state of its site. */
typedef struct waiting_domain
{
  stralloc domain;
  conf_route route;
  enum sitefile_state state;
  uint64_t probe_us;    /* while down: when qmgr probes it again; 0: at once */
  stralloc why;         /* while down: what the site file says, a string */
} waiting_domain;

/*
 * The number of domains kept, and of places that domains with one hash share, so that a few
 * domains never displace each other.  Both are powers of two.
 */
#define WAITING_DOMAINS 4096
#define WAITING_PLACES 8

typedef struct waiting
{
  int queue;
  conf_routes routes;
  conf_backoff backoff;
  uint64_t now_us;      /* when waiting_init() was called */
  unsigned int turn;    /* the place that is taken next where all are in use */
  waiting_domain domains[WAITING_DOMAINS];
} waiting;

/*
 * Read the routes and the back-off.  The caller keeps the queue's descriptor open.  1, or 0 with
 * conf_why().
 */
extern int waiting_init(waiting *w, int queue, int conf);
extern void waiting_free(waiting *w);

/*
 * The route and site of a folded domain.  Good until the next call.
 * Returns NULL when the route cannot be found: errno and conf_why() of conf_routes_find().
 */
extern waiting_domain const *waiting_find(waiting *w, char const *domain);

/*
 * The reason why mail waits: that of the last attempt, else why the site is down, else that it is
 * parked.  A reason of the site file comes without its enhanced status code.  "" where none is
 * known.
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

/* Does the message still owe this recipient its mail, or its sender a notice about it? */
static inline int waiting_owed(message_recipient const *r)
{
  return !r->settled || message_untold(r);
}

#endif
