#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

/*
 * What the programs that work on an instance begin with.  These functions are for programs alone:
 * what cannot be done ends the program, with one line on stderr and the code of the kind of trouble.
 */

#include <stddef.h>
#include <skalibs/gccattributes.h>

/* Read the options of a program that has -C alone.  Returns the index of the first argument.  Dies 100. */
extern int program_options(int argc, char const *const *argv, char const **instance, char const *usage);

/*
 * Open the instance.
 *   path  the value of -C or NULL; set to the path it comes to, see instance_path()
 * Returns a descriptor.  Dies 111.
 */
extern int program_instance(char const **path);

/* The same, and its queue: returns the queue's descriptor; *instance, unless NULL, is the instance's. */
extern int program_queue(char const **path, int *instance);

/*
 * Take SIGTERM when the parent dies (prctl(2)): a super-server or supervisor that was stopped or killed
 * leaves nobody behind.  Not so where init is the parent: it stops its services itself.
 */
extern void program_end_with_parent(void);

/* Die 100: what is wrong with an argument or a line, and it, cleaned. */
extern void program_refuse(char const *what, char const *s, size_t len) gccattr_noreturn;

#endif
