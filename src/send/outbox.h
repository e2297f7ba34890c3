#ifndef SEND_OUTBOX_H
#define SEND_OUTBOX_H

/* The messages that qmgr gave us: read from job lines, reported one by one. */

#include <stddef.h>
#include <stdint.h>
#include <array.h>
#include <stralloc.h>

#include "job/job.h"

/* Messages held at once; more are left in the socket. */
#define OUTBOX_MAX (512 + OUTBOX_FDS_MAX)

/*
 * Descriptors that can come before their lines are read: some with the first part of the lines,
 * some with the rest.
 */
#define OUTBOX_FDS_MAX (2 * JOB_FDS_MAX)

enum outbox_rcpt_state
{
  OUTBOX_OWED,      /* no reply yet */
  OUTBOX_ACCEPTED,  /* RCPT answered 2xx: the reply to the content decides */
  OUTBOX_LATER,     /* too many for this transaction (RFC 5321 section 4.5.3.1.10): in the next */
  OUTBOX_ELSEWHERE, /* refused for the moment: at the next address (RFC 5321 section 5.1) */
  OUTBOX_SETTLED    /* reported */
};

typedef struct outbox_rcpt
{
  uint64_t number;
  size_t address;     /* offsets of strings in the job's text */
  size_t parameters;  /* begins with a space, or is empty */
  enum outbox_rcpt_state state;
  /* Why the last attempt failed, see outbox_reason_keep(); 0: there was no attempt. */
  size_t code;
  size_t relay;
  size_t reason;
} outbox_rcpt;

enum outbox_state
{
  OUTBOX_FREE,      /* the slot holds nothing */
  OUTBOX_READING,   /* rcpt lines are still to come */
  OUTBOX_READY,
  OUTBOX_BEGUN      /* on the wire */
};

/* What the connection writes next for a job; the order of a transaction. */
enum outbox_step
{
  OUTBOX_MAIL, OUTBOX_RCPT, OUTBOX_BODY, OUTBOX_CONTENT, OUTBOX_END, OUTBOX_WRITTEN
};

typedef struct outbox_job
{
  struct outbox_job *next;
  enum outbox_state state;
  int fd;
  char id[JOB_ID_MAX + 1];
  uint64_t arrival_us;
  uint64_t received_us;   /* when the job's last line was read */
  uint64_t offset;
  uint64_t length;
  unsigned int flags;     /* job_flag */
  size_t sender;          /* offsets of strings in text */
  size_t parameters;      /* begins with a space, or is empty */
  stralloc text;
  array rcpts;            /* of outbox_rcpt */
  size_t rcpts_len;

  int fit;                /* the content was read, and may be sent */
  int alone;              /* to be the first message of its connection */

  /* Kept from connection to connection. */
  unsigned int tried;     /* addresses where it was tried and failed, a bit each */
  int cut;                /* the connection to the last of them ended with it */
  int progress;           /* the present connection settled a recipient of it */
  int struck;             /* a connection that had settled nothing ended at its MAIL */
  size_t rcpts_most;      /* recipients of one transaction; 0: all */

  /* Of the present connection. */
  enum outbox_step step;
  size_t rcpt_next;       /* the recipient whose RCPT is written next */
  size_t rcpts_put;       /* RCPTs of this transaction */
  size_t rcpts_asked;     /* of these, RCPTs that are not answered yet */
  size_t rcpts_accepted;
  unsigned int replies;   /* to commands of this job that are not read yet */
  int mail_answered;
  int mail_refused;
  int data_refused;
  int data_wanted;        /* 354 was read */
  uint64_t begun_us;
} outbox_job;

#define outbox_string(job, offset) ((job)->text.s + (offset))

/* All zero at first, then outbox_init(); large, and most of it never touched. */
typedef struct outbox
{
  outbox_job *first;      /* in the order they came */
  outbox_job *last;
  outbox_job *reading;    /* the job whose rcpt lines come now, or NULL */
  int alone;              /* the next job is to be "alone" */
  size_t held;            /* jobs */
  size_t begun;           /* of the jobs held, those on the wire */
  size_t begun_most;      /* jobs that may be on the wire at once */
  size_t since_drop;      /* jobs done since a connection was dropped without a reply, or at all */
  size_t lasted;          /* jobs done between the two drops before; 0: no such drop */
  size_t fds_len;
  int fds[OUTBOX_FDS_MAX];  /* whose mail lines are not complete yet, in the order of those */
  outbox_job slot[OUTBOX_MAX];
} outbox;

extern void outbox_init(outbox *w);

extern outbox_rcpt *outbox_rcptp(outbox_job const *job, size_t i);

enum outbox_line { OUTBOX_LINE_OK, OUTBOX_LINE_SENSELESS, OUTBOX_LINE_NO_MEMORY };

/*
 * Is there room for all that one read may bring?  Yes while no more than OUTBOX_WINDOW jobs are
 * held.
 */
#define OUTBOX_WINDOW (OUTBOX_MAX - OUTBOX_FDS_MAX)
extern int outbox_room(outbox const *w);

/* Take a descriptor that came with octets; its mail line comes next.  0: too many without lines. */
extern int outbox_take_fd(outbox *w, int fd);

/* The oldest of them, which a line that is none of the outbox's came with; -1: there is none. */
extern int outbox_fd(outbox *w);

/* Close the descriptors whose lines did not come. */
extern void outbox_drop_fds(outbox *w);

/*
 * Take a line "alone", "mail ...", "rcpt ..." or "go", without its LF.
 * A mail line takes the oldest descriptor; there must be room for it, see outbox_room().
 */
extern enum outbox_line outbox_take(outbox *w, char const *s, size_t len);

/* The first job that is not on the wire, or NULL; the next such job behind a job. */
extern outbox_job *outbox_ready(outbox const *w);
extern outbox_job *outbox_ready_after(outbox_job const *job);

/* Is anything of the job not settled? */
extern int outbox_owed(outbox_job const *job);

/* The connection begins to send the job. */
extern void outbox_begin(outbox *w, outbox_job *job);

/* Is a recipient of the job still to be tried at the present address? */
extern int outbox_left_here(outbox_job const *job);

/*
 * Make a job ready again, as if it had just come.  Recipients that are settled stay so, and those
 * that are to be tried elsewhere stay so while others are left for the present address.
 * outbox_move_last() puts the job behind all others.
 */
extern void outbox_again(outbox *w, outbox_job *job);
extern void outbox_move_last(outbox *w, outbox_job *job);

/*
 * Change how many jobs may be on the wire at once: one more after a job is done; at most so many,
 * and at least one; or, after the connection was dropped without a reply, half of those on the
 * wire, and fewer where it did not last.  A message that is on the wire when a link drops may have
 * arrived already, and is sent twice.  Call outbox_window_drop() while the jobs still count as
 * begun.
 */
extern void outbox_window_grow(outbox *w);
extern void outbox_window_narrow(outbox *w, size_t most);
extern void outbox_window_drop(outbox *w);

/*
 * Keep, as strings in the job's text, why a recipient did not go where it was tried.
 * 1, or 0 without memory: then nothing is kept.
 */
extern int outbox_reason_keep(outbox_job *job, size_t rcpt, char const *code, char const *relay,
                              char const *reason);

/* Close the job's descriptor, and forget the job. */
extern void outbox_forget(outbox *w, outbox_job *job);

/* Forget all jobs, give back their memory, and make all of it zero again. */
extern void outbox_free(outbox *w);

#endif
