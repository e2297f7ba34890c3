#ifndef SEND_SESSION_H
#define SEND_SESSION_H

/*
 * One SMTP connection to one address, client's side (RFC 5321), shaped for long links.
 *
 * Commands are written as early as the peer's extensions allow, and every command written puts
 * an entry into the list of expected replies; replies are taken in that order.  Writing and
 * reading know of each other only through that list and the jobs' fields.
 *
 *   CHUNKING and PIPELINING  MAIL RCPT... BDAT LAST and content, of message after message,
 *                            nothing waits for anything; RSET parts those whose end is not known
 *   PIPELINING               MAIL RCPT... DATA in one go; after 354 the content, its last dot
 *                            together with the next message's MAIL RCPT... DATA
 *   neither                  a command, its reply, the next command
 *
 * The caller polls: session_poll(), then session_step() with what poll(2) said.
 */

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wallclock.h"
#include "job/job.h"
#include "send/expected.h"
#include "send/host.h"
#include "send/report.h"
#include "send/site.h"
#include "send/way.h"
#include "send/wire.h"
#include "send/work.h"

/* What may be unanswered at once: it is sent again when the link drops. */
#define SESSION_WINDOW_OCTETS 1048576
/* A message over this is not sent by BDAT before one recipient at least is accepted. */
#define SESSION_BLIND_OCTETS 1048576

enum session_state
{
  SESSION_CONNECTING,
  SESSION_GREETING,   /* until the EHLO or HELO is answered */
  SESSION_OPEN,       /* mail can go */
  SESSION_QUITTING,
  SESSION_ENDED
};

enum session_end
{
  SESSION_END_NONE,
  SESSION_END_QUIT,      /* nothing went wrong, or the peer closed when nothing was owed */
  SESSION_END_SITE,      /* unreachable, or it did not get as far as EHLO: code and text say why */
  SESSION_END_OURSELVES, /* the peer goes by our own name: code and text say so */
  SESSION_END_LOST       /* it was open: refused any more, lost, silent, or nonsense: code and text say why */
};

/* How a connection was lost. */
enum session_loss
{
  SESSION_LOSS_SAID,    /* the server said something that ends it: nonsense, no to RSET */
  SESSION_LOSS_CLOSED,  /* it ended without a word: the server, or the link */
  SESSION_LOSS_SILENT,
  SESSION_LOSS_REFUSED, /* the server closed it with 421 */
  SESSION_LOSS_LIED     /* the server does not know what it offered, see lied */
};

/* A reply while its lines come in. */
typedef struct session_reply
{
  unsigned int code;
  unsigned int lines;
  char status[SMTP_STATUS_MAX]; /* of the last line */
  size_t len;
  char text[JOB_TEXT_MAX];      /* all lines, codes included, a space between them */
} session_reply;

typedef struct session
{
  enum session_state state;
  enum session_end end;
  char const *code;             /* why it ended, strings */
  char code_text[SMTP_STATUS_MAX];
  char text[JOB_TEXT_MAX];
  work_job *head;               /* with SESSION_END_LOST: the message whose turn it was, or NULL; all that was begun is as it was then */
  enum session_loss loss;
  enum expected_kind lost_at;   /* the reply that came next */
  size_t carried_out;           /* messages that were answered to their end */
  size_t settled;               /* recipients that were sent to or refused for good */

  site const *where;
  way const *way;
  work *jobs;
  report *out;
  char peer[REPORT_RELAY_MAX];  /* "host[address]" */

  int64_t hello_ms;             /* when EHLO was said */
  size_t window;                /* messages worth being here at once, as reported */
  unsigned int extensions;      /* smtp_extension */
  unsigned int lied;            /* of them: those that turned out not to work */
  unsigned long long size_max;  /* 0: not said */

  expected_list owed;           /* the replies that must come next */
  work_job *writing;            /* begun, and not all of its commands are written, or NULL */
  work_job *begun_last;
  work_job *broken;             /* its content cannot be read: the connection ends with it */
  int transaction;              /* the peer may have one open: RSET before the next MAIL */
  uint64_t unanswered;          /* octets of content */

  int sealed;                   /* see session_seal() */
  int stopping;                 /* begin no more messages */
  int64_t stop_ms;              /* give up then */
  int64_t until_ms;             /* the site is to have answered EHLO by then */
  int64_t since_ms;             /* when the present step began */
  int64_t moved_ms;             /* when anything went last, either way */
  int unsent;                   /* octets the kernel had not got through then */
  size_t since_sent;            /* octets that went since */

  session_reply reply;
  wire wire;
} session;

extern void session_init(session *s, site const *where, way const *way, work *jobs, report *out);

/* Begin to connect to the present address of the way.  Look at s->state afterwards: it may have ended already. */
extern void session_begin(session *s);

/* What to wait for, and until when (wallclock_steady_ms(), -1 for ever). */
extern void session_poll(session const *s, struct pollfd *p);
extern int64_t session_deadline(session const *s);

/* Do what can be done now; revents of poll(2), 0 when only the time or the jobs have changed. */
extern void session_step(session *s, short revents);

/*
 * Begin no more messages, finish what is on the wire within ms, then QUIT.
 * A later call can only make it sooner.
 */
extern void session_stop(session *s, int64_t ms);

/*
 * For how long has nothing moved, while something should?  Octets that the kernel still sends count as moving:
 * a link may be slow.  0 where nothing is waited for.
 */
extern int64_t session_silent_ms(session *s);

/* The message whose reply comes next, or NULL. */
extern work_job *session_head(session const *s);

/*
 * Wait for the head's replies, and then for nothing more: what is on the wire behind it is another connection's from
 * now on, and this one ends with the head.  Only where all that was put has gone out.
 */
extern int session_sealable(session const *s);
extern void session_seal(session *s);

#endif
