#ifndef SERVE_POOL_H
#define SERVE_POOL_H

/*
 * The workers: processes of one program, each of which serves a connection at a time (see
 * base/worker.h).  Idle ones wait for the next.  When they have run out, and none comes back soon,
 * as many are started as there are, and no more than are wanted; those that nobody has needed for a
 * minute are let go.
 *
 * On libowfat's event loop: the pool waits for what its workers say by descriptors of its own, and
 * is told of those that are readable.  None is closed but by pool_keep(), when no event is left:
 * libowfat has the event of a closed descriptor come up again for the next one of that number, or
 * never comes to an end.
 */

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "serve/client.h"

enum pool_state
{
  POOL_STARTING,    /* has not said yet that it is idle */
  POOL_IDLE,
  POOL_BUSY,        /* with a connection */
  POOL_LEAVING      /* gets no connection any more */
};

typedef struct pool_worker
{
  struct pool_worker *next;       /* of all */
  struct pool_worker *idle_next;  /* of the idle ones: the one that became so before */
  enum pool_state state;
  pid_t pid;                      /* 0: it has ended */
  int fd;
  unsigned int uses;              /* connections it has had */
  int64_t ready_end_ms;           /* when it is to have been ready */
  uint64_t turn;                  /* the number of the last one among all */
  int serves;                     /* it has a connection, though it may be leaving */
  client client;                  /* whose */
} pool_worker;

typedef struct pool
{
  char *const *program;           /* and its arguments */
  unsigned int most;              /* workers, whatever they say */
  unsigned int few;               /* that stay when nobody needs them */
  unsigned int uses_most;         /* of one worker; then it ends */
  char const *watched;            /* a file that workers have read when they began, or NULL */

  struct stat watched_was;
  pool_worker *first;
  pool_worker *idle;              /* the one that became so last comes first */
  unsigned int count;             /* processes */
  unsigned int count_able;        /* all but those that leave */
  unsigned int count_idle;
  unsigned int count_starting;
  int untidy;                     /* some have left */
  unsigned int idle_least;        /* in the present period */
  int64_t period_end_ms;          /* 0: there is none, since nobody could be let go */
  int64_t short_since_ms;         /* none was idle for those who waited; 0: not so */
  int came_back;                  /* one has become idle since then */
  uint64_t turns;                 /* connections that were handed over */
  uint64_t most_turn;             /* by whose settings most is */
  int64_t pause_until_ms;         /* before the next start: the last one failed */
} pool;

/* Begin, with the fields down to watched set and the others zero. */
extern void pool_begin(pool *p);

/*
 * Start workers that are lacking, and let go who has not been needed for a minute.  Once in a turn
 * of the loop, between the events of the last wait and the next wait.
 *   waiting  so many connections wait for a worker
 * Returns the milliseconds until there may be something to do again; -1: no time will bring that.
 */
extern int64_t pool_keep(pool *p, unsigned int waiting);

/* How many connections there are, those of workers that leave included. */
extern unsigned int pool_connections(pool const *p);

/*
 * Hand a connection to an idle worker; the caller closes his descriptor.  1; 0: none is idle, or
 * those that were are gone.
 */
extern int pool_hand(pool *p, int fd, client const *who);

/* How many connections of this client's there are. */
extern unsigned int pool_count(pool const *p, client const *who);

/*
 * A worker's descriptor, with its cookie, is readable: it is idle, or gone.
 */
extern void pool_hear(pool *p, pool_worker *w);

/* Take leave of the processes that have ended (SIGCHLD). */
extern void pool_reap(pool *p);

/* Let all workers go, the busy ones once they have finished what they do: others begin anew. */
extern void pool_renew(pool *p);

/* End all workers at once, by SIGTERM. */
extern void pool_end(pool *p);

#endif
