#ifndef BASE_INSTANCE_H
#define BASE_INSTANCE_H

/*
 * The instance directory's path: option (the value of -C) when not NULL, else the environment
 * variable SLUICE when set and not empty, else the directory set when building.
 */
extern char const *instance_path(char const *option);

/*
 * Open the instance directory, or one directory below it ("conf", "queue", "run").
 * Returns a close-on-exec descriptor, or -1 with errno of openat(2).
 */
extern int instance_open(char const *path);
extern int instance_openat(int instance, char const *name);

#endif
