#include "queue/sitefile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "base/close.h"
#include "base/directory.h"
#include "conf/conf.h"
#include "queue/queuedir.h"
#include "smtp/reply.h"

#define PATH_LEN (sizeof "site/" + SITEFILE_NAME_MAX)

static char const *const state_names[SITEFILE_STATES] =
{
  [SITEFILE_UNKNOWN] = "unknown", [SITEFILE_UP] = "up", [SITEFILE_DOWN] = "down",
  [SITEFILE_PARKED] = "parked"
};

char const *sitefile_state_name(enum sitefile_state state)
{
  return state_names[state];
}

int sitefile_name_ok(char const *name)
{
  size_t len = strlen(name);
  return len && len <= SITEFILE_NAME_MAX && conf_site_ok(name, len);
}

/* --- the line ------------------------------------------------------------------------- */

/* Move past "NAME ". */
static int state_scan(char const **s, enum sitefile_state *state)
{
  enum sitefile_state known;
  for (known = SITEFILE_UP; known < SITEFILE_STATES; known++)
  {
    size_t len = strlen(state_names[known]);
    if (strncmp(*s, state_names[known], len) || (*s)[len] != ' ') continue;
    *s += len + 1;
    *state = known;
    return 1;
  }
  return 0;
}

/* Move past "KEY=NUMBER" and the space behind it. */
static int number_scan(char const **s, char const *key, uint64_t *number)
{
  size_t len = strlen(key);
  if (strncmp(*s, key, len)) return 0;
  *s += len;
  len = uint64_scan(*s, number);
  *s += len;
  if (**s == ' ') ++*s;
  else if (**s) return 0;
  return len > 0;
}

static int line_scan(sitefile *file)
{
  char const *s = file->line;
  enum sitefile_state state;
  if (!state_scan(&s, &state) || !number_scan(&s, "since=", &file->since_s)
   || !number_scan(&s, "failures=", &file->failures)
   || !number_scan(&s, "next=", &file->next_s)) return 0;
  file->state = state;
  file->why = s;
  return 1;
}

static int number_format(stralloc *line, char const *key, uint64_t number)
{
  char text[UINT64_FMT];
  return stralloc_cats(line, key) && stralloc_catb(line, text, uint64_fmt(text, number));
}

int sitefile_format(stralloc *line, sitefile const *file)
{
  return stralloc_copys(line, state_names[file->state])
    && number_format(line, " since=", file->since_s)
    && number_format(line, " failures=", file->failures)
    && number_format(line, " next=", file->next_s)
    && (!*file->why || (stralloc_cats(line, " ") && stralloc_cats(line, file->why)))
    && stralloc_cats(line, "\n");
}

/* --- the file ------------------------------------------------------------------------- */

static void unsaid(sitefile *file)
{
  file->state = SITEFILE_UNKNOWN;
  file->since_s = file->failures = file->next_s = 0;
  *file->line = 0;
  file->why = file->line;
}

/* Read the only line, as a string.  1, or 0 with errno. */
static int line_read(int fd, sitefile *file)
{
  size_t len = 0;
  ssize_t r;
  while (len < sizeof file->line && (r = read(fd, file->line + len, sizeof file->line - len)))
  {
    if (r == -1 && errno != EINTR) return 0;
    if (r > 0) len += (size_t)r;
  }
  if (len && file->line[len - 1] == '\n') len--;
  if (len == sizeof file->line) return errno = EINVAL, 0;
  smtp_text_clean(file->line, len);
  file->line[len] = 0;
  return 1;
}

int sitefile_read(int queue, char const *site, sitefile *file)
{
  char path[PATH_LEN];
  int fd, ok;
  unsaid(file);
  if (!sitefile_name_ok(site)) return errno = EINVAL, 0;
  stpcpy(stpcpy(path, "site/"), site);
  fd = queuedir_open_file(queue, path, O_RDONLY, 0);
  if (fd == -1) return 0;
  ok = line_read(fd, file);
  if (ok && !line_scan(file)) ok = 0, errno = EINVAL;
  close_keep(fd);
  if (!ok) unsaid(file);
  return ok;
}

/* --- all of them ---------------------------------------------------------------------- */

static int each(DIR *dir, int (*fn)(char const *site, void *data), void *data)
{
  struct dirent const *entry;
  while (errno = 0, (entry = readdir(dir)))
    if (sitefile_name_ok(entry->d_name) && !(*fn)(entry->d_name, data)) return 0;
  return errno ? -1 : 1;
}

int sitefile_each(int queue, int (*fn)(char const *site, void *data), void *data)
{
  DIR *dir = directory_open(queue, "site");
  int r;
  if (!dir) return -1;
  r = each(dir, fn, data);
  closedir_keep(dir);
  return r;
}
