/* postcat: show the file of a message, as Postfix's postcat does. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/sgetopt.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/instance.h"
#include "base/log.h"
#include "queue/message.h"
#include "smtp/command.h"
#include "smtp/header.h"
#include "smtp/reply.h"
#include "start/program.h"

#define USAGE "postcat [-bdehnoqv] [-c dir] [file...]"
/* The exit code of every error, as of Postfix's postcat. */
#define EXIT_TROUBLE 1
#define dieusage() strerr_dieusage(EXIT_TROUBLE, USAGE)

#define PIECE_LEN 65536
/* The octets of a line that are examined in one piece. */
#define LINE_MAX_LEN 65536
/* The widths of what -o and -d put before a record. */
#define WIDTH_OFFSET 9
#define WIDTH_TYPE 3
#define WIDTH_SIZE 15

char const *PROG = "postcat";

/* Kinds of records, by the numbers that -d shows. */
enum record
{
  RECORD_SIZE = 'C', RECORD_TIME = 'T', RECORD_ATTRIBUTE = 'A', RECORD_FROM = 'S',
  RECORD_ORIGINAL = 'O', RECORD_RCPT = 'R', RECORD_DONE = 'D', RECORD_CONTENT = 'M',
  RECORD_TEXT = 'N', RECORD_EXTRACTED = 'X', RECORD_END = 'E'
};

typedef struct shower
{
  int queue;          /* -1: files are named by their paths */
  int envelope;
  int header;
  int body;
  int types;
  int offsets;
  int labels;
  int terminal;       /* standard output is one: control characters are cleaned */
  char const *name;   /* of the present file */
  message message;
  stralloc text;      /* the envelope as it stands in the file */
  size_t at;          /* offset in text of the present line */
  int inheader;
  int inside;         /* 1: within a line whose beginning was shown */
  stralloc line;
} shower;

/* --- output --- */

static void out(char const *s, size_t len)
{
  if (buffer_put(buffer_1, s, len) == -1) strerr_diefusys(EXIT_TROUBLE, "write to standard output");
}
#define outs(s) out((s), strlen(s))

static void out_number(uint64_t number, size_t width)
{
  char text[UINT64_FMT];
  size_t len = uint64_fmt(text, number);
  while (width-- > len) out(" ", 1);
  out(text, len);
}

/* Show what -o and -d put before a record. */
static void record_begin(shower const *w, enum record kind, uint64_t offset)
{
  if (w->offsets)
  {
    out_number(offset, WIDTH_OFFSET);
    out(" ", 1);
  }
  if (!w->types) return;
  out_number(kind, WIDTH_TYPE);
  out(" ", 1);
}

/* Is this a control character?  A tab is harmless. */
static void out_text(shower const *w, char *s, size_t len)
{
  size_t begin = 0, end = 0;
  for (; w->terminal && end <= len; end++)
    if (end == len || s[end] == '\t')
    {
      smtp_text_clean(s + begin, end - begin);
      begin = end + 1;
    }
  out(s, len);
}

/* Show a record of the envelope; pieces are words. */
static void record(shower *w, enum record kind, char const *const *pieces)
{
  record_begin(w, kind, MESSAGE_HEAD_LEN + w->at);
  w->line.len = 0;
  for (; *pieces; pieces++)
    if (!stralloc_cats(&w->line, *pieces)) strerr_diefusys(EXIT_TROUBLE, "show ", w->name);
  out_text(w, w->line.s, w->line.len);
  out("\n", 1);
}
#define record_put(w, kind, ...) record((w), (kind), (char const *const []){ __VA_ARGS__, 0 })

static void heading(shower const *w, enum record kind, char const *words, uint64_t offset)
{
  if (!w->envelope) return;
  if (kind != RECORD_FROM) record_begin(w, kind, offset);
  outs("*** ");
  outs(words);
  outs(" ");
  outs(w->name);
  outs(" ***\n");
}

/* --- the envelope --- */

/* Go on to the next line of the envelope: each begins where the one before ends. */
static void line_step(shower *w)
{
  char const *lf = memchr(w->text.s + w->at, '\n', w->text.len - w->at);
  if (lf) w->at = (size_t)(lf - w->text.s) + 1;
}

static void sizes_show(shower *w)
{
  message const *m = &w->message;
  uint64_t const numbers[] =
  {
    m->content_len, m->content_offset, message_rcpts(m), 0, m->content_len,
    !!(m->flags & JOB_UTF8)
  };
  size_t i;
  record_begin(w, RECORD_SIZE, 0);
  outs("message_size:");
  for (i = 0; i < sizeof numbers / sizeof *numbers; i++)
  {
    out(" ", 1);
    out_number(numbers[i], WIDTH_SIZE);
  }
  out("\n", 1);
}

static void time_show(shower *w, enum record kind, char const *label)
{
  time_t seconds = (time_t)(w->message.arrival_us / 1000000);
  char text[32] = "";
  struct tm parts;
  if (localtime_r(&seconds, &parts)) asctime_r(&parts, text);
  text[strcspn(text, "\n")] = 0;
  record_put(w, kind, label, text);
}

/* Find the value of a parameter, a string in value, which has room for it. */
static int parameter_find(char const *s, char const *key, char *value)
{
  size_t n = strlen(key), len;
  for (; *s; s += len + strspn(s + len, " "))
  {
    len = strcspn(s, " ");
    if (len <= n || memcmp(s, key, n) || s[n] != '=') continue;
    memcpy(value, s + n + 1, len - n - 1);
    value[len - n - 1] = 0;
    return 1;
  }
  return 0;
}

static void parameters_show(shower *w)
{
  char const *parameters = message_string(&w->message, w->message.parameters);
  char value[SMTP_COMMAND_MAX];
  if (strlen(parameters) >= sizeof value) return;
  if (parameter_find(parameters, "ENVID", value))
    record_put(w, RECORD_ATTRIBUTE, "named_attribute: envelope_id=", value);
  if (parameter_find(parameters, "RET", value))
    record_put(w, RECORD_ATTRIBUTE, "named_attribute: ret_flags=",
               strcmp(value, "FULL") ? "2" : "1");
}

static char const *brackets_strip(char *s)
{
  size_t len = strlen(s);
  if (len < 2 || s[0] != '[' || s[len - 1] != ']') return s;
  s[len - 1] = 0;
  return s + 1;
}

/* Take a word and make it a string; *s moves behind it. */
static char *word_cut(char **s)
{
  char *word = *s;
  *s += strcspn(*s, " ");
  if (**s) *(*s)++ = 0;
  return word;
}

/* Show the attributes of "HELO [ADDRESS] PROTOCOL". */
static void client_show(shower *w)
{
  char *s = message_string(&w->message, w->message.client);
  char const *helo = word_cut(&s), *address = brackets_strip(word_cut(&s));
  record_put(w, RECORD_ATTRIBUTE, "named_attribute: log_client_address=", address);
  record_put(w, RECORD_ATTRIBUTE, "named_attribute: log_helo_name=", helo);
  record_put(w, RECORD_ATTRIBUTE, "named_attribute: log_protocol_name=", word_cut(&s));
}

static void rcpt_notify_show(shower *w, char const *parameters)
{
  static char const *const words[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
  char value[SMTP_COMMAND_MAX], number[UINT_FMT];
  unsigned int flags = 0, i;
  if (!parameter_find(parameters, "NOTIFY", value)) return;
  for (i = 0; i < sizeof words / sizeof *words; i++)
    if (strstr(value, words[i])) flags |= 1u << i;
  number[uint_fmt(number, flags)] = 0;
  record_put(w, RECORD_ATTRIBUTE, "named_attribute: notify_flags=", number);
}

static void rcpt_show(shower *w, message_recipient const *rcpt)
{
  char const *address = message_string(&w->message, rcpt->address);
  char const *parameters = message_string(&w->message, rcpt->parameters);
  char value[SMTP_COMMAND_MAX];
  if (strlen(parameters) < sizeof value)
  {
    rcpt_notify_show(w, parameters);
    if (parameter_find(parameters, "ORCPT", value))
      record_put(w, RECORD_ATTRIBUTE, "named_attribute: dsn_orig_rcpt=", value);
  }
  record_put(w, RECORD_ORIGINAL, "original_recipient: ", address);
  record_put(w, rcpt->settled ? RECORD_DONE : RECORD_RCPT,
             rcpt->settled ? "done_recipient: " : "recipient: ", address);
  line_step(w);
}

static void envelope_show(shower *w)
{
  message const *m = &w->message;
  size_t i;
  sizes_show(w);
  w->at = 0;
  line_step(w);
  time_show(w, RECORD_TIME, "message_arrival_time: ");
  time_show(w, RECORD_ATTRIBUTE, "create_time: ");
  w->at = 0;
  parameters_show(w);
  record_put(w, RECORD_FROM, "sender: ", message_string(m, m->sender));
  if (m->flags & JOB_8BIT) record_put(w, RECORD_ATTRIBUTE, "named_attribute: encoding=8bit");
  line_step(w);
  line_step(w);
  if (strchr(message_string(m, m->client), '[')) client_show(w);
  line_step(w);
  for (i = 0; i < message_rcpts(m); i++) rcpt_show(w, message_rcptp(m, i));
}

/* --- the content --- */

static int in_header(shower const *w)
{
  smtp_field field;
  if (!w->line.len) return 0;
  if (*w->line.s == ' ' || *w->line.s == '\t') return 1;
  return smtp_field_scan(w->line.s, w->line.len, &field) > 0;
}

static void text_begin(shower const *w, uint64_t offset)
{
  record_begin(w, RECORD_TEXT, offset);
  if (w->labels) outs("regular_text: ");
}

/* Show the line, or the next piece of a long one; ended: this piece is the last. */
static void line_show(shower *w, uint64_t offset, int ended)
{
  size_t len = w->line.len;
  int shown;
  if (w->inheader && !w->inside) w->inheader = in_header(w);
  shown = w->inheader ? w->header : w->body;
  if (shown && !w->inside) text_begin(w, offset);
  if (ended && len && w->line.s[len - 1] == '\r') len--;
  if (shown) out_text(w, w->line.s, len);
  if (shown && ended) out("\n", 1);
  w->inside = !ended;
  w->line.len = 0;
}

static void piece_show(shower *w, char const *s, size_t len, uint64_t offset)
{
  size_t i;
  for (i = 0; i < len; i++)
  {
    if (s[i] == '\n' || w->line.len == LINE_MAX_LEN)
      line_show(w, offset + i - w->line.len, s[i] == '\n');
    if (s[i] != '\n' && !stralloc_append(&w->line, s[i]))
      strerr_diefusys(EXIT_TROUBLE, "show ", w->name);
  }
}

static void content_show(shower *w, int fd)
{
  static char piece[PIECE_LEN];
  uint64_t at = w->message.content_offset, end = at + w->message.content_len;
  w->line.len = 0;
  w->inheader = 1;
  w->inside = 0;
  while (at < end)
  {
    ssize_t r = pread(fd, piece, end - at < sizeof piece ? (size_t)(end - at) : sizeof piece,
                      (off_t)at);
    if (r == -1 && errno == EINTR) continue;
    if (r == -1) strerr_diefusys(EXIT_TROUBLE, "read ", w->name);
    if (!r) break;
    piece_show(w, piece, (size_t)r, at);
    at += (uint64_t)r;
  }
  if (w->line.len) line_show(w, at - w->line.len, 1);
}

/* --- files --- */

/* Read the text of the envelope, for the offsets of its lines. */
static int text_read(shower *w, int fd)
{
  size_t len = (size_t)w->message.envelope_len;
  w->text.len = 0;
  if (!stralloc_ready(&w->text, len) || pread(fd, w->text.s, len, MESSAGE_HEAD_LEN) != (ssize_t)len)
    return 0;
  w->text.len = len;
  return 1;
}

/* Show a file.  0: it is no message. */
static int file_show(shower *w, int fd)
{
  uint64_t begin, end;
  if (!message_read(&w->message, fd) || !text_read(w, fd)) return 0;
  begin = w->message.content_offset;
  end = begin + w->message.content_len;
  heading(w, RECORD_FROM, "ENVELOPE RECORDS", 0);
  if (w->envelope) envelope_show(w);
  heading(w, RECORD_CONTENT, "MESSAGE CONTENTS", begin);
  content_show(w, fd);
  heading(w, RECORD_EXTRACTED, "HEADER EXTRACTED", end);
  heading(w, RECORD_END, "MESSAGE FILE END", end);
  return 1;
}

static int descriptor_show(shower *w, int fd)
{
  if (file_show(w, fd)) return 0;
  buffer_flush(buffer_1);
  if (errno == EBADMSG || errno == ESPIPE || errno == EISDIR)
    strerr_warnw(w->name, ": input is not a valid queue file");
  else strerr_warnwusys("read ", w->name);
  return EXIT_TROUBLE;
}

static void die_open(char const *what, char const *name) gccattr_noreturn;
static void die_open(char const *what, char const *name)
{
  char clean[300];
  buffer_flush(buffer_1);
  strerr_diefsys(EXIT_TROUBLE, what, log_clean(clean, sizeof clean, name, strlen(name)));
}

static int path_show(shower *w, char const *path)
{
  char clean[300];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r;
  if (fd == -1) die_open("open ", path);
  w->name = log_clean(clean, sizeof clean, path, strlen(path));
  r = descriptor_show(w, fd);
  close(fd);
  return r;
}

static int id_show(shower *w, char const *id)
{
  char path[QUEUE_PATH_MAX];
  enum queue_place place = QUEUE_CUR;
  int fd, r;
  errno = ENOENT;
  fd = id_ok(id, strlen(id)) ? queuedir_open_any(w->queue, id, O_RDONLY, &place) : -1;
  if (fd == -1) die_open("open queue file ", id);
  queuedir_path(path, place, id);
  w->name = path;
  r = descriptor_show(w, fd);
  close(fd);
  return r;
}

/* --- */

static void queue_use(shower *w, char const *path)
{
  int instance = instance_open(path);
  if (instance == -1) strerr_diefusys(EXIT_TROUBLE, "open instance ", path);
  program_become(instance);
  w->queue = instance_openat(instance, "queue");
  if (w->queue == -1) strerr_diefusys(EXIT_TROUBLE, "open ", path, "/queue");
  close(instance);
}

/* Read the options.  Returns the index of the first argument. */
static int options_read(shower *w, int argc, char const *const *argv)
{
  subgetopt scan = SUBGETOPT_ZERO;
  char const *instance = 0;
  int c, search = 0;
  while ((c = subgetopt_r(argc, argv, "bc:dehnoqv", &scan)) != -1)
    switch (c)
    {
      case 'b': w->body = 1; break;
      case 'c': instance = scan.arg; break;
      case 'd': w->types = 1; break;
      case 'e': w->envelope = 1; break;
      case 'h': w->header = 1; break;
      case 'o': w->offsets = 1; break;
      case 'q': search = 1; break;
      case 'n': break;
      case 'v': w->labels = 1; break;
      default: dieusage();
    }
  if (!w->body && !w->envelope && !w->header) w->body = w->envelope = w->header = 1;
  if (search) queue_use(w, instance_path(instance));
  return scan.ind;
}

int main(int argc, char const *const *argv)
{
  static shower w = { .queue = -1, .name = "stdin", .message = MESSAGE_ZERO };
  int code = 0;
  argv += options_read(&w, argc, argv);
  w.terminal = isatty(1);
  if (!*argv) code = descriptor_show(&w, 0);
  for (; *argv; argv++) code |= w.queue == -1 ? path_show(&w, *argv) : id_show(&w, *argv);
  if (!buffer_flush(buffer_1)) strerr_diefusys(EXIT_TROUBLE, "write to standard output");
  return code;
}
