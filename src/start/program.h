#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

/*
 * What the programs that work on an instance begin with.  These functions are for programs alone:
 * what cannot be done ends the program, with one line on stderr and the code of the kind of
 * trouble.
 */

#include <stddef.h>
#include <sys/types.h>
#include <skalibs/gccattributes.h>

/*
 * Read the options of a program that has -C alone.  Returns the index of the first argument.  Dies
 * 100.
 */
extern int program_options(int argc, char const *const *argv, char const **instance,
                           char const *usage);

/*
 * Open the instance.
 *   path  the value of -C or NULL; set to the path it comes to, see instance_path()
 * Returns a descriptor.  Dies 111.
 */
extern int program_instance(char const **path);

/*
 * Root becomes, for good, the user who has the queue, with the groups that the instance gives: what
 * others may change under his hands is nothing that root should look at, let alone write to.
 * Groups come from directories of root's alone.  Who is not root, and where the queue is root's
 * own, stays who he is.
 *   instance  descriptor of the instance
 * Dies 111.
 */
extern void program_become(int instance);

/* Nobody's group: who has the queue of an instance that is not root's needs none. */
#define PROGRAM_NOGROUP 65534

/*
 * Root becomes the owner of an open directory, without groups; for one that is not root's own.
 * Dies 111.
 */
extern void program_become_owner(int directory);

/*
 * The same for a user and groups that are known: gid, and count others.  Dies 111 where any of it
 * does not take.
 */
extern void program_become_user(uid_t uid, gid_t gid, gid_t const *groups, size_t count);

/* Who started us, before that. */
extern uid_t program_caller(void);

/*
 * program_instance(), program_become() and the queue: returns the queue's descriptor; *instance,
 * unless NULL, is the instance's.
 */
extern int program_queue(char const **path, int *instance);

/*
 * Take SIGTERM when the parent dies (prctl(2)): a super-server or supervisor that was stopped or
 * killed leaves nobody behind.  Not so where init is the parent: it stops its services itself.
 */
extern void program_end_with_parent(void);

/* Die 100: what is wrong with an argument or a line, and it, cleaned. */
extern void program_refuse(char const *what, char const *s, size_t len) gccattr_noreturn;

#endif
