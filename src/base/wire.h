#ifndef BASE_WIRE_H
#define BASE_WIRE_H

/*
 * The two ends of the connection: buffered, non-blocking, every wait with a deadline.
 *
 * The peer is given what it is owed before we wait for it, and not sooner: replies to a pipelined
 * batch leave in one write.  A wait also ends when we are told to stop (SIGTERM); a peer that never
 * makes us wait is not heard for longer, either.
 *
 * Functions that return 1 or 0: with 0, state says why, and the connection is over.
 */

#include <stddef.h>
#include <stdint.h>

#include "smtp/command.h"
#include "smtp/reply.h"

#define WIRE_IN_MAX 16384
#define WIRE_OUT_MAX 4096

enum wire_state { WIRE_OPEN, WIRE_LOST, WIRE_TIMEOUT, WIRE_STOPPED };

typedef struct wire
{
  enum wire_state state;
  int in_fd;
  int out_fd;
  int stop;               /* readable when we are told to stop; -1: nobody can tell us */
  int64_t end_ms;         /* of the present step (wallclock_steady_ms) */
  int64_t deadline_ms;    /* the same, or the end of a tenth of it */
  unsigned int tenth_s;   /* of it */
  int (*hurried)(void *data); /* NULL: a step is not divided */
  void *data;
  unsigned int busy;      /* reads since we last waited */
  int skip;               /* the rest of a reply's line that is too long is passed over */
  size_t in_pos;
  size_t in_len;
  size_t out_pos;
  size_t out_len;
  char in[WIRE_IN_MAX];
  char out[WIRE_OUT_MAX];
} wire;

/* A line of the client's, without its CRLF. */
typedef struct wire_line
{
  size_t len;
  unsigned int faults;    /* enum wire_fault, or-ed; with any of them, s is not the line */
  char s[SMTP_COMMAND_MAX];
} wire_line;

enum wire_fault
{
  WIRE_LONG = 1,          /* over SMTP_COMMAND_MAX octets */
  WIRE_BARE = 2           /* a CR or an LF that is not part of a CRLF: these end no line */
};

/* Read from one descriptor, write to another; both become non-blocking.  1, or 0 with errno. */
extern int wire_init(wire *w, int in, int out, int stop);

/* A new step begins: it has to be over in so many seconds. */
extern void wire_step(wire *w, unsigned int seconds);

/*
 * One goes on that began before: it has to be over at this moment, and was to take so many seconds.
 */
extern void wire_step_on(wire *w, int64_t end_ms, unsigned int seconds);

/*
 * From the next step on, we are not always as patient as that: while the peer keeps us waiting,
 * hurried() is asked after each tenth of the time whether it is up (1) or not (0).
 */
extern void wire_hurry(wire *w, int (*hurried)(void *data), void *data);

/* Queue octets for the peer; waits for it only when there is no more room. */
extern int wire_put(wire *w, char const *s, size_t len);

/* Give the peer what is queued. */
extern int wire_flush(wire *w);

/* Have something in the input buffer: what is there already, or what the peer sends next. */
extern int wire_fill(wire *w);

/* What is in the input buffer; of what wire_fill() found, never empty. */
extern char const *wire_peek(wire *w, size_t *len);
/* So much of it was used. */
extern void wire_taken(wire *w, size_t len);

/* Read up to the next CRLF, however long that takes within the step. */
extern int wire_line_read(wire *w, wire_line *line);

/*
 * The same of a server's reply: a line ends with LF, and has at most WIRE_REPLY_MAX octets; what is
 * over that is passed over.  s has room for so many.  What a server said before it took no more is
 * read, too.
 */
#define WIRE_REPLY_MAX (SMTP_REPLY_LINE_MAX + 2)
extern int wire_reply_read(wire *w, char *s, size_t *len);

/* Give the peer what is queued, then do nothing for a while. */
extern int wire_pause(wire *w, unsigned int seconds);

/*
 * The last words: send what is queued, whatever the state, for a second at the most, then wait as
 * long for the peer's end of file: a connection closed over unread input loses them.
 */
extern void wire_close(wire *w);

/*
 * The same for one who is not to be waited for: the last words may be lost where he has said
 * something.
 */
extern int wire_drop(wire *w);

#endif
