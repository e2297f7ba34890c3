#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include "smtp/reply.h"

/* Append as much of s as there is room for, an LF to come not forgotten. */
static size_t line_add(char *line, size_t len, char const *s)
{
  size_t n = strlen(s), room = LOG_LINE_MAX - 1 - len;
  if (n > room) n = room;
  memcpy(line + len, s, n);
  return len + n;
}

void log_pieces(char const *const *pieces)
{
  char line[LOG_LINE_MAX];
  size_t len = 0, done = 0;
  int e = errno;
  len = line_add(line, len, PROG);
  len = line_add(line, len, ": ");
  while (*pieces) len = line_add(line, len, *pieces++);
  smtp_text_clean(line, len);
  line[len++] = '\n';
  /* a short write happens on a full pipe with a small rest; the logger wants whole lines */
  while (done < len)
  {
    ssize_t r = write(2, line + done, len - done);
    if (r > 0) done += (size_t)r;
    else if (r == -1 && errno == EINTR) continue;
    else break;
  }
  errno = e;
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
