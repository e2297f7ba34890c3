#ifndef SEND_EXCHANGE_H
#define SEND_EXCHANGE_H

/*
 * The state of one SMTP connection: which replies the peer owes, and how it ended.  Above it stand
 * the messages on it (transaction.h) and the connection as a whole (connection.h).
 */

#include <stddef.h>
#include <stdint.h>

#include "job/job.h"
#include "send/candidates.h"
#include "send/channel.h"
#include "send/destination.h"
#include "send/outbox.h"
#include "send/pipeline.h"
#include "send/report.h"
#include "smtp/sasl.h"
#include "tls/ask.h"

enum connection_state
{
  CONNECTION_CONNECTING,
  CONNECTION_GREETING,   /* until EHLO or HELO is answered, and AUTH where it is wanted */
  CONNECTION_SECURING,   /* TLS begins: see secure.h */
  CONNECTION_OPEN,       /* mail can be sent */
  CONNECTION_QUITTING,
  CONNECTION_ENDED
};

enum connection_end
{
  CONNECTION_END_NONE,
  CONNECTION_END_QUIT,      /* no error, or the peer closed when it owed no reply */
  CONNECTION_END_PLAIN,     /* TLS failed, and is not demanded: the same address at once, without */
  CONNECTION_END_SITE,      /* it failed before mail could be sent: code and text say why */
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
  char const *last;             /* text of the last line, as it came, until more is read */
  size_t lastlen;
} connection_reply;

/* How far TLS has come. */
enum secure_step
{
  SECURE_NONE,
  SECURE_WANTED,                /* a connection to tls-io, from our caller */
  SECURE_AWAITED,               /* the caller knows */
  SECURE_ASKED,                 /* tls-io was asked whether it can */
  SECURE_COMMANDED,             /* STARTTLS was said */
  SECURE_HANDSHAKE,             /* tls-io has the wire */
  SECURE_DONE                   /* the channel is clear text, behind it tls-io */
};

typedef struct secure
{
  enum secure_step step;
  int plain;                    /* go without, for it failed before */
  int fd;                       /* to tls-io, until it is the channel's; or -1 */
  int wire;                     /* the TCP connection, once the channel's is to tls-io; or -1 */
  size_t len;                   /* of what tls-io has said until then */
  char in[TLS_ANSWER_MAX];
} secure;

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
  int64_t trip_ms;              /* until it was answered */
  size_t window;                /* messages to have at once, as reported to qmgr */
  unsigned int extensions;      /* smtp_extension */
  unsigned int mechanisms;      /* of AUTH that the server offers, sasl_mechanism, or-ed */
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
  secure secure;
  sasl sasl;                    /* AUTH; without an account before and afterwards */
  channel channel;
} smtp_connection;

/* A command was put: its reply is owed.  1; 0: no memory, and the connection has ended. */
extern int exchange_expect(smtp_connection *s, enum pipeline_kind kind, outbox_job *job,
                           size_t rcpt);

/* The present step begins: its timeout (RFC 5321 section 4.5.3.2) runs from now on. */
extern void exchange_step_begins(smtp_connection *s);

/* The command's name in "in reply to ... command", a string. */
extern char const *exchange_command(enum pipeline_kind kind);
/* What is done at present, in "lost connection with HOST while ...": a string, Postfix's words. */
extern char const *exchange_during(smtp_connection const *s);
/* Which of the timeouts the present step has. */
extern enum smtp_timeout exchange_timeout(smtp_connection const *s);

/* The message whose reply comes next, or NULL. */
extern outbox_job *exchange_head(smtp_connection const *s);

/* Is the reply that was just read a 2xx? */
extern int exchange_positive(smtp_connection const *s);

/* Its enhanced status code, with class as its first digit; returns out. */
extern char const *exchange_code(char out[SMTP_STATUS_MAX], smtp_connection const *s, char class);

extern void exchange_end(smtp_connection *s, enum connection_end end);

/*
 * End with s->text as the reason, and this code, a string that is kept.  The caller of
 * connection_step() judges which message that concerns.
 */
extern void exchange_fail(smtp_connection *s, char const *code);

#endif
