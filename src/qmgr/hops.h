#ifndef QMGR_HOPS_H
#define QMGR_HOPS_H

/* Next hops, by name and demand: the hands of the scheduler's sites, and their files in site/. */

#include "queue/sitefile.h"
#include "qmgr/core.h"

/*
 * Two routes to one next hop that demand different things of TLS, or go by different names of
 * conf/authout, have a hop each: they never share a connection.  Their file is one.
 */
typedef struct hop
{
  char *name;
  int turned;                /* a connection that came from there, no next hop: it has no file */
  char const *tls;           /* what must hold of TLS and AUTH, in the words of job/job.h; may be empty */
  char const *auth;          /* of these, the name of conf/authout; NULL: mail goes without AUTH */
  struct hop *other;         /* of the same name, or NULL; the first one is in the tree */
  site site;
  unsigned int without;      /* extensions it offers in vain, as its route says (smtp_extension) */
  unsigned int lied;         /* and as was found out */
} hop;

typedef struct hops
{
  core *core;
  void *tree;                /* of hop, by name */
  void *directory;           /* DIR of site/ while files that nobody needs are looked for */
  uint64_t directory_us;     /* when that was begun last */
} hops;

/* The hop of this name and these words, known from now on; NULL with errno. */
extern hop *hops_get(hops *all, char const *name, char const *tls);
/* The scheduler lets go of it: forget it, and its file. */
extern void hops_forget(hops *all, hop *h);

extern hop *hop_of(site const *x);
/* Write its file: state, and why or by whose word. */
extern void hop_write(hops *all, hop const *h, enum sitefile_state state, char const *why);

/*
 * One bounded piece of looking for files of hops that nobody knows.
 *   begin  it may begin: all that waits is known
 * 1 when there is more.
 */
extern int hops_clean(hops *all, int begin);

#endif
