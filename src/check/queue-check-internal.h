#ifndef QUEUE_CHECK_INTERNAL_H
#define QUEUE_CHECK_INTERNAL_H

/*
 * What the files of queue-check share; its findings and its layout are sluice-init's as well,
 * which brings an older instance up to date.
 *
 * Everything runs meanwhile, so a single look proves little: a message may move on between two
 * system calls.  What moves, or is moved, is looked for by its name again, and what qmgr or an
 * agent may be about to do themselves is a suspect first: looked at once more after a moment.
 */

#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <skalibs/stralloc.h>

#include "flush/lists.h"
#include "queue/message.h"
#include "queue/queuedir.h"
#include "print/out.h"

typedef struct check
{
  char const *dir;
  char const *below;     /* what findings have before their path: "queue/" */
  int instance;
  int queue;
  int look_only;         /* -n */
  int verbose;
  uint64_t now_us;
  int users;             /* the instance has users of its own */
  uid_t uid;             /* who has the queue */
  uid_t writer;          /* where there are users: sluice-in, the owner of messages; else uid */
  gid_t gid;             /* where there are users: the keepers' group; else the owner's */
  gid_t writers;         /* where there are users: their group; else the same */
  message message;
  message other;         /* of the same id */
  lists owed;            /* what cur/ owes: the ids by domain */
  list suspects;         /* ids of messages to be looked at once more */
  uint64_t messages;
  uint64_t found;
  uint64_t mended;
  uint64_t left;
  int trouble;           /* something could not be looked at */
  out out;
} check;

/* --- findings.c ------------------------------------------------------------ */

enum mending
{
  MENDED,
  MENDED_ITSELF,   /* what was found is not so any more */
  NOT_MENDED,      /* errno says why */
  NOTHING_TO_DO    /* that is for a human to see to */
};

/*
 * Say what was found, and what became of it.
 *   path  below c->below; as it came, it is cleaned here
 */
extern void finding(check *c, char const *path, char const *what, enum mending mending);

/*
 * Something could not be looked at, says errno.  Where we only look, owners and modes that were
 * found wrong are still so: what they keep its owner from seeing was said.
 */
extern void trouble(check *c, char const *path);

extern void die_memory(void);

/* What became of it, from what a call that mends returned: 0, or -1 with errno. */
extern enum mending mending_of(int result);
/* The same of a call that is made unless we only look. */
#define mending_by(c, call) ((c)->look_only ? MENDED : mending_of(call))

/*
 * Call fn for every name in a directory below queue/.  Not for root.  Says so when it cannot be
 * read.
 */
extern void names_each(check *c, char const *directory,
                       void (*fn)(check *c, char const *directory, char const *name));

/* Open a directory that has this name, or path, in another: not by a link.  NULL with errno. */
extern DIR *directory_open(int parent, char const *name);

/* Is it "." or ".."? */
extern int dots(char const *name);

/* "DIRECTORY/NAME", a string.  Good until the next call with the same out. */
extern char const *path_join(stralloc *path, char const *directory, char const *name);

/* --- check-layout.c: directories, the FIFO, who has what ---------------------------------- */

/*
 * Who the queue of c->instance belongs to, and the queue itself, c->queue: where the instance is
 * not root's own, root follows no link to it.  Dies where that cannot be told.
 */
extern void layout_open(check *c);
/*
 * Directories, the FIFO, and files that are not for their owner, or for too many others.  For
 * root no path is more than one name in a directory that is open, and no name is followed that is
 * a link.
 */
extern void layout_check(check *c);
/*
 * The directories beside queue/ that are root's: conf/ and run/.  For root, where there are
 * users.
 */
extern void layout_check_beside(check *c);
/* From here on as the user who has the queue: what we make is to be his.  For root. */
extern void become_owner(check const *c);

/* --- check-messages.c: new/, cur/, hold/, tmp/, and what an earlier version left ------------ */

extern void failed_check(check *c);
extern void messages_check(check *c);
/* Those that looked as if something had been left undone, again. */
extern void suspects_check(check *c);

/* --- check-lists.c: flush/, claim/, asked/, site/, notice/ ----------------------------------- */

extern void lists_check(check *c);
extern void names_check(check *c);

#endif
