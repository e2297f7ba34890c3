#include "log/logsource.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/logstamp.h"

/* --- what labels are ahead of UTC --- */

/* The time of the last whole line, as if labels were UTC. */
static int last_time(char const *s, size_t len, uint64_t *us)
{
  char const *line;
  size_t taken;
  if (!len || s[--len] != '\n') return 0;
  line = memrchr(s, '\n', len);
  line = line ? line + 1 : s;
  return logstamp_scan(line, len - (size_t)(line - s), 0, us, &taken) == LOGSTAMP_LABEL;
}

/*
 * Is the file's time nearer to ten seconds before the label than to 37?  Then labels know no leap
 * seconds.
 */
static int knows_no_leaps(uint64_t label_s, uint64_t modified_s)
{
  unsigned int middle = (LOGSOURCE_AHEAD_LEAPS + LOGSOURCE_AHEAD_NONE) / 2;
  return label_s >= modified_s && label_s < modified_s + middle;
}

static unsigned int ahead_find(int fd)
{
  char tail[LOGENTRY_TEXT_MAX];
  struct stat st;
  off_t begin;
  ssize_t n;
  uint64_t us;
  if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) return LOGSOURCE_AHEAD_LEAPS;
  begin = st.st_size > (off_t)sizeof tail ? st.st_size - (off_t)sizeof tail : 0;
  n = pread(fd, tail, sizeof tail, begin);
  if (n <= 0 || !last_time(tail, (size_t)n, &us)) return LOGSOURCE_AHEAD_LEAPS;
  return knows_no_leaps(us / 1000000, (uint64_t)st.st_mtime)
    ? LOGSOURCE_AHEAD_NONE : LOGSOURCE_AHEAD_LEAPS;
}

/* --- lines --- */

void logsource_init(logsource *l, int fd, char const *path, unsigned int ahead_s)
{
  l->fd = fd;
  l->path = path;
  l->ahead_s = ahead_s ? ahead_s : ahead_find(fd);
  l->ended = l->cut = 0;
  l->begin = l->end = 0;
  l->lost = 0;
}

int logsource_ready(logsource const *l)
{
  return l->ended || memchr(l->text + l->begin, '\n', l->end - l->begin);
}

/* Read more text.  1; 0 at the end; -1 with errno. */
static int fill(logsource *l)
{
  ssize_t n;
  memmove(l->text, l->text + l->begin, l->end - l->begin);
  l->end -= l->begin;
  l->begin = 0;
  do n = read(l->fd, l->text + l->end, sizeof l->text - l->end);
  while (n == -1 && errno == EINTR);
  if (n > 0) l->end += (size_t)n;
  return n > 0 ? 1 : (int)n;
}

/*
 * Take the line that ends at lf; where that is NULL, all text there is: the rest of the line will
 * be passed over.
 */
static char const *line_take(logsource *l, char const *lf, size_t *len)
{
  char const *line = l->text + l->begin;
  *len = lf ? (size_t)(lf - line) : l->end - l->begin;
  l->begin += *len + !!lf;
  return line;
}

/* Read the next line; a long one is cut.  1; 0 at the end; -1 with errno. */
static int line_read(logsource *l, char const **line, size_t *len)
{
  for (;;)
  {
    char const *lf = memchr(l->text + l->begin, '\n', l->end - l->begin);
    int full = l->end - l->begin == sizeof l->text;
    int cut = l->cut;
    if (lf || full || (l->ended && l->end > l->begin))
    {
      *line = line_take(l, lf, len);
      l->cut = !lf;
      if (!cut) return 1;
    }
    else if (l->ended) return 0;
    else
    {
      int r = fill(l);
      if (r == -1) return -1;
      l->ended = !r;
    }
  }
}

int logsource_next(logsource *l)
{
  for (;;)
  {
    char const *line;
    size_t len;
    int r = line_read(l, &line, &len);
    if (r < 1) return r;
    if (logentry_scan(&l->entry, line, len, l->ahead_s)) return 1;
    l->lost++;
  }
}
