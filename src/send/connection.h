#ifndef SEND_CONNECTION_H
#define SEND_CONNECTION_H

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
 * The caller polls: connection_poll(), then connection_step() with what poll(2) said.
 */

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wallclock.h"
#include "job/job.h"
#include "send/candidates.h"
#include "send/channel.h"
#include "send/destination.h"
#include "send/host.h"
#include "send/outbox.h"
#include "send/pipeline.h"
#include "send/report.h"

/* Octets that may be unanswered at once: they are sent again when the link drops. */
#define CONNECTION_WINDOW_OCTETS 1048576
/* A message over this is not sent by BDAT before one recipient at least is accepted. */
#define CONNECTION_BLIND_OCTETS 1048576

enum connection_state
{
  CONNECTION_CONNECTING,
  CONNECTION_GREETING,   /* until EHLO or HELO is answered */
  CONNECTION_OPEN,       /* mail can be sent */
  CONNECTION_QUITTING,
  CONNECTION_ENDED
};

enum connection_end
{
  CONNECTION_END_NONE,
  CONNECTION_END_QUIT,      /* no error, or the peer closed when it owed no reply */
  CONNECTION_END_SITE,      /* it failed before EHLO was answered: code and text say why */
  CONNECTION_END_OURSELVES, /* the peer has our own name: code and text say so */
  CONNECTION_END_LOST       /* it failed while open: code and text say why */
};

/* How a connection was lost. */
enum connection_loss
{
  CONNECTION_LOSS_SAID,    /* by a reply: nonsense, or RSET refused */
  CONNECTION_LOSS_CLOSED,  /* closed without a reply, by the server or the link */
  CONNECTION_LOSS_SILENT,
  CONNECTION_LOSS_REFUSED, /* closed with 421 */
  CONNECTION_LOSS_LIED     /* the server does not know an extension it offered, see lied */
};

/* A reply while its lines come in. */
typedef struct connection_reply
{
  unsigned int code;
  unsigned int lines;
  char status[SMTP_STATUS_MAX]; /* of the last line */
  size_t len;
  char text[JOB_TEXT_MAX];      /* all lines, codes included, a space between them */
} connection_reply;

typedef struct smtp_connection
{
  enum connection_state state;
  enum connection_end end;
  char const *code;             /* why it ended, strings */
  char code_text[SMTP_STATUS_MAX];
  char text[JOB_TEXT_MAX];
  /* with CONNECTION_END_LOST: the message whose reply was due, or NULL; jobs stay as they were */
  outbox_job *head;
  enum connection_loss loss;
  enum pipeline_kind lost_at;   /* the reply that was due */
  size_t carried_out;           /* messages whose last reply came */
  size_t settled;               /* recipients that were sent to or refused for good */

  destination const *where;
  candidates const *candidates;
  outbox *jobs;
  report *out;
  char peer[REPORT_RELAY_MAX];  /* "host[address]" */

  int64_t hello_ms;             /* when EHLO was sent */
  size_t window;                /* messages to have at once, as reported to qmgr */
  unsigned int extensions;      /* smtp_extension */
  unsigned int lied;            /* of these, extensions that turned out not to work */
  unsigned long long size_max;  /* of SIZE; 0: none given */

  pipeline owed;                /* the replies that the peer owes */
  outbox_job *writing;          /* whose commands are not all written, or NULL */
  outbox_job *begun_last;
  outbox_job *broken;           /* whose content cannot be read: the connection ends with it */
  int transaction;              /* one may be open at the peer: RSET before the next MAIL */
  uint64_t unanswered;          /* octets of content */

  int sealed;                   /* see connection_seal() */
  int stopping;                 /* begin no more messages */
  int64_t stop_ms;              /* when to give up, once stopping */
  int64_t until_ms;             /* when the site must have answered EHLO */
  int64_t since_ms;             /* when the present step began */
  int64_t moved_ms;             /* when octets moved last, either way */
  int unsent;                   /* octets that the kernel had not sent then */
  size_t since_sent;            /* octets that were sent since */

  connection_reply reply;
  channel channel;
} smtp_connection;

extern void connection_init(smtp_connection *s, destination const *where,
                            candidates const *candidates,
                            outbox *jobs, report *out);

/*
 * Begin to connect to the present address.  Check s->state afterwards: the connection may have
 * ended already.
 */
extern void connection_begin(smtp_connection *s);

/* What to poll(2) for, and until when (wallclock_steady_ms(); -1: for ever). */
extern void connection_poll(smtp_connection const *s, struct pollfd *p);
extern int64_t connection_deadline(smtp_connection const *s);

/* Read and write what can be; revents of poll(2), 0 when only the time or the jobs have changed. */
extern void connection_step(smtp_connection *s, short revents);

/*
 * Begin no more messages, finish what is on the wire within ms, then QUIT.
 * A later call can only make it sooner.
 */
extern void connection_stop(smtp_connection *s, int64_t ms);

/*
 * For how long has no octet moved, while a reply is due or octets wait?  Octets that the kernel
 * still sends count as moving: a link may be slow.  0 where nothing is waited for.
 */
extern int64_t connection_silent_ms(smtp_connection *s);

/* The message whose reply comes next, or NULL. */
extern outbox_job *connection_head(smtp_connection const *s);

/*
 * Seal the connection: it ends after the head's replies, and the messages on the wire behind the
 * head belong to other connections from now on.  Sealable: all that was put has been sent.
 */
extern int connection_sealable(smtp_connection const *s);
extern void connection_seal(smtp_connection *s);

#endif
