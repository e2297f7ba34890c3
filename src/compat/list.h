#ifndef COMPAT_LIST_H
#define COMPAT_LIST_H

#include <skalibs/gccattributes.h>

/*
 * The queue as queue-list shows it: become that program.
 *   instance  its directory
 *   option    "-j", or NULL
 * Dies 77 when the queue is not for this user to see, else 69.
 */
extern void list_exec(char const *instance, char const *option) gccattr_noreturn;

#endif
