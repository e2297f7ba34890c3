#ifndef SEND_PIPELINE_H
#define SEND_PIPELINE_H

/* The replies that a server owes us, in the order in which it will send them. */

#include <stddef.h>
#include <array.h>

#include "send/outbox.h"

enum pipeline_kind
{
  PIPELINE_GREETING, PIPELINE_EHLO, PIPELINE_HELO, PIPELINE_STARTTLS, PIPELINE_AUTH, PIPELINE_MAIL,
  PIPELINE_RCPT, PIPELINE_DATA, PIPELINE_CONTENT, PIPELINE_BDAT, PIPELINE_RSET, PIPELINE_QUIT,
  PIPELINE_NOTHING  /* no reply is owed */
};

typedef struct pipeline_reply
{
  enum pipeline_kind kind;
  outbox_job *job;    /* NULL: a reply that belongs to no message */
  size_t rcpt;        /* index of the recipient, for RCPT */
} pipeline_reply;

/* All zero is the empty list; its memory is used again. */
typedef struct pipeline
{
  array entries;
  size_t first;       /* the head; the entries before it are answered */
  size_t len;
} pipeline;

/* The reply that comes next, or NULL. */
extern pipeline_reply const *pipeline_head(pipeline const *list);

/* Add an entry behind all others.  1, or 0 without memory. */
extern int pipeline_push(pipeline *list, pipeline_reply const *entry);

/* Remove and return the head, which must be there. */
extern pipeline_reply pipeline_pop(pipeline *list);

/* The first job in the list, or NULL. */
extern outbox_job *pipeline_job(pipeline const *list);

/* Forget the entries behind the last one of this job. */
extern void pipeline_end_with(pipeline *list, outbox_job const *job);

extern void pipeline_clear(pipeline *list);

/* The same, and give back the memory. */
extern void pipeline_free(pipeline *list);

#endif
