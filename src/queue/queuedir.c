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

#include "base/close.h"
#include "base/directory.h"
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

/* The same path without the id: "cur/01h8q". */
static void slice_path(char out[QUEUE_PATH_MAX], char const *id)
{
  queuedir_path(out, QUEUE_CUR, id);
  out[strlen(out) - ID_LEN - 1] = 0;
}

/* --- opening ------------------------------------------------------------------------ */

/* Returns fd if it is a regular file; else closes it. */
static int regular_file(int fd)
{
  struct stat st;
  if (fstat(fd, &st) == 0)
  {
    if (S_ISREG(st.st_mode)) return fd;
    errno = EINVAL;
  }
  close_keep(fd);
  return -1;
}

/*
 * Open without a check for a regular file; only a symbolic link, a directory, a FIFO or a socket
 * fails.
 */
static int open_at(int dir, char const *path, int flags, mode_t mode)
{
  int fd = openat(dir, path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode);
  if (fd == -1 && (errno == ELOOP || errno == EISDIR || errno == ENXIO)) errno = EINVAL;
  return fd;
}

int queuedir_open_file(int dir, char const *path, int flags, mode_t mode)
{
  int fd = open_at(dir, path, flags, mode);
  return fd == -1 ? -1 : regular_file(fd);
}

int queuedir_open_in(int queue, char const *id, int flags, enum queue_place place)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, place, id);
  return queuedir_open_file(queue, path, flags, 0);
}

int queuedir_open_walked(int dir, char const *id, int *flags)
{
  int fd = open_at(dir, id, *flags, 0);
  if (fd != -1 || errno != EPERM || !(*flags & O_NOATIME)) return fd;
  *flags &= ~O_NOATIME;
  return open_at(dir, id, *flags, 0);
}

/*
 * Look into cur/ twice: a message that is released meanwhile may have been in neither place when we
 * looked there.
 */
int queuedir_taken(int queue, char const *id, struct stat *st)
{
  static enum queue_place const order[] = { QUEUE_CUR, QUEUE_HOLD, QUEUE_CUR, QUEUE_CORRUPT };
  char path[QUEUE_PATH_MAX];
  int e = errno;
  int taken = 0;
  size_t i;
  for (i = 0; i < sizeof order / sizeof *order && !taken; i++)
  {
    queuedir_path(path, order[i], id);
    taken = fstatat(queue, path, st, AT_SYMLINK_NOFOLLOW) == 0;
  }
  errno = e;
  return taken;
}

/* Open a message in new/, unless its id is taken elsewhere: then look there. */
static int open_look(int queue, char const *id, int flags, enum queue_place place)
{
  struct stat st;
  int fd = queuedir_open_in(queue, id, flags, place);
  if (place != QUEUE_NEW || (fd == -1 && errno == ENOENT) || !queuedir_taken(queue, id, &st))
    return fd;
  if (fd != -1) close(fd);
  errno = ENOENT;
  return -1;
}

/*
 * The order of the search.  Messages move from new to cur, from either to hold and from there to
 * cur; none comes back to new.  So a message is missed only when it moves three times meanwhile.
 */
static enum queue_place const look_order[] =
  { QUEUE_CUR, QUEUE_HOLD, QUEUE_NEW, QUEUE_CUR, QUEUE_HOLD, QUEUE_CUR };

int queuedir_open_message(int queue, char const *id, int flags, enum queue_place *place)
{
  size_t i;
  for (i = 0; i < sizeof look_order / sizeof *look_order; i++)
  {
    int fd = open_look(queue, id, flags, look_order[i]);
    *place = look_order[i];
    if (fd != -1 || errno != ENOENT) return fd;
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
    fd = queuedir_open_in(queue, id, flags, others[i]);
    *place = others[i];
  }
  return fd;
}

/* --- moving ------------------------------------------------------------------------- */

/* Rename, never overwriting.  Old kernels and some file systems cannot. */
static int rename_new(int queue, char const *from, char const *to)
{
  if (renameat2(queue, from, queue, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (linkat(queue, from, queue, to, 0) == -1) return -1;
  return unlinkat(queue, from, 0);
}

/* Is the slice in the past?  The present one gets mail all the time and is not removed. */
static int slice_past(char const *id)
{
  char now[ID_LEN + 1];
  id_format(now, wallclock_us(), 0);
  return memcmp(id, now, ID_SLICE_LEN) < 0;
}

/*
 * A message left this place: remove its slice if it is in the past and this was the last message.
 */
static void slice_tidy(int queue, char const *id, enum queue_place place)
{
  char slice[QUEUE_PATH_MAX];
  if (place != QUEUE_CUR || !slice_past(id)) return;
  slice_path(slice, id);
  unlinkat(queue, slice, AT_REMOVEDIR); /* fails while another message is in it */
}

/* How often a slice may be removed between its making and its use. */
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
      /* the slice exists and the message does not: remove a slice that we made */
      if (made) unlinkat(queue, slice, AT_REMOVEDIR);
      errno = ENOENT;
      return -1;
    }
  }
  slice_tidy(queue, id, from);
  return 0;
}

/* The most names that can be taken by chance. */
#define ASIDE_TRIES 1000

int queuedir_put_aside(int queue, char const *id, enum queue_place from, char aside[ID_LEN + 1])
{
  char source[QUEUE_PATH_MAX], target[QUEUE_PATH_MAX];
  uint64_t now_us = wallclock_us();
  int tries;
  queuedir_path(source, from, id);
  memcpy(aside, id, ID_LEN + 1);
  for (tries = 0; tries < ASIDE_TRIES; tries++)
  {
    queuedir_path(target, QUEUE_CORRUPT, aside);
    if (rename_new(queue, source, target) == 0)
    {
      slice_tidy(queue, id, from);
      return 0;
    }
    if (errno != EEXIST) return -1;
    id_format(aside, now_us + (uint64_t)tries, (uint32_t)getpid());
  }
  return -1;
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
  fd = openat(queue, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0660);
  if (fd == -1) return errno == EEXIST ? 0 : -1;
  close(fd);
  return 0;
}

int queuedir_unnotice(int queue, char const *id)
{
  char path[QUEUE_PATH_MAX];
  notice_path(path, id);
  if (unlinkat(queue, path, 0) == 0 || errno == ENOENT) return 0;
  return unlinkat(queue, path, AT_REMOVEDIR);
}

/* --- walking ------------------------------------------------------------------------ */

/* End a walk with this result; errno stays. */
static int directory_done(DIR *dir, int result)
{
  closedir_keep(dir);
  return result;
}

static int walk_unsorted(int queue, char const *path, queuedir_fn *fn, void *data)
{
  DIR *dir = directory_open(queue, path);
  struct dirent *entry;
  if (!dir) return -1;
  while (errno = 0, (entry = readdir(dir)))
    if (id_ok(entry->d_name, strlen(entry->d_name)) && !(*fn)(dirfd(dir), entry->d_name, data))
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
static int names_read(stralloc *names, DIR *dir, size_t len, int (*ok)(char const *name))
{
  struct dirent *entry;
  while (errno = 0, (entry = readdir(dir)))
    if ((*ok)(entry->d_name) && !stralloc_catb(names, entry->d_name, len + 1)) break;
  if (errno) return 0;
  if (names->len) qsort(names->s, names->len / (len + 1), len + 1, &name_compare);
  return 1;
}

static int walk_open_slice(DIR *dir, stralloc *ids, queuedir_fn *fn, void *data)
{
  size_t i;
  ids->len = 0;
  if (!names_read(ids, dir, ID_LEN, &id_name_ok)) return -1;
  for (i = 0; i < ids->len; i += ID_LEN + 1)
    if (!(*fn)(dirfd(dir), ids->s + i, data)) return 0;
  return 1;
}

static int walk_slice(int cur, char const *slice, stralloc *ids, queuedir_fn *fn, void *data)
{
  DIR *dir = directory_open(cur, slice);
  int result = dir ? directory_done(dir, walk_open_slice(dir, ids, fn, data)) : -1;
  /* its last message was removed meanwhile; or it is no slice */
  return result == -1 && (errno == ENOENT || errno == ENOTDIR) ? 1 : result;
}

static int walk_open_cur(DIR *cur, queuedir_fn *fn, void *data)
{
  stralloc slices = STRALLOC_ZERO, ids = STRALLOC_ZERO;
  int result = -1, e;
  size_t i;
  if (names_read(&slices, cur, ID_SLICE_LEN, &queuedir_slice_ok))
    for (result = 1, i = 0; result == 1 && i < slices.len; i += ID_SLICE_LEN + 1)
      result = walk_slice(dirfd(cur), slices.s + i, &ids, fn, data);
  e = errno;
  stralloc_free(&slices);
  stralloc_free(&ids);
  errno = e;
  return result;
}

static int walk_cur(int queue, queuedir_fn *fn, void *data)
{
  DIR *cur = directory_open(queue, place_names[QUEUE_CUR]);
  return cur ? directory_done(cur, walk_open_cur(cur, fn, data)) : -1;
}

int queuedir_walk(int queue, enum queue_place place, queuedir_fn *fn, void *data)
{
  if (place == QUEUE_CUR) return walk_cur(queue, fn, data);
  return walk_unsorted(queue, place_names[place], fn, data);
}

/* Adapt a function that needs no directory. */
typedef struct each
{
  int (*fn)(char const *id, void *data);
  void *data;
} each;

static int walk_each(int dir, char const *id, void *data)
{
  each const *e = data;
  (void)dir;
  return (*e->fn)(id, e->data);
}

int queuedir_each(int queue, enum queue_place place, int (*fn)(char const *id, void *data),
                  void *data)
{
  each e = { .fn = fn, .data = data };
  return queuedir_walk(queue, place, &walk_each, &e);
}
