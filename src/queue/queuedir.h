#ifndef QUEUE_QUEUEDIR_H
#define QUEUE_QUEUEDIR_H

/*
 * The queue directory.  A parameter "queue" is always a descriptor of that directory.
 *
 *   tmp/ID        being written
 *   new/ID        accepted; a domain that it waits for may not have it in its list yet
 *   cur/SLICE/ID  each domain that it waits for has it in flush/ or claim/, or qmgr delivers it now
 *   hold/ID       put aside by an operator
 *   notice/ID     empty: the sender of message ID is to be told something
 *   corrupt/ID    not a whole message: cut short, or not ours
 *   flush/ claim/ asked/ site/ trigger lock   see flush.h, trigger.h and qmgr
 */

#include <sys/stat.h>
#include <sys/types.h>

#include "queue/id.h"

/*
 * Open what should be a regular file.  Whoever may add a file to a directory may add anything: a
 * FIFO, a device or a lease on a file must not keep the caller waiting, and a symbolic link is not
 * followed.  Every file of a queue is opened by this function.
 *   flags  of open(2); O_NOFOLLOW, O_CLOEXEC and O_NONBLOCK are added
 *   mode   for O_CREAT, else 0
 * Returns the descriptor, or -1 with errno of openat(2); EINVAL: no regular file.
 */
extern int queuedir_open_file(int dir, char const *path, int flags, mode_t mode);

enum queue_place { QUEUE_TMP, QUEUE_NEW, QUEUE_CUR, QUEUE_HOLD, QUEUE_CORRUPT };

/* Room for a path of queuedir_path(), a string. */
#define QUEUE_PATH_MAX 48
/* The path of id below the queue: "cur/01h8q/01h8q...". */
extern void queuedir_path(char out[QUEUE_PATH_MAX], enum queue_place place, char const *id);

/*
 * Is this id taken: does a file in cur/, hold/ or corrupt/ have this name, or had one a moment ago?
 * Whoever adds to new/ chooses the name, and may choose one that is taken; the message of the id is
 * the one outside new/ then.
 *   *st  of the file that has the name
 * Returns 1 or 0; errno stays.
 */
extern int queuedir_taken(int queue, char const *id, struct stat *st);

/*
 * Open a message, wherever it is: cur, hold, or new where the id is not taken.
 *   flags   of open(2): O_RDONLY or O_RDWR | O_APPEND; O_NOFOLLOW, O_CLOEXEC and O_NONBLOCK are
 *           added
 *   *place  where the message was found
 * Looks twice, so that a message on its way from one place to the next is not missed.
 * Returns the descriptor, or -1: ENOENT when the message is gone, EINVAL for no regular file, else
 * as openat(2).
 */
extern int queuedir_open_message(int queue, char const *id, int flags, enum queue_place *place);

/* The same in one place alone. */
extern int queuedir_open_in(int queue, char const *id, int flags, enum queue_place place);

/* The same, and in corrupt and tmp as well. */
extern int queuedir_open_any(int queue, char const *id, int flags, enum queue_place *place);

/* Is this the name of a directory below cur/: the beginning of an id? */
extern int queuedir_slice_ok(char const *name);

/*
 * Move a message.  Makes the slice of cur/ where that is missing, removes the old slice where it is
 * empty and in the past; never overwrites.  0, or -1 with errno.
 */
extern int queuedir_move(int queue, char const *id, enum queue_place from, enum queue_place to);

/*
 * Move a file that is no message to corrupt/, under its own id, or under a free one where its own
 * is taken there.
 *   aside  the file's name there, a string
 * 0, or -1 with errno.
 */
extern int queuedir_put_aside(int queue, char const *id, enum queue_place from,
                              char aside[ID_LEN + 1]);

/*
 * Unlink a message.  Removes its slice of cur/ where that is empty and in the past.  0, or -1 with
 * errno.
 */
extern int queuedir_remove(int queue, char const *id, enum queue_place place);

/*
 * Make or remove notice/ID, whether it is there already or not, and whatever kind of file it is.
 * 0, or -1 with errno.
 */
extern int queuedir_notice(int queue, char const *id);
extern int queuedir_unnotice(int queue, char const *id);

/*
 * Call fn for every id in a place: in new and hold in no order; in cur slice by slice, each slice
 * sorted.  Names that are no ids are passed over.  fn returns 1 to go on, 0 to stop.
 * Returns 1, 0 when fn stopped, -1 with errno.  Memory does not grow with the queue
 * (one slice's ids at the most).
 */
extern int queuedir_each(int queue, enum queue_place place, int (*fn)(char const *id, void *data),
                         void *data);

/*
 * The same for a caller that opens the messages: fn is also given the directory of the id, for
 * queuedir_open_walked().
 *   dir  a descriptor, not to be kept
 */
typedef int queuedir_fn(int dir, char const *id, void *data);
extern int queuedir_walk(int queue, enum queue_place place, queuedir_fn *fn, void *data);

/*
 * Open a message in that directory, with a single system call: whether it is a regular file is not
 * checked, since pread(2) reads no other.
 *   *flags  as for queuedir_open_message(), and O_NOATIME, so that reading all messages does not
 *           write to all of them; O_NOATIME is removed when it is refused: the files are another
 *           user's
 * Returns the descriptor, or -1: ENOENT when the message has left the place, EINVAL for a symbolic
 * link, else as openat(2).
 */
extern int queuedir_open_walked(int dir, char const *id, int *flags);

#endif
