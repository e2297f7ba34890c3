#ifndef START_OPTIONS_H
#define START_OPTIONS_H

/* The options of a program, from a table that says what each of them sets. */

#include <stddef.h>
#include <stdint.h>

/* Exactly one of the pointers is set: that says of what kind the option is. */
typedef struct program_option
{
  char letter;
  int *flag;                 /* becomes 1 */
  char const **text;         /* its argument, which stays the caller's */
  unsigned int *number;      /* its argument, a number from least to most */
  unsigned int least;
  unsigned int most;
  /* its argument, a time in the form of conf/ (duration_scan()) and not 0 */
  uint64_t *seconds;
} program_option;

/*
 * Read the options, as getopt(3) has them.  Returns the index of the first argument.
 * Dies 100 with the usage line.
 */
extern int program_options_read(int argc, char const *const *argv, program_option const *all,
                                size_t n,
                                char const *usage);

#endif
