#include "check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include "base/directory.h"
#include "base/instance.h"
#include "check/layout.h"
#include "start/program.h"

/* The file below the instance that says whether it has users of its own. */
#define ENV "service/qmgr/env"
#define ENV_MAX 4096

/* --- whose the queue is ------------------------------------------------------------------- */

static void instance_look(check const *c, char const *path, struct stat *st)
{
  if (fstatat(c->instance, path, st, 0) == -1) strerr_diefusys(111, "look at ", c->dir, "/", path);
}

/*
 * Does the instance have users of its own?  sluice-init writes a line "users=yes", or "users=",
 * for the run scripts.  Without that file, conf/ and queue/ of two owners mean users.
 */
static int users_said(check const *c)
{
  char text[1 + ENV_MAX + 1] = "\n";
  struct stat conf, queue;
  int fd = openat(c->instance, ENV, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ssize_t r = fd == -1 ? -1 : read(fd, text + 1, ENV_MAX);
  if (fd == -1 && errno == ENOENT)
  {
    instance_look(c, "conf", &conf);
    instance_look(c, "queue", &queue);
    return conf.st_uid != queue.st_uid;
  }
  if (r == -1) strerr_diefusys(111, "read ", c->dir, "/" ENV);
  text[1 + r] = 0;
  fd_close(fd);
  return strstr(text, "\nusers=yes\n") != 0;
}

static uid_t user_id(check const *c, enum layout_owner owner)
{
  char const *name = layout_owner_names[owner];
  struct passwd const *user = getpwnam(name);
  if (!user) strerr_dief(111, "no user ", name, ", who has to do with the queue of ", c->dir);
  return user->pw_uid;
}

static gid_t group_id(check const *c, char const *name)
{
  struct group const *group = getgrnam(name);
  if (!group)
    strerr_dief(111, "no group ", name, ", which the queue of ", c->dir,
                " is for: \"make users\" adds it");
  return group->gr_gid;
}

static void owners_find(check *c)
{
  c->uid = user_id(c, LAYOUT_Q);
  c->writer = user_id(c, LAYOUT_IN);
  c->gid = group_id(c, LAYOUT_KEEPERS);
  c->writers = group_id(c, LAYOUT_WRITERS);
}

static void user_alone(check *c, struct stat const *st)
{
  c->uid = c->writer = st->st_uid;
  c->gid = c->writers = st->st_gid;
}

/*
 * Does the instance belong to another user than root, who runs us?  Then root believes nothing in
 * it.
 */
static int is_foreign(check const *c, struct stat *instance)
{
  if (fstat(c->instance, instance) == -1) strerr_diefusys(111, "look at ", c->dir);
  return !geteuid() && instance->st_uid;
}

void check_layout_open(check *c)
{
  struct stat st;
  int foreign = is_foreign(c, &st);
  c->queue = openat(c->instance, "queue",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | (foreign ? O_NOFOLLOW : 0));
  if (c->queue == -1) strerr_diefusys(111, "open ", c->dir, "/queue");
  c->users = !foreign && users_said(c);
  if (c->users)
  {
    owners_find(c);
    return;
  }
  if (!foreign) instance_look(c, "conf", &st);
  user_alone(c, &st);
}

/*
 * Comes after owners and modes are mended.  The rest needs no rights beyond the owner's, and root
 * had better not read what others wrote.
 */
void check_become_owner(check const *c)
{
  if (geteuid() || !c->uid) return;
  if (c->users) program_become_user(c->uid, c->gid, &c->writers, 1);
  else program_become_user(c->uid, PROGRAM_NOGROUP, 0, 0);
}

/* --- owners and modes ----------------------------------------------------------------------- */

/* A name in an open directory: a rename of the directory does not change what is meant. */
typedef struct check_entry
{
  int dir;
  char const *name;
  char const *path;   /* for findings: below queue/ */
} check_entry;

/* Owner, group and mode as they should be. */
typedef struct wanted
{
  uid_t uid;
  gid_t gid;
  mode_t mode;
} wanted;

/*
 * May root change owner and mode of this file?  Not when it belongs to a user who is neither root
 * nor of the instance; nor when it has a second name: a user may have linked another's file into
 * the directory, for root to give it away.
 */
static int may_give(check const *c, struct stat const *st)
{
  if (st->st_uid && st->st_uid != c->uid && st->st_uid != c->writer) return 0;
  return S_ISDIR(st->st_mode)
    || ((S_ISFIFO(st->st_mode) || S_ISREG(st->st_mode)) && st->st_nlink == 1);
}

/* chown(2) clears bits of the mode, so it comes first.  Only root may change owners. */
static int give(check const *c, int fd, wanted const *w)
{
  struct stat st;
  if (fstat(fd, &st) == -1) return -1;
  if (!may_give(c, &st)) return errno = EPERM, -1;
  if ((st.st_uid != w->uid || st.st_gid != w->gid) && fchown(fd, w->uid, w->gid) == -1) return -1;
  return fchmod(fd, w->mode);
}

/* Open the entry; a symbolic link is not followed. */
static int entry_open(check_entry const *e, int flags)
{
  return openat(e->dir, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags);
}

static int mend(check const *c, check_entry const *e, int flags, wanted const *w)
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

/* What the layout wants of this file.  Where there is one user alone, its group stays as it is. */
static wanted wanted_of(check const *c, layout_entry const *layout, struct stat const *st)
{
  wanted w =
  {
    .uid = c->uid, .gid = group_wanted(c, layout->group), .mode = mode_wanted(c, layout)
  };
  if (layout->owner == LAYOUT_ROOT) w.uid = 0;
  if (!c->users && st) w.gid = st->st_gid;
  return w;
}

/* --- directories ----------------------------------------------------------------------------- */

static int directory_make(check const *c, check_entry const *e, wanted const *w)
{
  if (mkdirat(e->dir, e->name, 0700) == -1) return -1;
  return mend(c, e, O_DIRECTORY, w);
}

/* The owner may have no right to open a directory, but may give himself that right. */
static int directory_mend(check const *c, check_entry const *e, wanted const *w)
{
  int r = mend(c, e, O_DIRECTORY, w);
  if (r != -1 || errno != EACCES || !geteuid()) return r;
  return fchmodat(e->dir, e->name, w->mode, 0);
}

static void directory_check(check *c, check_entry const *e, layout_entry const *layout)
{
  struct stat st;
  int none = fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == -1;
  wanted w = wanted_of(c, layout, none ? 0 : &st);
  if (none)
  {
    if (errno != ENOENT) check_trouble(c, e->path);
    else check_finding(c, e->path, "missing directory", check_mend(c, directory_make(c, e, &w)));
  }
  else if (!S_ISDIR(st.st_mode)) check_finding(c, e->path, "no directory", NOTHING_TO_DO);
  else if (!owner_right(c, &st, &w))
    check_finding(c, e->path, "wrong owner or group", check_mend(c, directory_mend(c, e, &w)));
  else if ((st.st_mode & 07777) != w.mode)
    check_finding(c, e->path, "wrong mode", check_mend(c, directory_mend(c, e, &w)));
}

/* --- the FIFO ------------------------------------------------------------------------- */

/* A qmgr that runs still reads the FIFO that is gone: until its restart it looks once a minute. */
#define UNTIL " (qmgr reads it from its next start on)"

static int trigger_make(check const *c, check_entry const *e, wanted const *w)
{
  if (mkfifoat(e->dir, e->name, 0600) == -1) return errno == EEXIST ? 0 : -1;
  return mend(c, e, 0, w);
}

static int trigger_replace(check const *c, check_entry const *e, wanted const *w)
{
  if (unlinkat(e->dir, e->name, 0) == -1 && errno != ENOENT) return -1;
  return trigger_make(c, e, w);
}

/* A FIFO with a second name may be any user's. */
static int trigger_mend(check const *c, check_entry const *e, struct stat const *st,
                        wanted const *w)
{
  return st->st_nlink == 1 ? mend(c, e, 0, w) : trigger_replace(c, e, w);
}

/*
 * Qmgr makes a FIFO that is missing, with rights for its own group, which has no other members:
 * so bits of the group do not count where there are no users.
 */
static int trigger_right(check const *c, struct stat const *st, wanted const *w)
{
  return owner_right(c, st, w) && (st->st_mode & (c->users ? 0777 : 0700)) == w->mode;
}

static void trigger_check(check *c, check_entry const *e, layout_entry const *layout)
{
  struct stat st;
  int none = fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == -1;
  wanted w = wanted_of(c, layout, none ? 0 : &st);
  if (none)
  {
    if (errno != ENOENT) check_trouble(c, e->path);
    else check_finding(c, e->path, "missing FIFO" UNTIL, check_mend(c, trigger_make(c, e, &w)));
  }
  else if (!S_ISFIFO(st.st_mode))
    check_finding(c, e->path, "no FIFO" UNTIL, check_mend(c, trigger_replace(c, e, &w)));
  else if (!trigger_right(c, &st, &w))
    check_finding(c, e->path, "wrong owner or mode", check_mend(c, trigger_mend(c, e, &st, &w)));
}

/* Qmgr makes queue/deeds: before it has run, the FIFO is not missing. */
static void deeds_check(check *c)
{
  char const *path = layout_below_queue(&layout_deeds);
  check_entry e = { c->queue, path, path };
  struct stat st;
  if (fstatat(e.dir, e.name, &st, AT_SYMLINK_NOFOLLOW) == 0) trigger_check(c, &e, &layout_deeds);
}

/* --- files ---------------------------------------------------------------------------- */

/*
 * Can qmgr use this file?  It reads and writes messages and lists, and removes them from the
 * slices of cur/.  Where there are users, the keepers' group must have these rights, and nobody
 * else.
 */
static int right(check const *c, struct stat const *st)
{
  mode_t need = S_ISDIR(st->st_mode) ? 07 : 06;
  int owned = st->st_uid == c->uid && (st->st_mode & need << 6) == need << 6;
  if (!c->users) return owned;
  return st->st_gid == c->gid && !(st->st_mode & 07)
    && (owned || (st->st_mode & need << 3) == need << 3);
}

/* Where the group shares the file, the user who made it stays its owner. */
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

static int file_mend(check const *c, check_entry const *e)
{
  int fd = entry_open(e, 0), r, errnum;
  if (fd == -1) return -1;
  r = file_give(c, fd);
  errnum = errno;
  fd_close(fd);
  errno = errnum;
  return r;
}

/* A FIFO, link or device is left to the check of the directory it stands in. */
static void file_check(check *c, check_entry const *e)
{
  struct stat st;
  if (fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
  {
    if (errno != ENOENT) check_trouble(c, e->path);
    return;
  }
  if ((!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) || right(c, &st)) return;
  check_finding(c, e->path, "not for qmgr to use: wrong owner or mode",
                check_mend(c, file_mend(c, e)));
}

/* Call fn for every name in the directory e. */
static void entries_each(check *c, check_entry const *e, void (*fn)(check *c, check_entry const *e))
{
  DIR *dir = directory_open(e->dir, e->name);
  stralloc path = STRALLOC_ZERO;
  struct dirent const *found;
  if (!dir)
  {
    /* A directory that is missing, or is none, was reported before, or went meanwhile. */
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) check_trouble(c, e->path);
    return;
  }
  while (errno = 0, (found = readdir(dir)))
    if (!check_dots(found->d_name))
    {
      char const *below = check_path(&path, e->path, found->d_name);
      check_entry const inside = { dirfd(dir), found->d_name, below };
      (*fn)(c, &inside);
    }
  if (errno) check_trouble(c, e->path);
  closedir(dir);
  stralloc_free(&path);
}

static void slice_check(check *c, check_entry const *e)
{
  struct stat st;
  file_check(c, e);
  if (fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
    entries_each(c, e, file_check);
}

/* A name in queue/ itself. */
static check_entry in_queue(check const *c, char const *name)
{
  check_entry e = { c->queue, name, name };
  return e;
}

static void files_check(check *c)
{
  static char const *const directories[] =
  {
    "new", "hold", "flush", "claim", "site", "corrupt", "tmp", "asked", "notice"
  };
  /*
   * Files in tmp/, asked/ and notice/ are being written, or are marks: their rights matter only
   * where there are other users.
   */
  size_t const count = sizeof directories / sizeof *directories - (c->users ? 0 : 3);
  static char const *const files[] = { "lock", "boot", "clean", "clock", "totals", "reserve" };
  check_entry e = in_queue(c, "cur");
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

/* --- the whole layout ------------------------------------------------------------------------ */

void check_layout(check *c)
{
  check_entry trigger = in_queue(c, layout_below_queue(&layout_trigger));
  size_t i;
  for (i = 0; i < layout_directories_count; i++)
  {
    char const *path = layout_below_queue(&layout_directories[i]);
    check_entry e = in_queue(c, path);
    if (path) directory_check(c, &e, &layout_directories[i]);
  }
  trigger_check(c, &trigger, &layout_trigger);
  deeds_check(c);
  if (!geteuid() || geteuid() == c->uid) files_check(c);
}

/* Root may keep a directory elsewhere and link to it. */
static int is_link(check_entry const *e)
{
  struct stat st;
  return fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

void check_layout_beside(check *c)
{
  size_t i;
  if (!c->users || geteuid()) return;
  c->below = "";
  for (i = 0; i < layout_directories_count; i++)
  {
    layout_entry const *layout = &layout_directories[i];
    check_entry e = { c->instance, layout->path, layout->path };
    if (!layout_below_queue(layout) && !is_link(&e)) directory_check(c, &e, layout);
  }
  c->below = "queue/";
}
