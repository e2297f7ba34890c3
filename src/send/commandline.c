#include "send/commandline.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "smtp/path.h"

#define COMMANDLINE_ID "hand"
#define PIECE 16384

typedef struct copy
{
  int to;
  uint64_t length;
  int cr;               /* the last octet was a CR, which has not been written yet */
  int in_header;        /* no empty line seen yet */
  int line_begins;
  int header_utf8;
} copy;

static int write_all(int fd, char const *s, size_t len)
{
  while (len)
  {
    ssize_t n = write(fd, s, len);
    if (n == -1 && errno == EINTR) continue;
    if (n == -1) return 0;
    s += n;
    len -= (size_t)n;
  }
  return 1;
}

/* Copy lines, ended by CRLF.  Returns the length, or -1 at a CR that ends no line. */
static ssize_t piece_convert(copy *c, char *out, char const *in, size_t len)
{
  size_t n = 0;
  size_t i;
  for (i = 0; i < len; i++)
  {
    if (c->cr && in[i] != '\n') return -1;
    c->cr = in[i] == '\r';
    if (c->cr) continue;
    if (in[i] == '\n')
    {
      if (c->line_begins) c->in_header = 0;
      out[n++] = '\r';
    }
    else if (c->in_header && (in[i] & 0x80)) c->header_utf8 = 1;
    c->line_begins = in[i] == '\n';
    out[n++] = in[i];
  }
  return (ssize_t)n;
}

static enum commandline_result message_copy(copy *c, int input, char const **what)
{
  char in[PIECE];
  char out[2 * PIECE];
  for (;;)
  {
    ssize_t n = read(input, in, sizeof in);
    *what = "read the message";
    if (n == -1 && errno == EINTR) continue;
    if (n == -1) return COMMANDLINE_ERROR;
    if (n == 0) return c->cr ? COMMANDLINE_BARE_CR : COMMANDLINE_OK;
    n = piece_convert(c, out, in, (size_t)n);
    if (n == -1) return COMMANDLINE_BARE_CR;
    if (memchr(out, 0, (size_t)n)) return COMMANDLINE_NUL;
    c->length += (uint64_t)n;
    *what = "copy the message";
    if (!write_all(c->to, out, (size_t)n)) return COMMANDLINE_ERROR;
  }
}

static int ascii_only(char const *s)
{
  for (; *s; s++) if (*s & 0x80) return 0;
  return 1;
}

/* Flags that decide how content is sent are set when it is sent: fit.h. */
static unsigned int job_flags(copy const *c, char const *sender, char const *const *recipients)
{
  int utf8 = c->header_utf8 || !ascii_only(sender);
  for (; *recipients; recipients++) if (!ascii_only(*recipients)) utf8 = 1;
  return utf8 ? JOB_UTF8 : 0u;
}

static job_field field(char const *s)
{
  return (job_field){ s, strlen(s) };
}

/* Give lines of job_mail_format() and the others to the outbox. */
static int line_take(outbox *w, char const *line, size_t len)
{
  return len && outbox_take(w, line, len - 1) == OUTBOX_LINE_OK;
}

static int job_make(outbox *w, copy const *c, char const *sender, char const *const *recipients)
{
  char line[JOB_LINE_MAX];
  uint64_t number = 0;
  job_mail mail =
  {
    .id = field(COMMANDLINE_ID), .arrival_us = wallclock_us(), .length = c->length,
    .flags = job_flags(c, sender, recipients), .sender = field(sender), .parameters = field("")
  };
  if (!outbox_take_fd(w, c->to) || !line_take(w, line, job_mail_format(line, sizeof line, &mail)))
    return 0;
  for (; *recipients; recipients++)
  {
    job_rcpt rcpt = { .number = number, .address = field(*recipients), .parameters = field("") };
    if (!line_take(w, line, job_rcpt_format(line, sizeof line, &rcpt))) return 0;
    number++;
  }
  return line_take(w, "go\n", 3);
}

static int mailbox_ok(char const *mailbox)
{
  smtp_path path;
  return smtp_mailbox_scan(mailbox, strlen(mailbox), SMTP_PATH_UTF8, &path);
}

enum commandline_result commandline_take(outbox *w, int input, char const *sender,
                                         char const *const *recipients, char const **what)
{
  copy c = { .in_header = 1, .line_begins = 1 };
  char const *const *r;
  enum commandline_result result;
  if (!strcmp(sender, "<>")) sender = "";
  *what = sender;
  if (*sender && !mailbox_ok(sender)) return COMMANDLINE_BAD_ADDRESS;
  for (r = recipients; *r; r++)
  {
    *what = *r;
    if (!mailbox_ok(*r)) return COMMANDLINE_BAD_ADDRESS;
  }
  *what = "make room for the message";
  c.to = memfd_create("message", MFD_CLOEXEC);
  if (c.to == -1) return COMMANDLINE_ERROR;
  result = message_copy(&c, input, what);
  if (result != COMMANDLINE_OK) return result;
  *what = "take the message";
  return job_make(w, &c, sender, recipients) ? COMMANDLINE_OK : COMMANDLINE_ERROR;
}
