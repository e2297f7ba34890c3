/* queue-cat: show messages of the queue: envelope, content, history of delivery. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/buffer.h>
#include <skalibs/sgetopt.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "base/wallclock.h"
#include "list/history.h"
#include "queue/ids.h"
#include "queue/message.h"
#include "smtp/reply.h"
#include "start/program.h"

#define USAGE "queue-cat [-C dir] [-e] [-b] [-H] [-B] [-J] [-r] [id... | -]"
#define dieusage() strerr_dieusage(100, USAGE)

#define PIECE_LEN 16384

char const *PROG = "queue-cat";

/* The parts to be shown, or-ed; 0: envelope, content and history under headings. */
enum part
{
  PART_ENVELOPE = 1,
  PART_HEADERS = 2,
  PART_BODY = 4,
  PART_CONTENT = PART_HEADERS | PART_BODY,
  PART_HISTORY = 8,
  PART_FILE = 16
};

typedef struct view
{
  int queue;
  int terminal;       /* standard output is one: controls are cleaned */
  unsigned int parts;
  int bare;           /* one part of one message is shown, without headings */
  int code;           /* the code to exit with */
  message message;
  stralloc line;      /* a line of the history */
  size_t len;         /* octets that wait in piece */
  char last;          /* the octet written last */
  char piece[PIECE_LEN];
} view;

/* --- output -------------------------------------------------------------------------------- */

static void out(view *w, char const *s, size_t len)
{
  if (!len) return;
  if (buffer_put(buffer_1, s, len) == -1) strerr_diefusys(111, "write to standard output");
  w->last = s[len - 1];
}

static void out_string(view *w, char const *s)
{
  out(w, s, strlen(s));
}

static void out_line_end(view *w)
{
  if (w->last != '\n') out_string(w, "\n");
}

/* Put "--- WORDS" at the beginning of a line. */
static void out_heading(view *w, char const *const *words)
{
  if (w->bare) return;
  out_line_end(w);
  out_string(w, "---");
  for (; *words; words++)
  {
    out_string(w, " ");
    out_string(w, *words);
  }
  out_string(w, "\n");
}
#define heading(w, ...) out_heading((w), (char const *const []){ __VA_ARGS__, 0 })

/* Put lines, cleaned for a terminal: LF and TAB stay, the CR of a line end is left out. */
static void out_clean(view *w, char *s, size_t len)
{
  while (len)
  {
    size_t n = 0, end;
    while (n < len && s[n] != '\n' && s[n] != '\t') n++;
    end = n;
    if (n < len && s[n] == '\n' && n && s[n - 1] == '\r') end--;
    smtp_text_clean(s, end);
    out(w, s, end);
    if (n < len) out(w, s + n++, 1);
    s += n;
    len -= n;
  }
}

/*
 * How many octets of a piece can be cleaned alone: its whole lines, or, of a line without an end,
 * all but a character that is cut in two.
 */
static size_t piece_whole(view const *w)
{
  char const *lf = memrchr(w->piece, '\n', w->len);
  size_t n = w->len, back;
  if (lf) return (size_t)(lf - w->piece) + 1;
  if (w->piece[n - 1] == '\r') return n - 1 ? n - 1 : n;
  for (back = 1; back < 4 && back < n; back++)
    if ((unsigned char)w->piece[n - back] >= 0xc0) return n - back;
  return n;
}

/* --- ranges of a file ----------------------------------------------------------------------- */

/*
 * Read more octets of the file into the piece, which has room.  1; 0 at the end; -1 with errno.
 */
static int piece_fill(view *w, int fd, uint64_t *from, uint64_t to)
{
  size_t want = PIECE_LEN - w->len;
  ssize_t r;
  if (want > to - *from) want = (size_t)(to - *from);
  if (!want) return 0;
  do r = pread(fd, w->piece + w->len, want, (off_t)*from);
  while (r == -1 && errno == EINTR);
  if (r < 1) return (int)r;
  *from += (uint64_t)r;
  w->len += (size_t)r;
  return 1;
}

/* Drop the first octets of the piece. */
static void piece_drop(view *w, size_t n)
{
  w->len -= n;
  memmove(w->piece, w->piece + n, w->len);
}

/*
 * Put octets of the file as they are, or cleaned where standard output is a terminal.  1, or 0
 * with errno.
 */
static int range_show(view *w, int fd, uint64_t from, uint64_t to)
{
  int r;
  w->len = 0;
  while ((r = piece_fill(w, fd, &from, to)) == 1)
  {
    size_t n = w->terminal && from < to ? piece_whole(w) : w->len;
    if (w->terminal) out_clean(w, w->piece, n);
    else out(w, w->piece, n);
    piece_drop(w, n);
  }
  /* the file ended early: put what was kept back for a terminal */
  if (!r) out_clean(w, w->piece, w->len);
  return r != -1;
}

/*
 * Find the end of the header: the first empty line, or the end of the content.  1, or 0 with
 * errno.
 */
static int headers_end(view *w, int fd, uint64_t *end)
{
  uint64_t from = w->message.content_offset, to = from + w->message.content_len;
  int r;
  /* the first line may be the empty one, as if a line end stood before it */
  memcpy(w->piece, "\r\n", 2);
  w->len = 2;
  while ((r = piece_fill(w, fd, &from, to)) == 1)
  {
    char const *found = memmem(w->piece, w->len, "\r\n\r\n", 4);
    if (found)
    {
      *end = from - w->len + (uint64_t)(found - w->piece) + 2;
      return 1;
    }
    piece_drop(w, w->len > 3 ? w->len - 3 : 0);
  }
  *end = to;
  return !r;
}

static void history_put(view *w, char const *s, size_t len)
{
  w->line.len = 0;
  if (!history_line(&w->line, &w->message, s, len)) strerr_diefusys(111, "show the history");
  out(w, w->line.s, w->line.len);
}

/*
 * Show the whole lines in the piece; a piece that is full without a line end counts as a line.  A
 * torn last line is not shown.
 */
static void history_lines(view *w)
{
  size_t begin = 0;
  char const *end;
  while ((end = memchr(w->piece + begin, '\n', w->len - begin)))
  {
    size_t len = (size_t)(end - w->piece) - begin;
    if (len) history_put(w, w->piece + begin, len);
    begin += len + 1;
  }
  piece_drop(w, begin);
  if (w->len < PIECE_LEN) return;
  history_put(w, w->piece, w->len);
  w->len = 0;
}

static int history_show(view *w, int fd)
{
  uint64_t from = w->message.content_offset + w->message.content_len;
  int r;
  w->len = 0;
  while ((r = piece_fill(w, fd, &from, UINT64_MAX)) == 1) history_lines(w);
  return !r;
}

/* --- parts of a message -------------------------------------------------------------------- */

static int envelope_show(view *w, int fd)
{
  char date[WALLCLOCK_DATE_MAX];
  wallclock_date(date, w->message.arrival_us);
  heading(w, "envelope,", date);
  /* the empty line that ends the envelope is not shown */
  return range_show(w, fd, MESSAGE_HEAD_LEN, w->message.content_offset - 1);
}

static int content_show(view *w, int fd)
{
  uint64_t from = w->message.content_offset, to = from + w->message.content_len, end;
  if ((w->parts & PART_CONTENT) == PART_CONTENT || !w->parts)
  {
    heading(w, "content");
    return range_show(w, fd, from, to);
  }
  if (!headers_end(w, fd, &end)) return 0;
  if (w->parts & PART_HEADERS)
  {
    heading(w, "headers");
    return range_show(w, fd, from, end);
  }
  heading(w, "body");
  return end == to || range_show(w, fd, end + 2, to);
}

static int whole_show(view *w, int fd)
{
  if (!envelope_show(w, fd) || !content_show(w, fd)) return 0;
  heading(w, "journal");
  return range_show(w, fd, w->message.content_offset + w->message.content_len, UINT64_MAX);
}

/* Show the parts asked for.  Only -r takes a file that is no whole message. */
static int parts_show(view *w, int fd)
{
  if (w->parts != PART_FILE && !message_read(&w->message, fd)) return 0;
  if (w->parts & PART_ENVELOPE && !envelope_show(w, fd)) return 0;
  if (w->parts & PART_CONTENT && !content_show(w, fd)) return 0;
  if (w->parts & PART_HISTORY)
  {
    heading(w, "history");
    if (!history_show(w, fd)) return 0;
  }
  if (!(w->parts & PART_FILE)) return 1;
  heading(w, "file");
  return range_show(w, fd, 0, UINT64_MAX);
}

/* Show a message, or a file that is none as far as it can be read. */
static int file_show(view *w, int fd, char const *id, enum queue_place place)
{
  if (message_read(&w->message, fd)) return whole_show(w, fd);
  if (errno != EBADMSG) return 0;
  heading(w, "not a whole message: all of its file");
  if (!range_show(w, fd, 0, UINT64_MAX)) return 0;
  if (place != QUEUE_CORRUPT && place != QUEUE_TMP) strerr_warnw("not a whole message: ", id);
  return 1;
}

/* --- messages ------------------------------------------------------------------------------ */

static char const *const place_words[] =
{
  [QUEUE_TMP] = "being written", [QUEUE_NEW] = "incoming", [QUEUE_CUR] = "deferred",
  [QUEUE_HOLD] = "hold", [QUEUE_CORRUPT] = "corrupt"
};

static char const *state_word(int fd, enum queue_place place)
{
  if ((place == QUEUE_NEW || place == QUEUE_CUR) && message_busy(fd) == 1) return "active";
  return place_words[place];
}

static void code_raise(view *w, int code)
{
  if (code > w->code) w->code = code;
}

static void complain(view *w, char const *did, char const *id)
{
  code_raise(w, errno == ENOENT || errno == EBADMSG ? 100 : 111);
  if (errno == ENOENT) strerr_warnw("no such message: ", id);
  else if (errno == EBADMSG) strerr_warnw("not a whole message: ", id);
  else strerr_warnwusys(did, " message ", id);
}

static void message_show(char const *id, void *data)
{
  view *w = data;
  char path[QUEUE_PATH_MAX];
  enum queue_place place;
  int fd = queuedir_open_any(w->queue, id, O_RDONLY, &place);
  if (fd == -1)
  {
    complain(w, "open", id);
    return;
  }
  queuedir_path(path, place, id);
  heading(w, id, state_word(fd, place), path);
  if (!(w->parts ? parts_show(w, fd) : file_show(w, fd, id, place))) complain(w, "read", id);
  if (!w->bare || w->terminal) out_line_end(w);
  close(fd);
}

/* --- */

static int options_read(int argc, char const *const *argv, char const **dir, unsigned int *parts)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, "C:ebHBJr", &scan)) != -1)
    switch (c)
    {
      case 'C': *dir = scan.arg; break;
      case 'e': *parts |= PART_ENVELOPE; break;
      case 'b': *parts |= PART_CONTENT; break;
      case 'H': *parts |= PART_HEADERS; break;
      case 'B': *parts |= PART_BODY; break;
      case 'J': *parts |= PART_HISTORY; break;
      case 'r': *parts |= PART_FILE; break;
      default: dieusage();
    }
  return scan.ind;
}

static int one_part(unsigned int parts)
{
  return parts == PART_CONTENT || (parts && !(parts & (parts - 1)));
}

static int one_message(char const *const *ids)
{
  return ids[0] && !ids[1] && strcmp(ids[0], "-");
}

int main(int argc, char const *const *argv)
{
  static view w = { .message = MESSAGE_ZERO, .last = '\n' };
  char const *dir = 0;
  char const *const *ids = argv + options_read(argc, argv, &dir, &w.parts);

  if (!*ids && isatty(0)) dieusage();
  ids_check(ids);
  w.queue = program_queue(&dir, 0);
  w.terminal = isatty(1);
  w.bare = one_part(w.parts) && one_message(ids);

  code_raise(&w, ids_each(ids, &message_show, &w));
  if (!buffer_flush(buffer_1)) strerr_diefusys(111, "write to standard output");
  message_free(&w.message);
  stralloc_free(&w.line);
  return w.code;
}
