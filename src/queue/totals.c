#include "queue/totals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include "queue/queuedir.h"

static char const sent[] = "sent=";
static char const deferred[] = " deferred=";
static char const failed[] = " failed=";

static char *number_put(char *out, char const *key, uint64_t number)
{
  out = stpcpy(out, key);
  return out + uint64_fmt(out, number);
}

size_t totals_line_format(char out[TOTALS_LINE_MAX], totals_line const *totals)
{
  char *end = number_put(out, sent, totals->sent);
  end = number_put(end, deferred, totals->deferred);
  end = number_put(end, failed, totals->failed);
  *end++ = '\n';
  return (size_t)(end - out);
}

static uint64_t number_behind(char const *line, char const *key)
{
  char const *at = strstr(line, key);
  uint64_t number = 0;
  if (at) uint64_scan(at + strlen(key), &number);
  return number;
}

void totals_line_scan(totals_line *totals, char const *line)
{
  totals->sent = number_behind(line, sent);
  totals->deferred = number_behind(line, deferred);
  totals->failed = number_behind(line, failed);
}

int totals_line_read(totals_line *totals, int queue)
{
  char line[TOTALS_LINE_MAX + 1];
  int fd = queuedir_open_file(queue, "totals", O_RDONLY, 0);
  size_t len;
  *totals = (totals_line){ .sent = 0 };
  if (fd == -1) return errno == ENOENT;
  errno = 0;
  len = allread(fd, line, TOTALS_LINE_MAX);
  fd_close(fd);
  if (len < TOTALS_LINE_MAX && errno && errno != EPIPE) return 0; /* EPIPE, 0: the end */
  line[len] = 0;
  totals_line_scan(totals, line);
  return 1;
}
