#ifndef FLUSH_H
#define FLUSH_H

/*
 * The lists of what waits for each domain, and the flushes that were asked for.  All of it is below
 * the queue directory.
 *
 *   flush/DOMAIN   ids that wait for DOMAIN, one a line, oldest first
 *   claim/DOMAIN   the same, while qmgr carries out a flush or a retry: flush/DOMAIN, renamed.
 *                  Left behind by a qmgr that was killed, it is a list again.
 *   asked/NAME     empty: a flush was asked for, and is not carried out yet.  NAME is
 *                    DOMAIN    that domain
 *                    @DOMAIN   that domain and all below it; "@" alone: everything
 *                    =ID       one message, whatever it owes
 *                  Where the disk has no room for that, NAME is a line of queue/reserve, see
 *                  reserve.h.
 *
 * Lists are indexes: appended to with one write(2), not synced; they can be rebuilt from the
 * messages.  An id may stand in a list twice, or be stale; readers pass over such.
 * To append and to rename exclude each other: whoever does either holds flock(2) on the list
 * and has checked, under it, that the path still names the locked inode.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <skalibs/stralloc.h>

#include "queue/id.h"

#define FLUSH_NAME_MAX 255

/*
 * Append ids to flush/DOMAIN; makes the file.
 *   ids  n ids one after the other, ID_LEN octets each, without separators
 * Returns 1, or 0 with errno; EINVAL: not a domain.  Then none or some of them are recorded.
 */
extern int flush_record(int queue, char const *domain, char const *ids, size_t n);

/*
 * Claim a list, to carry out a flush or a retry: flush/DOMAIN becomes claim/DOMAIN.
 * Returns a descriptor for reading the claim, or -1 with errno: ENOENT when nothing waits,
 * EEXIST when there is a claim already.
 */
extern int flush_claim(int queue, char const *domain);

/* Open a claim that is there for reading.  A descriptor, or -1 with errno. */
extern int flush_claim_open(int queue, char const *domain);

/* The claim is carried out: remove it.  0, or -1 with errno. */
extern int flush_settle(int queue, char const *domain);

/*
 * Give the claim back: ids that were recorded since are appended to it, and it becomes flush/DOMAIN
 * again.  Costs no more than those ids.  0, or -1 with errno.
 */
extern int flush_unclaim(int queue, char const *domain);

/* --- making a list anew from the messages: flush-rebuild ---------------------------- */

/* The one file in flush/ that is no list: what flush_replace() writes before it renames it. */
#define FLUSH_REBUILD "+rebuild"

/*
 * What was read of a list: all of it up to size.  Valid while the descriptor from flush_look() is
 * open; after that another list may have the same inode number.
 */
typedef struct flush_seen
{
  dev_t dev;
  ino_t ino;
  off_t size;
} flush_seen;

/*
 * Open flush/DOMAIN for reading, without keeping its lock; *seen is what it holds now.
 * Returns a descriptor, or -1 with errno: ENOENT when there is none.
 */
extern int flush_look(int queue, char const *domain, flush_seen *seen);

/*
 * Make flush/DOMAIN hold these ids (as for flush_record(), any number), and behind them
 * whatever was appended to it since it was seen (NULL: it was not).  One caller at a time.
 * 0, or -1 with errno; then the list is what it was.
 */
extern int flush_replace(int queue, char const *domain, char const *ids, size_t n,
                         flush_seen const *seen);

/*
 * Remove flush/DOMAIN unless it holds more than was seen.  0 (also when it stays), or -1 with
 * errno.
 */
extern int flush_discard(int queue, char const *domain, flush_seen const *seen);

/* --- looking ------------------------------------------------------------------------- */

/*
 * Does this errno mean that a single list is obstructed, because what has its name is no regular
 * file or may not be opened?  The other lists can be used then.
 */
extern int flush_obstructed(int e);
/* What obstructs the list, in words; for any errno. */
extern char const *flush_why(int e);

/*
 * Sync every list in flush/; costs next to nothing for lists that are on the disk already.
 * Obstructed lists are passed over.  0, or -1 with errno when any other list could not be synced.
 */
extern int flush_sync(int queue);

/*
 * Lines in flush/DOMAIN and claim/DOMAIN by the sizes of the files: as many messages wait at the
 * most.  Does not open the files.
 */
extern uint64_t flush_count(int queue, char const *domain);

/* Is there a list of this domain, or a claim?  1, 0; also 1 when nobody can tell. */
extern int flush_listed(int queue, char const *domain);

/*
 * Open both lists of a domain, flush/DOMAIN in fds[0] and claim/DOMAIN in fds[1], as they are at
 * one moment, so that no id is missed on its way from one to the other.  A descriptor is -1 where
 * there is no such list, or no regular file.  Returns 1, or 0 with errno and nothing open.
 */
extern int flush_open(int queue, char const *domain, int fds[2]);

/*
 * A list being read: lines of ID_LEN octets and LF.  Whatever is no id is passed over.  Where lines
 * were torn or ran together, their ids are still found, and perhaps some ids that never were:
 * readers treat those as stale.
 */
#define FLUSH_READ_IDS 256
typedef struct flush_reader
{
  int fd;
  size_t pos;
  size_t len;
  char buffer[FLUSH_READ_IDS * (ID_LEN + 1)];
} flush_reader;
extern void flush_reader_init(flush_reader *reader, int fd);
/* Next id as a string into id.  1; 0 at the end; -1 with errno. */
extern int flush_reader_next(flush_reader *reader, char id[ID_LEN + 1]);

/* Is this a name for asked/? */
extern int flush_asked_ok(char const *name, size_t len);

/*
 * Ask for a flush: make asked/NAME, or its line in the reserve on a full disk; then hint qmgr.
 * Survives a restart of every program.
 * Returns 1, or 0 with errno; EINVAL: not a name.  It is no error when no qmgr reads the hint.
 */
extern int flush_ask(int queue, char const *name);
/* The same without the hint: for qmgr. */
extern int flush_asked_make(int queue, char const *name);

/*
 * The flush is carried out: remove asked/NAME.  0 (also when it was not there), or -1 with errno.
 */
extern int flush_unask(int queue, char const *name);

/* Is this flush asked for, and not carried out yet?  1, 0, -1 with errno. */
extern int flush_asked(int queue, char const *name);

/*
 * Call fn for every domain in "flush" or "claim" below the queue; entries that are no domain, or no
 * regular file, are passed over.
 * fn returns 1 to go on, 0 to stop.  Returns 1, 0 when stopped, -1 with errno.
 */
extern int flush_each(int queue, char const *directory, int (*fn)(char const *name, void *data),
                      void *data);
/*
 * The same for every domain that mail waits for, whatever qmgr does with its list meanwhile; some
 * may come more than once.
 *   *directory  the one that was being read
 */
extern int flush_domains_each(int queue, int (*fn)(char const *name, void *data), void *data,
                              char const **directory);
/* flush_each(), and stray is called for each domain that is no regular file. */
extern int flush_walk(int queue, char const *directory, int (*fn)(char const *name, void *data),
                      void (*stray)(char const *name, void *data), void *data);

/*
 * The same, one name at a time, and of "asked" as well, where anything but a directory is a
 * request.
 *   stray, wrong  called for a name whose file is of the wrong kind, and for an entry that is no
 *                 name; may be NULL
 * flush_reserve_settle() moves requests from the reserve to asked/, before a walk;
 * flush_reserve_each() walks through those that are left in the reserve.
 */
typedef struct flush_walker
{
  void *dir;      /* DIR; NULL: not open */
  int requests;
} flush_walker;
/* 1, or 0 with errno. */
extern int flush_walker_open(flush_walker *walker, int queue, char const *directory);
/*
 * Take one entry of the directory.  1; 0 at the end, or -1 with errno: then the walker is closed.
 */
extern int flush_walker_next(flush_walker *walker, int (*fn)(char const *name, void *data),
                             void (*stray)(char const *name, void *data),
                             void (*wrong)(char const *name, void *data), void *data);
extern int flush_reserve_settle(int queue);
extern int flush_reserve_each(int queue, int (*fn)(char const *name, void *data), void *data);

#endif
