#ifndef BOUNCE_NOTICE_H
#define BOUNCE_NOTICE_H

/*
 * A notice: a message of ours that tells the sender of another message, the original, of an event
 * (failed, delayed, relayed) of one recipient or more.  The parts of the notice are made from this
 * struct.
 */

#include <stddef.h>
#include <stdint.h>

#include "bounce/lines.h"
#include "bounce/original.h"
#include "bounce/returned.h"
#include "bounce/routing.h"
#include "job/job.h"
#include "queue/message.h"

/*
 * Recipients that the explanation names, and whose fields in the report are complete; of others the
 * report has the required fields.
 */
#define NOTICE_NAMED_MAX 50
/* Octets of a result's text that are repeated, for one recipient. */
#define NOTICE_WORDS_MAX 512
/*
 * And for all recipients together, in either part: a forged sender must not get a site's long texts
 * a thousand times.
 */
#define NOTICE_EXPLANATION_WORDS_MAX 5000
#define NOTICE_REPORT_WORDS_MAX(recipients) (4096 + 24 * (recipients))

typedef struct notice
{
  original const *original;
  enum job_event event;
  char const *me;
  char const *postmaster;
  uint64_t bouncebytes;    /* octets of a message that may be returned as a whole */
  routing *routing;
  size_t count;            /* recipients that the notice is about */
  int beyond;              /* it holds text beyond ASCII, and is one of RFC 6533 */
  int utf8;                /* its recipient needs SMTPUTF8; 0: the notice is encoded as ASCII */
  returned returned;
  size_t words_left;       /* octets of results' texts that this part may still repeat */
  char words[NOTICE_WORDS_MAX + sizeof " ..."];
  lines lines;
} notice;

/* The next recipient that the notice is about, from this one on; message_rcpts(): none. */
extern size_t notice_next(notice const *n, size_t rcpt);

/*
 * A result's text as the notice repeats it, a string, valid until the next call; NULL: the texts
 * before it were too long.
 */
extern char const *notice_words(notice *n, char const *s, size_t len);

/*
 * A delayed recipient: why it waits, where there was no attempt, and when it is given up.
 */
typedef struct delay
{
  char const *why;         /* valid until the next notice_delay() */
  char code[SMTP_STATUS_MAX];
  uint64_t until_us;       /* since 1970 */
} delay;
/* 1; 0: the routing cannot be read, and the notice will not be written. */
extern int notice_delay(notice *n, message_recipient const *r, delay *d);

#endif
