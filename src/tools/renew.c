#include "tools/sluice-init-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include "start/program.h"
#include "tools/queue-check-internal.h"

/* --- service/ ------------------------------------------------------------------------------- */

static int is_there(maker *m, char const *name)
{
  struct stat st;
  if (fstatat(m->fd, path_set(m, name), &st, AT_SYMLINK_NOFOLLOW) == 0) return 1;
  if (errno != ENOENT) die_undone(m, "look at");
  return 0;
}

/* What an operator has linked is his. */
static int is_linked(maker *m, char const *name)
{
  struct stat st;
  if (fstatat(m->fd, path_set(m, name), &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISLNK(st.st_mode)) return 0;
  strerr_warnw(name, " is a symbolic link: left as it is");
  return 1;
}

/* 1 when it is made now. */
static int directory_missing(maker *m, char const *name)
{
  if (is_there(m, name)) return 0;
  directory_make(m, name);
  return 1;
}

/* 1 with its text; 0 when there is none. */
static int file_read(maker *m, char const *name, stralloc *text)
{
  int fd = openat(m->fd, path_set(m, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), ok;
  if (fd == -1 && errno == ENOENT) return 0;
  ok = fd != -1 && slurp(text, fd);
  if (!ok) die_undone(m, "read");
  fd_close(fd);
  return 1;
}

static void rename_to(maker *m, char const *from, char const *to)
{
  if (renameat(m->fd, path_set(m, from), m->fd, to) == -1) die_undone(m, "rename");
}

/*
 * Who has changed it finds what he had beside it.  Cut short between the two renames it is missing, and made anew the
 * next time, while what was there before has been kept.
 */
#define SERVICE_NAME_MAX 64

static void file_replace(maker *m, char const *name, stralloc const *text, mode_t mode, int old)
{
  char aside[SERVICE_NAME_MAX + sizeof ".new"], before[SERVICE_NAME_MAX + sizeof ".old"];
  if (strlen(name) > SERVICE_NAME_MAX) strerr_dief(111, "too long a name: ", name);
  stpcpy(stpcpy(aside, name), ".new");
  stpcpy(stpcpy(before, name), ".old");
  if (unlinkat(m->fd, path_set(m, aside), 0) == -1 && errno != ENOENT) die_undone(m, "remove");
  file_make(m, aside, text, mode);
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
    finding(c, name, there ? "of another version (it has .old behind its name now)" : "missing file", MENDED);
  }
  stralloc_free(&old);
}

static void template_renew(maker *m, check *c, char const *service, char const *name, mode_t mode)
{
  stralloc text = STRALLOC_ZERO;
  if (is_linked(m, service_name(m, service, name))) return;
  template_text(m, service, name, &text);
  file_renew(m, c, service_name(m, service, name), &text, mode);
  stralloc_free(&text);
}

static void service_directory(maker *m, check *c, char const *service, char const *name, enum layout_owner owner,
                              mode_t mode)
{
  char const *path = service_name(m, service, name);
  if (!directory_missing(m, path)) return;
  give(m, path, owner, m->gids[owner], mode);
  finding(c, path, "missing directory", MENDED);
}

/* What says where the programs are stays as it is. */
static void env_complete(maker *m, check *c, char const *service)
{
  stralloc text = STRALLOC_ZERO;
  char const *name = service_name(m, service, "/env");
  if (!is_there(m, name))
  {
    env_text(m, &text);
    file_renew(m, c, name, &text, 0644);
  }
  stralloc_free(&text);
}

static void logger_renew(maker *m, check *c, char const *service)
{
  if (is_linked(m, service_name(m, service, "/log"))) return;
  service_directory(m, c, service, "/log", LAYOUT_ROOT, 0755);
  service_directory(m, c, service, "/log/main", LAYOUT_LOG, LOG_MODE);
  template_renew(m, c, service, "/log/run", 0755);
}

static void service_renew(maker *m, check *c, char const *service)
{
  if (is_linked(m, service_name(m, service, ""))) return;
  service_directory(m, c, service, "", LAYOUT_ROOT, 0755);
  logger_renew(m, c, service);
  env_complete(m, c, service);
  template_renew(m, c, service, "/notification-fd", 0644);
  template_renew(m, c, service, "/run", 0755);
}

/* What supervisors run as root, in a directory that is root's. */
static void services_renew(maker *m, check *c)
{
  struct stat st;
  size_t i;
  if (fstatat(m->fd, path_set(m, "service"), &st, AT_SYMLINK_NOFOLLOW) == -1) die_undone(m, "look at");
  if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) strerr_dief(100, m->path.s, " is not a directory of ours");
  c->below = "";
  for (i = 0; i < services_count; i++) service_renew(m, c, services[i]);
  c->below = "queue/";
}

/* --- all of it ------------------------------------------------------------------------------- */

/*
 * Until we end no qmgr begins.  What else runs does no harm: what a session of the old ways puts into the queue
 * meanwhile is mended by the next run, or by queue-check.
 */
static void qmgr_keep_out(maker const *m, check const *c)
{
  int fd = queuedir_open_file(c->queue, "lock", O_RDWR, 0);
  if (fd == -1 && errno != ENOENT) strerr_diefusys(111, "open ", m->dir, "/queue/lock");
  if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) strerr_diefusys(111, "lock ", m->dir, "/queue/lock");
  strerr_dief(1, "a qmgr has ", m->dir, "/queue: stop the services first");
}

/* Those who are root's alone to give, and whose they are to be. */
static void owners_take(maker *m, check *c)
{
  m->users = c->users;
  if (!c->users) return;
  users_find(m);
  dir_guard(m);
}

/*
 * Whose instance it is.  One with users of its own is root's: in anybody else's directory root would believe what that
 * one says.
 */
static void become_its_owner(maker const *m)
{
  struct stat dir, queue;
  if (fstat(m->fd, &dir) == -1) strerr_diefusys(111, "look at ", m->dir);
  if (!geteuid() && dir.st_uid && fstatat(m->fd, "queue", &queue, AT_SYMLINK_NOFOLLOW) == 0 && queue.st_uid != dir.st_uid)
    dir_guard(m);
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
  m->renewing = 1;
  become_its_owner(m);
  layout_open(&c);
  owners_take(m, &c);
  qmgr_keep_out(m, &c);
  layout_check_beside(&c);
  layout_check(&c);
  services_renew(m, &c);
  code = code_of(&c);
  out_free(&c.out);
  return code;
}
