#ifndef SEND_OUTBOX_H
#define SEND_OUTBOX_H

/* The messages in our hands: read from job lines, given back one by one. */

#include <stddef.h>
#include <stdint.h>
#include <array.h>
#include <stralloc.h>

#include "job/job.h"

/* Messages held at once; more are left in the socket. */
#define OUTBOX_MAX (512 + OUTBOX_FDS_MAX)

/* Descriptors that can come before their lines are read: some with lines that are not all there, some with the rest. */
#define OUTBOX_FDS_MAX (2 * JOB_FDS_MAX)

enum outbox_rcpt_state
{
  OUTBOX_OWED,      /* nothing known yet */
  OUTBOX_ACCEPTED,  /* RCPT answered 2xx: shares the fate of the content */
  OUTBOX_LATER,     /* too many for this transaction (RFC 5321 section 4.5.3.1.10): the next */
  OUTBOX_ELSEWHERE, /* refused for the moment: the next address (RFC 5321 section 5.1) */
  OUTBOX_SETTLED    /* reported */
};

typedef struct outbox_rcpt
{
  uint64_t number;
  size_t address;     /* offsets of strings in the job's text */
  size_t parameters;  /* begins with a space, or is empty */
  enum outbox_rcpt_state state;
  /* Why it did not go where it was tried last: see outbox_reason_keep(); 0: it was not tried. */
  size_t code;
  size_t relay;
  size_t reason;
} outbox_rcpt;

enum outbox_state
{
  OUTBOX_FREE,      /* the slot holds nothing */
  OUTBOX_READING,   /* its recipients are not complete */
  OUTBOX_READY,
  OUTBOX_BEGUN      /* the connection has it on the wire */
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
  uint64_t handed_us;     /* when the job was complete here */
  uint64_t offset;
  uint64_t length;
  unsigned int flags;     /* job_flag */
  size_t sender;          /* offsets of strings in text */
  size_t parameters;      /* begins with a space, or is empty */
  stralloc text;
  array rcpts;            /* of outbox_rcpt */
  size_t rcpts_len;

  int fit;                /* its content was read, and may be sent */
  int alone;              /* it is to be the first of its connection */

  /* From connection to connection. */
  unsigned int tried;     /* addresses where it did not go, a bit each */
  int cut;                /* at the last of them the connection ended with it */
  int progress;           /* some recipient was settled on the present one */
  int struck;             /* one that had settled nothing ended at its MAIL */
  size_t rcpts_most;      /* recipients of one transaction; 0: all */

  /* The connection's, from here on. */
  enum outbox_step step;
  size_t rcpt_next;       /* whose RCPT is written next */
  size_t rcpts_put;       /* RCPTs of this transaction */
  size_t rcpts_asked;     /* those not answered yet */
  size_t rcpts_accepted;
  unsigned int replies;   /* of any command of this job, not read yet */
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
  int alone;              /* the next one is to be */
  size_t held;
  size_t begun;           /* of those held */
  size_t begun_most;      /* that may be begun at once */
  size_t since_drop;      /* messages carried out since the connection was lost without a word, or since ever */
  size_t lasted;          /* and between the two times before; 0: it was not lost */
  size_t fds_len;
  int fds[OUTBOX_FDS_MAX];  /* came before their mail lines were complete, in the order of those */
  outbox_job slot[OUTBOX_MAX];
} outbox;

extern void outbox_init(outbox *w);

extern outbox_rcpt *outbox_rcptp(outbox_job const *job, size_t i);

enum outbox_line { OUTBOX_LINE_OK, OUTBOX_LINE_SENSELESS, OUTBOX_LINE_NO_MEMORY };

/*
 * Is there room for whatever comes with one read?  It is there while no more than OUTBOX_WINDOW are
 * held.
 */
#define OUTBOX_WINDOW (OUTBOX_MAX - OUTBOX_FDS_MAX)
extern int outbox_room(outbox const *w);

/* Take a descriptor that came with octets; its line comes next.  0: no line for it can follow. */
extern int outbox_take_fd(outbox *w, int fd);

/* Close those whose lines are not there. */
extern void outbox_drop_fds(outbox *w);

/*
 * Take a line "alone", "mail ...", "rcpt ..." or "go", without its LF.
 * A mail line takes the oldest descriptor; there must be room for it, see outbox_room().
 */
extern enum outbox_line outbox_take(outbox *w, char const *s, size_t len);

/* The first job that nobody has begun, or NULL; the next one behind a job. */
extern outbox_job *outbox_ready(outbox const *w);
extern outbox_job *outbox_ready_after(outbox_job const *job);

/* Is anything of the job not settled? */
extern int outbox_owed(outbox_job const *job);

/* The connection has it on the wire. */
extern void outbox_begin(outbox *w, outbox_job *job);

/* Is anything of it to be tried where it is now, and not elsewhere? */
extern int outbox_left_here(outbox_job const *job);

/*
 * Make a job as if it had just come, but for what is settled, and for what is to be tried elsewhere while anything is
 * left here; and, last, behind all others.
 */
extern void outbox_again(outbox *w, outbox_job *job);
extern void outbox_move_last(outbox *w, outbox_job *job);

/*
 * How many may be begun at once: after a message was carried out, one more; no more than so many, but one; after the
 * connection was lost without a word, half of those begun, and less where it did not last: what is on the wire when a
 * link drops may be there already, and goes twice.  That is called while they still count as begun.
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

/* Close its descriptor, and forget it. */
extern void outbox_forget(outbox *w, outbox_job *job);

#endif
