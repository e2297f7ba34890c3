#include "tools/queue-check-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include "base/instance.h"
#include "start/program.h"
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

static uid_t user_find(check const *c, enum layout_owner owner)
{
  char const *name = layout_owner_names[owner];
  struct passwd const *user = getpwnam(name);
  if (!user) strerr_dief(111, "no user ", name, ", who has to do with the queue of ", c->dir);
  return user->pw_uid;
}

static gid_t group_find(check const *c, char const *name)
{
  struct group const *group = getgrnam(name);
  if (!group) strerr_dief(111, "no group ", name, ", which the queue of ", c->dir, " is for: \"make users\" adds it");
  return group->gr_gid;
}

static void users_find(check *c)
{
  c->uid = user_find(c, LAYOUT_Q);
  c->writer = user_find(c, LAYOUT_IN);
  c->gid = group_find(c, LAYOUT_KEEPERS);
  c->writers = group_find(c, LAYOUT_WRITERS);
}

static void user_alone(check *c, struct stat const *st)
{
  c->uid = c->writer = st->st_uid;
  c->gid = c->writers = st->st_gid;
}

/* Where the instance is another's, root believes nothing that stands in it. */
static int is_foreign(check const *c, struct stat *instance)
{
  if (fstat(c->instance, instance) == -1) strerr_diefusys(111, "look at ", c->dir);
  return !geteuid() && instance->st_uid;
}

void layout_open(check *c)
{
  struct stat st;
  int foreign = is_foreign(c, &st);
  c->queue = openat(c->instance, "queue", O_RDONLY | O_DIRECTORY | O_CLOEXEC | (foreign ? O_NOFOLLOW : 0));
  if (c->queue == -1) strerr_diefusys(111, "open ", c->dir, "/queue");
  c->users = !foreign && users_said(c);
  if (c->users)
  {
    users_find(c);
    return;
  }
  if (!foreign) look(c, "conf", &st);
  user_alone(c, &st);
}

/*
 * Not before owners and modes are as they should be.  Root needs no rights that the owner has not; and what
 * others wrote is better not read as root.
 */
void become_owner(check const *c)
{
  if (geteuid() || !c->uid) return;
  if (c->users) program_become_user(c->uid, c->gid, &c->writers, 1);
  else program_become_user(c->uid, PROGRAM_NOGROUP, 0, 0);
}

/* --- owners and modes ----------------------------------------------------------------------- */

/* A name in a directory that is open: wherever that directory is by now, this is what was meant. */
typedef struct entry
{
  int dir;
  char const *name;
  char const *path;   /* for findings: below queue/ */
} entry;

/* How it should be. */
typedef struct wanted
{
  uid_t uid;
  gid_t gid;
  mode_t mode;
} wanted;

/*
 * May it be given away, and its mode be changed?  Not what belongs to anybody but root and the users of the instance;
 * nor what has another name besides: that may be somebody else's file, linked into our directory for us to give it away.
 */
static int may_give(check const *c, struct stat const *st)
{
  if (st->st_uid && st->st_uid != c->uid && st->st_uid != c->writer) return 0;
  return S_ISDIR(st->st_mode) || ((S_ISFIFO(st->st_mode) || S_ISREG(st->st_mode)) && st->st_nlink == 1);
}

/* chown(2) takes bits of the mode away, so it is first.  Owners are for root to give. */
static int give(check const *c, int fd, wanted const *w)
{
  struct stat st;
  if (fstat(fd, &st) == -1) return -1;
  if (!may_give(c, &st)) return errno = EPERM, -1;
  if ((st.st_uid != w->uid || st.st_gid != w->gid) && fchown(fd, w->uid, w->gid) == -1) return -1;
  return fchmod(fd, w->mode);
}

/* By its name, which leads nowhere else: a symbolic link is not followed. */
static int entry_open(entry const *e, int flags)
{
  return openat(e->dir, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags);
}

static int mend(check const *c, entry const *e, int flags, wanted const *w)
{
  int fd = entry_open(e, flags), r, errnum;
  if (fd == -1) return -1;
  r = give(c, fd, w);
  errnum = errno;
  fd_close(fd);
  errno = errnum;
  return r;
}

static mode_t mode_wanted(check const *c, layout_entry const *layout)
{
  return c->users ? layout->mode : LAYOUT_MODE_ALONE(layout->mode);
}

static gid_t group_wanted(check const *c, enum layout_group group)
{
  if (group == LAYOUT_GROUP_ROOT) return 0;
  return group == LAYOUT_GROUP_WRITERS ? c->writers : c->gid;
}

static int owner_right(check const *c, struct stat const *st, wanted const *w)
{
  return st->st_uid == w->uid && (!c->users || st->st_gid == w->gid);
}

/* What it should be, the group left as it is where there is one user alone. */
static wanted wanted_of(check const *c, layout_entry const *layout, struct stat const *st)
{
  wanted w = { .uid = c->uid, .gid = group_wanted(c, layout->group), .mode = mode_wanted(c, layout) };
  if (layout->owner == LAYOUT_ROOT) w.uid = 0;
  if (!c->users && st) w.gid = st->st_gid;
  return w;
}

/* --- directories ----------------------------------------------------------------------------- */

static int directory_make(check const *c, entry const *e, wanted const *w)
{
  if (mkdirat(e->dir, e->name, 0700) == -1) return -1;
  return mend(c, e, O_DIRECTORY, w);
}

/* Its owner may have no right to open it, but may give it to himself. */
static int directory_mend(check const *c, entry const *e, wanted const *w)
{
  int r = mend(c, e, O_DIRECTORY, w);
  if (r != -1 || errno != EACCES || !geteuid()) return r;
  return fchmodat(e->dir, e->name, w->mode, 0);
}

static void directory_check(check *c, entry const *e, layout_entry const *layout)
{
  struct stat st;
  int none = fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == -1;
  wanted w = wanted_of(c, layout, none ? 0 : &st);
  if (none)
  {
    if (errno != ENOENT) trouble(c, e->path);
    else finding(c, e->path, "missing directory", mending_by(c, directory_make(c, e, &w)));
  }
  else if (!S_ISDIR(st.st_mode)) finding(c, e->path, "no directory", NOTHING_TO_DO);
  else if (!owner_right(c, &st, &w))
    finding(c, e->path, "wrong owner or group", mending_by(c, directory_mend(c, e, &w)));
  else if ((st.st_mode & 07777) != w.mode)
    finding(c, e->path, "wrong mode", mending_by(c, directory_mend(c, e, &w)));
}

/* --- the FIFO ---------------------------------------------------------------------------------- */

/* A qmgr that runs reads the one that is gone: until it is started again, it looks once a minute. */
#define UNTIL " (qmgr reads it from its next start on)"

static int trigger_make(check const *c, entry const *e, wanted const *w)
{
  if (mkfifoat(e->dir, e->name, 0600) == -1) return errno == EEXIST ? 0 : -1;
  return mend(c, e, 0, w);
}

static int trigger_replace(check const *c, entry const *e, wanted const *w)
{
  if (unlinkat(e->dir, e->name, 0) == -1 && errno != ENOENT) return -1;
  return trigger_make(c, e, w);
}

/* One that has another name besides may be anybody's. */
static int trigger_mend(check const *c, entry const *e, struct stat const *st, wanted const *w)
{
  return st->st_nlink == 1 ? mend(c, e, 0, w) : trigger_replace(c, e, w);
}

/* Qmgr makes it itself where it is missing, and then with rights for a group that nobody else is in. */
static int trigger_right(check const *c, struct stat const *st, wanted const *w)
{
  return owner_right(c, st, w) && (st->st_mode & (c->users ? 0777 : 0700)) == w->mode;
}

static void trigger_check(check *c, entry const *e, layout_entry const *layout)
{
  struct stat st;
  int none = fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == -1;
  wanted w = wanted_of(c, layout, none ? 0 : &st);
  if (none)
  {
    if (errno != ENOENT) trouble(c, e->path);
    else finding(c, e->path, "missing FIFO" UNTIL, mending_by(c, trigger_make(c, e, &w)));
  }
  else if (!S_ISFIFO(st.st_mode))
    finding(c, e->path, "no FIFO" UNTIL, mending_by(c, trigger_replace(c, e, &w)));
  else if (!trigger_right(c, &st, &w))
    finding(c, e->path, "wrong owner or mode", mending_by(c, trigger_mend(c, e, &st, &w)));
}

/* Nobody misses it before a qmgr has run. */
static void deeds_check(check *c)
{
  entry e = { c->queue, layout_below_queue(&layout_deeds), layout_below_queue(&layout_deeds) };
  struct stat st;
  if (fstatat(e.dir, e.name, &st, AT_SYMLINK_NOFOLLOW) == 0) trigger_check(c, &e, &layout_deeds);
}

/* --- files ------------------------------------------------------------------------------------- */

/*
 * Qmgr reads and writes messages and lists, and takes them out of the slices of cur/.  Where there are users, all that
 * is for the keepers' group and for nobody else.
 */
static int right(check const *c, struct stat const *st)
{
  mode_t need = S_ISDIR(st->st_mode) ? 07 : 06;
  int owned = st->st_uid == c->uid && (st->st_mode & need << 6) == need << 6;
  if (!c->users) return owned;
  return st->st_gid == c->gid && !(st->st_mode & 07) && (owned || (st->st_mode & need << 3) == need << 3);
}

/* Who put it there stays its owner where the group shares it. */
static int file_give(check const *c, int fd)
{
  struct stat st;
  wanted w = { .uid = c->uid, .gid = c->gid };
  if (fstat(fd, &st) == -1) return -1;
  if (S_ISFIFO(st.st_mode)) return errno = EPERM, -1;
  w.mode = (st.st_mode & 0777) | (S_ISDIR(st.st_mode) ? 0700 : 0600);
  if (c->users)
  {
    w.uid = st.st_uid;
    w.mode = (w.mode & 0770) | (S_ISDIR(st.st_mode) ? S_ISGID | 0070 : 0060);
  }
  else if (st.st_uid == c->uid) w.gid = st.st_gid;
  return give(c, fd, &w);
}

static int file_mend(check const *c, entry const *e)
{
  int fd = entry_open(e, 0), r, errnum;
  if (fd == -1) return -1;
  r = file_give(c, fd);
  errnum = errno;
  fd_close(fd);
  errno = errnum;
  return r;
}

/* What is neither a file nor a directory is seen to where it is used. */
static void file_check(check *c, entry const *e)
{
  struct stat st;
  if (fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
  {
    if (errno != ENOENT) trouble(c, e->path);
    return;
  }
  if ((!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) || right(c, &st)) return;
  finding(c, e->path, "not for qmgr to use: wrong owner or mode", mending_by(c, file_mend(c, e)));
}

/* Call fn for every name in it. */
static void entries_each(check *c, entry const *e, void (*fn)(check *c, entry const *e))
{
  DIR *dir = directory_open(e->dir, e->name);
  stralloc path = STRALLOC_ZERO;
  struct dirent const *found;
  if (!dir)
  {
    /* What is missing, or no directory, was said, or went meanwhile. */
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) trouble(c, e->path);
    return;
  }
  while (errno = 0, (found = readdir(dir)))
    if (!dots(found->d_name))
    {
      entry const inside = { dirfd(dir), found->d_name, path_join(&path, e->path, found->d_name) };
      (*fn)(c, &inside);
    }
  if (errno) trouble(c, e->path);
  closedir(dir);
  stralloc_free(&path);
}

static void slice_check(check *c, entry const *e)
{
  struct stat st;
  file_check(c, e);
  if (fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) entries_each(c, e, file_check);
}

/* A name in queue/ itself. */
static entry in_queue(check const *c, char const *name)
{
  entry e = { c->queue, name, name };
  return e;
}

static void files_check(check *c)
{
  static char const *const directories[] = { "new", "hold", "flush", "claim", "site", "corrupt", "tmp", "asked", "notice" };
  /* what is in the last of them is but being written, or a mark: that matters where others could reach it */
  size_t const count = sizeof directories / sizeof *directories - (c->users ? 0 : 3);
  static char const *const files[] = { "lock", "boot", "clean", "clock", "totals", "reserve" };
  entry e = in_queue(c, "cur");
  size_t i;
  entries_each(c, &e, slice_check);
  for (i = 0; i < count; i++)
  {
    e = in_queue(c, directories[i]);
    entries_each(c, &e, file_check);
  }
  for (i = 0; i < sizeof files / sizeof *files; i++)
  {
    e = in_queue(c, files[i]);
    file_check(c, &e);
  }
}

/* --- all of it --------------------------------------------------------------------------------- */

void layout_check(check *c)
{
  entry trigger = in_queue(c, layout_below_queue(&layout_trigger));
  size_t i;
  for (i = 0; i < layout_directories_count; i++)
  {
    char const *path = layout_below_queue(&layout_directories[i]);
    entry e = in_queue(c, path);
    if (path) directory_check(c, &e, &layout_directories[i]);
  }
  trigger_check(c, &trigger, &layout_trigger);
  deeds_check(c);
  if (!geteuid() || geteuid() == c->uid) files_check(c);
}

/* Root may have put it elsewhere. */
static int is_link(entry const *e)
{
  struct stat st;
  return fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

void layout_check_beside(check *c)
{
  size_t i;
  if (!c->users || geteuid()) return;
  c->below = "";
  for (i = 0; i < layout_directories_count; i++)
  {
    layout_entry const *layout = &layout_directories[i];
    entry e = { c->instance, layout->path, layout->path };
    if (!layout_below_queue(layout) && !is_link(&e)) directory_check(c, &e, layout);
  }
  c->below = "queue/";
}
