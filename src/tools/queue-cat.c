/* queue-cat: show messages of the queue: envelope, content, journal. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/buffer.h>
#include <skalibs/strerr.h>

#include "base/program.h"
#include "base/wallclock.h"
#include "queue/message.h"
#include "smtp/reply.h"

#define USAGE "queue-cat [-C dir] id..."
#define dieusage() strerr_dieusage(100, USAGE)

#define PIECE_LEN 16384

char const *PROG = "queue-cat";

typedef struct shower
{
  int queue;
  int terminal;     /* standard output is one: nothing gets there that it would act on */
  message message;
  size_t len;       /* of what waits in piece */
  char last;        /* octet that went out */
  char piece[PIECE_LEN];
} shower;

/* --- output -------------------------------------------------------------------------------- */

static void out(shower *w, char const *s, size_t len)
{
  if (!len) return;
  if (buffer_put(buffer_1, s, len) == -1) strerr_diefusys(111, "write to standard output");
  w->last = s[len - 1];
}

static void out_string(shower *w, char const *s)
{
  out(w, s, strlen(s));
}

/* "--- WORDS", at the beginning of a line. */
static void out_heading(shower *w, char const *const *words)
{
  if (w->last != '\n') out_string(w, "\n");
  out_string(w, "---");
  for (; *words; words++)
  {
    out_string(w, " ");
    out_string(w, *words);
  }
  out_string(w, "\n");
}
#define heading(w, ...) out_heading((w), (char const *const []){ __VA_ARGS__, 0 })

/* Lines for a terminal: LF and TAB stay as they are, the CR of a line end is left out. */
static void out_clean(shower *w, char *s, size_t len)
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

/* How much of a piece can be cleaned by itself: whole lines, or all but a character that is cut in two. */
static size_t piece_whole(shower const *w)
{
  char const *lf = memrchr(w->piece, '\n', w->len);
  size_t n = w->len, back;
  if (lf) return (size_t)(lf - w->piece) + 1;
  if (w->piece[n - 1] == '\r') return n - 1 ? n - 1 : n;
  for (back = 1; back < 4 && back < n; back++)
    if ((unsigned char)w->piece[n - back] >= 0xc0) return n - back;
  return n;
}

/* Octets of the file as they are, or cleaned where standard output is a terminal.  1, or 0 with errno. */
static int range_show(shower *w, int fd, uint64_t from, uint64_t to)
{
  w->len = 0;
  while (from < to)
  {
    size_t want = PIECE_LEN - w->len, n;
    ssize_t r;
    if (want > to - from) want = (size_t)(to - from);
    do r = pread(fd, w->piece + w->len, want, (off_t)from);
    while (r == -1 && errno == EINTR);
    if (r == -1) return 0;
    if (!r) break;
    from += (uint64_t)r;
    w->len += (size_t)r;
    n = w->terminal && from < to ? piece_whole(w) : w->len;
    if (w->terminal) out_clean(w, w->piece, n);
    else out(w, w->piece, n);
    w->len -= n;
    memmove(w->piece, w->piece + n, w->len);
  }
  /* the file ended early: what was kept back for a terminal */
  out_clean(w, w->piece, w->len);
  return 1;
}

/* --- messages ------------------------------------------------------------------------------ */

static char const *const place_words[] =
{
  [QUEUE_TMP] = "being written", [QUEUE_NEW] = "incoming", [QUEUE_CUR] = "deferred",
  [QUEUE_HOLD] = "hold", [QUEUE_FAILED] = "failed", [QUEUE_CORRUPT] = "corrupt"
};

/* In any place at all. */
static int message_open(shower const *w, char const *id, enum queue_place *place)
{
  static enum queue_place const others[] = { QUEUE_CORRUPT, QUEUE_TMP };
  char path[QUEUE_PATH_MAX];
  size_t i;
  int fd = queuedir_open_message(w->queue, id, O_RDONLY | QUEUEDIR_FAILED, place);
  for (i = 0; fd == -1 && errno == ENOENT && i < sizeof others / sizeof *others; i++)
  {
    *place = others[i];
    queuedir_path(path, *place, id);
    fd = openat(w->queue, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  }
  return fd;
}

static char const *state_word(int fd, enum queue_place place)
{
  if ((place == QUEUE_NEW || place == QUEUE_CUR) && message_busy(fd) == 1) return "active";
  return place_words[place];
}

static int whole_show(shower *w, int fd)
{
  message const *m = &w->message;
  char date[WALLCLOCK_DATE_MAX];
  uint64_t end = m->content_offset + m->content_len;
  wallclock_date(date, m->arrival_us);
  heading(w, "envelope,", date);
  /* the empty line at its end is not shown */
  if (!range_show(w, fd, MESSAGE_HEAD_LEN, m->content_offset - 1)) return 0;
  heading(w, "content");
  if (!range_show(w, fd, m->content_offset, end)) return 0;
  heading(w, "journal");
  return range_show(w, fd, end, UINT64_MAX);
}

/* 0, or the code to exit with. */
static int message_show(shower *w, char const *id)
{
  char path[QUEUE_PATH_MAX];
  enum queue_place place;
  int fd = message_open(w, id, &place), code = 0;
  if (fd == -1)
  {
    if (errno == ENOENT) strerr_warnw("no such message: ", id);
    else strerr_warnwusys("open message ", id);
    return errno == ENOENT ? 100 : 111;
  }
  queuedir_path(path, place, id);
  heading(w, id, state_word(fd, place), path);
  if (message_read(&w->message, fd))
  {
    if (!whole_show(w, fd)) code = 111;
  }
  else if (errno == EBADMSG)
  {
    heading(w, "not a whole message: all of its file");
    if (!range_show(w, fd, 0, UINT64_MAX)) code = 111;
    else if (place != QUEUE_CORRUPT && place != QUEUE_TMP) strerr_warnw("not a whole message: ", id);
  }
  else code = 111;
  if (code) strerr_warnwusys("read message ", id);
  if (w->last != '\n') out_string(w, "\n");
  close(fd);
  return code;
}

/* --- */

static void ids_check(char const *const *ids)
{
  for (; *ids; ids++)
    if (!id_ok(*ids, strlen(*ids))) program_refuse("not an id: ", *ids, strlen(*ids));
}

int main(int argc, char const *const *argv)
{
  static shower w = { .message = MESSAGE_ZERO, .last = '\n' };
  char const *dir = 0;
  char const *const *ids = argv + program_options(argc, argv, &dir, USAGE);
  int code = 0, r;

  if (!*ids) dieusage();
  ids_check(ids);
  w.queue = program_queue(&dir, 0);
  w.terminal = isatty(1);

  for (; *ids; ids++)
    if ((r = message_show(&w, *ids))) code = r;
  if (!buffer_flush(buffer_1)) strerr_diefusys(111, "write to standard output");
  message_free(&w.message);
  return code;
}
