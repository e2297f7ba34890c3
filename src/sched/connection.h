#ifndef SCHED_CONNECTION_H
#define SCHED_CONNECTION_H

/* A connection to a site, and which of them gets the next message. */

#include "sched/site.h"

/* Messages that are worth being at a connection at once, at the most, and where nobody says so. */
#define CONNECTION_WINDOW_MAX 512
#define CONNECTION_WINDOW_UNSAID 32
/* Messages that travel to it together. */
#define CONNECTION_BATCH_MAX 16

struct connection
{
  void *owner;               /* what the user has it in */
  row_place in_site;
  row_place in_all;
  site *site;
  source *source;            /* that holds it */
  int up;
  int alone;                 /* it has a message that is to be alone on a connection */
  int leaving;               /* it was told that no more comes */
  int stuck;                 /* nothing moves on it: it gave back what it had not begun */
  int blocked;               /* the user's: what was given is not taken at present */
  uint64_t began_us;         /* when it was begun, or begun anew */
  uint64_t up_us;            /* when it came up last */
  uint64_t rest_us;          /* when it was given its last message back, or was added */
  size_t done;               /* messages that came back */
  size_t jobs;               /* messages that are out */
  size_t unsent;             /* of them not on their way yet */
  uint64_t bytes;            /* in them */
  size_t window;             /* messages that are worth being there at once */
  timer idle;
  row loads;                 /* of mail of domains that may have but few connections */
};

enum choice
{
  CHOICE_NONE,               /* not now: it will be asked again when there may be one */
  CHOICE_CONNECTION,
  CHOICE_CONNECT             /* a new one is earned: connection_add(), or sched_not_connected() */
};

/* What is wanted of a connection. */
typedef struct wish
{
  source *account;           /* on whose it is */
  row const *loads;          /* of the domain whose mail is to go */
  unsigned int most;         /* connections that may carry it at once */
  int urgent;                /* the mail was asked for */
  int alone;                 /* a message is to be alone on it */
} wish;

/*
 * Which connection of the site takes one more message.  Where CHOICE_NONE was for want of a
 * connection, *wanting is 1: the site should wait for one.
 */
extern enum choice connection_choose(sched *s, site *x, wish const *w, connection **chosen,
                                     int *wanting);

/* It was made. */
extern void connection_add(sched *s, connection *c, void *owner, site *x, source *account);
/* It is no more; its jobs are the user's to take back. */
extern void connection_leave(sched *s, connection *c);

/* It was given a message of so many octets; what was given is on its way; a message came back. */
extern void connection_given(sched *s, connection *c, uint64_t bytes, int alone);
extern void connection_sent(sched *s, connection *c, int blocked);
extern void connection_back(sched *s, connection *c, uint64_t bytes, int untried);

/* So many messages are worth being there. */
extern void connection_window(connection *c, uint64_t messages);
/* It ended, and is made anew. */
extern void connection_ended(sched const *s, connection *c);
/* Has another one had messages there since before this one was begun; is another one up? */
extern int connection_another_works(connection const *but);
extern int connection_another_up(connection const *but);

/* The site takes mail: its connections are no longer on the account of whose mail it is. */
extern void connections_trust(sched *s, site *x);

/*
 * Sites wait that there is no connection for: which one hangs, the oldest, and is to be given up.
 * NULL: none.
 */
extern connection *connection_hanging(sched *s);
/* To be called again then, while anybody waits. */
extern void connections_look_later(sched *s, int given_up);

#endif
