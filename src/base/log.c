#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "smtp/reply.h"

/* Lines that are not written yet.  There is one stderr. */
static struct
{
  size_t len;
  char text[PIPE_BUF];
} waiting;

/* Format a line.  Returns its length; the LF replaces the terminator. */
static size_t line_make(char line[LOG_LINE_MAX], char const *const *pieces)
{
  size_t len = text_join(line, LOG_LINE_MAX, PROG, ": ");
  len += text_join_all(line + len, LOG_LINE_MAX - len, pieces);
  smtp_text_clean(line, len);
  line[len++] = '\n';
  return len;
}

void log_flush(void)
{
  size_t done = 0;
  int e = errno;
  /* a short write happens on a full pipe with a small rest; the logger wants whole lines */
  while (done < waiting.len)
  {
    ssize_t r = write(2, waiting.text + done, waiting.len - done);
    if (r > 0) done += (size_t)r;
    else if (r == -1 && errno == EINTR) continue;
    else break;
  }
  /* who serves the next client has nothing of this one's */
  explicit_bzero(waiting.text, waiting.len);
  waiting.len = 0;
  errno = e;
}

void log_pieces_later(char const *const *pieces)
{
  char line[LOG_LINE_MAX];
  size_t len = line_make(line, pieces);
  if (len > sizeof waiting.text - waiting.len) log_flush();
  memcpy(waiting.text + waiting.len, line, len);
  waiting.len += len;
}

void log_pieces(char const *const *pieces)
{
  log_pieces_later(pieces);
  log_flush();
}

int log_apart(void)
{
  struct stat in, err;
  int null, r;
  if (fstat(0, &in) == -1 || fstat(2, &err) == -1) return 0;
  if (!S_ISSOCK(in.st_mode) || in.st_dev != err.st_dev || in.st_ino != err.st_ino) return 1;
  null = open("/dev/null", O_WRONLY);
  if (null == -1) return 0;
  r = dup2(null, 2) != -1;
  close(null);
  return r;
}

char const *log_clean(char *out, unsigned long max, char const *s, unsigned long len)
{
  if (!max) return "";
  if (len > max - 1) len = max - 1;
  memcpy(out, s, len);
  out[len] = 0;
  smtp_text_clean(out, len);
  return out;
}
