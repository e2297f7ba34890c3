#ifndef ACT_SELECTION_H
#define ACT_SELECTION_H

/*
 * What queue-del, queue-hold, queue-release and queue-requeue have in common: each performs one
 * operation on the messages selected, by id or all of them, and prints a line for each on stdout
 * and the counts on stderr.  These functions die; they are for programs alone.
 */

#include "act/operation.h"

typedef struct selection_options
{
  char const *dir;
  int all;          /* -a */
  int yes;          /* -y */
} selection_options;

/*
 * Read the options and check the ids behind them.  Dies 100.
 *   letters  the options the program takes, as for getopt(3)
 * Returns the ids.
 */
extern char const *const *selection_options_read(int argc, char const *const *argv,
                                                 selection_options *o, char const *letters,
                                                 char const *usage);

typedef struct selection_kind
{
  char const *verb;                      /* "unable to VERB ID" */
  enum operation_result (*perform)(operation *op, char const *id);
  unsigned int places;                   /* where -a looks, or-ed */
  char const *words[OPERATION_RESULTS];  /* what follows the id, or the number */
} selection_kind;

/*
 * Perform the operation on the messages named, or on all there are.  Returns the code to exit
 * with.
 */
extern int selection_perform(selection_kind const *kind, operation *op, int all,
                             char const *const *ids);

/* All of a program whose operation needs nothing but the queue, and has no options but -C and -a. */
extern int selection_run(selection_kind const *kind, int argc, char const *const *argv,
                         char const *usage);

#endif
