#ifndef SCHED_ATTEMPT_H
#define SCHED_ATTEMPT_H

/* One recipient: is it due, has it expired? */

#include "sched/domain.h"

/* How it was tried last. */
typedef struct attempt
{
  uint64_t count;            /* of all attempts; 0: never */
  uint64_t last_us;
  /* that is a moment of the future: it was written under a wrong clock */
  int ahead;
  int cut;                   /* a connection ended in the middle of it */
} attempt;

/*
 * Is it to be tried, by this pass (NULL: by none) for this cause?  If not, when it is due is noted.
 */
extern int attempt_due(sched *s, domain *d, pass const *from, enum cause cause, attempt const *a);
/* Is a message of this arrival too old for the domain? */
extern int domain_overdue(sched const *s, domain const *d, uint64_t arrival_us);
/* And is it over, since it was tried in vain after that, or is parked? */
extern int attempt_expired(sched const *s, domain const *d, uint64_t arrival_us, attempt const *a);
/* Until when nothing that is parked, and has this lifetime, expires unasked. */
extern uint64_t mercy_us(sched const *s, uint64_t lifetime_us);

#endif
