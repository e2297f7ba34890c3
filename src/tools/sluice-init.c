#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/sgetopt.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "conf/conf-internal.h"
#include "tools/layout.h"

#define USAGE "sluice-init [-l ADDR:PORT] [-U] DIR"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "sluice-init";

/* --- what an instance is made of --------------------------------------------------------- */

/* Logs say who writes to whom: they are for the logger's own group. */
#define LOG_MODE 02750

static char const *const services[] = { "smtpd", "local", "qmgr", "send", "bounce" };
static char const *const parts[] = { "conf", "queue", "run", "service" };

#define COUNT(array) (sizeof (array) / sizeof *(array))

/* --- making it, and undoing what was made ------------------------------------------------- */

typedef struct maker
{
  char const *dir;
  int dir_made;
  size_t parts_made;      /* of parts[]; each is made, or begun */
  int users;
  uid_t uids[LAYOUT_OWNERS];
  gid_t gids[LAYOUT_OWNERS];     /* the user's own */
  gid_t group;
  stralloc bin;           /* where the programs are */
  stralloc templates;     /* where the templates are */
  stralloc path;          /* of what is being made, a string */
  stralloc name;          /* the same below the instance */
} maker;

/* Everything that was made is taken away again.  errno stays. */
static void undo(maker *m)
{
  stralloc path = STRALLOC_ZERO;
  int e = errno;
  while (m->parts_made--)
  {
    path.len = 0;
    if (stralloc_cats(&path, m->dir) && stralloc_cats(&path, "/")
     && stralloc_cats(&path, parts[m->parts_made]) && stralloc_0(&path)) rm_rf(path.s);
  }
  if (m->dir_made) rmdir(m->dir);
  errno = e;
}

static void die_undone(maker *m, char const *what) gccattr_noreturn;
static void die_undone(maker *m, char const *what)
{
  undo(m);
  strerr_diefusys(111, what, " ", m->path.s ? m->path.s : m->dir);
}

/* Set m->path to DIR/name, or die. */
static char const *path_set(maker *m, char const *name)
{
  m->path.len = 0;
  if (!stralloc_cats(&m->path, m->dir) || !stralloc_cats(&m->path, "/")
   || !stralloc_cats(&m->path, name) || !stralloc_0(&m->path))
  {
    undo(m);
    strerr_diefusys(111, "make ", m->dir);
  }
  return m->path.s;
}

/* Owner, group and mode of what was made.  chown(2) takes bits of the mode away, so it is first. */
static void give(maker *m, enum layout_owner owner, gid_t group, mode_t mode)
{
  if (m->users && chown(m->path.s, m->uids[owner], group) == -1) die_undone(m, "chown");
  if (chmod(m->path.s, m->users ? mode : LAYOUT_MODE_ALONE(mode)) == -1) die_undone(m, "chmod");
}

static void directory_make(maker *m, char const *name, enum layout_owner owner, gid_t group, mode_t mode)
{
  if (mkdir(path_set(m, name), 0700) == -1) die_undone(m, "make directory");
  give(m, owner, group, mode);
}

static void file_make(maker *m, char const *name, stralloc const *text, mode_t mode)
{
  if (!openwritenclose_unsafe(path_set(m, name), text->s, text->len)) die_undone(m, "write");
  give(m, LAYOUT_ROOT, m->group, mode);
}

/*
 * What is another user's is given away from the inside out: below a directory that already is
 * his he could put a link in the place of what root is about to chown.
 */
static void layout_make(maker *m)
{
  size_t i = 0;
  for (; i < layout_directories_count; i++)
  {
    if (m->parts_made < COUNT(parts) && !strcmp(layout_directories[i].path, parts[m->parts_made])) m->parts_made++;
    if (mkdir(path_set(m, layout_directories[i].path), 0700) == -1) die_undone(m, "make directory");
  }
  if (mkfifo(path_set(m, layout_trigger.path), 0600) == -1) die_undone(m, "make FIFO");
  give(m, layout_trigger.owner, m->group, layout_trigger.mode);
  while (i--)
  {
    path_set(m, layout_directories[i].path);
    give(m, layout_directories[i].owner, m->group, layout_directories[i].mode);
  }
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

/* "service/SERVICE/NAME" in m->name. */
static char const *service_name(maker *m, char const *service, char const *name)
{
  m->name.len = 0;
  if (!stralloc_cats(&m->name, "service/") || !stralloc_cats(&m->name, service)
   || !stralloc_cats(&m->name, name) || !stralloc_0(&m->name)) die_undone(m, "make");
  return m->name.s;
}

/* A file of a service, from its template. */
static void template_copy(maker *m, char const *service, char const *name, mode_t mode)
{
  stralloc text = STRALLOC_ZERO, from = STRALLOC_ZERO;
  if (!stralloc_copy(&from, &m->templates) || !stralloc_cats(&from, "/")
   || !stralloc_cats(&from, service) || !stralloc_cats(&from, name) || !stralloc_0(&from)) die_undone(m, "make");
  if (!openslurpclose(&text, from.s))
  {
    undo(m);
    strerr_diefusys(111, "read ", from.s);
  }
  file_make(m, service_name(m, service, name), &text, mode);
  stralloc_free(&text);
  stralloc_free(&from);
}

static void service_make(maker *m, char const *service, stralloc const *env)
{
  directory_make(m, service_name(m, service, ""), LAYOUT_ROOT, m->gids[LAYOUT_ROOT], 0755);
  directory_make(m, service_name(m, service, "/log"), LAYOUT_ROOT, m->gids[LAYOUT_ROOT], 0755);
  directory_make(m, service_name(m, service, "/log/main"), LAYOUT_LOG, m->gids[LAYOUT_LOG], LOG_MODE);
  file_make(m, service_name(m, service, "/env"), env, 0644);
  template_copy(m, service, "/notification-fd", 0644);
  template_copy(m, service, "/log/run", 0755);
  template_copy(m, service, "/run", 0755);
}

static void services_make(maker *m)
{
  stralloc env = STRALLOC_ZERO;
  size_t i = 0;
  if (!env_format(&env, m->users, &m->bin)) die_undone(m, "make");
  for (; i < COUNT(services); i++) service_make(m, services[i], &env);
  stralloc_free(&env);
}

/* --- before anything is made ------------------------------------------------------------------ */

static void users_find(maker *m)
{
  struct group const *group;
  size_t i = 0;
  if (geteuid()) strerr_dief(100, "-U is for root");
  for (; i < LAYOUT_OWNERS; i++)
  {
    struct passwd const *user = getpwnam(layout_owner_names[i]);
    if (!user) strerr_dief(100, "no user ", layout_owner_names[i], ": \"make users\" adds those of -U");
    m->uids[i] = user->pw_uid;
    m->gids[i] = user->pw_gid;
  }
  group = getgrnam(LAYOUT_GROUP);
  if (!group) strerr_dief(100, "no group " LAYOUT_GROUP ": \"make users\" adds it");
  m->group = group->gr_gid;
  if (m->gids[LAYOUT_IN] != m->group || m->gids[LAYOUT_Q] != m->group)
    strerr_dief(100, "users sluice-in and sluice-q must have " LAYOUT_GROUP " as their own group: see \"make users\"");
  m->users = 1;
}

static void listen_check(char const *listen)
{
  if (!(*conf_setting_find("listen")->check)(listen, strlen(listen)))
    strerr_dief(100, "-l: ", conf_why());
}

/* There may be a DIR, but none of what we make. */
static void dir_make(maker *m)
{
  struct stat st;
  size_t i = 0;
  if (!mkdir(m->dir, 0700)) m->dir_made = 1;
  else if (errno != EEXIST) strerr_diefusys(111, "make directory ", m->dir);
  for (; !m->dir_made && i < COUNT(parts); i++)
  {
    if (!lstat(path_set(m, parts[i]), &st)) strerr_dief(100, m->dir, " holds an instance already: ", m->path.s);
    if (errno == ENOTDIR) strerr_diefsys(100, m->dir);
    if (errno != ENOENT) strerr_diefusys(111, "look at ", m->path.s);
  }
  if (m->dir_made && m->users && chmod(m->dir, 0755) == -1)
  {
    undo(m);
    strerr_diefusys(111, "chmod ", m->dir);
  }
}

static void maker_free(maker *m)
{
  stralloc_free(&m->bin);
  stralloc_free(&m->templates);
  stralloc_free(&m->path);
  stralloc_free(&m->name);
}

int main(int argc, char const *const *argv)
{
  maker m = { .users = 0 };
  char const *listen = 0;
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, "l:U", &scan)) != -1)
    switch (c)
    {
      case 'l': listen = scan.arg; break;
      case 'U': m.users = 1; break;
      default: dieusage();
    }
  if (argc - scan.ind != 1 || !*argv[scan.ind]) dieusage();
  m.dir = argv[scan.ind];

  umask(077);
  if (listen) listen_check(listen);
  if (m.users) users_find(&m);
  bin_find(&m.bin);
  templates_find(&m.templates, &m.bin);

  dir_make(&m);
  layout_make(&m);
  conf_make(&m, listen);
  services_make(&m);
  maker_free(&m);
  return 0;
}
