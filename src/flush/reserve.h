#ifndef FLUSH_RESERVE_H
#define FLUSH_RESERVE_H

/*
 * queue/reserve: room for requests while the disk is full.
 *
 * The file is made of empty lines beforehand.  A name is written over some of them, as a line, and
 * later overwritten with empty lines again.  That takes neither an inode nor a block, nor room in a
 * directory.  A name never crosses the edge of a page, so that one write(2) writes it whole or not
 * at all, whichever process is killed meanwhile.  Readers and writers hold flock(2) on the file,
 * only while they read or write.
 */

/* Octets of the file: over 60 names of the greatest length, over 700 of usual ones. */
#define RESERVE_LEN 16384

/*
 * Make the file, or extend it to its length.  1, or 0 with errno: ENOSPC, EDQUOT, or as open(2).
 */
extern int reserve_make(int queue);

/*
 * Add a name (flush_asked_ok()), unless the reserve has it.
 * Returns 1, or 0 with errno: ENOSPC when there is no reserve or no room in it; else as open(2),
 * flock(2).
 */
extern int reserve_add(int queue, char const *name);

/* Remove a name.  1 (also when it was not there), or 0 with errno. */
extern int reserve_remove(int queue, char const *name);

/* Does the reserve have this name?  1, 0, -1 with errno. */
extern int reserve_has(int queue, char const *name);

/*
 * Call fn for each line that is not empty, be it a name or not; fn may add and remove names.  fn
 * returns 1 to go on, 0 to stop.  Returns 1, 0 when stopped, -1 with errno.
 */
extern int reserve_each(int queue, int (*fn)(char const *name, void *data), void *data);

#endif
