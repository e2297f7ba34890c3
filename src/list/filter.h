#ifndef LIST_FILTER_H
#define LIST_FILTER_H

/*
 * Which messages an operator means: the options -s -r -d -o -z -q of programs that walk through
 * the queue.  An option given several times: any of them; different options: all of them, where
 * -r and -d are both about the same recipient.
 */

#include <stdint.h>
#include <skalibs/stralloc.h>

#include "queue/message.h"

/* For a program's subgetopt_r(). */
#define FILTER_OPTIONS "s:r:d:o:z:q:"

/* As lists name the null sender; as a pattern it means that one alone, as "<>" does. */
#define FILTER_NULL_SENDER "MAILER-DAEMON"

/* Octets of a pattern; no address is longer. */
#define FILTER_PATTERN_MAX 320
#define FILTER_NONE UINT64_MAX

typedef struct filter
{
  /* patterns of fnmatch(3), strings one after the other; empty: all match */
  stralloc senders;
  stralloc recipients;
  stralloc domains;
  uint64_t age_us;      /* the least, or FILTER_NONE */
  uint64_t octets;      /* of content, the least, or FILTER_NONE */
  unsigned int places;  /* 1 << enum queue_place, or-ed, and a bit for "being sent"; 0: all */
} filter;
#define FILTER_ZERO { .age_us = FILTER_NONE, .octets = FILTER_NONE }

/*
 * Take an option of FILTER_OPTIONS with its value.
 * Returns 1, or 0 with errno: EINVAL when the value makes no sense, ENOMEM.
 */
extern int filter_add(filter *f, int option, char const *value);
/*
 * What is wrong with a value of the option, for a line that ends in the value: "not a pattern: ".
 */
extern char const *filter_wrong(int option);
extern void filter_free(filter *f);

/* --- questions, the cheap ones first ------------------------------------------------------ */

/* Can something be found in this place? */
extern int filter_place_ok(filter const *f, enum queue_place place);

/* Is it old enough?  Decided from the id alone. */
extern int filter_id_ok(filter const *f, char const *id, uint64_t now_us);

/*
 * And the rest: place, size, sender and recipients.
 *   active  it is being sent
 */
extern int filter_message_ok(filter const *f, message const *m, enum queue_place place, int active);

#endif
