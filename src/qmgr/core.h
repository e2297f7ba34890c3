#ifndef QMGR_CORE_H
#define QMGR_CORE_H

/*
 * What all of qmgr stands on: the instance's directories, the scheduler, the settings, moments to
 * wait for, and what is said how often.
 */

#include <stddef.h>
#include <stdint.h>

#include "qmgr/settings.h"
#include "sched/moment.h"
#include "sched/sched.h"

#define MINUTE_US (60 * SECOND_US)

/*
 * What others than an operator can have us say again and again: each kind is said once a minute at
 * the most.
 */
enum say
{
  SAY_SHORT,                 /* what does not work */
  SAY_OBSTACLE,              /* what is in the way of a list */
  SAY_ASIDE,                 /* put aside from new/ */
  SAY_PASSED_OVER,           /* messages that cannot be opened */
  SAY_STUCK,                 /* or cannot be moved, or removed */
  SAY_UNFINISHED,            /* in tmp/ */
  SAY_NO_REQUEST,            /* in asked/ */
  SAY_NOTHING_WAITS,         /* for what was requested */
  SAY_TURN,                  /* in run/turn, or a connection that came there */
  SAY_POLICY,                /* no policies of MTA-STS */
  SAY_KINDS
};

typedef struct spoken
{
  uint64_t us;               /* when it was said last; 0: never */
  uint64_t unsaid;           /* so many were not, since then */
  char more[40];
} spoken;

/* Whose timer it is, in timers. */
enum core_timer { CORE_MINUTE, CORE_PAUSE, CORE_NOTICES, CORE_TOTALS, CORE_REQUEST };

typedef struct core
{
  int queue;
  int conf;
  int run;
  sched sched;
  settings settings;
  timers timers;             /* of the hands; the scheduler has its own */
  timer pause;               /* something is short (descriptors, agents): try again then */
  spoken said[SAY_KINDS];
} core;

/*
 * Read the settings, and tell the scheduler.  1, or 0 with conf_error(); then what was read before
 * still holds.
 */
extern int core_settings(core *q);

/* As of this turn of the loop. */
extern uint64_t core_now_us(core const *q);
/* Is a moment less than so long ago? */
extern int core_lately(core const *q, uint64_t since_us, uint64_t span_us);

/* May it be said now?  Else it is counted. */
extern int core_may_say(core *q, enum say kind);
#define core_say(q, kind, ...) \
  do if (core_may_say(q, kind)) log_line(__VA_ARGS__, (q)->said[kind].more); while (0)

/* Say what does not work. */
extern void core_complain(core *q, char const *what, char const *object, char const *why);
/* Say what was passed over: DIRECTORY/NAME, and why by errno. */
extern void core_obstacle(core *q, char const *directory, char const *name, int e);

/* Something that all need is short, says errno: complain, hand out nothing for a second. */
extern void core_pause(core *q, char const *what, char const *object);
/* Try again then, at the latest. */
extern void core_pause_until(core *q, uint64_t at_us);

/* The clock was set back. */
extern void core_set_back(core *q, uint64_t by_us);

/* A descriptor of a socket in run/, connected, non-blocking; -1 with errno. */
extern int core_connect(core const *q, char const *name);
/*
 * Write a small file of the queue anew, so that a reader never sees half of it.  1, or 0 with
 * errno.
 */
extern int core_file_replace(core const *q, char const *path, char const *s, size_t len);
/* The number behind key in a line; 0 where there is none. */
extern uint64_t core_line_number(char const *line, char const *key);

#endif
