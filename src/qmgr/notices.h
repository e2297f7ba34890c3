#ifndef QMGR_NOTICES_H
#define QMGR_NOTICES_H

/*
 * Whose sender is to be told something.  A bounce-put, behind run/bounce, is told the id of each
 * such message, a line each, and answers "ID done ...", "ID gone" or "ID later WHY".  It decides
 * what to tell; notice/ID is there until it has answered.
 */

#include "qmgr/core.h"
#include "queue/id.h"

/* Messages asked for and not answered. */
#define NOTICES_WINDOW 100

typedef struct notice_asked
{
  char id[ID_LEN + 1];
  int again;                 /* more has become due since it was asked for */
} notice_asked;

typedef struct notices
{
  core *core;
  int fd;                    /* run/bounce, or -1 */
  int look;                  /* notice/ must be read from the beginning */
  void *directory;           /* DIR of notice/ while it is read */
  int later;                 /* something could not be done: look again */
  timer timer;               /* for that, or to hang up */
  size_t pending_len;        /* asked for and not answered */
  notice_asked pending[NOTICES_WINDOW];
  size_t out_len;
  char out[NOTICES_WINDOW * (ID_LEN + 1)];
  size_t in_done;
  size_t in_len;
  char in[512];
} notices;

/* notice/, and what it holds from before. */
extern void notices_start(notices *n);
/* notice/ may hold something new. */
extern void notices_look(notices *n);
/*
 * The sender of this message is to be told something.  1; 0 when that could not be noted down.
 * An answer to what was asked for before does not count for it.
 */
extern int notices_due(notices *n, char const *id);
/* One bounded piece of asking.  1 when there is more. */
extern int notices_run(notices *n);
/*
 * It can be read from; what was read tells next of a message whose sender was told: notices_over()
 * then.
 */
extern void notices_readable(notices *n);
extern int notices_told_next(notices *n, char id[ID_LEN + 1]);
extern void notices_over(notices *n, char const *id);
/* It can be written to. */
extern void notices_writable(notices *n);
extern void notices_timer(notices *n);

#endif
