#include "bounce/returned.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bounce/fields.h"
#include "smtp/domain.h"

#define PIECE_LEN 65536

/* pread(2) until all octets are read. 1, or 0 with errno. */
static int all_read(int fd, char *s, size_t len, uint64_t offset)
{
  ssize_t r;
  while (len)
  {
    r = pread(fd, s, len, (off_t)offset);
    if (r == -1 && errno == EINTR) continue;
    if (!r) errno = EIO;
    if (r < 1) return 0;
    s += r;
    len -= (size_t)r;
    offset += (uint64_t)r;
  }
  return 1;
}

/*
 * The length of the header at the head of s, up to the empty line; where that is missing, of the
 * whole lines.
 */
static size_t header_length(char const *s, size_t len, int all)
{
  char const *end = len >= 2 && !memcmp(s, "\r\n", 2) ? s : memmem(s, len, "\r\n\r\n", 4);
  if (end) return end == s ? 0 : (size_t)(end - s) + 2;
  if (all) return len;
  end = memrchr(s, '\n', len);
  return end ? (size_t)(end - s) + 1 : 0;
}

static int header_choose(returned *r, original const *o, size_t most)
{
  static char head[RETURNED_HEADER_MAX];
  int all = o->message.content_len <= most;
  size_t const len = all ? (size_t)o->message.content_len : most;
  int const good = all_read(o->fd, head, len, r->offset);
  if (good)
  {
    r->len = header_length(head, len, all);
    r->high = smtp_domain_utf8(head, r->len);
  }
  explicit_bzero(head, len);
  return good;
}

/* Is the whole message to be returned?  RET applies to failures (RFC 3461 section 4.3). */
static int whole_wanted(original const *o, enum job_event event, uint64_t most)
{
  return event == JOB_EVENT_FAILED && o->message.content_len <= most
    && fields_ret(message_string(&o->message, o->message.parameters)) != FIELDS_RET_HDRS;
}

static int part_choose(returned *r, original const *o, int again)
{
  if (!r->whole) return header_choose(r, o, again ? RETURNED_AGAIN_MAX : RETURNED_HEADER_MAX);
  r->len = o->message.content_len;
  r->high = !!(o->message.flags & JOB_8BIT);
  return 1;
}

int returned_choose(returned *r, original const *o, enum job_event event, uint64_t most)
{
  int const again = original_notified(o, event);
  r->offset = o->message.content_offset;
  r->whole = !again && whole_wanted(o, event, most);
  if (!part_choose(r, o, again)) return 0;
  r->global = r->high && o->message.flags & JOB_UTF8;
  return 1;
}

/*
 * Replace each NUL, and each CR or LF on its own, by a question mark: no message with these is sent
 * (send/fit.h), and the sender of an old file that holds them would never be told.
 */
static void piece_fit(char *s, size_t len)
{
  size_t i;
  for (i = 0; i < len; i++)
  {
    if (s[i] == '\r' && i + 1 < len && s[i + 1] == '\n') i++;
    else if (!s[i] || s[i] == '\r' || s[i] == '\n') s[i] = '?';
  }
}

/*
 * Read octets up to the end, or as many as piece has room for; a CR waits for the octet behind it.
 * 0 with errno.
 */
static size_t piece_read(char piece[PIECE_LEN], int fd, uint64_t offset, uint64_t end)
{
  size_t len = end - offset < PIECE_LEN ? (size_t)(end - offset) : PIECE_LEN;
  if (!all_read(fd, piece, len, offset)) return 0;
  return offset + len < end && piece[len - 1] == '\r' ? len - 1 : len;
}

void returned_put(lines *l, returned const *r, original const *o)
{
  static char piece[PIECE_LEN];
  uint64_t offset = r->offset, end = r->offset + r->len;
  size_t len;
  for (; offset < end && !l->error; offset += len)
  {
    len = piece_read(piece, o->fd, offset, end);
    if (!len) l->error = errno;
    piece_fit(piece, len);
    lines_put(l, piece, len);
  }
  explicit_bzero(piece, r->len < PIECE_LEN ? (size_t)r->len : PIECE_LEN);
}
