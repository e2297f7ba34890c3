#ifndef SEND_WIRE_H
#define SEND_WIRE_H

/*
 * A connection's octets: what goes out is put together in one buffer, so that whatever can be
 * said at once leaves in as few packets as possible, and content comes after it straight from
 * the message's file.  Nothing here blocks, and nothing of a message stays in memory.
 */

#include <stddef.h>
#include <stdint.h>

#include "job/job.h"
#include "smtp/reply.h"

/* Octets gathered for one write. */
#define WIRE_OUT_MAX 65536
/* Room for a command: MAIL or RCPT with everything a job line can hold. */
#define WIRE_COMMAND_MAX (JOB_LINE_MAX + 256)

typedef struct wire
{
  int fd;                  /* non-blocking; -1: there is no connection */
  int dead;                /* cannot be written to any more; what the peer said may still be read */

  size_t out_pos;
  size_t out_len;
  int file;                /* content that follows what is in out, or -1 */
  uint64_t file_pos;
  uint64_t file_left;
  int stuff;               /* dots are doubled on the way */
  unsigned int stuff_state;

  size_t in_pos;
  size_t in_len;
  int in_skip;             /* the rest of a line that is too long is passed over */

  char out[WIRE_OUT_MAX];
  char in[SMTP_REPLY_LINE_MAX + 2];
} wire;

extern void wire_init(wire *w, int fd);
extern void wire_close(wire *w);

/*
 * WIRE_OK       some octets went
 * WIRE_BLOCKED  none can at present, or there are none
 * WIRE_END      the peer has closed its side, or the connection broke
 * WIRE_FILE     the content's file cannot be read, errno says why; 0: it is too short
 */
enum wire_result { WIRE_OK, WIRE_BLOCKED, WIRE_END, WIRE_FILE };

/* Add to what goes out; there is room for WIRE_COMMAND_MAX octets after wire_ready() said WIRE_OK. */
extern void wire_put(wire *w, char const *s, size_t len);
extern void wire_puts(wire *w, char const *s);

/* Let content follow: len octets of file from offset; stuff: with its dots doubled. */
extern void wire_put_file(wire *w, int file, uint64_t offset, uint64_t len, int stuff);

/*
 * Is there room for a command behind all that was put?  Reads content into the buffer, to find out.
 * WIRE_OK, WIRE_BLOCKED or WIRE_FILE.
 */
extern enum wire_result wire_ready(wire *w);

/* Does anything wait to go out? */
extern int wire_pending(wire const *w);
/* Is some of the last file that was put? */
extern int wire_file_pending(wire const *w);

/* Write once; *sent is how many octets went. */
extern enum wire_result wire_write(wire *w, size_t *sent);

/* Read once. WIRE_OK, WIRE_BLOCKED, or WIRE_END when there is nothing more. */
extern enum wire_result wire_read(wire *w);

/* Did that fill the buffer, so that there may be more? */
extern int wire_full(wire const *w);

/* The next whole line of what was read, its CRLF left out; valid until wire_read(). 1 or 0. */
extern int wire_line(wire *w, char const **line, size_t *len);

#endif
