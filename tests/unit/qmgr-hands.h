#ifndef TESTS_UNIT_QMGR_HANDS_H
#define TESTS_UNIT_QMGR_HANDS_H

/* For tests of what stands on many hands: all of those below delivery.h, on one instance. */

#include "qmgr/delivery.h"

#include "qmgr.h"

static hops all_hops;
static agents all_agents;
static lists all_lists;
static messages all_messages;
static notices all_notices;
static totals all_totals;
static delivery d;

static inline void hands_make(char const *name)
{
  instance_make(name);
  memset(&all_hops, 0, sizeof all_hops);
  memset(&all_agents, 0, sizeof all_agents);
  memset(&all_lists, 0, sizeof all_lists);
  memset(&all_notices, 0, sizeof all_notices);
  memset(&all_totals, 0, sizeof all_totals);
  all_hops.core = all_agents.core = all_lists.core = all_messages.core = all_notices.core = &q;
  all_lists.hops = &all_hops;
  all_lists.agents = &all_agents;
  all_messages.lists = &all_lists;
  all_notices.fd = -1;
  d = (delivery){
    .core = &q, .hops = &all_hops, .agents = &all_agents, .lists = &all_lists,
    .messages = &all_messages, .notices = &all_notices, .totals = &all_totals,
    .message = MESSAGE_ZERO
  };
  log_forget();
}

static inline list *get(char const *name)
{
  list *l = lists_get(&all_lists, name);
  if (!l) exit(111);
  return l;
}

/* Is this to be done for it, as the scheduler wants it? */
static inline int ordered(char const *name, enum order_kind kind)
{
  list const *l = lists_find(&all_lists, name);
  return l && domain_ordered(&l->domain, kind);
}

#endif
