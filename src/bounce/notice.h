#ifndef BOUNCE_NOTICE_H
#define BOUNCE_NOTICE_H

/*
 * A notice: a message of ours that tells a sender what became of his message: an event (failed,
 * delayed, relayed) for one recipient of his or more.  Here is what its parts are made from.
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
 * Recipients named to people, and of whom programs are told all; of the others they are told what
 * has become of them.
 */
#define NOTICE_NAMED_MAX 50
/* Octets of a result's words that are repeated, for one recipient. */
#define NOTICE_WORDS_MAX 512
/*
 * And for all together, in either part: a site's long words, for a thousand recipients, are not for
 * a forged sender.
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
  size_t count;            /* recipients it tells of */
  int beyond;              /* it tells of what is beyond ASCII, and is one of RFC 6533 */
  int utf8;                /* so is its recipient: it needs SMTPUTF8; else it is encoded as ASCII */
  returned returned;
  size_t words_left;       /* octets of others' words that this part may still repeat */
  char words[NOTICE_WORDS_MAX + sizeof " ..."];
  lines lines;
} notice;

/* The next recipient it tells of, from this one on; as many as the message has: there is none. */
extern size_t notice_next(notice const *n, size_t rcpt);

/*
 * Others' words as they are repeated, a string, good until the next ones; NULL: there were too many
 * before.
 */
extern char const *notice_words(notice *n, char const *s, size_t len);

/*
 * Of a recipient that is delayed: what keeps it where it was never tried, and when it is given
 * up.
 */
typedef struct delay
{
  char const *why;         /* good until the next one is looked at */
  char code[SMTP_STATUS_MAX];
  uint64_t until_us;       /* since 1970 */
} delay;
/* 1; 0: it cannot be told, and so the notice will not be written. */
extern int notice_delay(notice *n, message_recipient const *r, delay *d);

#endif
