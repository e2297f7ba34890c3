#ifndef FLUSH_WATCH_H
#define FLUSH_WATCH_H

/*
 * What waits for a request, message by message: found before it is asked for, then looked at
 * until the request was carried out.  For flush-run.
 *
 * Functions that return 1 or 0 have set errno, and watch.where to what it was about, on 0.
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
  /* as asked/ has them, see flush.h */
  names domains;   /* DOMAIN, @DOMAIN, "@" */
  names ids;       /* =ID */
} request;
#define REQUEST_ZERO { .domains = NAMES_ZERO, .ids = NAMES_ZERO }

enum watch_state
{
  WATCH_LEFT,      /* not tried since it was asked for */
  WATCH_WAITING,   /* tried, and it waits again */
  WATCH_SENT,      /* nothing is owed any more */
  WATCH_FAILED,    /* nothing is owed any more, but something failed for good */
  WATCH_STATES
};

typedef struct watched
{
  char id[ID_LEN + 1];
  unsigned char whole;   /* asked for by its id, not for a domain */
  unsigned char busy;    /* in somebody's hands */
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
  uint64_t since_us;     /* attempts from here on count; UINT64_MAX before it was asked for */
  size_t count[WATCH_STATES];
  size_t next;           /* where the next look goes on */
  size_t files;          /* messages kept open, for their journals tell how they ended */
  size_t files_max;      /* that may be open; others that are gone are taken to have been sent */
  size_t carried;        /* so many of the names asked for are carried out */
  message message;       /* the one looked at last */
  conf_routes routes;
  int routes_known;      /* they were read, when the first site was looked up */
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
 * Look at up to max of the messages that are not done with, in turns.  Returns whether one is in
 * somebody's hands.
 */
extern int watch_look(watch *w, size_t max);

/* Was all that was asked for carried out, as far as the directories say? */
extern int watch_carried_out(watch *w);

/*
 * A line, without LF, about a message: id, the recipients it still owes (or that failed), and
 * why.  Cleaned for a terminal.  1 or 0.
 */
extern int watch_why(watch *w, watched const *m, stralloc *line);

/*
 * Look up a domain: its route in w->route, and in w->site what queue/site has of its site;
 * w->site.line is empty when there is nothing.  1; or 0, errno EINVAL: see conf_error().
 */
extern int watch_site(watch *w, char const *domain);

#endif
