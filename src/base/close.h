#ifndef BASE_CLOSE_H
#define BASE_CLOSE_H

/* Close a descriptor or a directory; errno, of the result that is returned, stays as it is. */

#include <dirent.h>

extern void close_keep(int fd);
extern void closedir_keep(DIR *dir);

#endif
