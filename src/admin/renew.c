#include "admin/renew.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include "admin/service.h"
#include "admin/users.h"
#include "check/check.h"
#include "start/program.h"

/* --- service/ ------------------------------------------------------------------------------- */

static int is_there(maker *m, char const *name)
{
  struct stat st;
  if (fstatat(m->fd, maker_path(m, name), &st, AT_SYMLINK_NOFOLLOW) == 0) return 1;
  if (errno != ENOENT) maker_die(m, "look at");
  return 0;
}

/* A link is an operator's own doing: what it stands for is left alone. */
static int is_linked(maker *m, char const *name)
{
  struct stat st;
  if (fstatat(m->fd, maker_path(m, name), &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISLNK(st.st_mode))
    return 0;
  strerr_warnw(name, " is a symbolic link: left as it is");
  return 1;
}

/* Make the directory where it is missing.  1 when it was made now. */
static int directory_missing(maker *m, char const *name)
{
  if (is_there(m, name)) return 0;
  maker_directory(m, name);
  return 1;
}

/* 1 with the file's text; 0 when there is no file. */
static int file_read(maker *m, char const *name, stralloc *text)
{
  int fd = openat(m->fd, maker_path(m, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), ok;
  if (fd == -1 && errno == ENOENT) return 0;
  ok = fd != -1 && slurp(text, fd);
  if (!ok) maker_die(m, "read");
  fd_close(fd);
  return 1;
}

static void rename_to(maker *m, char const *from, char const *to)
{
  if (renameat(m->fd, maker_path(m, from), m->fd, to) == -1) maker_die(m, "rename");
}

#define SERVICE_NAME_MAX 64

/*
 * An operator who has changed the file finds his version beside the new one, as NAME.old.  When
 * the program is killed between the two renames, the file is missing; the next run makes it, and
 * NAME.old has been kept.
 */
static void file_replace(maker *m, char const *name, stralloc const *text, mode_t mode, int old)
{
  char aside[SERVICE_NAME_MAX + sizeof ".new"], before[SERVICE_NAME_MAX + sizeof ".old"];
  if (strlen(name) > SERVICE_NAME_MAX) strerr_dief(111, "too long a name: ", name);
  stpcpy(stpcpy(aside, name), ".new");
  stpcpy(stpcpy(before, name), ".old");
  if (unlinkat(m->fd, maker_path(m, aside), 0) == -1 && errno != ENOENT) maker_die(m, "remove");
  maker_file(m, aside, text, mode);
  if (old) rename_to(m, name, before);
  rename_to(m, aside, name);
}

static void file_renew(maker *m, check *c, char const *name, stralloc const *text, mode_t mode)
{
  stralloc old = STRALLOC_ZERO;
  int there = file_read(m, name, &old);
  if (!there || old.len != text->len || memcmp(old.s, text->s, text->len))
  {
    file_replace(m, name, text, mode, there);
    check_finding(c, name, there ? "of another version (it has .old behind its name now)"
                           : "missing file", MENDED);
  }
  stralloc_free(&old);
}

static void template_renew(maker *m, check *c, char const *service, char const *name, mode_t mode)
{
  stralloc text = STRALLOC_ZERO;
  if (is_linked(m, service_path(m, service, name))) return;
  service_template(m, service, name, &text);
  file_renew(m, c, service_path(m, service, name), &text, mode);
  stralloc_free(&text);
}

static void service_directory(maker *m, check *c, char const *service, char const *name,
                              enum layout_owner owner, mode_t mode)
{
  char const *path = service_path(m, service, name);
  if (!directory_missing(m, path)) return;
  maker_give(m, path, owner, m->gids[owner], mode);
  check_finding(c, path, "missing directory", MENDED);
}

/* An env that is there stays as it is: it says where the programs are. */
static void env_complete(maker *m, check *c, char const *service)
{
  stralloc text = STRALLOC_ZERO;
  char const *name = service_path(m, service, "/env");
  if (!is_there(m, name))
  {
    service_env(m, &text);
    file_renew(m, c, name, &text, 0644);
  }
  stralloc_free(&text);
}

static void logger_renew(maker *m, check *c, char const *service)
{
  if (is_linked(m, service_path(m, service, "/log"))) return;
  service_directory(m, c, service, "/log", LAYOUT_ROOT, 0755);
  service_directory(m, c, service, "/log/main", LAYOUT_LOG, SERVICE_LOG_MODE);
  template_renew(m, c, service, "/log/run", 0755);
}

/*
 * A service that is made now is kept from running, if it is one of those: its run script, which is
 * made last, is not there yet.  Later on it is the operator who says whether it runs.
 */
static void down_make(maker *m, check *c, char const *service)
{
  if (!is_there(m, service_path(m, service, "/run"))) template_renew(m, c, service, "/down", 0644);
}

static void service_renew(maker *m, check *c, service_kind const *kind)
{
  char const *service = kind->name;
  if (is_linked(m, service_path(m, service, ""))) return;
  service_directory(m, c, service, "", LAYOUT_ROOT, 0755);
  logger_renew(m, c, service);
  env_complete(m, c, service);
  template_renew(m, c, service, "/notification-fd", 0644);
  if (kind->down) down_make(m, c, service);
  template_renew(m, c, service, "/run", 0755);
}

/* Supervisors run these files as root, so service/ must belong to root. */
static void services_renew(maker *m, check *c)
{
  struct stat st;
  size_t i;
  if (fstatat(m->fd, maker_path(m, "service"), &st, AT_SYMLINK_NOFOLLOW) == -1)
    maker_die(m, "look at");
  if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
    strerr_dief(100, m->path.s, " is not a directory of ours");
  c->below = "";
  for (i = 0; i < SERVICES; i++) service_renew(m, c, &service_kinds[i]);
  c->below = "queue/";
}

/* --- all of it ------------------------------------------------------------------------------- */

/*
 * The lock keeps a qmgr from starting until this program ends.  Other programs may run: what a
 * session of the earlier version puts into the queue meanwhile, the next run or queue-check mends.
 */
static void qmgr_keep_out(maker const *m, check const *c)
{
  int fd = queuedir_open_file(c->queue, "lock", O_RDWR, 0);
  if (fd == -1 && errno != ENOENT) strerr_diefusys(111, "open ", m->dir, "/queue/lock");
  if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) strerr_diefusys(111, "lock ", m->dir, "/queue/lock");
  strerr_dief(1, "a qmgr has ", m->dir, "/queue: stop the services first");
}

/* Find the users that the instance's files are given to.  Only root may give files away. */
static void owners_take(maker *m, check *c)
{
  m->users = c->users;
  if (!c->users) return;
  users_find(m);
  maker_guard(m);
}

/*
 * Go on as the owner of the instance.  An instance with users of its own must belong to root: in
 * another user's directory root would act on whatever that user put there.
 */
static void become_its_owner(maker const *m)
{
  struct stat dir, queue;
  if (fstat(m->fd, &dir) == -1) strerr_diefusys(111, "look at ", m->dir);
  if (!geteuid() && dir.st_uid && fstatat(m->fd, "queue", &queue, AT_SYMLINK_NOFOLLOW) == 0
   && queue.st_uid != dir.st_uid) maker_guard(m);
  program_become_owner(m->fd);
}

static int code_of(check const *c)
{
  if (c->trouble) return 111;
  return c->left ? 1 : 0;
}

int renew(maker *m)
{
  check c = { .dir = m->dir, .below = "queue/", .instance = m->fd, .out = OUT_ZERO };
  int code;
  become_its_owner(m);
  check_layout_open(&c);
  owners_take(m, &c);
  qmgr_keep_out(m, &c);
  check_layout_beside(&c);
  check_layout(&c);
  services_renew(m, &c);
  code = code_of(&c);
  out_free(&c.out);
  return code;
}
