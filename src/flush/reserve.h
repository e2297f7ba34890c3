#ifndef FLUSH_RESERVE_H
#define FLUSH_RESERVE_H

/*
 * queue/reserve: room for what is asked for while the disk has none.
 *
 * A text of names, one a line, between empty lines that the file was made of beforehand: a name is
 * written over some of them, and emptied again.  That takes neither an inode nor a block, nor room
 * in a directory.  Names never cross the edge of a page, so that one write(2) puts them there whole
 * or not at all, whoever is killed meanwhile.  Whoever reads or writes has flock(2) on it, for that
 * moment alone.
 */

/* Octets: over 60 names of the greatest length, over 700 of the usual ones. */
#define RESERVE_LEN 16384

/*
 * Make it, or what it lacks of its length.  1, or 0 with errno: ENOSPC, EDQUOT, or else as open(2).
 */
extern int reserve_make(int queue);

/*
 * Add a name (flush_asked_ok()), unless it is there.
 * Returns 1, or 0 with errno: ENOSPC when there is no reserve, or it is used up; else as open(2),
 * flock(2).
 */
extern int reserve_add(int queue, char const *name);

/* Take it out.  1 (also when it was not there), or 0 with errno. */
extern int reserve_remove(int queue, char const *name);

/* Is it there?  1, 0, -1 with errno. */
extern int reserve_has(int queue, char const *name);

/*
 * Call fn for each line that is there now, whatever it holds; fn may add and remove names.  fn
 * returns 1 to go on, 0 to stop.  Returns 1, 0 when stopped, -1 with errno.
 */
extern int reserve_each(int queue, int (*fn)(char const *name, void *data), void *data);

#endif
