#ifndef SCHED_QUOTA_H
#define SCHED_QUOTA_H

/*
 * Who may have how many of the connections there may be, and who waits for one.
 *
 * A source is whose mail it is: a client by its IPv4 address or its IPv6 network of 64 bits, or a
 * local user.  Each connection is held by a source; all those to sites that are known to take mail,
 * by one of their own, "sure".  Any other site can hang, and its connection with it.
 *
 *   - A fifth of all connections is kept for what was asked for ("urgent").
 *   - Another fifth is kept for sure sites.
 *   - The rest may go to sites that can hang.  Of these a source may hold no more than twice as
 *     many as are free: two thirds when it is alone, two fifths when there are two.  Whoever comes
 *     new always finds some.
 *   - Mail of the null sender, which anybody can cause by a forged sender, is of sources of its
 *     own: all of these together hold a tenth of all connections, each no more than twice as many
 *     of it as are free.
 *   - What was asked for at such sites may use half of its own fifth besides, and is not held to
 *     the tenth.
 */

#include <stddef.h>
#include <stdint.h>

#include "sched/row.h"

typedef struct source source;
typedef struct lane lane;

/*
 * Who waits for a connection; place.owner is the user's business.  Else all zero: it does not wait.
 */
typedef struct waiter
{
  row_place place;
  lane *lane;
} waiter;

/* Those of one source that wait, first come first served. */
struct lane
{
  row_place turn;            /* among the lanes in which somebody waits */
  row waiters;
  source *source;
  int urgent;
};

/* kind: the user's, but for '?' and 's'. */
typedef struct source_key
{
  char kind;
  int null;              /* of mail of the null sender */
  uint64_t number;
} source_key;

struct source
{
  source_key key;
  size_t users;          /* who point to it */
  size_t held;           /* connections */
  lane lanes[2];         /* what was asked for waits in the second one */
};

typedef struct quota
{
  size_t total;          /* connections there may be; the user's to set */
  size_t all;            /* there are */
  size_t null;           /* of them for mail of the null sender */
  size_t waiting;
  source sure;
  source unknown;        /* of mail that nobody has looked at yet */
  void *sources;         /* all others, a tree of tsearch(3) */
  row turns[2];          /* of lanes; those of what was asked for are the second */
} quota;

extern void quota_init(quota *q);

/* The source of this key; the caller is one more user of it.  Without memory it is unknown. */
extern source *quota_source(quota *q, source_key const *key);
/* One more user; returns it. */
extern source *source_use(source *s);
/* The caller uses it no more; it may be NULL. */
extern void quota_forget(quota *q, source *s);

/* Is there a connection for this source? */
extern int quota_room(quota const *q, source const *s, int urgent);
/* Are there none left but for what was asked for? */
extern int quota_full(quota const *q);
/* A connection of the source begins; ends. */
extern void quota_hold(quota *q, source *s);
extern void quota_release(quota *q, source *s);

/*
 * It waits for a connection; who waits already may be urgent now, or have mail of another sender
 * than the null one, and else keeps its place.
 */
extern void quota_wait(quota *q, waiter *w, source *s, int urgent);
/* It waits no more, if it did. */
extern void quota_leave(quota *q, waiter *w);
/* Does anybody wait for this source? */
extern int source_waits(source const *s);
/*
 * The next one there is a connection for: urgent ones first, then a source after the other.  NULL:
 * none.
 */
extern waiter *quota_next(quota const *q);
/* The same, had the source a connection less. */
extern waiter *quota_next_without(quota *q, source *s);
/* It waits no more, and the others of its source stand behind other sources. */
extern void quota_serve(quota *q, waiter *w);

#endif
