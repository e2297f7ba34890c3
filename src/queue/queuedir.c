#include "queue/queuedir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <skalibs/stralloc.h>

#include "base/wallclock.h"

static char const *const place_names[] =
{
  [QUEUE_TMP] = "tmp", [QUEUE_NEW] = "new", [QUEUE_CUR] = "cur",
  [QUEUE_HOLD] = "hold", [QUEUE_CORRUPT] = "corrupt"
};

void queuedir_path(char out[QUEUE_PATH_MAX], enum queue_place place, char const *id)
{
  char *p = stpcpy(out, place_names[place]);
  *p++ = '/';
  if (place == QUEUE_CUR)
  {
    memcpy(p, id, ID_SLICE_LEN);
    p += ID_SLICE_LEN;
    *p++ = '/';
  }
  memcpy(p, id, ID_LEN);
  p[ID_LEN] = 0;
}

/* The same, cut before the id: "cur/01h8q". */
static void slice_path(char out[QUEUE_PATH_MAX], char const *id)
{
  queuedir_path(out, QUEUE_CUR, id);
  out[strlen(out) - ID_LEN - 1] = 0;
}

/* --- opening ------------------------------------------------------------------------ */

static int open_in(int queue, char const *id, int flags, enum queue_place place)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, place, id);
  return openat(queue, path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

/* fd, if it is a regular file; else it is closed. */
static int regular_file(int fd)
{
  struct stat st;
  int e = EINVAL;
  if (fstat(fd, &st) == -1) e = errno;
  else if (S_ISREG(st.st_mode)) return fd;
  close(fd);
  errno = e;
  return -1;
}

/*
 * Messages move from new to cur, from either to hold and from there to cur.  In this order of
 * looking, one that moves while we look is missed at most once in a round.
 */
static enum queue_place const look_order[] = { QUEUE_CUR, QUEUE_NEW, QUEUE_HOLD };

int queuedir_open_message(int queue, char const *id, int flags, enum queue_place *place)
{
  size_t n = sizeof look_order / sizeof *look_order;
  int round, fd;
  size_t i;

  for (round = 0; round < 2; round++)
    for (i = 0; i < n; i++)
    {
      fd = open_in(queue, id, flags, look_order[i]);
      if (fd != -1)
      {
        *place = look_order[i];
        return regular_file(fd);
      }
      if (errno != ENOENT)
      {
        if (errno == ELOOP) errno = EINVAL; /* a symbolic link */
        return -1;
      }
    }
  return -1;
}

int queuedir_open_any(int queue, char const *id, int flags, enum queue_place *place)
{
  static enum queue_place const others[] = { QUEUE_CORRUPT, QUEUE_TMP };
  int fd = queuedir_open_message(queue, id, flags, place);
  size_t i;
  for (i = 0; fd == -1 && errno == ENOENT && i < sizeof others / sizeof *others; i++)
  {
    fd = open_in(queue, id, flags, others[i]);
    if (fd == -1) continue;
    *place = others[i];
    return regular_file(fd);
  }
  return fd;
}

/* --- moving ------------------------------------------------------------------------- */

/* rename(2) that never overwrites.  Old kernels and some file systems have no such thing. */
static int rename_new(int queue, char const *from, char const *to)
{
  if (renameat2(queue, from, queue, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (linkat(queue, from, queue, to, 0) == -1) return -1;
  return unlinkat(queue, from, 0);
}

/* The slice of this moment gets mail all the time: only older ones are taken away. */
static int slice_past(char const *id)
{
  char now[ID_LEN + 1];
  id_format(now, wallclock_us(), 0);
  return memcmp(id, now, ID_SLICE_LEN) < 0;
}

/* A message left this place: of a slice of the past, maybe the last. */
static void slice_tidy(int queue, char const *id, enum queue_place place)
{
  char slice[QUEUE_PATH_MAX];
  if (place != QUEUE_CUR || !slice_past(id)) return;
  slice_path(slice, id);
  unlinkat(queue, slice, AT_REMOVEDIR); /* fails while there is another message in it */
}

/* How often a slice may vanish between its making and its use: its last message was removed. */
#define MOVE_TRIES 10

int queuedir_move(int queue, char const *id, enum queue_place from, enum queue_place to)
{
  char source[QUEUE_PATH_MAX], target[QUEUE_PATH_MAX], slice[QUEUE_PATH_MAX];
  int tries = MOVE_TRIES, made = 0;

  queuedir_path(source, from, id);
  queuedir_path(target, to, id);
  while (rename_new(queue, source, target) == -1)
  {
    if (errno != ENOENT || to != QUEUE_CUR || !tries--) return -1;
    slice_path(slice, id);
    if (mkdirat(queue, slice, 0770) == 0) made = 1;
    else if (errno != EEXIST) return -1;
    else if (faccessat(queue, source, F_OK, AT_SYMLINK_NOFOLLOW) == -1)
    {
      /* The slice is there and the message is not.  A slice of our own making goes again. */
      if (made) unlinkat(queue, slice, AT_REMOVEDIR);
      errno = ENOENT;
      return -1;
    }
  }
  slice_tidy(queue, id, from);
  return 0;
}

int queuedir_remove(int queue, char const *id, enum queue_place place)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, place, id);
  if (unlinkat(queue, path, 0) == -1) return -1;
  slice_tidy(queue, id, place);
  return 0;
}

/* --- notices ------------------------------------------------------------------------ */

static void notice_path(char out[QUEUE_PATH_MAX], char const *id)
{
  memcpy(stpcpy(out, "notice/"), id, ID_LEN + 1);
}

int queuedir_notice(int queue, char const *id)
{
  char path[QUEUE_PATH_MAX];
  int fd;
  notice_path(path, id);
  fd = openat(queue, path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0660);
  if (fd == -1) return -1;
  close(fd);
  return 0;
}

int queuedir_unnotice(int queue, char const *id)
{
  char path[QUEUE_PATH_MAX];
  notice_path(path, id);
  return unlinkat(queue, path, 0) == 0 || errno == ENOENT ? 0 : -1;
}

/* --- walking ------------------------------------------------------------------------ */

static DIR *directory_open(int queue, char const *path)
{
  int fd = openat(queue, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir;
  int e;
  if (fd == -1) return 0;
  dir = fdopendir(fd);
  if (dir) return dir;
  e = errno;
  close(fd);
  errno = e;
  return 0;
}

/* The end of a walk that came to this result: errno stays. */
static int directory_done(DIR *dir, int result)
{
  int e = errno;
  closedir(dir);
  errno = e;
  return result;
}

static int each_unsorted(int queue, char const *path, int (*fn)(char const *id, void *data), void *data)
{
  DIR *dir = directory_open(queue, path);
  struct dirent *entry;
  if (!dir) return -1;
  while (errno = 0, (entry = readdir(dir)))
    if (id_ok(entry->d_name, strlen(entry->d_name)) && !(*fn)(entry->d_name, data))
      return directory_done(dir, 0);
  return directory_done(dir, errno ? -1 : 1);
}

int queuedir_slice_ok(char const *name)
{
  char id[ID_LEN + 1];
  if (strlen(name) != ID_SLICE_LEN) return 0;
  id_format(id, 0, 0);
  memcpy(id, name, ID_SLICE_LEN);
  return id_ok(id, ID_LEN);
}

static int id_name_ok(char const *name)
{
  return id_ok(name, strlen(name));
}

static int name_compare(void const *a, void const *b)
{
  return strcmp(a, b);
}

/* Append the names in a directory that pass, each len octets and a zero octet, sorted.  1 or 0. */
static int names_read(stralloc *names, int queue, char const *path, size_t len, int (*ok)(char const *name))
{
  DIR *dir = directory_open(queue, path);
  struct dirent *entry;
  if (!dir) return 0;
  while (errno = 0, (entry = readdir(dir)))
    if ((*ok)(entry->d_name) && !stralloc_catb(names, entry->d_name, len + 1)) break;
  if (!directory_done(dir, !errno)) return 0;
  if (names->len) qsort(names->s, names->len / (len + 1), len + 1, &name_compare);
  return 1;
}

static int each_in_slice(int queue, char const *slice, stralloc *ids, int (*fn)(char const *id, void *data), void *data)
{
  char path[QUEUE_PATH_MAX];
  size_t i;
  stpcpy(stpcpy(stpcpy(path, place_names[QUEUE_CUR]), "/"), slice);
  ids->len = 0;
  if (!names_read(ids, queue, path, ID_LEN, &id_name_ok))
    return errno == ENOENT || errno == ENOTDIR ? 1 : -1; /* its last message went meanwhile; or none of ours */
  for (i = 0; i < ids->len; i += ID_LEN + 1)
    if (!(*fn)(ids->s + i, data)) return 0;
  return 1;
}

static int each_in_cur(int queue, int (*fn)(char const *id, void *data), void *data)
{
  stralloc slices = STRALLOC_ZERO, ids = STRALLOC_ZERO;
  int result = -1, e;
  size_t i;
  if (names_read(&slices, queue, place_names[QUEUE_CUR], ID_SLICE_LEN, &queuedir_slice_ok))
    for (result = 1, i = 0; result == 1 && i < slices.len; i += ID_SLICE_LEN + 1)
      result = each_in_slice(queue, slices.s + i, &ids, fn, data);
  e = errno;
  stralloc_free(&slices);
  stralloc_free(&ids);
  errno = e;
  return result;
}

int queuedir_each(int queue, enum queue_place place, int (*fn)(char const *id, void *data), void *data)
{
  return place == QUEUE_CUR ? each_in_cur(queue, fn, data)
                            : each_unsorted(queue, place_names[place], fn, data);
}
