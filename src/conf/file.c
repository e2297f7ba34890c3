#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>

#include "base/close.h"
#include "base/instance.h"
#include "conf/conf.h"
#include "conf/error.h"
#include "start/program.h"

int conf_open(int instance)
{
  int fd = instance_openat(instance, "conf");
  int e = errno;
  if (fd >= 0) return fd;
  conf_fail("unable to open conf", strerror(e), strlen(strerror(e)));
  errno = e;
  return -1;
}

int conf_find(char const *dir)
{
  int instance = program_instance(&dir);
  int conf = conf_open(instance);
  if (conf == -1) strerr_dief(111, dir, ": ", conf_error());
  close(instance);
  return conf;
}

/* Is this a regular file of at most so many octets?  1, or 0 with conf_error(). */
static int size_read(int fd, char const *name, size_t max, size_t *size)
{
  struct stat st;
  if (fstat(fd, &st) == -1) return conf_fail_system(name);
  if (!S_ISREG(st.st_mode)) conf_fail("not a regular file", 0, 0);
  else if ((uint64_t)st.st_size > max) conf_fail("file too large", 0, 0);
  else
  {
    *size = (size_t)st.st_size;
    return 1;
  }
  return conf_fail_where(name, 0);
}

/* Read a whole file from a descriptor.  1, or 0 with conf_error(). */
static int regular_read(int fd, char const *name, size_t max, stralloc *text)
{
  size_t size, n;
  if (!size_read(fd, name, max, &size)) return 0;
  text->len = 0;
  if (!stralloc_ready(text, size + 1)) return conf_fail_system(name);
  errno = 0;
  n = allread(fd, text->s, size + 1);
  /* EPIPE, or 0: the end of the file */
  if (n <= size && errno && errno != EPIPE) return conf_fail_system(name);
  text->len = size;
  if (n == size) return 1;
  errno = EAGAIN; /* the file changed while it was read: its writer is not done */
  return conf_fail_system(name);
}

/*
 * A symbolic link to nowhere counts as an error, not as a missing file: somebody meant to set
 * something.
 */
static int file_missing(int conf, char const *name)
{
  struct stat st;
  int r = fstatat(conf, name, &st, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT;
  errno = ENOENT;
  return r;
}

int conf_file_read(int conf, conf_setting const *setting, stralloc *text)
{
  size_t max = setting->kind >= CONF_LIST ? CONF_LIST_FILE_MAX : CONF_VALUE_FILE_MAX;
  int fd = openat(conf, setting->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int r;
  if (fd == -1 && errno == ENOENT && file_missing(conf, setting->name)) return 0;
  if (fd == -1) return conf_fail_system(setting->name), -1;
  r = regular_read(fd, setting->name, max, text);
  close_keep(fd);
  return r ? 1 : -1;
}

static int is_space(char c)
{
  return c == ' ' || c == '\t';
}

/* The offset of the comment, or len. */
static size_t line_comment(char const *s, size_t len)
{
  char const *p = s;
  while ((p = memchr(p, '#', len - (size_t)(p - s))))
  {
    if (p == s || is_space(p[-1])) return (size_t)(p - s);
    p++;
  }
  return len;
}

/* Is there a control character in s?  A tab is white space. */
static int line_clean(char const *s, size_t len)
{
  size_t i = 0;
  for (; i < len; i++)
    if (((unsigned char)s[i] < 32 && s[i] != '\t') || s[i] == 127) return 0;
  return 1;
}

int conf_line_next(conf_setting const *setting, stralloc const *text, size_t *pos, conf_line *line)
{
  size_t max = setting->kind >= CONF_LIST ? CONF_LINE_MAX : CONF_VALUE_MAX;
  while (*pos < text->len)
  {
    char const *s = text->s + *pos;
    char const *lf = memchr(s, '\n', text->len - *pos);
    size_t len = lf ? (size_t)(lf - s) : text->len - *pos;
    *pos += len + 1;
    line->number++;
    if (len && s[len - 1] == '\r') len--; /* edited elsewhere */
    len = line_comment(s, len);
    while (len && is_space(*s)) s++, len--;
    while (len && is_space(s[len - 1])) len--;
    if (!len) continue;
    if (len > max) conf_fail("line too long", 0, 0);
    else if (!line_clean(s, len))
      conf_fail("control character", setting->kind == CONF_SECRETS ? 0 : s, len);
    else
    {
      line->s = s;
      line->len = len;
      return 1;
    }
    conf_fail_where(setting->name, line->number);
    return -1;
  }
  return 0;
}

int conf_word_next(char const **s, size_t *len, conf_word *word)
{
  size_t n = 0;
  while (n < *len && !is_space((*s)[n])) n++;
  word->s = *s;
  word->len = n;
  while (n < *len && is_space((*s)[n])) n++;
  *s += n;
  *len -= n;
  return !!word->len;
}

int conf_value_read(int conf, conf_setting const *setting, stralloc *text, conf_line *line)
{
  conf_line more = { .number = 0 };
  size_t pos = 0;
  int r = conf_file_read(conf, setting, text);
  if (r < 0) return 0;
  *line = (conf_line){ .s = setting->fallback, .len = strlen(setting->fallback) };
  if (!r) return 1;
  r = conf_line_next(setting, text, &pos, line);
  if (r < 0) return 0;
  if (!r)
  {
    conf_fail("no value", 0, 0);
    return conf_fail_where(setting->name, 0);
  }
  more.number = line->number;
  r = conf_line_next(setting, text, &pos, &more);
  if (r < 0) return 0;
  if (!r) return 1;
  conf_fail("more than one value", more.s, more.len);
  return conf_fail_where(setting->name, more.number);
}
