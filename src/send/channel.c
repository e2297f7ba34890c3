#include "send/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <io.h>

#include "smtp/content.h"

/*
 * From this many octets on sendfile(2) is cheaper than to read and write; below, fewer packets
 * count for more.
 */
#define SENDFILE_MIN CHANNEL_OUT_MAX
/* Octets written between two looks for replies. */
#define SENDFILE_MAX 1048576

void channel_init(channel *w, int fd)
{
  w->fd = fd;
  w->dead = 0;
  w->out_pos = w->out_len = 0;
  w->file = -1;
  w->in_pos = w->in_len = 0;
  w->in_skip = 0;
}

void channel_close(channel *w)
{
  if (w->fd != -1) close(w->fd);
  channel_init(w, -1);
}

/* --- out ---------------------------------------------------------------------------- */

void channel_put(channel *w, char const *s, size_t len)
{
  memcpy(w->out + w->out_len, s, len);
  w->out_len += len;
}

void channel_puts(channel *w, char const *s)
{
  channel_put(w, s, strlen(s));
}

void channel_put_file(channel *w, int file, uint64_t offset, uint64_t len, int stuff)
{
  w->file = len ? file : -1;
  w->file_pos = offset;
  w->file_left = len;
  w->stuff = stuff;
  w->stuff_state = 0;
}

static void out_compact(channel *w)
{
  if (!w->out_pos) return;
  memmove(w->out, w->out + w->out_pos, w->out_len - w->out_pos);
  w->out_len -= w->out_pos;
  w->out_pos = 0;
}

static void file_advance(channel *w, size_t n)
{
  w->file_pos += n;
  w->file_left -= n;
  if (!w->file_left) w->file = -1;
}

/* Read a piece of content to the end of the buffer. */
static enum channel_result file_read(channel *w)
{
  char piece[16384];
  size_t room = (sizeof w->out - w->out_len) / (w->stuff ? 2 : 1);
  size_t max = room < sizeof piece ? room : sizeof piece;
  ssize_t n;
  if (max > w->file_left) max = (size_t)w->file_left;
  if (!max) return CHANNEL_BLOCKED;
  n = pread(w->file, w->stuff ? piece : w->out + w->out_len, max, (off_t)w->file_pos);
  if (n <= 0)
  {
    if (n == 0) errno = 0;
    return CHANNEL_FILE;
  }
  if (w->stuff)
    w->out_len += smtp_content_stuff(w->out + w->out_len, piece, (size_t)n, &w->stuff_state);
  else w->out_len += (size_t)n;
  file_advance(w, (size_t)n);
  return CHANNEL_OK;
}

static int file_sendable(channel const *w)
{
  return w->file != -1 && !w->stuff && w->file_left >= SENDFILE_MIN;
}

enum channel_result channel_ready(channel *w)
{
  if (w->dead) return CHANNEL_BLOCKED;
  if (w->out_pos > sizeof w->out / 2) out_compact(w);
  while (w->file != -1 && !file_sendable(w))
  {
    enum channel_result r = file_read(w);
    if (r != CHANNEL_OK) return r;
  }
  if (w->file != -1 || sizeof w->out - w->out_len < CHANNEL_COMMAND_MAX) return CHANNEL_BLOCKED;
  return CHANNEL_OK;
}

int channel_pending(channel const *w)
{
  return !w->dead && (w->out_pos < w->out_len || w->file != -1);
}

int channel_file_pending(channel const *w)
{
  return !w->dead && w->file != -1;
}

/* What waits begins at out_pos. */
void channel_wipe(channel *w)
{
  explicit_bzero(w->out, w->out_pos);
  explicit_bzero(w->out + w->out_len, sizeof w->out - w->out_len);
}

static enum channel_result file_send(channel *w, size_t *sent)
{
  size_t max = w->file_left > SENDFILE_MAX ? SENDFILE_MAX : (size_t)w->file_left;
  int64 n = io_sendfile(w->fd, w->file, w->file_pos, max);
  if (n > 0)
  {
    *sent = (size_t)n;
    file_advance(w, (size_t)n);
    return CHANNEL_OK;
  }
  if (n == 0)
  {
    errno = 0;
    return CHANNEL_FILE;
  }
  if (errno == EAGAIN || errno == EINTR) return CHANNEL_BLOCKED;
  return errno == EIO || errno == EINVAL ? CHANNEL_FILE : CHANNEL_END;
}

static enum channel_result buffer_send(channel *w, size_t *sent)
{
  int more = w->file != -1 ? MSG_MORE : 0;
  ssize_t n = send(w->fd, w->out + w->out_pos, w->out_len - w->out_pos, MSG_NOSIGNAL | more);
  if (n == -1) return errno == EAGAIN || errno == EINTR ? CHANNEL_BLOCKED : CHANNEL_END;
  *sent = (size_t)n;
  w->out_pos += (size_t)n;
  if (w->out_pos == w->out_len) w->out_pos = w->out_len = 0;
  return CHANNEL_OK;
}

enum channel_result channel_write(channel *w, size_t *sent)
{
  enum channel_result r;
  *sent = 0;
  if (!channel_pending(w)) return CHANNEL_BLOCKED;
  r = w->out_pos < w->out_len ? buffer_send(w, sent) : file_send(w, sent);
  if (r == CHANNEL_END) w->dead = 1;
  return r;
}

/* --- in ----------------------------------------------------------------------------- */

enum channel_result channel_read(channel *w)
{
  ssize_t n;
  if (w->in_pos)
  {
    memmove(w->in, w->in + w->in_pos, w->in_len - w->in_pos);
    w->in_len -= w->in_pos;
    w->in_pos = 0;
  }
  n = recv(w->fd, w->in + w->in_len, sizeof w->in - w->in_len, 0);
  if (n == -1) return errno == EAGAIN || errno == EINTR ? CHANNEL_BLOCKED : CHANNEL_END;
  if (n == 0) return CHANNEL_END;
  w->in_len += (size_t)n;
  return CHANNEL_OK;
}

int channel_full(channel const *w)
{
  return w->in_len == sizeof w->in;
}

int channel_unread(channel const *w)
{
  return w->in_pos < w->in_len;
}

/* Cut a line that fills the buffer, and pass over the rest of it. */
static int line_cut(channel *w, char const **line, size_t *len)
{
  if (w->in_pos || w->in_len < sizeof w->in) return 0;
  *line = w->in;
  *len = w->in_len;
  w->in_pos = w->in_len;
  if (w->in_skip) return 0;
  w->in_skip = 1;
  return 1;
}

int channel_line(channel *w, char const **line, size_t *len)
{
  for (;;)
  {
    char *start = w->in + w->in_pos;
    char *end = memchr(start, '\n', w->in_len - w->in_pos);
    int rest = w->in_skip;
    if (!end) return line_cut(w, line, len);
    w->in_pos += (size_t)(end - start) + 1;
    w->in_skip = 0;
    if (rest) continue;
    *line = start;
    *len = (size_t)(end - start);
    if (*len && start[*len - 1] == '\r') --*len;
    return 1;
  }
}
