#ifndef BASE_DIRECTORY_H
#define BASE_DIRECTORY_H

#include <dirent.h>

/*
 * Open a directory below another one for reading, and no link to one.  To be closed with
 * closedir(3).  NULL with errno of openat(2) or fdopendir(3).
 */
extern DIR *directory_open(int parent, char const *name);

#endif
