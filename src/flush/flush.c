#include "flush/flush.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/close.h"
#include "base/directory.h"
#include "flush/reserve.h"
#include "flush/trigger.h"
#include "queue/queuedir.h"
#include "smtp/domain.h"

/* An id and its LF. */
#define LINE_LEN (ID_LEN + 1)
/* "claim/", a name, a zero octet. */
#define PATH_LEN (8 + FLUSH_NAME_MAX)
/*
 * The most turns of a loop in which each turn means that another process made progress: never
 * reached in practice.
 */
#define TRIES 10000

/* Is this a folded domain?  Two spellings would be two files. */
static int domain_ok(char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < len; i++)
    if (s[i] >= 'A' && s[i] <= 'Z') return 0;
  return smtp_domain_ok(s, len);
}

static int list_path(char out[PATH_LEN], char const *directory, char const *domain)
{
  size_t len = strlen(domain), dirlen = strlen(directory);
  if (!domain_ok(domain, len)) return errno = EINVAL, 0;
  memcpy(out, directory, dirlen);
  out[dirlen] = '/';
  memcpy(out + dirlen + 1, domain, len + 1);
  return 1;
}

static int asked_path(char out[PATH_LEN], char const *name)
{
  size_t len = strlen(name);
  if (!flush_asked_ok(name, len)) return errno = EINVAL, 0;
  memcpy(out, "asked/", 6);
  memcpy(out + 6, name, len + 1);
  return 1;
}

/* --- what is no list ------------------------------------------------------------------ */

int flush_obstructed(int e)
{
  return e == ELOOP || e == EISDIR || e == EPERM || e == EACCES || e == ENXIO || e == EINVAL;
}

char const *flush_why(int e)
{
  return flush_obstructed(e) && e != EACCES ? "not a regular file" : strerror(e);
}

/* --- one list, locked ---------------------------------------------------------------- */

/*
 * O_CREAT never meets a file that is there: the kernel may forbid that for the file of
 * another user (fs.protected_regular).  O_NONBLOCK is for a FIFO that somebody put there.
 */
static int list_open(int queue, char const *path, int flags)
{
  int tries, fd;
  int plain = (flags & ~O_CREAT) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  for (tries = 0; tries < TRIES; tries++)
  {
    fd = openat(queue, path, plain);
    if (fd != -1 || errno != ENOENT || !(flags & O_CREAT)) return fd;
    fd = openat(queue, path, plain | O_CREAT | O_EXCL, 0660);
    if (fd != -1 || errno != EEXIST) return fd;
  }
  return errno = EBUSY, -1;
}

static int lock(int fd)
{
  while (flock(fd, LOCK_EX) == -1)
    if (errno != EINTR) return 0;
  return 1;
}

/* Is this file still at the path? */
static int names(int queue, char const *path, struct stat const *st)
{
  struct stat now;
  return fstatat(queue, path, &now, AT_SYMLINK_NOFOLLOW) == 0
    && now.st_dev == st->st_dev && now.st_ino == st->st_ino;
}

/*
 * Open a list and lock it.  While we waited for the lock it may have been renamed away or
 * replaced: then what the path names now is locked instead.  Whoever renames a list away, or
 * something else over it, does that under this lock; so what is true here stays true.
 */
static int list_lock(int queue, char const *path, int flags, struct stat *st)
{
  int tries, fd;
  for (tries = 0; tries < TRIES; tries++)
  {
    fd = list_open(queue, path, flags);
    if (fd == -1) return -1;
    if (!lock(fd) || fstat(fd, st) == -1) goto err;
    if (!S_ISREG(st->st_mode)) { errno = EPERM; goto err; }
    if (names(queue, path, st)) return fd;
    close(fd);
  }
  return errno = EBUSY, -1;

 err:
  close_keep(fd);
  return -1;
}

/* --- appending ----------------------------------------------------------------------- */

/*
 * How many LF a list of this size needs before the next id, while nobody else appends: it may end
 * in half a line (a power cut), or without the LF of its last line.  1, or 0 with errno.
 */
static int padding(int fd, off_t size, size_t *pad)
{
  size_t over = (size_t)(size % LINE_LEN);
  char last = '\n';
  ssize_t r = 1;
  if (size && !over)
    do r = pread(fd, &last, 1, size - 1);
    while (r == -1 && errno == EINTR);
  *pad = over || last != '\n' ? LINE_LEN - over : 0;
  return r == 1 || (r == 0 && (errno = EIO, 0));
}

/*
 * Append all of s or nothing to a list of this size, while nobody else appends.  When removing a
 * part of s fails as well, the next process to append sees that the list ends in no LF, and begins
 * with one.
 */
static int append(int fd, off_t *size, char const *s, size_t len)
{
  size_t done = 0;
  while (done < len)
  {
    ssize_t r = write(fd, s + done, len - done);
    if (r > 0) { done += (size_t)r; continue; }
    if (r == -1 && errno == EINTR) continue;
    {
      int e = r ? errno : EIO;
      if (done && ftruncate(fd, *size) == -1) e = errno;
      errno = e;
      return 0;
    }
  }
  *size += (off_t)len;
  return 1;
}

static int append_ids(int fd, off_t *size, char const *ids, size_t n)
{
  char lines[LINE_LEN + FLUSH_READ_IDS * LINE_LEN];
  size_t pad;
  if (!padding(fd, *size, &pad)) return 0;
  memset(lines, '\n', pad);
  while (n)
  {
    size_t now = n < FLUSH_READ_IDS ? n : FLUSH_READ_IDS, i;
    char *out = lines + pad;
    for (i = 0; i < now; i++, ids += ID_LEN, out += LINE_LEN)
    {
      memcpy(out, ids, ID_LEN);
      out[ID_LEN] = '\n';
    }
    if (!append(fd, size, lines, pad + now * LINE_LEN)) return 0;
    n -= now;
    pad = 0;
  }
  return 1;
}

/* Append the octets of a list from an offset on to another list. */
static int append_list(int to, off_t *size, int from, off_t offset)
{
  char buffer[FLUSH_READ_IDS * LINE_LEN];
  size_t pad;
  ssize_t r;
  memset(buffer, '\n', LINE_LEN);
  if (!padding(to, *size, &pad) || !append(to, size, buffer, pad)) return 0;
  while ((r = pread(from, buffer, sizeof buffer, offset)) > 0)
  {
    if (!append(to, size, buffer, (size_t)r)) return 0;
    offset += r;
  }
  return r == 0;
}

int flush_record(int queue, char const *domain, char const *ids, size_t n)
{
  char path[PATH_LEN];
  struct stat st;
  size_t i;
  int fd, ok;

  if (!list_path(path, "flush", domain)) return 0;
  for (i = 0; i < n; i++)
    if (!id_ok(ids + i * ID_LEN, ID_LEN)) return errno = EINVAL, 0;
  if (!n) return 1;
  fd = list_lock(queue, path, O_RDWR | O_APPEND | O_CREAT, &st);
  if (fd == -1) return 0;
  ok = append_ids(fd, &st.st_size, ids, n);
  close_keep(fd);
  return ok;
}

/* --- claim, settle, unclaim ---------------------------------------------------------- */

/*
 * Rename, never overwriting.  Where the file system cannot, link and unlink instead; a process
 * killed between the two leaves one file under both names, see install().
 */
static int rename_new(int queue, char const *from, char const *to)
{
  if (renameat2(queue, from, queue, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (linkat(queue, from, queue, to, 0) == -1) return -1;
  return unlinkat(queue, from, 0);
}

int flush_claim(int queue, char const *domain)
{
  char list[PATH_LEN], claim[PATH_LEN];
  struct stat st;
  int fd;

  if (!list_path(list, "flush", domain) || !list_path(claim, "claim", domain)) return -1;
  fd = list_lock(queue, list, O_RDONLY, &st);
  if (fd == -1) return -1;
  if (st.st_size == 0)
  {
    /* an empty list, made by a process that was killed before it could append: nothing waits */
    if (unlinkat(queue, list, 0) == 0) errno = ENOENT;
    goto err;
  }
  if (rename_new(queue, list, claim) == -1) goto err;
  /* processes that wait for the lock find the name gone and make a list anew */
  if (flock(fd, LOCK_UN) == -1) goto err;
  return fd;

 err:
  close_keep(fd);
  return -1;
}

int flush_claim_open(int queue, char const *domain)
{
  char path[PATH_LEN];
  return list_path(path, "claim", domain) ? queuedir_open_file(queue, path, O_RDONLY, 0) : -1;
}

int flush_settle(int queue, char const *domain)
{
  char path[PATH_LEN];
  if (!list_path(path, "claim", domain)) return -1;
  return unlinkat(queue, path, 0);
}

/* From which offset on is the locked list new, if all before was seen? */
static off_t seen_size(flush_seen const *seen, struct stat const *st)
{
  if (!seen || seen->dev != st->st_dev || seen->ino != st->st_ino || seen->size > st->st_size)
    return 0;
  return seen->size;
}

/*
 * Make the list `from` (open as fd) the list of a domain.  What the domain's list holds
 * already, but for what was seen of it, goes behind.  An appender that made a list between our
 * look and our rename is what rename_new() fails for: then there is a list to lock.
 */
static int install(int queue, char const *from, int fd, char const *list, flush_seen const *seen)
{
  struct stat here, there;
  int tries, locked, r;

  if (fstat(fd, &here) == -1) return -1;
  for (tries = 0; tries < TRIES; tries++)
  {
    locked = list_lock(queue, list, O_RDONLY, &there);
    if (locked == -1)
    {
      if (errno != ENOENT) return -1;
      if (rename_new(queue, from, list) == 0) return 0;
      if (errno != EEXIST) return -1;
      continue;
    }
    if (here.st_dev == there.st_dev && here.st_ino == there.st_ino) r = unlinkat(queue, from, 0);
    else if (!append_list(fd, &here.st_size, locked, seen_size(seen, &there))) r = -1;
    else r = renameat(queue, from, queue, list);
    close_keep(locked);
    return r;
  }
  return errno = EBUSY, -1;
}

int flush_unclaim(int queue, char const *domain)
{
  char list[PATH_LEN], claim[PATH_LEN];
  int fd, r;

  if (!list_path(list, "flush", domain) || !list_path(claim, "claim", domain)) return -1;
  fd = list_open(queue, claim, O_RDWR | O_APPEND);
  if (fd == -1) return -1;
  r = install(queue, claim, fd, list, 0);
  close_keep(fd);
  return r;
}

/* --- making a list anew --------------------------------------------------------------- */

int flush_look(int queue, char const *domain, flush_seen *seen)
{
  char path[PATH_LEN];
  struct stat st;
  int fd;

  if (!list_path(path, "flush", domain)) return -1;
  /* under the lock no append is half done */
  fd = list_lock(queue, path, O_RDONLY, &st);
  if (fd == -1) return -1;
  if (flock(fd, LOCK_UN) == -1)
  {
    close_keep(fd);
    return -1;
  }
  seen->dev = st.st_dev;
  seen->ino = st.st_ino;
  seen->size = st.st_size;
  return fd;
}

int flush_replace(int queue, char const *domain, char const *ids, size_t n, flush_seen const *seen)
{
  static char const made[] = "flush/" FLUSH_REBUILD;
  char list[PATH_LEN];
  off_t size = 0;
  int fd;

  if (!list_path(list, "flush", domain)) return -1;
  if (unlinkat(queue, made, 0) == -1 && errno != ENOENT) return -1;
  fd = openat(queue, made, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
  if (fd == -1) return -1;
  if (!append_ids(fd, &size, ids, n) || install(queue, made, fd, list, seen) == -1) goto err;
  close(fd);
  return 0;

 err:
  close_keep(fd);
  {
    int e = errno;
    unlinkat(queue, made, 0);
    errno = e;
  }
  return -1;
}

int flush_discard(int queue, char const *domain, flush_seen const *seen)
{
  char path[PATH_LEN];
  struct stat st;
  int fd, r = 0;

  if (!list_path(path, "flush", domain)) return -1;
  fd = list_lock(queue, path, O_RDONLY, &st);
  if (fd == -1) return errno == ENOENT ? 0 : -1;
  if (seen_size(seen, &st) == st.st_size) r = unlinkat(queue, path, 0);
  close_keep(fd);
  return r;
}

/* --- reading ------------------------------------------------------------------------- */

static uint64_t list_lines(int queue, char const *directory, char const *domain)
{
  char path[PATH_LEN];
  struct stat st;
  if (!list_path(path, directory, domain)) return 0;
  if (fstatat(queue, path, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode)) return 0;
  return (uint64_t)st.st_size / LINE_LEN;
}

uint64_t flush_count(int queue, char const *domain)
{
  return list_lines(queue, "flush", domain) + list_lines(queue, "claim", domain);
}

static int listed(int queue, char const *directory, char const *domain)
{
  char path[PATH_LEN];
  struct stat st;
  if (!list_path(path, directory, domain)) return 0;
  if (fstatat(queue, path, &st, AT_SYMLINK_NOFOLLOW) == -1) return errno != ENOENT;
  return S_ISREG(st.st_mode);
}

/* Look for the list last again: a claim that is given back meanwhile is a list then. */
int flush_listed(int queue, char const *domain)
{
  return listed(queue, "flush", domain) || listed(queue, "claim", domain)
    || listed(queue, "flush", domain);
}

/* fd -1: is there still no list of this name? */
static int still(int queue, char const *path, int fd)
{
  struct stat st;
  if (fd != -1) return fstat(fd, &st) == 0 && names(queue, path, &st);
  if (fstatat(queue, path, &st, AT_SYMLINK_NOFOLLOW) == -1) return errno == ENOENT;
  return !S_ISREG(st.st_mode);
}

/* Open one list.  1; 0 when it cannot be opened.  *fd is -1 where there is none. */
static int open_if_any(int queue, char const *path, int *fd)
{
  *fd = queuedir_open_file(queue, path, O_RDONLY, 0);
  return *fd != -1 || errno == ENOENT || (flush_obstructed(errno) && errno != EACCES);
}

int flush_open(int queue, char const *domain, int fds[2])
{
  char list[PATH_LEN], claim[PATH_LEN];
  int tries, ok;

  if (!list_path(list, "flush", domain) || !list_path(claim, "claim", domain)) return 0;
  for (tries = 0; tries < TRIES; tries++)
  {
    fds[1] = -1;
    ok = open_if_any(queue, list, &fds[0]) && open_if_any(queue, claim, &fds[1]);
    if (ok && still(queue, list, fds[0]) && still(queue, claim, fds[1])) return 1;
    if (fds[0] != -1) close_keep(fds[0]);
    if (fds[1] != -1) close_keep(fds[1]);
    if (!ok) return 0;
  }
  return errno = EBUSY, 0;
}

void flush_reader_init(flush_reader *reader, int fd)
{
  reader->fd = fd;
  reader->pos = 0;
  reader->len = 0;
}

/* Move what is left to the front and read on.  Returns as read(2). */
static ssize_t reader_fill(flush_reader *reader)
{
  size_t kept = reader->len - reader->pos;
  ssize_t r;
  memmove(reader->buffer, reader->buffer + reader->pos, kept);
  reader->pos = 0;
  reader->len = kept;
  do r = read(reader->fd, reader->buffer + kept, sizeof reader->buffer - kept);
  while (r == -1 && errno == EINTR);
  if (r > 0) reader->len += (size_t)r;
  return r;
}

/* The number of octets up to the last one that is in no id; 0: these ID_LEN octets are an id. */
static size_t strange(char const *s)
{
  size_t n = ID_LEN;
  while (n && id_octet_ok(s[n - 1])) n--;
  return n;
}

/* How many octets to pass over from an id to where the next one may begin. */
static size_t reader_step(char const *s, size_t len)
{
  if (len == ID_LEN) return ID_LEN;
  return id_octet_ok(s[ID_LEN]) ? 1 : LINE_LEN;
}

/*
 * Find the next id: any ID_LEN octets of an id's alphabet in a row.  A line cut off before it, or
 * one behind it without LF, hides no id.  Where more such octets stand in a row, each may be the
 * first of an id, so all are tried.
 */
int flush_reader_next(flush_reader *reader, char id[ID_LEN + 1])
{
  for (;;)
  {
    char const *s;
    size_t len, skip;
    if (reader->len - reader->pos < LINE_LEN)
    {
      ssize_t r = reader_fill(reader);
      if (r > 0) continue;
      if (r == -1) return -1;
    }
    s = reader->buffer + reader->pos;
    len = reader->len - reader->pos;
    if (len < ID_LEN) return 0;
    skip = strange(s);
    reader->pos += skip ? skip : reader_step(s, len);
    if (skip) continue;
    memcpy(id, s, ID_LEN);
    id[ID_LEN] = 0;
    return 1;
  }
}

/* --- asking -------------------------------------------------------------------------- */

int flush_asked_ok(char const *name, size_t len)
{
  if (!len || len > FLUSH_NAME_MAX) return 0;
  if (name[0] == '=') return id_ok(name + 1, len - 1);
  if (name[0] == '@') return len == 1 || domain_ok(name + 1, len - 1);
  return domain_ok(name, len);
}

/*
 * Make asked/NAME.  Where the name is there already, the flush to come is ours too, whatever kind
 * of file has that name.  A qmgr that is carrying it out at this moment makes it again when it
 * reads our hint.
 */
static int asked_file(int queue, char const *path)
{
  struct stat st;
  int tries, fd;
  for (tries = 0; tries < TRIES; tries++)
  {
    fd = openat(queue, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0660);
    if (fd != -1) { close(fd); return 1; }
    if (errno != EEXIST) return 0;
    if (fstatat(queue, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
      return S_ISDIR(st.st_mode) ? (errno = EISDIR, 0) : 1;
    if (errno != ENOENT) return 0;
  }
  return errno = EBUSY, 0;
}

int flush_asked_make(int queue, char const *name)
{
  char path[PATH_LEN];
  if (!asked_path(path, name)) return 0;
  if (asked_file(queue, path)) return 1;
  if (errno != ENOSPC && errno != EDQUOT) return 0;
  if (reserve_add(queue, name)) return 1;
  if (errno == EACCES) errno = ENOSPC; /* the reserve is not writable for all */
  return 0;
}

/*
 * Send the hint even where asked/NAME could not be made: a process that may only add to the queue
 * cannot use the reserve on a full disk, but qmgr flushes by the hint alone, unless it ends before.
 */
int flush_ask(int queue, char const *name)
{
  int made = flush_asked_make(queue, name), e = errno;
  if (made || e != EINVAL) trigger_hint(queue, TRIGGER_FLUSH, name);
  errno = e;
  return made;
}

int flush_unask(int queue, char const *name)
{
  char path[PATH_LEN];
  if (!asked_path(path, name)) return -1;
  if (unlinkat(queue, path, 0) == 0) return 0;
  return errno == ENOENT && reserve_remove(queue, name) ? 0 : -1;
}

int flush_asked(int queue, char const *name)
{
  char path[PATH_LEN];
  if (!asked_path(path, name)) return -1;
  if (faccessat(queue, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return 1;
  return errno == ENOENT ? reserve_has(queue, name) : -1;
}

/* --- walking ------------------------------------------------------------------------- */

/* A walk through a directory, or the reserve. */
typedef struct walk
{
  int (*ok)(char const *name, size_t len);
  int (*fn)(char const *name, void *data);
  void (*stray)(char const *name, void *data); /* NULL: nobody */
  void (*wrong)(char const *name, void *data); /* the same */
  void *data;
  int requests;   /* entries are requests, which need no regular file */
} walk;

/* Is this entry of the right kind?  One that vanishes meanwhile is left for fn to find gone. */
static int fit(walk const *w, DIR *dir, struct dirent const *entry)
{
  struct stat st = { .st_mode = S_IFREG };
  if (entry->d_type == DT_UNKNOWN) fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW);
  else st.st_mode = (mode_t)DTTOIF(entry->d_type);
  return w->requests ? !S_ISDIR(st.st_mode) : S_ISREG(st.st_mode);
}

/* Call fn for an entry of the right kind.  Returns fn's result, or 1. */
static int entry_see(walk const *w, DIR *dir, struct dirent const *entry)
{
  char const *name = entry->d_name;
  if (!(*w->ok)(name, strlen(name)))
  {
    if (w->wrong && strcmp(name, ".") && strcmp(name, "..")) (*w->wrong)(name, w->data);
    return 1;
  }
  if (fit(w, dir, entry)) return (*w->fn)(name, w->data);
  if (w->stray) (*w->stray)(name, w->data);
  return 1;
}

static struct dirent const *entry_next(DIR *dir)
{
  errno = 0;
  return readdir(dir);
}

static int each(walk const *w, DIR *dir)
{
  struct dirent const *entry;
  while ((entry = entry_next(dir)))
    if (!entry_see(w, dir, entry)) return 0;
  return errno ? -1 : 1;
}

int flush_walker_open(flush_walker *walker, int queue, char const *directory)
{
  walker->requests = !strcmp(directory, "asked");
  walker->dir = directory_open(queue, directory);
  return walker->dir != 0;
}

int flush_walker_next(flush_walker *walker, int (*fn)(char const *name, void *data),
                      void (*stray)(char const *name, void *data),
                      void (*wrong)(char const *name, void *data), void *data)
{
  walk const w = {
    .ok = walker->requests ? flush_asked_ok : domain_ok, .fn = fn, .stray = stray, .wrong = wrong,
    .data = data,
    .requests = walker->requests
  };
  struct dirent const *entry = entry_next(walker->dir);
  if (entry) return entry_see(&w, walker->dir, entry), 1;
  closedir_keep(walker->dir);
  walker->dir = 0;
  return errno ? -1 : 0;
}

/* Move a request from the reserve to asked/, if there is room by now. */
static int asked_settle(char const *name, void *data)
{
  int const *queue = data;
  char path[PATH_LEN];
  return !asked_path(path, name) || !asked_file(*queue, path) || reserve_remove(*queue, name);
}

int flush_reserve_settle(int queue)
{
  return reserve_each(queue, asked_settle, &queue);
}

static int reserved_each(char const *name, void *data)
{
  walk const *w = data;
  return !(*w->ok)(name, strlen(name)) || (*w->fn)(name, w->data);
}

int flush_reserve_each(int queue, int (*fn)(char const *name, void *data), void *data)
{
  walk w = { .ok = flush_asked_ok, .fn = fn, .data = data };
  return reserve_each(queue, reserved_each, &w);
}

int flush_walk(int queue, char const *directory, int (*fn)(char const *name, void *data),
               void (*stray)(char const *name, void *data), void *data)
{
  walk const w = { .ok = domain_ok, .fn = fn, .stray = stray, .data = data };
  DIR *dir = directory_open(queue, directory);
  int r;
  if (!dir) return -1;
  r = each(&w, dir);
  closedir_keep(dir);
  return r;
}

int flush_each(int queue, char const *directory, int (*fn)(char const *name, void *data),
               void *data)
{
  return flush_walk(queue, directory, fn, 0, data);
}

/* Read flush/ again last: a list may be moved from flush/ to claim/, or back, meanwhile. */
int flush_domains_each(int queue, int (*fn)(char const *name, void *data), void *data,
                       char const **directory)
{
  static char const *const places[] = { "flush", "claim", "flush" };
  size_t i;
  int r = 1;
  for (i = 0; r == 1 && i < sizeof places / sizeof *places; i++)
  {
    *directory = places[i];
    r = flush_each(queue, places[i], fn, data);
  }
  return r;
}

typedef struct syncing
{
  int queue;
  int e;      /* why a list could not be synced; 0: all were */
} syncing;

static int sync_each(char const *name, void *data)
{
  syncing *s = data;
  char path[PATH_LEN];
  int fd;
  if (!list_path(path, "flush", name)) return 1;
  fd = list_open(s->queue, path, O_RDONLY);
  if (fd == -1)
  {
    if (errno != ENOENT && !flush_obstructed(errno)) s->e = errno;
    return 1;
  }
  if (fsync(fd) == -1) s->e = errno;
  close(fd);
  return 1;
}

int flush_sync(int queue)
{
  syncing s = { .queue = queue };
  int fd, r;
  if (flush_each(queue, "flush", sync_each, &s) != 1) return -1;
  if (s.e) return errno = s.e, -1;
  fd = openat(queue, "flush", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd == -1) return -1;
  r = fsync(fd);
  close_keep(fd);
  return r;
}
