#ifndef BOUNCE_INTERNAL_H
#define BOUNCE_INTERNAL_H

/*
 * The files of bounce-put.
 *
 *   notice      a message of ours that tells a sender what became of his message: an event (failed, delayed,
 *               relayed) for one recipient of his or more
 *   subject     the message that it is about
 *   due         a recipient of it is due when its sender is to be told of the event, or would be had he not
 *               asked to be left alone
 */

#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

#include "bounce/fields.h"
#include "bounce/quoted.h"
#include "conf/conf.h"
#include "queue/sitefile.h"
#include "job/job.h"
#include "queue/message.h"
#include "queue/queuedir.h"
#include "smtp/content.h"
#include "smtp/reply.h"

/* --- lines.c: text of ours, on its way into a message ------------------------------------- */

/* Octets of a word that are kept together: with what may stand before it the line is below RFC 5322's 998. */
#define LINES_WORD_MAX 900

typedef struct lines
{
  message_writer *writer;
  smtp_content scan;       /* of all that was put, for the message's flags */
  int utf8;                /* of words; 0: what goes beyond ASCII is a question mark */
  int encoded;             /* what is put becomes quoted-printable */
  quoted quoted;
  int error;               /* errno of the first octet that could not be put; then nothing else is */
  size_t column;
  size_t words;            /* on this line */
  char const *indent;      /* of the lines that follow */
  size_t word_len;
  char word[LINES_WORD_MAX];
} lines;

extern void lines_init(lines *l, message_writer *writer);

/* What follows is a text, with words in UTF-8 or not, and encoded as quoted-printable or not; until it ends. */
extern void lines_text_begin(lines *l, int utf8, int encoded);
extern void lines_text_end(lines *l);

/* Octets as they are, but for the encoding. */
extern void lines_put(lines *l, char const *s, size_t len);

/* Pieces that are one line, and its end. */
extern void lines_pieces(lines *l, char const *const *pieces);
#define lines_line(l, ...) lines_pieces((l), (char const *const []){ __VA_ARGS__, 0 })

/*
 * Words, parted by spaces: no control characters, and no line gets long.
 *   first   what the first line begins with, as it is
 *   indent  what the other lines begin with
 *   pieces  may end in the middle of a word
 */
extern void lines_words(lines *l, char const *first, char const *indent, char const *const *pieces);
#define lines_fill(l, first, indent, ...) lines_words((l), (first), (indent), (char const *const []){ __VA_ARGS__, 0 })

/* --- way.c: how a domain's mail goes, and what keeps it ------------------------------------- */

typedef struct way
{
  int queue;
  int conf;
  conf_routes routes;
  int routes_known;        /* they were read since way_forget() */
  stralloc domain;         /* what the rest is about; empty: nothing yet */
  conf_route route;
  sitefile site;
} way;
#define WAY_ZERO { .routes = CONF_ROUTES_ZERO, .domain = STRALLOC_ZERO, .route = CONF_ROUTE_ZERO }

/* Find it out for a folded domain, unless that was the last one.  1, or 0 with errno and conf_why(). */
extern int way_find(way *w, char const *domain);

/* Why mail waits there that was never tried, "" where nothing keeps it; and an enhanced status code for it. */
extern char const *way_why(way const *w, char code[SMTP_STATUS_MAX]);

/* Settings may have changed. */
extern void way_forget(way *w);
extern void way_free(way *w);

/* --- subject.c: the message, and who is due -------------------------------------------------- */

typedef struct subject
{
  char id[ID_LEN + 1];
  int fd;
  enum queue_place place;
  message message;
  stralloc marks;          /* an octet for each recipient; private */
  char const *unwelcome;   /* why nothing can be said to the sender; NULL: it can */
} subject;
#define SUBJECT_ZERO { .fd = -1, .message = MESSAGE_ZERO, .marks = STRALLOC_ZERO }

enum subject_state
{
  SUBJECT_READ,
  SUBJECT_GONE,
  SUBJECT_TROUBLE,         /* errno */
  SUBJECT_CONF             /* conf_why() */
};

/*
 * Open and read it, lock all that are due, and read it again: what has become of them by then, becomes
 * of them no more.  Who is due by then and not locked is in other hands.
 */
extern enum subject_state subject_take(subject *s, way *w, char const *id);
extern void subject_leave(subject *s);

/* Is this recipient due for the event, and is its sender to be told? */
extern int subject_due(subject const *s, size_t rcpt, enum job_event event);
extern int subject_wanted(subject const *s, size_t rcpt, enum job_event event);
/* Was its sender told of such an event before, about another recipient? */
extern int subject_again(subject const *s, enum job_event event);
/* Is one of those that are due in other hands? */
extern int subject_busy(subject const *s, enum job_event event);

/* --- returned.c: what is returned of it ------------------------------------------------------- */

/* So much of a header is returned at the most; and with a second notice of the same event, and each further one. */
#define RETURNED_HEADER_MAX 50000
#define RETURNED_AGAIN_MAX 4096

typedef struct returned
{
  uint64_t offset;         /* in the file */
  uint64_t len;
  int whole;               /* 0: its header */
  int high;                /* it holds octets over 127 */
  int global;              /* in a header, it may: it is one of RFC 6532 */
} returned;

/*
 * Anybody can be said to be the sender.  What he is sent, who may never have sent anything, is bounded: a whole
 * message once, and of limited size, whatever RET asks for (RFC 3461 section 4.3 has it as a request), then little
 * more than tells which message it was.  One message can have a thousand recipients, who fail one by one.
 *   most  octets of a message that may be returned as a whole
 * 1, or 0 with errno.
 */
extern int returned_choose(returned *r, subject const *s, enum job_event event, uint64_t most);
extern void returned_put(lines *l, returned const *r, subject const *s);

/* --- notice.c and its parts ---------------------------------------------------------------- */

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
#define NOTICE_PROSE_WORDS_MAX 5000
#define NOTICE_REPORT_WORDS_MAX(recipients) (4096 + 24 * (recipients))

typedef struct notice
{
  subject const *subject;
  enum job_event event;
  char const *me;
  char const *postmaster;
  uint64_t bouncebytes;    /* octets of a message that may be returned as a whole */
  way *way;
  size_t count;            /* recipients it tells of */
  int beyond;              /* it tells of what is beyond ASCII, and is one of RFC 6533 */
  int utf8;                /* so is its recipient: it needs SMTPUTF8; else all of it is ASCII, by encoding */
  returned returned;
  size_t words_left;       /* octets of others' words that this part may still repeat */
  char words[NOTICE_WORDS_MAX + sizeof " ..."];
  lines lines;
} notice;

/*
 * Write it into the queue.
 *   n       subject, event, me, postmaster, bouncebytes and way are set; at least one recipient is wanted
 *   writer  its id is the notice's
 * Returns 1, or 0 with errno: nothing was written.
 */
extern int notice_write(notice *n, message_writer *writer, int queue, int fsyncdir);

/* The next recipient it tells of, from this one on; as many as the message has: there is none. */
extern size_t notice_next(notice const *n, size_t rcpt);

/*
 * Others' words as they are repeated, a string, good until the next ones; NULL: there were too many
 * before.
 */
extern char const *notice_words(notice *n, char const *s, size_t len);

/* Of a recipient that is delayed: what keeps it where it was never tried, and when it is given up. */
typedef struct delay
{
  char const *why;         /* good until the next one is looked at */
  char code[SMTP_STATUS_MAX];
  uint64_t until_us;       /* since 1970 */
} delay;
/* 1; 0: it cannot be told, and so the notice will not be written. */
extern int notice_delay(notice *n, message_recipient const *r, delay *d);

/* prose.c: for people. */
extern void prose_put(notice *n);

/* report.c: for programs. */
extern void report_put(notice *n);

#endif
