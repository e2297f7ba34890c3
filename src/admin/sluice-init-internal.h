#ifndef SLUICE_INIT_INTERNAL_H
#define SLUICE_INIT_INTERNAL_H

/*
 * What the files of sluice-init share.
 *
 * Names are those below the instance, and everything is done by way of its descriptor.  What is made is root's alone, or
 * whoever's we are, until all of it is there: nobody else can pass through it and put something in the way.
 */

#include <sys/types.h>
#include <skalibs/gccattributes.h>
#include <skalibs/stralloc.h>

#include "check/layout.h"

/* Logs say who writes to whom: they are for the logger's own group. */
#define LOG_MODE 02750

typedef struct maker
{
  char const *dir;
  int fd;                 /* of it */
  int dir_made;
  size_t parts_made;      /* so many of conf, queue, run, service; each is made, or begun */
  int renewing;           /* -u: what is there stays when something fails */
  int users;
  uid_t uids[LAYOUT_OWNERS];
  gid_t gids[LAYOUT_OWNERS];     /* the user's own */
  gid_t groups[LAYOUT_GROUPS];
  stralloc bin;           /* where the programs are */
  stralloc templates;     /* where the templates are */
  stralloc path;          /* of what is being made, a string, for messages */
  stralloc name;          /* the same below the instance */
} maker;

/* --- sluice-init.c --------------------------------------------------------------------------- */

extern char const *const services[];
extern size_t const services_count;

/* Die 111 for errno; what was made is taken away again, unless renewing. */
extern void die_undone(maker *m, char const *what) gccattr_noreturn;

/* Set m->path for what is about to be done to name, and return name. */
extern char const *path_set(maker *m, char const *name);

/* "service/SERVICE/NAME" in m->name. */
extern char const *service_name(maker *m, char const *service, char const *name);

extern void directory_make(maker *m, char const *name);
/* Owner, group and mode of a directory or FIFO; without users its mode alone, cut to LAYOUT_MODE_ALONE. */
extern void give(maker *m, char const *name, enum layout_owner owner, gid_t group, mode_t mode);
/* A file that is root's. */
extern void file_make(maker *m, char const *name, stralloc const *text, mode_t mode);

/* The text of service/SERVICE/env, and of the template of one of its files: appended. */
extern void env_text(maker *m, stralloc *text);
extern void template_text(maker *m, char const *service, char const *name, stralloc *text);

/* Fill in m->uids, m->gids and m->groups.  Dies 100 where something about them is not as it should be. */
extern void users_find(maker *m);
/* Die 100 unless the instance's directory is root's alone to change. */
extern void dir_guard(maker const *m);

/* --- renew.c ------------------------------------------------------------------------------------ */

/*
 * Bring an instance of an earlier version to what this one would make.  May be cut short and begun again.
 * Returns the code to exit with: 0; 1 when something was left as it is; 111.  Dies 1 where a qmgr runs.
 */
extern int renew(maker *m);

#endif
