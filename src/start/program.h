#ifndef START_PROGRAM_H
#define START_PROGRAM_H

/*
 * How programs that work on an instance begin.  These functions are for programs alone: what fails
 * ends the program, with one line on stderr and the exit code that fits the error.
 */

#include <stddef.h>
#include <sys/types.h>
#include <skalibs/gccattributes.h>

/*
 * Read the options of a program whose only option is -C.  Returns the index of the first argument.
 * Dies 100.
 */
extern int program_options(int argc, char const *const *argv, char const **instance,
                           char const *usage);

/*
 * Open the instance.
 *   path  the value of -C or NULL; set to the instance's path, see instance_path()
 * Returns a descriptor.  Dies 111.
 */
extern int program_instance(char const **path);

/*
 * Become, for good, the owner of the queue, with the groups that the instance gives: root should
 * not even look at files that others may change meanwhile, let alone write to them.  Groups come
 * only from directories that are root's.  A process that is not root stays as it is, and so does
 * root where the queue is root's own.
 *   instance  descriptor of the instance
 * Dies 111.
 */
extern void program_become(int instance);

/* Nobody's group: the queue's owner needs none where the instance is not root's. */
#define PROGRAM_NOGROUP 65534

/*
 * Root becomes the owner of an open directory that is not root's own, without groups.
 * Dies 111.
 */
extern void program_become_owner(int directory);

/*
 * Root becomes a user with the groups gid and groups[], count of them.  Dies 111 where the process
 * is anybody else afterwards.
 */
extern void program_become_user(uid_t uid, gid_t gid, gid_t const *groups, size_t count);

/* The real user id that the process was started with. */
extern uid_t program_caller(void);

/*
 * program_instance(), program_become(), and open the queue.  Returns the queue's descriptor;
 * *instance, unless NULL, is the instance's.
 */
extern int program_queue(char const **path, int *instance);

/*
 * Have SIGTERM sent to us when the parent dies (prctl(2)): a super-server or supervisor that was
 * stopped or killed leaves no process behind.  Not so where init is the parent, which stops its
 * services itself.
 */
extern void program_end_with_parent(void);

/* Die 100 with what is wrong with an argument or a line, and with the text itself, cleaned. */
extern void program_refuse(char const *what, char const *s, size_t len) gccattr_noreturn;

#endif
