#ifndef ADMIN_MAKER_H
#define ADMIN_MAKER_H

/*
 * An instance that sluice-init makes or renews, and the directories and files that it makes there.
 * For the files of sluice-init alone: what fails ends the program.
 *
 * Names are those below the instance, and everything is done by way of its descriptor.  Until the
 * instance is whole, everything belongs to root, or to the user who runs the program: nobody else
 * can pass through the directories and put something in the way.
 */

#include <sys/types.h>
#include <skalibs/gccattributes.h>
#include <skalibs/stralloc.h>

#include "check/layout.h"

/* The directories that an instance consists of, in the order in which they are made. */
#define MAKER_PARTS 4
extern char const *const maker_parts[MAKER_PARTS];

typedef struct maker
{
  char const *dir;
  int fd;                 /* of dir */
  int dir_made;
  size_t parts_made;      /* so many of maker_parts; each is made, or begun */
  int renewing;           /* -u: nothing is undone when something fails */
  int users;              /* the instance has users of its own */
  uid_t uids[LAYOUT_OWNERS];
  gid_t gids[LAYOUT_OWNERS];     /* the users' own groups */
  gid_t groups[LAYOUT_GROUPS];
  stralloc bin;           /* where the programs are */
  stralloc templates;     /* where the templates of the services are */
  stralloc path;          /* what is being made, a string, for messages */
  stralloc name;          /* the same below the instance */
} maker;

/* Remove everything that was made, unless renewing.  errno stays. */
extern void maker_undo(maker *m);
/* Undo, and die 111 for errno: "unable to WHAT PATH". */
extern void maker_die(maker *m, char const *what) gccattr_noreturn;

/* Set m->path for what is about to be done to name, and return name. */
extern char const *maker_path(maker *m, char const *name);

/* Make a directory; nobody else may use it before maker_give(). */
extern void maker_directory(maker *m, char const *name);
/*
 * Set owner, group and mode of a directory or FIFO.  Without users the mode alone is set, cut to
 * LAYOUT_MODE_ALONE.
 */
extern void maker_give(maker *m, char const *name, enum layout_owner owner, gid_t group,
                       mode_t mode);
/* Make a file that belongs to root. */
extern void maker_file(maker *m, char const *name, stralloc const *text, mode_t mode);

/* Die 100 unless root alone may change the instance's directory. */
extern void maker_guard(maker const *m);

extern void maker_free(maker *m);

#endif
