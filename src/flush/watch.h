#ifndef FLUSH_WATCH_H
#define FLUSH_WATCH_H

/*
 * The messages that a request is about: found before the flush is asked for, then watched until the
 * request is carried out.  For flush-run.
 *
 * Functions that return 1 or 0 set errno with 0, and watch.where to the name of what failed.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#include "conf/conf.h"
#include "flush/names.h"
#include "queue/message.h"
#include "queue/sitefile.h"

typedef struct request
{
  /* the names below asked/, see flush.h */
  names domains;   /* DOMAIN, @DOMAIN, "@" */
  names ids;       /* =ID */
} request;
#define REQUEST_ZERO { .domains = NAMES_ZERO, .ids = NAMES_ZERO }

enum watch_state
{
  WATCH_LEFT,      /* no attempt since the flush was asked for */
  WATCH_WAITING,   /* there was an attempt, and the message waits again */
  WATCH_SENT,      /* nothing is owed any more */
  WATCH_FAILED,    /* nothing is owed any more, but something failed for good */
  WATCH_STATES
};

typedef struct watched
{
  char id[ID_LEN + 1];
  unsigned char whole;   /* asked for by its id, not for a domain */
  unsigned char busy;    /* being delivered */
  unsigned char state;
  int fd;                /* of its file; -1: too many files are open, or its end is known */
} watched;

typedef struct watch
{
  int queue;
  int conf;
  request const *request;
  names domains;         /* of the request, sorted: named in it, or with mail that waits */
  genalloc messages;     /* of watched, sorted by id */
  uint64_t since_us;     /* attempts from then on count; UINT64_MAX: nothing is asked for yet */
  size_t count[WATCH_STATES];
  size_t next;           /* the message to look at next */
  size_t files;          /* messages kept open, for their journals tell how they ended */
  size_t files_max;      /* that may be open; others that are gone are taken to have been sent */
  size_t carried;        /* names asked for that are carried out */
  message message;       /* looked at last */
  conf_routes routes;
  int routes_known;      /* routes were read, when the first site was looked up */
  conf_route route;      /* the site looked up last, see watch_site() */
  sitefile site;
  char const *where;
} watch;
#define WATCH_ZERO \
{ \
  .queue = -1, .conf = -1, .since_us = UINT64_MAX, .message = MESSAGE_ZERO, \
  .routes = CONF_ROUTES_ZERO, .route = CONF_ROUTE_ZERO \
}
#define watch_len(watch) genalloc_len(watched, &(watch)->messages)
#define watch_at(watch, n) (genalloc_s(watched, &(watch)->messages) + (n))

extern void watch_free(watch *w);

/* Find the domains.  1 or 0. */
extern int watch_domains(watch *w);

/*
 * Count the messages of new/ that wait for each of the domains: adds to waiting[], which has
 * names_len(&w->domains) of them.
 */
extern int watch_count_new(watch *w, uint64_t *waiting);

/* Find the messages; watch_domains() came before.  1 or 0. */
extern int watch_messages(watch *w);

/* Find only those that were asked for by their ids.  1 or 0. */
extern int watch_ids(watch *w);

/*
 * Look at up to max of the messages that still wait, in turns.  Returns whether one is being
 * delivered.
 */
extern int watch_look(watch *w, size_t max);

/* Is the request carried out, as far as the directories show? */
extern int watch_carried_out(watch *w);

/*
 * A line, without LF, about a message: id, the recipients it still owes (or that failed), and
 * why.  Cleaned for a terminal.  1 or 0.
 */
extern int watch_why(watch *w, watched const *m, stralloc *line);

/*
 * Look up a domain: its route into w->route, and its site's state, of queue/site, into w->site;
 * w->site.line is empty when there is none.  1; or 0, errno EINVAL: see conf_error().
 */
extern int watch_site(watch *w, char const *domain);

#endif
