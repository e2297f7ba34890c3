#ifndef LIST_DELAY_H
#define LIST_DELAY_H

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
typedef struct delay_domain
{
  stralloc domain;
  conf_route route;
  enum sitefile_state state;
  uint64_t probe_us;    /* while down: when qmgr probes it again; 0: at once */
  stralloc why;         /* while down: what the site file says, a string */
} delay_domain;

/*
 * The number of domains kept, and of places that domains with one hash share, so that a few
 * domains never displace each other.  Both are powers of two.
 */
#define DELAY_DOMAINS 4096
#define DELAY_PLACES 8

typedef struct delays
{
  int queue;
  conf_routes routes;
  conf_backoff backoff;
  uint64_t now_us;      /* when delay_init() was called */
  unsigned int turn;    /* the place that is taken next where all are in use */
  delay_domain domains[DELAY_DOMAINS];
} delays;

/*
 * Read the routes and the back-off.  The caller keeps the queue's descriptor open.  1, or 0 with
 * conf_error().
 */
extern int delay_init(delays *w, int queue, int conf);
extern void delay_free(delays *w);

/*
 * The route and site of a folded domain.  Good until the next call.
 * Returns NULL when the route cannot be found: errno and conf_error() of conf_routes_find().
 */
extern delay_domain const *delay_find(delays *w, char const *domain);

/*
 * The reason why mail waits: that of the last attempt, else why the site is down, else that it is
 * parked.  A reason of the site file comes without its enhanced status code.  "" where none is
 * known.
 */
extern char const *delay_why(delay_domain const *d, message const *m,
                               message_recipient const *r);

/*
 * When qmgr tries the recipient next unless something happens before, in microseconds since 1970.
 * A moment that has passed means that the recipient is due; so is one whose last attempt lies in
 * the future, under a wrong clock.  0: not before its site asks for mail, or the recipient is
 * settled.
 */
extern uint64_t delay_next_us(delays const *w, delay_domain const *d, message const *m,
                                message_recipient const *r);

/* Does the message still owe this recipient its mail, or its sender a notice about it? */
static inline int delay_owed(message_recipient const *r)
{
  return !r->settled || message_untold(r);
}

#endif
