#ifndef QUEUE_MESSAGE_H
#define QUEUE_MESSAGE_H

/*
 * A message's file:
 *
 *   sluice-1 0000000213 000000000000004711 8--e      the head: lengths of envelope and content
 *   from <bob@example.org> SIZE=4700 BODY=8BITMIME   the envelope: these lines, in this order
 *   arrival 1763711153.123456
 *   client mail.example.org [192.0.2.7] ESMTP
 *   rcpt customer.tld <Alice@customer.tld> NOTIFY=NEVER
 *   rcpt ...
 *                                                    an empty line, part of the envelope
 *   Received: from ...                               content as on the wire, dots not stuffed
 *   1763711160.000001 0 sent 2.0.0 ...               the journal, see job_journal_format()
 *   1763711161.000001 1 notice failed ...            and job_notice_format()
 *
 * The head's numbers are zeros until the message is whole; the letters are job_flags_format()'s.
 * The domain of a rcpt line is folded (conf_domain_fold): the name of the list in flush/ that the
 * message waits in.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/stralloc.h>
#include <skalibs/genalloc.h>

#include "job/job.h"
#include "queue/queuedir.h"

/* Octets of the head line, LF included; the envelope begins here. */
#define MESSAGE_HEAD_LEN 44
/*
 * Limits, since those who add to the queue may write anything, and qmgr does nothing else while it
 * reads a message.  A file with more octets of envelope (a thousand recipients with every parameter
 * have a quarter), or of journal (a thousand recipients tried every ten minutes for two months), is
 * no message.
 */
#define MESSAGE_ENVELOPE_MAX 4194304
#define MESSAGE_JOURNAL_MAX (1u << 30)
/*
 * Twice what smtpd-etrn takes.  Each recipient may have a list and a site of its own, so no message
 * with more is written, or accepted by qmgr.
 */
#define MESSAGE_RCPTS_MAX 2000

/* --- writing ----------------------------------------------------------------------- */

#define MESSAGE_BUFFER_LEN 65536

typedef struct message_writer
{
  int queue;
  int fd;                 /* -1: nothing is being written */
  char id[ID_LEN + 1];
  uint64_t arrival_us;
  uint32_t salt;          /* of the ids: the process's id; 0: not asked for yet */
  unsigned int rcpts;
  stralloc envelope;      /* head and envelope; grows until the first octet of content */
  int started;            /* the envelope is written, the head's numbers are not */
  uint64_t content_len;
  unsigned int flags;     /* job_flag; the caller sets them before message_commit() */
  size_t buffered;
  char buffer[MESSAGE_BUFFER_LEN]; /* not yet written; a small message is one write(2) */
} message_writer;
#define MESSAGE_WRITER_ZERO { .fd = -1, .envelope = STRALLOC_ZERO }

/*
 * Begin a message in tmp/, with an id of its own.
 *   writer  all zero but for fd, or used before: the ids of one writer never go backwards
 *   sender  without angle brackets, len 0 for the null sender
 *   parameters  kept with the sender, "" for none; single spaces between them
 *   client  words for the client line, without control characters
 * Returns 1, or 0 with errno of openat(2) or ENOMEM; EINVAL: a control character, or no path.
 */
extern int message_begin(message_writer *writer, int queue, char const *sender, size_t senderlen,
                         char const *parameters, char const *client);

/*
 * Add a recipient; domain is folded.  All of them come before the first content.
 * Returns 1, or 0 with errno: ENOMEM, EMSGSIZE (more than MESSAGE_RCPTS_MAX, MESSAGE_ENVELOPE_MAX),
 * EINVAL (a control character, no address, no domain).  The recipients before it stay.
 */
extern int message_rcpt(message_writer *writer, char const *domain, char const *address,
                        size_t addresslen, char const *parameters);

/* Add content octets.  1, or 0 with errno (ENOSPC, EIO...); then only message_abort() is left. */
extern int message_put(message_writer *writer, char const *s, size_t len);

/*
 * Make the message whole and durable: head, rename to new/, fsync(2); a directory fsync as well
 * where fsyncdir is set.  1: the message is ours, say 250 now.  0 with errno: no file is left.
 */
extern int message_commit(message_writer *writer, int fsyncdir);

/* Remove what was written.  Safe when no message was begun. */
extern void message_abort(message_writer *writer);

/* --- reading ----------------------------------------------------------------------- */

typedef struct message_recipient
{
  /* offsets into message.text of strings */
  size_t domain;
  size_t address;      /* without angle brackets */
  size_t parameters;
  /* from the journal; the last line about the recipient rules */
  int settled;         /* sent, relayed or failed: nothing is owed any more */
  unsigned int told;   /* events the sender was or is not to be told of: 1 << job_event, or-ed */
  enum job_status status; /* of the last attempt, when attempts > 0 */
  unsigned int attempts;
  uint64_t last_us;    /* when the last attempt ended */
  size_t code;         /* strings in text, "" before the first attempt */
  size_t relay;
  size_t reason;
  size_t room;         /* octets from code on that the next journal line may use; private */
} message_recipient;

typedef struct message
{
  int fd;
  uint64_t envelope_len;
  uint64_t content_offset;
  uint64_t content_len;
  unsigned int flags;
  uint64_t arrival_us;
  int torn;               /* the journal ends in the middle of a line */
  uint64_t size;          /* of the file, up to the end of the journal that was read */
  stralloc text;          /* strings of envelope and journal; private but for the offsets */
  size_t sender;
  size_t parameters;
  size_t client;
  genalloc recipients;    /* of message_recipient */
} message;
#define MESSAGE_ZERO { .fd = -1, .text = STRALLOC_ZERO, .recipients = GENALLOC_ZERO }
#define message_string(message, offset) ((message)->text.s + (offset))
#define message_rcpts(message) genalloc_len(message_recipient, &(message)->recipients)
#define message_rcptp(message, n) (genalloc_s(message_recipient, &(message)->recipients) + (n))

/*
 * Read head, envelope and journal of an open message (by pread(2); the offset is not used).
 * The memory of a message can be used again for the next one: nothing needs to be freed
 * between.  fd stays the caller's.
 * Returns 1, or 0 with errno: EBADMSG when the file is no whole message (cut short, zeros
 * in the head, lines out of order, more envelope or journal than there may be), else as pread(2),
 * or ENOMEM.
 */
extern int message_read(message *message, int fd);
extern void message_free(message *message);

/* How many recipients are still owed. */
extern size_t message_owed(message const *message);
/* Is this recipient owed, and does it wait for this domain (folded)? */
extern int message_rcpt_owed(message const *message, size_t n, char const *domain);
/* Is any recipient of that domain owed? */
extern int message_owes(message const *message, char const *domain);
/* Is this recipient the first of its domain that is owed?  A loop meets each domain once so. */
extern int message_rcpt_first(message const *message, size_t n);

/*
 * Is the sender still to be told of this recipient: of a failure, or that the message was relayed?
 */
extern int message_untold(message_recipient const *recipient);
/* Is the sender still to be told of any recipient? */
extern int message_any_untold(message const *message);

/*
 * End a torn line of the journal, so that an agent appends its next line behind a LF; does nothing
 * where no line is torn.  An empty line too many does no harm.  1, or 0 with errno.
 */
extern int message_mend(message *message, int fd);

/*
 * Append a journal line in one write(2); fd is open for reading and appending.  A torn line
 * at the end is ended first, or this line would become a part of it.  1, or 0 with errno.
 */
extern int message_journal(int fd, uint64_t time_us, job_result const *result);

/*
 * The same for notice lines, all of them in one write(2).
 *   lines  as job_notice_format() makes them, one after the other
 */
extern int message_journal_notices(int fd, char const *lines, size_t len);

/* --- locks: F_OFD locks of fcntl(2), that travel with a descriptor to another process ---- */

/*
 * An agent that delivers to a recipient holds an exclusive lock on the octet of the recipient's
 * number; a program that changes the whole message (delete, hold, expire) locks all octets.  A lock
 * lasts until every copy of the descriptor is closed.  fd must be open for writing to take one.
 * Returns 1; 0 when another process has the lock; -1 with errno.
 */
extern int message_lock_rcpt(int fd, uint64_t recipient);
extern int message_unlock_rcpt(int fd, uint64_t recipient);
extern int message_lock_all(int fd);
/* Is any recipient locked?  fd may be open for reading alone.  1, 0, -1 with errno. */
extern int message_busy(int fd);

#endif
