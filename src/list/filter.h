#ifndef LIST_FILTER_H
#define LIST_FILTER_H

/*
 * Which messages an operator means: the options -s -r -d -o -z -q of queue-list.  Of an option
 * given several times any value must match; of different options each must, and -r and -d must
 * match the same recipient.
 */

#include <stdint.h>
#include <skalibs/stralloc.h>

#include "queue/message.h"

/* For a program's subgetopt_r(). */
#define FILTER_OPTIONS "s:r:d:o:z:q:"

/*
 * Lists print this for the null sender.  As a pattern it matches the null sender alone, as "<>"
 * does.
 */
#define FILTER_NULL_SENDER "MAILER-DAEMON"

/* The most octets of a pattern; no address is longer. */
#define FILTER_PATTERN_MAX 320
#define FILTER_NONE UINT64_MAX

typedef struct filter
{
  /* patterns of fnmatch(3), strings one after the other; empty: all match */
  stralloc senders;
  stralloc recipients;
  stralloc domains;
  uint64_t age_us;      /* the least age, or FILTER_NONE */
  uint64_t octets;      /* the least size of content, or FILTER_NONE */
  unsigned int places;  /* 1 << enum queue_place, or-ed, and a bit for "being sent"; 0: all */
} filter;
#define FILTER_ZERO { .age_us = FILTER_NONE, .octets = FILTER_NONE }

/*
 * Take an option of FILTER_OPTIONS with its value.
 * Returns 1, or 0 with errno: EINVAL when the value makes no sense, ENOMEM.
 */
extern int filter_add(filter *f, int option, char const *value);
/*
 * The complaint about a bad value of the option, to be followed by the value: "not a pattern: ".
 */
extern char const *filter_wrong(int option);
extern void filter_free(filter *f);

/* --- questions, the cheap ones first ------------------------------------------------------ */

/* Can a message in this place match? */
extern int filter_place_ok(filter const *f, enum queue_place place);

/* Is the message old enough?  Its id alone decides. */
extern int filter_id_ok(filter const *f, char const *id, uint64_t now_us);

/*
 * Does the message match in place, size, sender and recipients?
 *   active  an agent is sending it
 */
extern int filter_message_ok(filter const *f, message const *m, enum queue_place place, int active);

#endif
