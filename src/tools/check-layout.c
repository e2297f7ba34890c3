#include "tools/queue-check-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include "tools/layout.h"

/* What below the instance says whose it is. */
#define ENV "service/qmgr/env"
#define ENV_MAX 4096

/* --- whose it is -------------------------------------------------------------------------- */

static void look(check const *c, char const *path, struct stat *st)
{
  if (fstatat(c->instance, path, st, 0) == -1) strerr_diefusys(111, "look at ", c->dir, "/", path);
}

/*
 * As sluice-init wrote it for the run scripts: a line "users=yes", or "users=".  Without it the
 * queue's own owner says it.
 */
static int users_said(check const *c)
{
  char text[1 + ENV_MAX + 1] = "\n";
  struct stat conf, queue;
  int fd = openat(c->instance, ENV, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ssize_t r = fd == -1 ? -1 : read(fd, text + 1, ENV_MAX);
  if (fd == -1 && errno == ENOENT)
  {
    look(c, "conf", &conf);
    look(c, "queue", &queue);
    return conf.st_uid != queue.st_uid;
  }
  if (r == -1) strerr_diefusys(111, "read ", c->dir, "/" ENV);
  text[1 + r] = 0;
  fd_close(fd);
  return strstr(text, "\nusers=yes\n") != 0;
}

static void users_find(check *c)
{
  char const *name = layout_owner_names[LAYOUT_Q];
  struct passwd const *user = getpwnam(name);
  struct group const *group = getgrnam(LAYOUT_GROUP);
  if (!user) strerr_dief(111, "no user ", name, ", who has the queue of ", c->dir);
  if (!group) strerr_dief(111, "no group " LAYOUT_GROUP ", who shares the queue of ", c->dir);
  c->uid = user->pw_uid;
  c->gid = group->gr_gid;
}

void owners_find(check *c)
{
  struct stat st;
  c->users = users_said(c);
  if (c->users)
  {
    users_find(c);
    return;
  }
  look(c, "conf", &st);
  c->uid = st.st_uid;
  c->gid = st.st_gid;
}

/*
 * Not before owners and modes are as they should be.  Root needs no rights that the owner has not; and what
 * others wrote is better not read as root.
 */
void become_owner(check const *c)
{
  if (geteuid() || !c->uid) return;
  if (setgroups(1, &c->gid) == -1 || setgid(c->gid) == -1 || setuid(c->uid) == -1)
    strerr_diefusys(111, "become the user who has the queue");
}

/* --- owners and modes ----------------------------------------------------------------------- */

/* chown(2) takes bits of the mode away, so it is first.  Owners are for root to give. */
static int give(check const *c, int fd, struct stat const *st, mode_t mode)
{
  gid_t gid = c->users ? c->gid : st->st_gid;
  if ((st->st_uid != c->uid || st->st_gid != gid) && fchown(fd, c->uid, gid) == -1) return -1;
  return fchmod(fd, mode);
}

static mode_t mode_wanted(check const *c, layout_entry const *entry)
{
  return c->users ? entry->mode : LAYOUT_MODE_ALONE(entry->mode);
}

static int owner_right(check const *c, struct stat const *st)
{
  return st->st_uid == c->uid && (!c->users || st->st_gid == c->gid);
}

/* By its name, which leads nowhere else: a symbolic link is not followed. */
static int mend(check const *c, char const *path, int flags, mode_t mode)
{
  struct stat st;
  int fd = openat(c->queue, path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r, e;
  if (fd == -1) return -1;
  r = fstat(fd, &st) == -1 ? -1 : give(c, fd, &st, mode);
  e = errno;
  fd_close(fd);
  errno = e;
  return r;
}

/* Of an entry of the layout the path below queue/, "." for queue/ itself; NULL for what is somewhere else. */
static char const *below_queue(layout_entry const *entry)
{
  size_t const len = strlen("queue");
  if (strncmp(entry->path, "queue", len)) return 0;
  return entry->path[len] ? entry->path + len + 1 : ".";
}

/* --- directories ----------------------------------------------------------------------------- */

static int directory_make(check const *c, char const *path, mode_t mode)
{
  if (mkdirat(c->queue, path, 0700) == -1) return -1;
  return mend(c, path, O_RDONLY | O_DIRECTORY, mode);
}

/* Its owner may have no right to open it, but may give it to himself. */
static int directory_mend(check const *c, char const *path, mode_t mode)
{
  int r = mend(c, path, O_RDONLY | O_DIRECTORY, mode);
  if (r != -1 || errno != EACCES || !geteuid()) return r;
  return fchmodat(c->queue, path, mode, 0);
}

static void directory_check(check *c, char const *path, mode_t mode)
{
  struct stat st;
  if (fstatat(c->queue, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
  {
    if (errno != ENOENT) trouble(c, path);
    else finding(c, path, "missing directory", mending_by(c, directory_make(c, path, mode)));
  }
  else if (!S_ISDIR(st.st_mode)) finding(c, path, "no directory", NOTHING_TO_DO);
  else if (!owner_right(c, &st))
    finding(c, path, "wrong owner or group", mending_by(c, directory_mend(c, path, mode)));
  else if ((st.st_mode & 07777) != mode)
    finding(c, path, "wrong mode", mending_by(c, directory_mend(c, path, mode)));
}

/* --- the FIFO ---------------------------------------------------------------------------------- */

/* A qmgr that runs reads the one that is gone: until it is started again, it looks once a minute. */
#define UNTIL " (qmgr reads it from its next start on)"

static int trigger_make(check const *c, char const *path, mode_t mode)
{
  if (mkfifoat(c->queue, path, 0600) == -1) return errno == EEXIST ? 0 : -1;
  return mend(c, path, O_RDONLY, mode);
}

static int trigger_replace(check const *c, char const *path, mode_t mode)
{
  if (unlinkat(c->queue, path, 0) == -1 && errno != ENOENT) return -1;
  return trigger_make(c, path, mode);
}

/* Qmgr makes it itself where it is missing, and then with rights for a group that nobody else is in. */
static int trigger_right(check const *c, struct stat const *st, mode_t mode)
{
  return owner_right(c, st) && (st->st_mode & (c->users ? 0777 : 0700)) == mode;
}

static void trigger_check(check *c, char const *path, mode_t mode)
{
  struct stat st;
  if (fstatat(c->queue, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
  {
    if (errno != ENOENT) trouble(c, path);
    else finding(c, path, "missing FIFO" UNTIL, mending_by(c, trigger_make(c, path, mode)));
  }
  else if (!S_ISFIFO(st.st_mode))
    finding(c, path, "no FIFO" UNTIL, mending_by(c, trigger_replace(c, path, mode)));
  else if (!trigger_right(c, &st, mode))
    finding(c, path, "wrong owner or mode", mending_by(c, mend(c, path, O_RDONLY, mode)));
}

/* --- files ------------------------------------------------------------------------------------- */

/* Qmgr reads and writes messages and lists, and takes them out of the slices of cur/. */
static int usable(check const *c, struct stat const *st)
{
  mode_t need = S_ISDIR(st->st_mode) ? 07 : 06;
  if (st->st_uid == c->uid) return (st->st_mode & need << 6) == need << 6;
  return c->users && st->st_gid == c->gid && (st->st_mode & need << 3) == need << 3;
}

/*
 * Who put it there stays its owner where the group shares it.  What has another name besides may be
 * somebody else's file, linked into our directory so that we give it away.
 */
static int file_give(check const *c, int fd)
{
  struct stat st;
  mode_t mode;
  if (fstat(fd, &st) == -1) return -1;
  if (!S_ISDIR(st.st_mode) && (!S_ISREG(st.st_mode) || st.st_nlink != 1)) return errno = EPERM, -1;
  mode = (st.st_mode & 0777) | (S_ISDIR(st.st_mode) ? 0700 : 0600);
  if (c->users)
  {
    if (st.st_gid != c->gid && fchown(fd, (uid_t)-1, c->gid) == -1) return -1;
    return fchmod(fd, mode | (S_ISDIR(st.st_mode) ? S_ISGID | 0070 : 0060));
  }
  if (st.st_uid != c->uid && fchown(fd, c->uid, c->gid) == -1) return -1;
  return fchmod(fd, mode);
}

static int file_mend(check const *c, char const *path)
{
  int fd = openat(c->queue, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r, e;
  if (fd == -1) return -1;
  r = file_give(c, fd);
  e = errno;
  fd_close(fd);
  errno = e;
  return r;
}

/* What is neither a file nor a directory is seen to where it is used. */
static void file_check(check *c, char const *path)
{
  struct stat st;
  if (fstatat(c->queue, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
  {
    if (errno != ENOENT) trouble(c, path);
    return;
  }
  if ((!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) || usable(c, &st)) return;
  finding(c, path, "not for qmgr to use: wrong owner or mode", mending_by(c, file_mend(c, path)));
}

static void file_each(check *c, char const *directory, char const *name)
{
  stralloc path = STRALLOC_ZERO;
  file_check(c, path_join(&path, directory, name));
  stralloc_free(&path);
}

static void slice_each(check *c, char const *directory, char const *name)
{
  stralloc path = STRALLOC_ZERO;
  struct stat st;
  path_join(&path, directory, name);
  file_check(c, path.s);
  if (fstatat(c->queue, path.s, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) names_each(c, path.s, file_each);
  stralloc_free(&path);
}

static void files_check(check *c)
{
  static char const *const directories[] = { "new", "hold", "flush", "claim" };
  static char const *const files[] = { "lock", "boot", "clean", "clock", "totals", "reserve" };
  size_t i;
  names_each(c, "cur", slice_each);
  for (i = 0; i < sizeof directories / sizeof *directories; i++) names_each(c, directories[i], file_each);
  for (i = 0; i < sizeof files / sizeof *files; i++) file_check(c, files[i]);
}

void layout_check(check *c)
{
  size_t i;
  for (i = 0; i < layout_directories_count; i++)
  {
    char const *path = below_queue(&layout_directories[i]);
    if (path) directory_check(c, path, mode_wanted(c, &layout_directories[i]));
  }
  trigger_check(c, below_queue(&layout_trigger), mode_wanted(c, &layout_trigger));
  if (!geteuid() || geteuid() == c->uid) files_check(c);
}
