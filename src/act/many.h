#ifndef ACT_MANY_H
#define ACT_MANY_H

/*
 * What queue-del, queue-hold, queue-release and queue-requeue have in common: one thing is done to
 * the messages that are named, or to all, with a line on stdout for each and the counts on stderr.
 * These functions are for programs alone.
 */

#include "act/act.h"

typedef struct many_options
{
  char const *dir;
  int all;          /* -a */
  int yes;          /* -y */
} many_options;

/* Read options, of letters as for getopt(3), and check the ids behind them.  Returns these.  Dies 100. */
extern char const *const *many_options_read(int argc, char const *const *argv, many_options *o,
                                            char const *letters, char const *usage);

typedef struct many_deed
{
  char const *verb;                                     /* "unable to VERB ID" */
  enum act_result (*one)(act *a, char const *id);
  unsigned int places;                                  /* where -a looks, or-ed */
  char const *words[ACT_RESULTS];                       /* what follows the id, or the number */
} many_deed;

/* Do it to the messages named, or with -a to all there are.  Returns the code to exit with. */
extern int many_do(many_deed const *deed, act *a, int all, char const *const *ids);

#endif
