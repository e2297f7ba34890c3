#ifndef QUEUE_QUEUEDIR_H
#define QUEUE_QUEUEDIR_H

/*
 * The queue directory.  "queue" is everywhere a descriptor of it.
 *
 *   tmp/ID        being written
 *   new/ID        accepted; some of what it owes is in no flush file yet
 *   cur/SLICE/ID  everything it owes is recorded in flush/ or claim/, or is in qmgr's hands
 *   hold/ID       put aside by an operator
 *   notice/ID     empty: the sender of message ID is to be told something
 *   corrupt/ID    not a whole message: cut short, or not ours
 *   flush/ claim/ asked/ site/ trigger lock   see flush.h, trigger.h and qmgr
 */

#include <sys/stat.h>
#include <sys/types.h>

#include "queue/id.h"

/*
 * Open what should be a regular file.  Who may put a name there may put anything: a FIFO, a device
 * or a lease on a file must keep nobody waiting, and a symbolic link leads nowhere.  Every file of
 * a queue is opened by this function.
 *   flags  of open(2); O_NOFOLLOW, O_CLOEXEC and O_NONBLOCK are added
 *   mode   for O_CREAT, else 0
 * Returns the descriptor, or -1 with errno of openat(2); EINVAL for what is no regular file.
 */
extern int queuedir_open_file(int dir, char const *path, int flags, mode_t mode);

enum queue_place { QUEUE_TMP, QUEUE_NEW, QUEUE_CUR, QUEUE_HOLD, QUEUE_CORRUPT };

/* Room for a path of queuedir_path(), a string. */
#define QUEUE_PATH_MAX 48
/* The path of id below the queue: "cur/01h8q/01h8q...". */
extern void queuedir_path(char out[QUEUE_PATH_MAX], enum queue_place place, char const *id);

/*
 * Whoever adds to new/ chooses the name of what he adds, and may choose one that is taken.  Has
 * something in cur/, hold/ or corrupt/ this name?  Then that is the message of this id, whatever is
 * in new/; or it was there a moment ago.
 *   *st  what has it
 * Returns 1 or 0; errno stays.
 */
extern int queuedir_taken(int queue, char const *id, struct stat *st);

/*
 * Open a message, wherever it is: cur, hold, or new where the id is not taken.
 *   flags   of open(2): O_RDONLY or O_RDWR | O_APPEND; O_NOFOLLOW, O_CLOEXEC and O_NONBLOCK are
 *           added
 *   *place  where the message was found
 * Looks twice, so that a message on its way from one place to the next is not missed.
 * Returns the descriptor, or -1: ENOENT when it is gone, else as openat(2).  What is no
 * regular file is EINVAL.
 */
extern int queuedir_open_message(int queue, char const *id, int flags, enum queue_place *place);

/* The same in one place alone. */
extern int queuedir_open_in(int queue, char const *id, int flags, enum queue_place place);

/* The same for one that is in no good state: in corrupt and tmp as well. */
extern int queuedir_open_any(int queue, char const *id, int flags, enum queue_place *place);

/* Is this the name of a directory below cur/: the beginning of an id? */
extern int queuedir_slice_ok(char const *name);

/*
 * Move a message; makes the slice of cur/ where it is missing, takes away an empty one of the past;
 * never overwrites.  0, or -1 with errno.
 */
extern int queuedir_move(int queue, char const *id, enum queue_place from, enum queue_place to);

/*
 * Move what is no message to corrupt/, under its own id, or one that nobody has where that is
 * taken.
 *   aside  its name there, a string
 * 0, or -1 with errno.
 */
extern int queuedir_put_aside(int queue, char const *id, enum queue_place from,
                              char aside[ID_LEN + 1]);

/*
 * Unlink a message; takes an empty slice of cur/ away when it is in the past.  0, or -1 with errno.
 */
extern int queuedir_remove(int queue, char const *id, enum queue_place place);

/*
 * Make or remove notice/ID, which may be there already or not; whatever has that name counts.  0,
 * or -1 with errno.
 */
extern int queuedir_notice(int queue, char const *id);
extern int queuedir_unnotice(int queue, char const *id);

/*
 * Call fn for every id in a place, in no order for new and hold; cur's slices in order, ids of a
 * slice sorted.  Names that are no ids are passed over.  fn returns 1 to go on, 0 to stop.
 * Returns 1, 0 when fn stopped, -1 with errno.  Memory does not grow with the queue
 * (one slice's ids at the most).
 */
extern int queuedir_each(int queue, enum queue_place place, int (*fn)(char const *id, void *data),
                         void *data);

/*
 * The same, for who reads what there is: fn is given the directory that the id was found in as
 * well.
 *   dir  a descriptor, not to be kept
 */
typedef int queuedir_fn(int dir, char const *id, void *data);
extern int queuedir_walk(int queue, enum queue_place place, queuedir_fn *fn, void *data);

/*
 * Open a message there: one look at one name.  That it is a regular file is not asked: what is none
 * cannot be read with pread(2).
 *   *flags  as for queuedir_open_message(), with O_NOATIME where reading them all is not to write
 *           to all of them; it is taken away when that is refused: the files are another user's
 * Returns the descriptor, or -1: ENOENT when it has left the place, EINVAL for a symbolic link,
 * else as openat(2).
 */
extern int queuedir_open_walked(int dir, char const *id, int *flags);

#endif
