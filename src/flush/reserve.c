#include "flush/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/close.h"
#include "flush/flush.h"
#include "queue/queuedir.h"

/* The smallest page of any machine. */
#define PAGE 4096

static char const path[] = "reserve";

typedef struct reserve
{
  int fd;
  size_t len;
  char text[RESERVE_LEN + 1];
} reserve;

/* --- making it --------------------------------------------------------------------------- */

static int lines_append(int fd, size_t len)
{
  char lines[PAGE];
  memset(lines, '\n', sizeof lines);
  while (len)
  {
    ssize_t r = write(fd, lines, len < sizeof lines ? len : sizeof lines);
    if (r > 0) len -= (size_t)r;
    else if (r == 0 || errno != EINTR) return 0;
  }
  return 1;
}

/*
 * Have the file overwritten in place: btrfs does so only for a file that was marked before it had
 * content; other file systems do anyway.
 */
static void overwrite_in_place(int fd)
{
  int flags;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1) return;
  flags |= FS_NOCOW_FL;
  ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/*
 * Extend the file, which never shrinks, so that processes that have it open need not be kept out.
 */
int reserve_make(int queue)
{
  struct stat st;
  int ok = 0;
  int fd = queuedir_open_file(queue, path, O_WRONLY | O_APPEND | O_CREAT, 0660);
  if (fd == -1) return 0;
  if (fstat(fd, &st) == 0 && !st.st_size) overwrite_in_place(fd);
  if (fstat(fd, &st) == 0)
    ok = st.st_size >= RESERVE_LEN || lines_append(fd, (size_t)(RESERVE_LEN - st.st_size));
  close_keep(fd);
  return ok;
}

/* --- using it ---------------------------------------------------------------------------- */

/* Turn zeros, which a power cut may leave in a file, into empty lines. */
static int text_read(reserve *r)
{
  ssize_t n = pread(r->fd, r->text, RESERVE_LEN, 0);
  char *zero = r->text;
  if (n == -1) return 0;
  r->len = (size_t)n;
  while ((zero = memchr(zero, 0, (size_t)(r->text + n - zero)))) *zero++ = '\n';
  r->text[n] = 0;
  return 1;
}

static int lock(int fd)
{
  while (flock(fd, LOCK_EX) == -1)
    if (errno != EINTR) return 0;
  return 1;
}

/*
 * Open, lock and read the reserve; closing it ends the lock.  1, or 0 with errno: ENOENT when there
 * is none, or no file that could be one.
 */
static int reserve_open(reserve *r, int queue)
{
  r->fd = queuedir_open_file(queue, path, O_RDWR, 0);
  if (r->fd == -1)
  {
    if (errno == EINVAL) errno = ENOENT;
    return 0;
  }
  if (lock(r->fd) && text_read(r)) return 1;
  close_keep(r->fd);
  return 0;
}

/* Nearly always the reserve is all empty lines. */
static int unused(reserve const *r)
{
  return !r->len || (*r->text == '\n' && !memcmp(r->text, r->text + 1, r->len - 1));
}

/* Find the name as a line of its own; NULL when it is not there. */
static char *name_find(reserve *r, char const *name)
{
  size_t len = strlen(name);
  char *at = r->text, *end = r->text + r->len;
  if (unused(r)) return 0;
  for (; (at = memmem(at, (size_t)(end - at), name, len)); at++)
    if ((at == r->text || at[-1] == '\n') && at[len] == '\n') return at;
  return 0;
}

/* Find room for len octets between empty lines of one page; NULL when there is none. */
static char *gap_find(reserve *r, size_t len)
{
  size_t i, run = 0;
  for (i = 0; i < r->len; i++)
  {
    if (i % PAGE == 0) run = 1; /* the page before ends with LF */
    run = r->text[i] == '\n' ? run + 1 : 0;
    if (run == len + 2) return r->text + i - len;
  }
  return 0;
}

/* Write at s, within one page, so that all octets are written or none. */
static int text_write(reserve const *r, char const *at, char const *s, size_t len)
{
  return pwrite(r->fd, s, len, at - r->text) == (ssize_t)len;
}

static int name_add(reserve *r, char const *name)
{
  size_t len = strlen(name);
  char const *gap;
  if (name_find(r, name)) return 1;
  gap = gap_find(r, len);
  return gap ? text_write(r, gap, name, len) : (errno = ENOSPC, 0);
}

static int name_remove(reserve *r, char const *name)
{
  char empty[FLUSH_NAME_MAX];
  size_t len = strlen(name);
  char *at = name_find(r, name);
  if (!at) return 1;
  memset(empty, '\n', len);
  return text_write(r, at, empty, len);
}

int reserve_add(int queue, char const *name)
{
  reserve r;
  int ok;
  if (!reserve_open(&r, queue)) return errno == ENOENT ? (errno = ENOSPC, 0) : 0;
  ok = name_add(&r, name);
  close_keep(r.fd);
  return ok;
}

int reserve_remove(int queue, char const *name)
{
  reserve r;
  int ok;
  if (!reserve_open(&r, queue)) return errno == ENOENT;
  ok = name_remove(&r, name);
  close_keep(r.fd);
  return ok;
}

int reserve_has(int queue, char const *name)
{
  reserve r;
  if (!reserve_open(&r, queue)) return errno == ENOENT ? 0 : -1;
  close(r.fd);
  return name_find(&r, name) != 0;
}

int reserve_each(int queue, int (*fn)(char const *name, void *data), void *data)
{
  reserve r;
  char *line, *end;
  if (!reserve_open(&r, queue)) return errno == ENOENT ? 1 : -1;
  close(r.fd);
  if (unused(&r)) return 1;
  for (line = r.text; (end = strchr(line, '\n')); line = end + 1)
  {
    *end = 0;
    if (end > line && !(*fn)(line, data)) return 0;
  }
  return 1;
}
