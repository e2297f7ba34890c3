/* sluice-init: lay out an instance, or bring one of an earlier version up to date. */

#include "admin/sluice-init-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/sgetopt.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "conf/conf-internal.h"

#define USAGE "sluice-init [-l ADDR:PORT] [-U] DIR | -u DIR"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "sluice-init";

/* --- what an instance is made of --------------------------------------------------------- */

char const *const services[] = { "smtpd", "local", "qmgr", "send", "bounce" };
static char const *const parts[] = { "conf", "queue", "run", "service" };

#define COUNT(array) (sizeof (array) / sizeof *(array))
size_t const services_count = COUNT(services);

/* --- making it, and undoing what was made ------------------------------------------------- */

/* A name in a directory, whatever it is; links are removed, not followed. */
static void tree_remove(int dir, char const *name)
{
  struct dirent const *entry;
  DIR *inside;
  int fd;
  if (unlinkat(dir, name, 0) == 0 || (errno != EISDIR && errno != EPERM)) return;
  fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  inside = fd == -1 ? 0 : fdopendir(fd);
  if (!inside)
  {
    if (fd != -1) fd_close(fd);
    return;
  }
  while ((entry = readdir(inside)))
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) tree_remove(fd, entry->d_name);
  closedir(inside);
  unlinkat(dir, name, AT_REMOVEDIR);
}

/* Everything that was made is taken away again.  errno stays. */
static void undo(maker *m)
{
  int e = errno;
  if (m->renewing) return;
  while (m->parts_made) tree_remove(m->fd, parts[--m->parts_made]);
  if (m->dir_made) rmdir(m->dir);
  errno = e;
}

void die_undone(maker *m, char const *what)
{
  undo(m);
  strerr_diefusys(111, what, " ", m->path.s ? m->path.s : m->dir);
}

char const *path_set(maker *m, char const *name)
{
  m->path.len = 0;
  if (!stralloc_cats(&m->path, m->dir) || !stralloc_cats(&m->path, "/")
   || !stralloc_cats(&m->path, name) || !stralloc_0(&m->path))
  {
    undo(m);
    strerr_diefusys(111, "make ", m->dir);
  }
  return name;
}

/* chown(2) takes bits of the mode away, so it is first. */
static void give_open(maker *m, int fd, enum layout_owner owner, gid_t group, mode_t mode)
{
  if (m->users && fchown(fd, m->uids[owner], group) == -1) die_undone(m, "chown");
  if (fchmod(fd, m->users ? mode : LAYOUT_MODE_ALONE(mode)) == -1) die_undone(m, "chmod");
  fd_close(fd);
}

void give(maker *m, char const *name, enum layout_owner owner, gid_t group, mode_t mode)
{
  int fd = openat(m->fd, path_set(m, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd == -1) die_undone(m, "open");
  give_open(m, fd, owner, group, mode);
}

void directory_make(maker *m, char const *name)
{
  if (mkdirat(m->fd, path_set(m, name), 0700) == -1) die_undone(m, "make directory");
}

void file_make(maker *m, char const *name, stralloc const *text, mode_t mode)
{
  int fd = openat(m->fd, path_set(m, name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd == -1 || allwrite(fd, text->s, text->len) < text->len) die_undone(m, "write");
  give_open(m, fd, LAYOUT_ROOT, m->groups[LAYOUT_GROUP_WRITERS], mode);
}

static void layout_make(maker *m)
{
  size_t i;
  for (i = 0; i < layout_directories_count; i++)
  {
    if (m->parts_made < COUNT(parts) && !strcmp(layout_directories[i].path, parts[m->parts_made])) m->parts_made++;
    directory_make(m, layout_directories[i].path);
  }
  if (mkfifoat(m->fd, path_set(m, layout_trigger.path), 0600) == -1) die_undone(m, "make FIFO");
}

static void entry_give(maker *m, layout_entry const *entry)
{
  give(m, entry->path, entry->owner, m->groups[entry->group], entry->mode);
}

/* From the inside out: below a directory that already is another's he could put a link in the way. */
static void layout_give(maker *m)
{
  size_t i = layout_directories_count;
  entry_give(m, &layout_trigger);
  while (i--) entry_give(m, &layout_directories[i]);
}

/* --- conf/ --------------------------------------------------------------------------------- */

static void conf_make(maker *m, char const *listen)
{
  stralloc text = STRALLOC_ZERO;
  char host[256] = "";
  host[sizeof host - 1] = 0;
  if (gethostname(host, sizeof host - 1) == -1) die_undone(m, "learn the host's name for");
  if (!stralloc_cats(&text, host) || !stralloc_append(&text, '\n')) die_undone(m, "make");
  file_make(m, "conf/me", &text, 0644);
  text.len = 0;
  if (listen)
  {
    if (!stralloc_cats(&text, listen) || !stralloc_append(&text, '\n')) die_undone(m, "make");
    file_make(m, "conf/listen", &text, 0644);
  }
  stralloc_free(&text);
}

/* --- service/ ------------------------------------------------------------------------------ */

/* The directory this program is in. */
static void bin_find(stralloc *bin)
{
  stralloc self = STRALLOC_ZERO;
  if (sareadlink(&self, "/proc/self/exe") == -1 || !stralloc_0(&self)
   || !sadirname(bin, self.s, self.len - 1)) strerr_diefusys(111, "read /proc/self/exe");
  stralloc_free(&self);
}

/* The templates: installed, beside bin/ of the source, or beside a build below it. */
static void templates_find(stralloc *templates, stralloc const *bin)
{
  static char const *const places[] =
    { "/../share/sluice/service", "/../service", "/../../../service" };
  size_t i = 0, len;
  for (; i < COUNT(places); i++)
  {
    templates->len = 0;
    if (!stralloc_copy(templates, bin) || !stralloc_cats(templates, places[i])) strerr_diefusys(111, "start");
    len = templates->len;
    if (!stralloc_cats(templates, "/smtpd/run") || !stralloc_0(templates)) strerr_diefusys(111, "start");
    templates->len = len;
    if (!access(templates->s, R_OK)) return;
  }
  if (!stralloc_copy(templates, bin) || !stralloc_0(templates)) strerr_diefusys(111, "start");
  strerr_dief(100, "no service templates in ", templates->s, "/../share/sluice/service or ", templates->s, "/../service");
}

/* A word of the shell, whatever is in it. */
static int quote_append(stralloc *text, char const *s, size_t len)
{
  size_t i = 0;
  if (!stralloc_append(text, '\'')) return 0;
  for (; i < len; i++)
    if (s[i] == '\'' ? !stralloc_cats(text, "'\\''") : !stralloc_append(text, s[i])) return 0;
  return stralloc_append(text, '\'');
}

/* What the run scripts cannot know. */
static int env_format(stralloc *text, int users, stralloc const *bin)
{
  return stralloc_cats(text, "# by sluice-init; read by the run scripts\nPATH=")
    && quote_append(text, bin->s, bin->len)
    && stralloc_cats(text, ":${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}\nexport PATH\n")
    && stralloc_cats(text, users ? "users=yes\numask 007\n" : "users=\numask 077\n");
}

char const *service_name(maker *m, char const *service, char const *name)
{
  m->name.len = 0;
  if (!stralloc_cats(&m->name, "service/") || !stralloc_cats(&m->name, service)
   || !stralloc_cats(&m->name, name) || !stralloc_0(&m->name)) die_undone(m, "make");
  return m->name.s;
}

void env_text(maker *m, stralloc *text)
{
  if (!env_format(text, m->users, &m->bin)) die_undone(m, "make");
}

void template_text(maker *m, char const *service, char const *name, stralloc *text)
{
  stralloc from = STRALLOC_ZERO;
  if (!stralloc_copy(&from, &m->templates) || !stralloc_cats(&from, "/")
   || !stralloc_cats(&from, service) || !stralloc_cats(&from, name) || !stralloc_0(&from)) die_undone(m, "make");
  if (!openslurpclose(text, from.s))
  {
    undo(m);
    strerr_diefusys(111, "read ", from.s);
  }
  stralloc_free(&from);
}

/* A file of a service, from its template. */
static void template_copy(maker *m, char const *service, char const *name, mode_t mode)
{
  stralloc text = STRALLOC_ZERO;
  template_text(m, service, name, &text);
  file_make(m, service_name(m, service, name), &text, mode);
  stralloc_free(&text);
}

static void service_directory(maker *m, char const *service, char const *name, enum layout_owner owner, mode_t mode)
{
  directory_make(m, service_name(m, service, name));
  give(m, m->name.s, owner, m->gids[owner], mode);
}

static void service_make(maker *m, char const *service, stralloc const *env)
{
  service_directory(m, service, "", LAYOUT_ROOT, 0755);
  service_directory(m, service, "/log", LAYOUT_ROOT, 0755);
  service_directory(m, service, "/log/main", LAYOUT_LOG, LOG_MODE);
  file_make(m, service_name(m, service, "/env"), env, 0644);
  template_copy(m, service, "/notification-fd", 0644);
  template_copy(m, service, "/log/run", 0755);
  template_copy(m, service, "/run", 0755);
}

static void services_make(maker *m)
{
  stralloc env = STRALLOC_ZERO;
  size_t i = 0;
  env_text(m, &env);
  for (; i < COUNT(services); i++) service_make(m, services[i], &env);
  stralloc_free(&env);
}

/* --- before anything is made ------------------------------------------------------------------ */

static gid_t group_find(char const *name)
{
  struct group const *group = getgrnam(name);
  if (!group) strerr_dief(100, "no group ", name, ": \"make users\" adds it");
  return group->gr_gid;
}

#define MEMBERSHIPS_MAX 1024

static int is_member(char const *name, gid_t own, gid_t group)
{
  gid_t groups[MEMBERSHIPS_MAX];
  int count = MEMBERSHIPS_MAX, i;
  if (getgrouplist(name, own, groups, &count) == -1) strerr_dief(100, "user ", name, " is in too many groups");
  for (i = 0; i < count; i++)
    if (groups[i] == group) return 1;
  return 0;
}

static void keep_out(maker const *m, enum layout_owner owner, enum layout_group group, char const *name)
{
  if (is_member(layout_owner_names[owner], m->gids[owner], m->groups[group]))
    strerr_dief(100, "user ", layout_owner_names[owner], " must not be in the group ", name);
}

/* Of those whom strangers talk to, or who talk to strangers, none may have the queue. */
static void members_check(maker const *m)
{
  if (m->gids[LAYOUT_IN] != m->groups[LAYOUT_GROUP_WRITERS])
    strerr_dief(100, "user sluice-in must have " LAYOUT_WRITERS " as its own group: see \"make users\"");
  keep_out(m, LAYOUT_IN, LAYOUT_GROUP_KEEPERS, LAYOUT_KEEPERS);
  keep_out(m, LAYOUT_OUT, LAYOUT_GROUP_KEEPERS, LAYOUT_KEEPERS);
  keep_out(m, LAYOUT_LOG, LAYOUT_GROUP_KEEPERS, LAYOUT_KEEPERS);
  keep_out(m, LAYOUT_OUT, LAYOUT_GROUP_WRITERS, LAYOUT_WRITERS);
  keep_out(m, LAYOUT_LOG, LAYOUT_GROUP_WRITERS, LAYOUT_WRITERS);
}

void users_find(maker *m)
{
  size_t i = 0;
  if (geteuid()) strerr_dief(100, m->renewing ? "an instance with users of its own is for root" : "-U is for root");
  for (; i < LAYOUT_OWNERS; i++)
  {
    struct passwd const *user = getpwnam(layout_owner_names[i]);
    if (!user) strerr_dief(100, "no user ", layout_owner_names[i], ": \"make users\" adds those of -U");
    m->uids[i] = user->pw_uid;
    m->gids[i] = user->pw_gid;
  }
  m->groups[LAYOUT_GROUP_WRITERS] = group_find(LAYOUT_WRITERS);
  m->groups[LAYOUT_GROUP_KEEPERS] = group_find(LAYOUT_KEEPERS);
  m->users = 1;
  members_check(m);
}

static void listen_check(char const *listen)
{
  if (!(*conf_setting_find("listen")->check)(listen, strlen(listen)))
    strerr_dief(100, "-l: ", conf_why());
}

void dir_guard(maker const *m)
{
  struct stat st;
  if (fstat(m->fd, &st) == -1) strerr_diefusys(111, "look at ", m->dir);
  if (st.st_uid || st.st_mode & (S_IWGRP | S_IWOTH))
    strerr_dief(100, m->dir, ": what runs as root there must be in a directory that is root's alone to change");
}

static void dir_open(maker *m)
{
  m->fd = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (m->fd != -1) return;
  if (errno == ENOTDIR) strerr_diefsys(100, m->dir);
  strerr_diefusys(111, "open ", m->dir);
}

/* There may be a DIR, but none of what we make. */
static void dir_make(maker *m)
{
  struct stat st;
  size_t i = 0;
  if (!mkdir(m->dir, 0700)) m->dir_made = 1;
  else if (errno != EEXIST) strerr_diefusys(111, "make directory ", m->dir);
  dir_open(m);
  for (; !m->dir_made && i < COUNT(parts); i++)
  {
    if (!fstatat(m->fd, path_set(m, parts[i]), &st, AT_SYMLINK_NOFOLLOW))
      strerr_dief(100, m->dir, " holds an instance already: ", m->path.s);
    if (errno != ENOENT) strerr_diefusys(111, "look at ", m->path.s);
  }
  if (m->dir_made && m->users && fchmod(m->fd, 0755) == -1)
  {
    undo(m);
    strerr_diefusys(111, "chmod ", m->dir);
  }
  if (m->users) dir_guard(m);
}

static void maker_free(maker *m)
{
  stralloc_free(&m->bin);
  stralloc_free(&m->templates);
  stralloc_free(&m->path);
  stralloc_free(&m->name);
}

static void make(maker *m, char const *listen)
{
  if (listen) listen_check(listen);
  if (m->users) users_find(m);
  bin_find(&m->bin);
  templates_find(&m->templates, &m->bin);

  dir_make(m);
  layout_make(m);
  conf_make(m, listen);
  services_make(m);
  layout_give(m);
}

static int renew_there(maker *m)
{
  bin_find(&m->bin);
  templates_find(&m->templates, &m->bin);
  dir_open(m);
  return renew(m);
}

int main(int argc, char const *const *argv)
{
  maker m = { .users = 0 };
  char const *listen = 0;
  subgetopt scan = SUBGETOPT_ZERO;
  int renewal = 0, code = 0, c;
  while ((c = subgetopt_r(argc, argv, "l:uU", &scan)) != -1)
    switch (c)
    {
      case 'l': listen = scan.arg; break;
      case 'u': renewal = 1; break;
      case 'U': m.users = 1; break;
      default: dieusage();
    }
  if (argc - scan.ind != 1 || !*argv[scan.ind] || (renewal && (listen || m.users))) dieusage();
  m.dir = argv[scan.ind];

  umask(077);
  if (renewal) code = renew_there(&m);
  else make(&m, listen);
  maker_free(&m);
  return code;
}
