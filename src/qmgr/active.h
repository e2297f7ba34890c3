#ifndef QMGR_ACTIVE_H
#define QMGR_ACTIVE_H

/* Active messages: those that jobs are out for. */

#include <stddef.h>
#include <stdint.h>

#include "queue/queuedir.h"

/* Until new/ is looked at again: soon, or only with the next look at everything. */
enum { KEEP_NEW_SOON = 1, KEEP_NEW = 2 };

typedef struct active
{
  char id[ID_LEN + 1];
  enum queue_place place;
  uint64_t owed;             /* recipients */
  int untold;                /* the sender is to be told something */
  size_t jobs;
  unsigned int keep_new;     /* something it owes could not be recorded: it stays in new/ */
} active;

/* NULL: it is not active. */
extern active *active_find(void *const *all, char const *id);
/* A new one, all zero but for its id; NULL without memory. */
extern active *active_add(void **all, char const *id);
/* It is not active any more. */
extern void active_take(void **all, active *a);

#endif
