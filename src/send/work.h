#ifndef SEND_WORK_H
#define SEND_WORK_H

/* The messages in our hands: read from job lines, given back one by one. */

#include <stddef.h>
#include <stdint.h>
#include <array.h>
#include <stralloc.h>

#include "job/job.h"

/* Messages held at once; more are left in the socket. */
#define WORK_MAX (512 + WORK_FDS_MAX)

/* Descriptors that can come before their lines are read: some with lines that are not all there, some with the rest. */
#define WORK_FDS_MAX (2 * JOB_FDS_MAX)

enum work_rcpt_state
{
  WORK_OWED,      /* nothing known yet */
  WORK_ACCEPTED,  /* RCPT answered 2xx: shares the fate of the content */
  WORK_LATER,     /* too many recipients for this transaction (RFC 5321 section 4.5.3.1.10): the next */
  WORK_ELSEWHERE, /* refused for the moment: the next address (RFC 5321 section 5.1) */
  WORK_SETTLED    /* reported */
};

typedef struct work_rcpt
{
  uint64_t number;
  size_t address;     /* offsets of strings in the job's text */
  size_t parameters;  /* begins with a space, or is empty */
  enum work_rcpt_state state;
  size_t code;        /* why it did not go where it was tried last: three strings, see work_reason_keep(); 0: not tried */
  size_t relay;
  size_t reason;
} work_rcpt;

enum work_state
{
  WORK_FREE,      /* the slot holds nothing */
  WORK_READING,   /* its recipients are not complete */
  WORK_READY,
  WORK_BEGUN      /* the session has it on the wire */
};

/* What the session writes next for a job; the order of a transaction. */
enum work_step { WORK_MAIL, WORK_RCPT, WORK_BODY, WORK_CONTENT, WORK_END, WORK_WRITTEN };

typedef struct work_job
{
  struct work_job *next;
  enum work_state state;
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
  array rcpts;            /* of work_rcpt */
  size_t rcpts_len;

  int fit;                /* its content was read, and may be sent */
  int alone;              /* it is to be the first of its connection */

  /* From connection to connection. */
  unsigned int tried;     /* addresses where it did not go, a bit each */
  int cut;                /* at the last of them the connection ended with it */
  int progress;           /* some recipient was settled on the present one */
  int struck;             /* one that had settled nothing ended at its MAIL */
  size_t rcpts_most;      /* recipients of one transaction; 0: all */

  /* The session's, from here on. */
  enum work_step step;
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
} work_job;

#define work_string(job, offset) ((job)->text.s + (offset))

/* All zero at first, then work_init(); large, and most of it never touched. */
typedef struct work
{
  work_job *first;        /* in the order they came */
  work_job *last;
  work_job *reading;      /* the job whose rcpt lines come now, or NULL */
  int alone;              /* the next one is to be */
  size_t held;
  size_t begun;           /* of those held */
  size_t begun_most;      /* that may be begun at once */
  size_t since_drop;      /* messages carried out since the connection was lost without a word, or since ever */
  size_t lasted;          /* and between the two times before; 0: it was not lost */
  size_t fds_len;
  int fds[WORK_FDS_MAX];  /* came before their mail lines were complete, in the order of those */
  work_job slot[WORK_MAX];
} work;

extern void work_init(work *w);

extern work_rcpt *work_rcptp(work_job const *job, size_t i);

enum work_line { WORK_LINE_OK, WORK_LINE_SENSELESS, WORK_LINE_NO_MEMORY };

/* Is there room for whatever comes with one read?  It is there while no more than WORK_WINDOW are held. */
#define WORK_WINDOW (WORK_MAX - WORK_FDS_MAX)
extern int work_room(work const *w);

/* Take a descriptor that came with octets; its line comes next.  0: no line for it can follow. */
extern int work_take_fd(work *w, int fd);

/* Close those whose lines are not there. */
extern void work_drop_fds(work *w);

/*
 * Take a line "alone", "mail ...", "rcpt ..." or "go", without its LF.
 * A mail line takes the oldest descriptor; there must be room for it, see work_room().
 */
extern enum work_line work_take(work *w, char const *s, size_t len);

/* The first job that nobody has begun, or NULL; the next one behind a job. */
extern work_job *work_ready(work const *w);
extern work_job *work_ready_after(work_job const *job);

/* Is anything of the job not settled? */
extern int work_owed(work_job const *job);

/* The session has it on the wire. */
extern void work_begin(work *w, work_job *job);

/* Is anything of it to be tried where it is now, and not elsewhere? */
extern int work_left_here(work_job const *job);

/*
 * Make a job as if it had just come, but for what is settled, and for what is to be tried elsewhere while anything is
 * left here; and, last, behind all others.
 */
extern void work_again(work *w, work_job *job);
extern void work_move_last(work *w, work_job *job);

/*
 * How many may be begun at once: after a message was carried out, one more; no more than so many, but one; after the
 * connection was lost without a word, half of those begun, and less where it did not last: what is on the wire when a
 * link drops may be there already, and goes twice.  That is called while they still count as begun.
 */
extern void work_window_grow(work *w);
extern void work_window_narrow(work *w, size_t most);
extern void work_window_drop(work *w);

/*
 * Keep, as strings in the job's text, why a recipient did not go where it was tried.
 * 1, or 0 without memory: then nothing is kept.
 */
extern int work_reason_keep(work_job *job, size_t rcpt, char const *code, char const *relay, char const *reason);

/* Close its descriptor, and forget it. */
extern void work_forget(work *w, work_job *job);

#endif
