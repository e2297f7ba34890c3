#ifndef COMPAT_LIST_H
#define COMPAT_LIST_H

#include <skalibs/gccattributes.h>

/*
 * Show the queue: the process becomes queue-list.
 *   instance  its directory
 *   option    "-j", or NULL
 * Dies 77 when this user may not see the queue, else 69.
 */
extern void list_exec(char const *instance, char const *option) gccattr_noreturn;

#endif
