#ifndef SCHED_LIMIT_H
#define SCHED_LIMIT_H

/*
 * How many connections may carry the mail of one domain at once, where its route says less than
 * that of another domain with the same next hop.
 */

#include <stddef.h>

#include "sched/row.h"

/* Mail of one domain on one connection. */
typedef struct load
{
  row_place in_domain;
  row_place in_connection;
  size_t jobs;
} load;

/* May mail of the domain go over this connection?  By their rows of loads. */
extern int limit_allows(row const *of_domain, row const *of_connection, unsigned int most);
/* May it go over one more connection? */
extern int limit_allows_more(row const *of_domain, unsigned int most);

/* A job goes there.  NULL without memory: then it is not counted. */
extern load *load_add(row *of_domain, row *of_connection);
/* It is back; NULL is passed over. */
extern void load_take(load *l);

#endif
