#ifndef BASE_CLOSE_H
#define BASE_CLOSE_H

/* Closing what is not needed any more on the way out, with a result and an errno that are to stay. */

#include <dirent.h>

extern void close_keep(int fd);
extern void closedir_keep(DIR *dir);

#endif
