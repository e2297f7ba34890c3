#include "list/queue-list-internal.h"

#include <skalibs/strerr.h>

#include "conf/conf.h"
#include "list/filter.h"

#define UNTOLD "its sender is not told yet: "

void listing_die_memory(void)
{
  strerr_diefusys(111, "list the queue");
}

char const *listing_sender(message const *m)
{
  char const *sender = message_string(m, m->sender);
  return *sender ? sender : FILTER_NULL_SENDER;
}

delay_domain const *listing_domain(listing *l, message const *m, message_recipient const *r)
{
  delay_domain const *d = delay_find(&l->delays, message_string(m, r->domain));
  if (!d) strerr_dief(conf_exit_code(), conf_error());
  return d;
}

char const *listing_why(listing *l, delay_domain const *d, message const *m,
                        message_recipient const *r)
{
  char const *why = delay_why(d, m, r);
  if (!r->settled) return why;
  if (!stralloc_copys(&l->why, UNTOLD) || !stralloc_cats(&l->why, why) || !stralloc_0(&l->why))
    listing_die_memory();
  return l->why.s;
}
