#ifndef COMPAT_EXECUTABLE_H
#define COMPAT_EXECUTABLE_H

#include <skalibs/stralloc.h>

/*
 * Find the executable of one of our programs: in the directory of the executable that runs now, or
 * in the bin/ that belongs to that directory when installed.  Where neither has the program, the
 * path is the name alone, for PATH to be searched.
 * Returns 1 with path a string, or 0 with errno: ENOMEM, or as readlink(2).
 */
extern int executable_find(stralloc *path, char const *program);

#endif
