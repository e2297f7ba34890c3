#ifndef BASE_CLOSE_H
#define BASE_CLOSE_H

/* Closing what is not needed any more while a result, and its errno, are to stay. */

#include <dirent.h>

extern void close_keep(int fd);
extern void closedir_keep(DIR *dir);

#endif
