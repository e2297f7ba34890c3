#ifndef BASE_WIRE_H
#define BASE_WIRE_H

/*
 * A connection to a peer: buffered, non-blocking, every wait with a deadline.
 *
 * What is queued for the peer is sent just before we wait for the peer, and not sooner: replies to
 * a pipelined batch leave in one write.  A wait also ends when we are told to stop (SIGTERM); that
 * order is looked at now and then also while the peer never makes us wait.
 *
 * Functions return 1 or 0: with 0, state says why, and the connection is over.
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
  int64_t deadline_ms;    /* the end of the step, or of the present tenth of it */
  unsigned int tenth_s;   /* a tenth of the step */
  int (*hurried)(void *data); /* NULL: a step is not divided */
  void *data;
  unsigned int busy;      /* reads since the last wait */
  int skip;               /* a reply's line was too long: the rest of it is passed over */
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
 * Go on with a step that began before: it has to be over at end_ms, and was to take so many
 * seconds.
 */
extern void wire_step_on(wire *w, int64_t end_ms, unsigned int seconds);

/*
 * From the next step on, a wait for the peer may end sooner: after each tenth of the step's time
 * hurried() is asked whether the time is up (1) or not (0).
 */
extern void wire_hurry(wire *w, int (*hurried)(void *data), void *data);

/* Queue octets for the peer; waits for the peer only when there is no more room. */
extern int wire_put(wire *w, char const *s, size_t len);

/* Send what is queued. */
extern int wire_flush(wire *w);

/* Fill the input buffer with what the peer sends next, unless it holds something already. */
extern int wire_fill(wire *w);

/* What is in the input buffer; never empty after wire_fill(). */
extern char const *wire_peek(wire *w, size_t *len);
/* Take so many octets out of the input buffer. */
extern void wire_taken(wire *w, size_t len);

/* Overwrite all of the input buffer but what is still to be taken: a password does not stay there. */
extern void wire_wipe(wire *w);

/* Read up to the next CRLF, however long that takes within the step. */
extern int wire_line_read(wire *w, wire_line *line);

/*
 * Read a line of a server's reply, which ends with LF.  Octets beyond WIRE_REPLY_MAX are passed
 * over; s has room for so many.  A reply that the server sent before it stopped reading is read,
 * too.
 */
#define WIRE_REPLY_MAX (SMTP_REPLY_LINE_MAX + 2)
extern int wire_reply_read(wire *w, char *s, size_t *len);

/*
 * Somebody else has spoken for the peer, by the other wire, and goes on by this one's descriptors:
 * what was read there and not taken comes next, in the place of what was here.
 */
extern void wire_continue(wire *w, wire const *other);

/* Send what is queued, then do nothing for so many seconds. */
extern int wire_pause(wire *w, unsigned int seconds);

/*
 * Close: send what is queued, whatever the state, for a second at the most, then wait as long for
 * the peer's end of file: a connection that is closed over unread input loses what was sent last.
 */
extern void wire_close(wire *w);

/*
 * Close without a wait for the peer: what was sent last may be lost if the peer has sent anything.
 */
extern int wire_drop(wire *w);

#endif
