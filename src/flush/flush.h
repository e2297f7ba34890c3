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
 * Take the list for carrying out: flush/DOMAIN becomes claim/DOMAIN.
 * Returns a descriptor for reading the claim, or -1 with errno: ENOENT when nothing waits,
 * EEXIST when there is a claim already.
 */
extern int flush_claim(int queue, char const *domain);

/* Open a claim that is there for reading.  A descriptor, or -1 with errno. */
extern int flush_claim_open(int queue, char const *domain);

/* The claim is carried out: remove it.  0, or -1 with errno. */
extern int flush_settle(int queue, char const *domain);

/*
 * Give the claim back: what was recorded since goes behind what it holds, and it is
 * flush/DOMAIN again.  Costs no more than what was recorded since.  0, or -1 with errno.
 */
extern int flush_unclaim(int queue, char const *domain);

/* --- making a list anew from the messages: flush-rebuild ---------------------------- */

/* The one file in flush/ that is no list: what flush_replace() writes before it renames it. */
#define FLUSH_REBUILD "+rebuild"

/* What was seen of a list: all of it up to size.  Means something while the descriptor from
   flush_look() is open; after that another list may have the same inode number. */
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
 * whatever it holds beyond what was seen of it (NULL: nothing was).  One caller at a time.
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
 * Is it one list alone that is in trouble, says errno: what bears its name is no regular file, or
 * may not be opened?  Then the others can be used all the same.
 */
extern int flush_obstructed(int e);
/* What is in its way, in words; of any errno. */
extern char const *flush_why(int e);

/*
 * Bring every list in flush/ to the disk; costs next to nothing for those that are there.  What is
 * obstructed is passed over.  0, or -1 with errno when any other could not be.
 */
extern int flush_sync(int queue);

/*
 * Lines in flush/DOMAIN and claim/DOMAIN by size of file: what waits at the most.  Never opens
 * them.
 */
extern uint64_t flush_count(int queue, char const *domain);

/* Is there a list of this domain, or a claim?  1, 0; also 1 when that cannot be told. */
extern int flush_listed(int queue, char const *domain);

/*
 * Open what waits for a domain, flush/DOMAIN in fds[0] and claim/DOMAIN in fds[1], both as they are
 * at one moment, so that no id is missed on its way between them.  -1 where there is none, or no
 * regular file.  Returns 1, or 0 with errno and nothing open.
 */
extern int flush_open(int queue, char const *domain, int fds[2]);

/*
 * A list being read: lines of ID_LEN octets and LF.  Whatever is not an id is passed over, and
 * where lines were torn or run together the ids are found all the same; with them perhaps some that
 * never were, which are stale like others.
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
 * Ask: make asked/NAME, or where there is no room its line in the reserve; then hint qmgr.
 * Survives a restart of every program.
 * Returns 1, or 0 with errno; EINVAL: not a name.  That qmgr is not there to be hinted is no error.
 */
extern int flush_ask(int queue, char const *name);
/* The same without the hint: for qmgr. */
extern int flush_asked_make(int queue, char const *name);

/* Carried out: take it away.  0 (also when it was not there), or -1 with errno. */
extern int flush_unask(int queue, char const *name);

/* Is it asked for, and not carried out yet?  1, 0, -1 with errno. */
extern int flush_asked(int queue, char const *name);

/*
 * Call fn for every name in "flush" or "claim" below the queue; what is no name there is passed
 * over, and so is what is no regular file.
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
/* The same; stray is called for what is there and no regular file. */
extern int flush_walk(int queue, char const *directory, int (*fn)(char const *name, void *data),
                      void (*stray)(char const *name, void *data), void *data);

/*
 * The same a piece at a time, of "asked" as well: a request is its name, and only a directory is
 * none.
 *   stray, wrong  called for what is no such file, and for what is no name; NULL: nobody is.
 * Requests that stand in the reserve can be brought to asked/ before, flush_reserve_settle(), and
 * what is left there be walked through, flush_reserve_each().
 */
typedef struct flush_walker
{
  void *dir;      /* DIR; NULL: not open */
  int requests;
} flush_walker;
/* 1, or 0 with errno. */
extern int flush_walker_open(flush_walker *walker, int queue, char const *directory);
/* One name of the directory.  1; 0 at the end, or -1 with errno: then it is closed. */
extern int flush_walker_next(flush_walker *walker, int (*fn)(char const *name, void *data),
                             void (*stray)(char const *name, void *data),
                             void (*wrong)(char const *name, void *data), void *data);
extern int flush_reserve_settle(int queue);
extern int flush_reserve_each(int queue, int (*fn)(char const *name, void *data), void *data);

#endif
