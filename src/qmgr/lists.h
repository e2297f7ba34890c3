#ifndef QMGR_LISTS_H
#define QMGR_LISTS_H

/*
 * The lists of domains, flush/DOMAIN and claim/DOMAIN: the hands of the scheduler's domains.
 *
 * What must survive is on disk before it is here: a pass renames the list to claim/ and removes it
 * when nothing of it is left to do, and whatever comes back undelivered is recorded in the list
 * anew.
 */

#include "flush/flush.h"
#include "qmgr/agents.h"

/* A list that was claimed, as long as its pass lasts. */
typedef struct claim
{
  flush_reader reader;
  int set_aside;             /* its descriptor was needed: it goes on at this offset */
  off_t at;
  stralloc kept;             /* ids to record again at the end, ID_LEN octets each */
} claim;

typedef struct list
{
  char *name;
  domain domain;
  unsigned int route_generation;
  claim *claim;
  stralloc noted;            /* ids of new messages, ID_LEN octets each, to be recorded together */
  row_place noting;
} list;

typedef struct lists
{
  core *core;
  hops *hops;
  agents *agents;
  void *tree;                /* of list, by name */
  row noting;                /* those with something noted */
  stralloc missed;           /* ids that were noted and could not be recorded, ID_LEN octets each */
  int missed_all;            /* there was no memory for that */
  int missed_short;          /* for want of something, and not because one list is obstructed */
} lists;

/* The list of a folded domain, with its route as it is now; NULL when its route cannot be told. */
extern list *lists_get(lists *all, char const *domain);
/* The same, if it is known. */
extern list *lists_find(lists const *all, char const *domain);
/* The scheduler lets go of it: forget it. */
extern void lists_forget(lists *all, list *l);
extern list *list_of(domain const *d);
/* It was reversed, and leads to its route's site again; its route may have changed meanwhile. */
extern void list_home(lists *all, list *l);
/* The settings were read anew. */
extern void lists_refresh(lists *all);

/*
 * Record an id; one that a pass read, at the end of that pass.
 *   untried  a pass should look at it as soon as the site has room
 * Returns 1 or 0.
 */
extern int list_record(lists *all, list *l, pass *from, char const *id, int untried);
/*
 * Note an id that lists_record_noted() will record, with all that was noted meanwhile.  1, or 0
 * without memory.
 */
extern int list_note(lists *all, list *l, char const *id);
extern void lists_record_noted(lists *all);
/*
 * Could one of the last noted not be recorded: is it this id?  missed_short says whether something
 * is short.
 */
extern int lists_missed(lists const *all, char const *id);
/* What was missed was seen to. */
extern void lists_missed_over(lists *all);

/* There is a list, as the directory says. */
extern void list_found(lists *all, list *l);
/* The first id of the list, or of the claim.  1, or 0. */
extern int list_first(lists const *all, list const *l, char id[ID_LEN + 1]);

/* Orders of the scheduler, see sched.h.  What became of the claim is returned. */
extern enum claimed list_claim(lists *all, list *l);
extern void list_settle(lists *all, list *l);
extern void list_give_back(lists *all, list *l);
/*
 * Read the next id of the claim.  1; 0 at its end, which the scheduler is told; -1: not now,
 * everything is paused.
 */
extern int list_read(lists *all, list *l, char id[ID_LEN + 1]);
/* Keep an id that was read for the end of the pass. */
extern void list_keep(lists *all, list *l, pass const *from, char const *id);
/*
 * Is errno a want of descriptors?  Then those of messages on their way to agents and of claims are
 * closed, and it may be tried again: many domains that have theirs must not keep each other, and
 * all others, waiting for one more.
 */
extern int lists_free_descriptors(lists *all);
/* We stop: lists are lists again, and can be read as such. */
extern void lists_give_back(lists *all);

#endif
