#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

/*
 * One session: its state, and the functions that the verbs, in files of their own, share.
 *
 * A verb's function returns 1 to go on with the next command, 0 when the session is over;
 * session.end then says why.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/stralloc.h>

#include "base/wire.h"
#include "conf/conf.h"
#include "queue/message.h"
#include "queue/room.h"
#include "smtp/command.h"
#include "smtp/content.h"
#include "smtp/path.h"
#include "smtpd/clients.h"
#include "smtpd/identity.h"
#include "smtpd/peer.h"
#include "smtpd/policy.h"

/* Room for what a client calls itself: a domain name or a literal, and the terminator. */
#define SESSION_HELO_MAX 256
/* After so many errors the connection ends. */
#define SESSION_ERRORS_HARD 20

/* Replies of several verbs. */
#define SESSION_SAYS_UNGREETED "503 5.5.1 Error: send HELO or EHLO first"
#define SESSION_SAYS_NO_MAIL "503 5.5.1 Error: need MAIL command"
#define SESSION_SAYS_TOO_LARGE "552 5.3.4 Message size exceeds fixed limit"
#define SESSION_SAYS_NO_ROOM "452 4.3.1 Insufficient system storage"

/* Why a session is over. */
enum session_end
{
  SESSION_WIRE,              /* the state of the wire says why */
  SESSION_QUIT,
  SESSION_ERRORS,            /* too many errors of the client's */
  SESSION_CROWDED,           /* the client has too many connections, and was told */
  SESSION_CROWDED_UNLOGGED,  /* the same, and the log has no line about it */
  SESSION_OUT_OF_SYNC,       /* nobody can tell where the next command begins */
  SESSION_NON_SMTP,          /* the client speaks another protocol */
  SESSION_NO_TLS,            /* TLS was to come first, and there is none: the log says why */
  SESSION_HANDSHAKE,         /* the handshake of TLS failed: nobody can say a word any more */
  SESSION_REVERSED,          /* the connection is somebody else's from now on */
  SESSION_SHORT,             /* memory or descriptors are short: stderr says so already */
  SESSION_BROKEN             /* a setting cannot be used: stderr says so already */
};

/* How far the content of a transaction has come, with BDAT. */
enum session_content { CONTENT_NONE, CONTENT_CHUNKS, CONTENT_REFUSED };

/* How often a client sent a verb, and how often that was not refused. */
typedef struct session_count
{
  unsigned int said;
  unsigned int done;
} session_count;

/* "unknown[IP]" or "local[uid=N]" */
#define SESSION_WHO_MAX (INET6_ADDRSTRLEN + 16)

/* "PROTOCOL with cipher CIPHER (USED/OF bits)" */
#define SESSION_TLS_MAX 160

typedef struct session
{
  wire wire;
  wire_line line;             /* the present command, into which its arguments point */
  enum session_end end;
  peer client;
  policy_lists *lists;        /* whoever begins the session has them */
  identity identity;          /* as AUTH, or a certificate, has proved it */
  policy policy;
  int instance;               /* four descriptors; queue and trigger are -1 until needed */
  int conf;
  int queue;
  int trigger;
  stralloc me;
  unsigned int timeout[CONF_TIMEOUTS];
  int databytes_known;        /* settings are read when first needed, once in a session */
  uint64_t databytes;
  int minfree_known;
  int minfree_said;
  uint64_t minfree;
  int tls_first;              /* TLS comes before the greeting, and before it not a word */
  int tls_lines;              /* no record of it holds more than one line of ours */
  int tls_known;
  enum conf_tls tls;
  char secured[SESSION_TLS_MAX]; /* by which TLS, as logs and trace headers say it; "": by none */
  int fsyncdir;               /* -1: not known yet */
  int lenient;                /* -1: not known yet */
  uint64_t subdomains;        /* that may be used; UINT64_MAX: not known yet */
  uint64_t subdomains_used;
  unsigned int subdomains_next; /* of the client's, see clients_subdomain_take() */
  stralloc subdomains_names;  /* of those used, each a string */
  unsigned int errors;
  unsigned int junk;          /* commands that achieved nothing */
  unsigned int rcpts_over;    /* recipients beyond those of a message, or beyond conf/subdomains */
  unsigned int lines;         /* in the log, up to SESSION_LINES_MAX */
  uint64_t unlogged;          /* lines beyond those */
  int stop;                   /* readable when we are told to stop */
  clients_session slot;       /* among those of all sessions */
  int has_slot;               /* a slot of the client is ours, or its line in the log */
  unsigned int slots;         /* of the client: how many there are */
  int fruitful;               /* a message was accepted, or a flush asked for */
  unsigned int concurrency;   /* conf/concurrencyincoming; 0: not known */
  int64_t since_ms;           /* when the session began, or session_forgive() was called last */
  char const *verb;           /* the present one, for the log */
  char who[SESSION_WHO_MAX];  /* the client, for the log */
  session_count counts[SMTP_UNKNOWN + 1]; /* by verb */
  char helo[SESSION_HELO_MAX];
  int esmtp;                  /* greeted with EHLO */
  int auth_offered;           /* AUTH stood in the reply to it */
  unsigned int auth_refused;  /* proofs that were none */

  /* the transaction */
  int mail;                   /* MAIL was accepted */
  int smtputf8;
  stralloc sender;            /* strings; without angle brackets */
  stralloc parameters;
  stralloc rcpts;             /* domain, address, parameters: three strings each */
  unsigned int nrcpts;
  int full;                   /* a recipient was refused as one too many */
  int rcpt_tried;             /* there was a RCPT, accepted or not */

  /* its content */
  enum session_content content;
  int chunk_refused;          /* a BDAT was refused: the next ones are refused, and no errors */
  unsigned int fault;         /* of receive.c */
  smtp_content scan;
  uint64_t octets;
  uint64_t unlooked;          /* of these and of the envelope, since queue_room() */
  size_t pace;                /* octets received in the time for the present 64 KiB */
  int64_t pace_end_ms;        /* when that time ends */
  size_t tenth;               /* octets received in the present tenth of that time */
  uint64_t came;              /* octets received of the message */
  int64_t came_since_ms;      /* when the first of them was due */
  int64_t message_end_ms;     /* when the last of them is due */
  message_writer writer;      /* large, and not touched before there is content */

  stralloc domain;            /* this and the next: of the present recipient or node; strings */
  stralloc address;
  stralloc parameters_rcpt;
  size_t replylen;
  char reply[SMTP_COMMAND_MAX];
} session;

/* Pieces of text; the last one is NULL. */
#define pieces(...) ((char const *const []){ __VA_ARGS__, 0 })

/* Send a reply; the pieces are one line. */
extern int session_reply_pieces(session *s, char const *const *text);
#define session_reply(s, ...) session_reply_pieces((s), pieces(__VA_ARGS__))

/* The same for an error of the client's: counts it, and waits a second when there were many. */
extern int session_refuse_pieces(session *s, char const *const *text);
#define session_refuse(s, ...) session_refuse_pieces((s), pieces(__VA_ARGS__))

/*
 * Count a command that is no error but achieves nothing: many are an error.  0: the session is
 * over.
 */
extern int session_junk(session *s);

/* Is the client a program on this host? */
extern int session_this_host(session const *s);

/*
 * May one more refusal or request of this client be logged?  Counts those that may not.
 */
extern int session_may_log(session *s);

/* A message was accepted, or a flush asked for: the client's errors do not count any more. */
extern void session_forgive(session *s);

/*
 * Log the last reply, unless session_may_log() says no:
 * "ID: reject: STAGE from unknown[IP]: REPLY; from=<...> to=<...> ...".
 *   id  of the message, "" as long as it has none
 *   to  may be NULL
 */
extern void session_log_reject(session *s, char const *id, char const *stage, char const *to);

/* Forget all of a session, and give back what it has, but for the lists of settings. */
extern void session_forget(session *s);

/* End the transaction. */
extern void session_reset(session *s);

/* SESSION_SHORT where errno e means that the host lacks a resource, else SESSION_BROKEN. */
extern enum session_end session_end_of(int e);

/*
 * A setting could not be used, or memory is short (errno): say so on stderr and end the session.
 * Returns 0.
 */
extern int session_broken(session *s);

/* "SMTP", "ESMTP" or "UTF8SMTP", which is said of a session in the log. */
extern char const *session_protocol(session const *s);

/* The protocol type for trace headers: that of RFC 3848 and RFC 6531 section 4.3. */
extern char const *session_transport(session const *s);

/* Read conf/tls into s->tls; of a local user TLS is never asked.  1; or 0: session_broken(). */
extern int session_tls(session *s);

/* Read conf/databytes into s->databytes.  1; or 0: session_broken(). */
extern int session_databytes(session *s);

/* Read conf/minfree into s->minfree.  1; or 0: session_broken(). */
extern int session_minfree(session *s);

/*
 * Is there room for so many octets on the queue's disk?  Call session_minfree() before.  1 also
 * where the queue cannot be opened: writing the message fails later.
 */
extern int session_room(session *s, uint64_t octets);

/* Open the queue directory when it is first needed.  1, or 0 with errno. */
extern int session_queue(session *s);

#endif
