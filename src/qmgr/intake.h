#ifndef QMGR_INTAKE_H
#define QMGR_INTAKE_H

/* What the directories and the FIFOs ask for. */

#include "qmgr/delivery.h"

enum new_turn
{
  NEW_FLOWS,
  NEW_AGAIN,                 /* something in it could not be recorded: its turn has come again */
  NEW_LAST                   /* and before, lists and asked/ have theirs */
};

/* One of the FIFOs. */
typedef struct hints
{
  int fd;
  int deeds;                 /* it is queue/deeds */
  size_t len;
  char line[4096];
} hints;

typedef struct intake
{
  delivery *delivery;
  hints trigger;
  hints deeds;
  uint64_t hints_us;         /* when hints were read last */
  void *new_directory;       /* DIR of new/ while it is read */
  enum new_turn new_turn;
  uint64_t new_since_us;     /* when its turn began */
  int look_new;              /* new/ must be read from the beginning */
  int look_requests;         /* asked/, after that */
  int look_lists;            /* flush/ */
  int hints_lost;            /* what is in asked/ may have been asked for again */
  stralloc hinted;           /* names of asked/ that hints have told of, strings */
  size_t hinted_done;        /* those before it were taken up */
  flush_walker lists;        /* flush/ and asked/ while they are read */
  flush_walker requests;
  int requests_anew;         /* hints were lost when that was begun */
} intake;

/* Look at claims left from before, then everywhere. */
extern void intake_start(intake *in);
extern void intake_look(intake *in);
/*
 * Once a minute: take away what writers that were killed left in tmp/, and keep a reserve for what
 * will be asked.
 */
extern void intake_clean(intake *in);
/* One bounded piece of looking.  1 when there is more. */
extern int intake_run(intake *in);
/* Is all known that waits: were the directories read? */
extern int intake_settled(intake const *in);

/* Read hints. */
extern void intake_hints(intake *in, hints *from);
/* Until when hints are not read, since they are cheaper done together; 0: they are. */
extern uint64_t intake_hints_pause_us(intake const *in);

/* The clock was set back. */
extern void intake_set_back(intake *in, uint64_t by_us);

#endif
