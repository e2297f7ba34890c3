#ifndef QMGR_AGENTS_H
#define QMGR_AGENTS_H

/* Agents: the hands of the scheduler's connections, each with an smtp-send at the other end. */

#include "base/log.h"
#include "qmgr/hops.h"
#include "qmgr/job.h"

typedef struct agent
{
  connection connection;
  int fd;
  struct agent *dead_next;
  job *jobs_first;
  job *jobs_last;
  stralloc out;              /* lines not yet written */
  size_t out_fds_len;
  int out_fds[JOB_FDS_MAX];  /* descriptors that go with the first octet of out */
  size_t in_done;
  size_t in_len;
  char in[JOB_LINE_MAX];
} agent;

typedef struct agents
{
  core *core;
  agent *dead;               /* those that ended in this turn */
  size_t out_fds;            /* descriptors that wait to travel to agents */
  uint64_t scarce_us;        /* when there were too few descriptors */
  uint64_t refused_us;       /* since when no connection to an agent could be had; 0: it can */
} agents;

extern agent *agent_of(connection const *c);

/* A new one for the site, on this account; NULL: the scheduler knows why. */
extern agent *agent_connect(agents *all, hop *h, source *account);

/*
 * The same for one that is a connection which was turned round: with the descriptor, which is the
 * agent's from then on.
 */
extern agent *agent_connect_turned(agents *all, hop *h, int fd);

/*
 * Hand a job over with its message's descriptor, which is closed here once it is sent: then, or at
 * agents_flush().  1, or 0 without memory: both are still the caller's.
 */
extern int agent_give(agents *all, agent *a, job *j, int fd, message const *m);
/* What waits for it can be written. */
extern void agent_writable(agents *all, agent *a);
/* At the end of a turn: write what was handed over. */
extern void agents_flush(agents *all);
/*
 * Is errno a want of descriptors?  Then those that wait are sent now, for a while each at once, and
 * it may be tried again.
 */
extern int agents_free_descriptors(agents *all);

/* Read what it says.  1; 0: nothing at present, or the other end is gone and *ended is 1. */
extern int agent_read(agent *a, int *ended);

enum agent_event_kind
{
  AGENT_UP,                  /* text: the relay */
  AGENT_LOST,                /* drop */
  AGENT_VAIN,                /* id, drop, text: why */
  AGENT_DOWN,                /* text: why */
  AGENT_RESULT,              /* job, result */
  AGENT_BACK                 /* job, which is the agent's no more; came */
};

typedef struct agent_event
{
  enum agent_event_kind kind;
  job *job;
  job_result result;
  enum came came;
  int drop;                  /* the connection just ended, without a word */
  char id[JOB_ID_MAX + 1];
  char text[LOG_LINE_MAX];   /* without control characters */
} agent_event;

/* What it has said next, of what was read.  1, or 0: nothing that is whole. */
extern int agent_event_next(agents *all, agent *a, agent_event *e);

/* Does one of the site's agents have a job with this recipient of the message? */
extern int agents_hold(site const *x, char const *id, uint64_t recipient);
/* Take back the job it was given first; NULL: it has none. */
extern job *agent_job_take(agent *a);
/* No more is sent to it: it ends when it has done what it has begun. */
extern void agent_leave(agent *a);
/*
 * It is no more.  Its memory lasts until agents_forget_dead(): it may be among those that were
 * polled together.
 */
extern void agent_end(agents *all, agent *a);
extern void agents_forget_dead(agents *all);

/* The clock was set back. */
extern void agents_set_back(agents *all, uint64_t by_us);

#endif
