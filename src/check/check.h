#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

/*
 * What the files of queue-check share with each other, and with sluice-init -u, which brings the
 * layout of an older instance up to date.
 *
 * Other programs run meanwhile, so a single look proves little: a message may move on between two
 * system calls.  A check looks again, by its name, for a file that moves or is moved.  Where qmgr
 * or an agent may be about to act themselves, the message is a suspect first: it is looked at
 * once more after a moment.
 */

#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <skalibs/stralloc.h>

#include "flush/idlists.h"
#include "queue/message.h"
#include "queue/queuedir.h"
#include "print/out.h"

typedef struct check
{
  char const *dir;
  char const *below;     /* what findings print before their path: "queue/" */
  int instance;
  int queue;
  int look_only;         /* -n */
  int verbose;
  uint64_t now_us;
  int users;             /* the instance has users of its own */
  uid_t uid;             /* the user who has the queue */
  uid_t writer;          /* where there are users: sluice-in, the owner of messages; else uid */
  gid_t gid;             /* where there are users: the keepers' group; else the owner's */
  gid_t writers;         /* where there are users: the writers' group; else gid */
  message message;
  message other;         /* another one of the same id */
  id_lists owed;            /* for each domain, the ids of messages in cur/ that owe it mail */
  id_list suspects;         /* ids of messages to be looked at once more */
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
  MENDED_ITSELF,   /* the finding is gone by now */
  NOT_MENDED,      /* errno says why */
  NOTHING_TO_DO    /* the finding is left to the operator */
};

/*
 * Print a finding, with what became of it, and count it.
 *   path  below c->below; it may hold any octets
 */
extern void check_finding(check *c, char const *path, char const *what, enum mending mending);

/*
 * Warn that this path could not be looked at, for errno.  With -n, wrong owners and modes are still
 * wrong: a path that they hide from the queue's owner needs no warning of its own.
 */
extern void check_trouble(check *c, char const *path);

extern void check_die_memory(void);

/* What became of a finding, from what the call that mends it returned: 0, or -1 with errno. */
extern enum mending check_mending(int result);
/* The same; the call is not made with -n. */
#define check_mend(c, call) ((c)->look_only ? MENDED : check_mending(call))

/*
 * Call fn for every name in a directory below queue/; warn when it cannot be read.  Not for root.
 */
extern void check_each_name(check *c, char const *directory,
                            void (*fn)(check *c, char const *directory, char const *name));

/* Is it "." or ".."? */
extern int check_dots(char const *name);

/* "DIRECTORY/NAME", a string in *path.  Dies without memory. */
extern char const *check_path(stralloc *path, char const *directory, char const *name);

/* --- check-layout.c: directories, the FIFOs, owners and modes ------------------------------ */

/*
 * Open the queue of c->instance, c->queue, and find whose it is: c->users and the ids behind it.
 * In an instance that belongs to another user, root follows no link to the queue.  Dies where the
 * owner cannot be told.
 */
extern void check_layout_open(check *c);
/*
 * Check directories, FIFOs, and the rights of files: the queue's owner must have them, and nobody
 * too many.  As root this opens one name at a time, in a directory that is open, and follows no
 * link.
 */
extern void check_layout(check *c);
/* Check conf/, run/ and service/, which belong to root.  For root, where there are users. */
extern void check_layout_beside(check *c);
/* Go on as the user who has the queue, who is to own what is made from here on.  For root. */
extern void check_become_owner(check const *c);

/* --- check-messages.c: new/, cur/, hold/, tmp/, and what an earlier version left ------------ */

/* Move the messages of failed/, which earlier versions had, to cur/. */
extern void check_failed(check *c);
/* Check every message, and note suspects. */
extern void check_messages(check *c);
/* Look at the suspects once more, and mend what is still wrong. */
extern void check_suspects(check *c);

/* --- check-lists.c: flush/, claim/, asked/, site/, notice/ ----------------------------------- */

extern void check_lists(check *c);
extern void check_names(check *c);

#endif
