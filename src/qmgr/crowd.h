#ifndef QMGR_CROWD_H
#define QMGR_CROWD_H

/*
 * Who may have how many of the connections there may be, and who waits for one.
 *
 * A source is whose mail it is: a client by its IPv4 address or its IPv6 network of 64 bits, or a local user.
 * Each connection is held by a source; all those to sites that are known to take mail, by one of their own,
 * "sure".  Any other site can hang, and its connection with it.
 *
 *   - A fifth of all connections is kept for what was asked for.
 *   - Another fifth is kept for sure sites.
 *   - The rest may go to sites that can hang.  Of these a source may hold no more than twice as many as are free:
 *     two thirds when it is alone, two fifths when there are two.  Whoever comes new always finds some.
 *   - Mail of the null sender, which anybody can cause by a forged sender, is of sources of its own: all of these
 *     together hold a tenth of all connections, each no more than twice as many of it as are free.
 *   - What was asked for at such sites may use half of its own fifth besides, and is not held to the tenth.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct source source;
typedef struct lane lane;

/* A place in a row, inside of what stands there. */
typedef struct row_place { struct row_place *before; struct row_place *after; void *owner; } row_place;
typedef struct row { row_place *first; row_place *last; } row;

/* Who waits for a connection; place.owner is the user's business.  All zero: it does not wait. */
typedef struct waiter { row_place place; lane *lane; } waiter;

/* Those of one source that wait, first come first served. */
struct lane
{
  row_place place;       /* among the lanes in which somebody waits: they take turns */
  row waiters;
  source *source;
  int asked;
};

typedef struct source_key { char kind; int null; uint64_t number; } source_key;

struct source
{
  source_key key;
  size_t users;          /* who point to it */
  size_t held;           /* connections */
  lane lanes[2];         /* what was asked for waits in the second one */
};

typedef struct crowd
{
  size_t total;          /* connections there may be; the user's to set */
  size_t all;            /* there are */
  size_t null;           /* of them for mail of the null sender */
  size_t waiting;
  source sure;
  source unknown;        /* of mail that nobody has looked at yet */
  void *sources;         /* all others, a tree of tsearch(3) */
  row turns[2];          /* of lanes; those of what was asked for are the second */
} crowd;

extern void crowd_init(crowd *c);

/*
 * The source of a message with this client line (message.h), which is of the null sender or not.  The caller is one more
 * user of it.  Without memory it is unknown.
 */
extern source *crowd_source(crowd *c, char const *client, int null);
/* One more user; returns it. */
extern source *crowd_use(source *s);
/* The caller uses it no more; it may be NULL. */
extern void crowd_forget(crowd *c, source *s);

/* Is there a connection for this source? */
extern int crowd_room(crowd const *c, source const *s, int asked);
/* Are there none left but for what was asked for? */
extern int crowd_full(crowd const *c);
/* A connection of the source begins; ends. */
extern void crowd_hold(crowd *c, source *s);
extern void crowd_release(crowd *c, source *s);

/*
 * It waits for a connection; who waits already may be asked for now, or have mail of another sender than the null one,
 * and else keeps its place.
 */
extern void crowd_wait(crowd *c, waiter *w, source *s, int asked);
/* It waits no more, if it did. */
extern void crowd_leave(crowd *c, waiter *w);
/* Does anybody wait for this source? */
extern int crowd_waits(source const *s);
/* The next one there is a connection for: what was asked for first, then a source after the other.  NULL: none. */
extern waiter *crowd_next(crowd const *c);
/* The same, had the source a connection less. */
extern waiter *crowd_next_without(crowd *c, source *s);
/* It waits no more, and the others of its source stand behind other sources. */
extern void crowd_serve(crowd *c, waiter *w);

#endif
