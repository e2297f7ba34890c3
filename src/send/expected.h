#ifndef SEND_EXPECTED_H
#define SEND_EXPECTED_H

/* The replies that a server owes us, in the order in which it will send them. */

#include <stddef.h>
#include <array.h>

#include "send/work.h"

enum expected_kind
{
  EXPECTED_GREETING, EXPECTED_EHLO, EXPECTED_HELO, EXPECTED_MAIL, EXPECTED_RCPT, EXPECTED_DATA,
  EXPECTED_CONTENT, EXPECTED_BDAT, EXPECTED_RSET, EXPECTED_QUIT,
  EXPECTED_NOTHING  /* for who asks what is going on while no reply is owed */
};

typedef struct expected
{
  enum expected_kind kind;
  work_job *job;      /* NULL for what belongs to no message */
  size_t rcpt;        /* index of the recipient, for RCPT */
} expected;

/* All zero is the empty list; its memory is used again. */
typedef struct expected_list
{
  array entries;
  size_t first;       /* those before it are answered */
  size_t len;
} expected_list;

/* The reply that comes next, or NULL. */
extern expected const *expected_head(expected_list const *list);

/* Add one behind all others.  1, or 0 without memory. */
extern int expected_push(expected_list *list, expected const *entry);

/* Take the head away, which must be there. */
extern expected expected_pop(expected_list *list);

/* The first job in the list, or NULL. */
extern work_job *expected_job(expected_list const *list);

/* Forget what comes behind the last reply to this job. */
extern void expected_end_with(expected_list *list, work_job const *job);

extern void expected_clear(expected_list *list);

#endif
