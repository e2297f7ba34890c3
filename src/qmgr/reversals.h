#ifndef QMGR_REVERSALS_H
#define QMGR_REVERSALS_H

/*
 * Connections that customers have turned round for their mail (ATRN, RFC 2645): the hands of the
 * scheduler's reversals.
 *
 * They come through run/turn, a datagram each (job/turn.h), while descriptor 0 is that socket.
 * Whoever may write to it has seen to it that the domains are the customer's; nothing else of a
 * datagram is trusted.  One at a time is looked at, and the others wait in the socket.
 *
 * Nothing is noted down: what the customer wants dies with his connection, and a later qmgr could
 * not call him.
 */

#include "job/turn.h"
#include "qmgr/lists.h"

typedef struct reversals
{
  lists *lists;
  int fd;                    /* of run/turn; -1: there is none */
  row all;                   /* those that have a connection, or had one until now */
  int connection;            /* that came last and has no agent yet; -1: there is none */
  hop *hop;                  /* that it became, and that has domains to take; NULL: none */
  job_turn turn;             /* what was said of it; the domains left */
  size_t taken;              /* domains */
  char text[JOB_TURN_MAX + 1];
} reversals;

/* Is descriptor 0 a socket of datagrams? */
extern void reversals_open(reversals *all);
/* The descriptor to wait for; -1: none, for there is enough to do. */
extern int reversals_wanted(reversals const *all);
/* Read a datagram. */
extern void reversals_readable(reversals *all);
/* One bounded piece of what is to be done for it.  1 when there is more. */
extern int reversals_run(reversals *all);

/* The connection of one has ended: its domains lead where their routes lead. */
extern void reversals_over(lists *all, hop *h);

#endif
