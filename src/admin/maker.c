#include "admin/maker.h"
#include "base/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

char const *const maker_parts[MAKER_PARTS] = { "conf", "queue", "run", "service" };

/* --- undoing ------------------------------------------------------------------------------- */

/* Remove a file, or a directory with all in it.  A link is removed, not followed. */
static void tree_remove(int dir, char const *name)
{
  struct dirent const *entry;
  DIR *inside;
  if (unlinkat(dir, name, 0) == 0 || (errno != EISDIR && errno != EPERM)) return;
  inside = directory_open(dir, name);
  if (!inside) return;
  while ((entry = readdir(inside)))
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
      tree_remove(dirfd(inside), entry->d_name);
  closedir(inside);
  unlinkat(dir, name, AT_REMOVEDIR);
}

void maker_undo(maker *m)
{
  int e = errno;
  if (m->renewing) return;
  while (m->parts_made) tree_remove(m->fd, maker_parts[--m->parts_made]);
  if (m->dir_made) rmdir(m->dir);
  errno = e;
}

/* --- making -------------------------------------------------------------------------------- */

void maker_die(maker *m, char const *what)
{
  maker_undo(m);
  strerr_diefusys(111, what, " ", m->path.s ? m->path.s : m->dir);
}

char const *maker_path(maker *m, char const *name)
{
  m->path.len = 0;
  if (!stralloc_cats(&m->path, m->dir) || !stralloc_cats(&m->path, "/")
   || !stralloc_cats(&m->path, name) || !stralloc_0(&m->path))
  {
    maker_undo(m);
    strerr_diefusys(111, "make ", m->dir);
  }
  return name;
}

/* chown(2) clears bits of the mode, so it comes first. */
static void give_open(maker *m, int fd, enum layout_owner owner, gid_t group, mode_t mode)
{
  if (m->users && fchown(fd, m->uids[owner], group) == -1) maker_die(m, "chown");
  if (fchmod(fd, m->users ? mode : LAYOUT_MODE_ALONE(mode)) == -1) maker_die(m, "chmod");
  fd_close(fd);
}

void maker_give(maker *m, char const *name, enum layout_owner owner, gid_t group, mode_t mode)
{
  int fd = openat(m->fd, maker_path(m, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd == -1) maker_die(m, "open");
  give_open(m, fd, owner, group, mode);
}

void maker_directory(maker *m, char const *name)
{
  if (mkdirat(m->fd, maker_path(m, name), 0700) == -1) maker_die(m, "make directory");
}

void maker_file(maker *m, char const *name, stralloc const *text, mode_t mode)
{
  int fd = openat(m->fd, maker_path(m, name),
                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd == -1 || allwrite(fd, text->s, text->len) < text->len) maker_die(m, "write");
  give_open(m, fd, LAYOUT_ROOT, m->groups[LAYOUT_GROUP_WRITERS], mode);
}

void maker_guard(maker const *m)
{
  struct stat st;
  if (fstat(m->fd, &st) == -1) strerr_diefusys(111, "look at ", m->dir);
  if (st.st_uid || st.st_mode & (S_IWGRP | S_IWOTH))
    strerr_dief(100, m->dir,
                ": what runs as root there must be in a directory that is root's alone to change");
}

void maker_free(maker *m)
{
  stralloc_free(&m->bin);
  stralloc_free(&m->templates);
  stralloc_free(&m->path);
  stralloc_free(&m->name);
}
