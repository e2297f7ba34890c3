#ifndef SEND_CHANNEL_H
#define SEND_CHANNEL_H

/*
 * A connection's octets.  Commands are put together in one buffer, so that they leave in as few
 * packets as possible; content follows them straight from the message's file.  No function blocks,
 * and nothing of a message stays in memory.
 */

#include <stddef.h>
#include <stdint.h>

#include "job/job.h"
#include "smtp/reply.h"

/* Octets gathered for one write. */
#define CHANNEL_OUT_MAX 65536
/* Room for a command: MAIL or RCPT with everything a job line can hold. */
#define CHANNEL_COMMAND_MAX (JOB_LINE_MAX + 256)

typedef struct channel
{
  int fd;                  /* non-blocking; -1: there is no connection */
  int dead;                /* cannot be written to any more; replies may still be read */

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

  char out[CHANNEL_OUT_MAX];
  char in[SMTP_REPLY_LINE_MAX + 2];
} channel;

extern void channel_init(channel *w, int fd);
extern void channel_close(channel *w);

/*
 * CHANNEL_OK       some octets were transferred
 * CHANNEL_BLOCKED  none can be at present, or there are none
 * CHANNEL_END      the peer has closed its side, or the connection broke
 * CHANNEL_FILE     the content's file cannot be read, errno says why; 0: it is too short
 */
enum channel_result { CHANNEL_OK, CHANNEL_BLOCKED, CHANNEL_END, CHANNEL_FILE };

/*
 * Put octets to be sent; there is room for CHANNEL_COMMAND_MAX of them after channel_ready()
 * returned CHANNEL_OK.
 */
extern void channel_put(channel *w, char const *s, size_t len);
extern void channel_puts(channel *w, char const *s);

/* Put content: len octets of file from offset; stuff: with its dots doubled. */
extern void channel_put_file(channel *w, int file, uint64_t offset, uint64_t len, int stuff);

/*
 * Is there room for a command behind all that was put?  Reads content into the buffer to find out.
 * CHANNEL_OK, CHANNEL_BLOCKED or CHANNEL_FILE.
 */
extern enum channel_result channel_ready(channel *w);

/* Is anything left to be sent? */
extern int channel_pending(channel const *w);
/* Is some of the last file left to be sent? */
extern int channel_file_pending(channel const *w);

/* Overwrite what was put and has been sent: a password does not stay there. */
extern void channel_wipe(channel *w);

/* Write once; *sent is the number of octets. */
extern enum channel_result channel_write(channel *w, size_t *sent);

/* Read once.  CHANNEL_OK, CHANNEL_BLOCKED, or CHANNEL_END at the end of the input. */
extern enum channel_result channel_read(channel *w);

/* Did the last read fill the buffer, so that there may be more? */
extern int channel_full(channel const *w);

/* Is anything left of what was read? */
extern int channel_unread(channel const *w);

/* The next whole line of what was read, its CRLF left out; valid until channel_read(). 1 or 0. */
extern int channel_line(channel *w, char const **line, size_t *len);

#endif
