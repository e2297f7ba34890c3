#ifndef COMPAT_BESIDE_H
#define COMPAT_BESIDE_H

#include <skalibs/stralloc.h>

/*
 * Where to find one of our programs: in the directory of the executable that runs now, or in the bin/ that
 * goes with that directory when installed; where there is none by that name, the name alone, for PATH to
 * be searched.
 * 1 with path a string, or 0 with errno: ENOMEM, or as readlink(2).
 */
extern int beside(stralloc *path, char const *program);

#endif
