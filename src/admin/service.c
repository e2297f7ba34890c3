#include "admin/service.h"

#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

service_kind const service_kinds[SERVICES] =
{
  { "smtpd", 0 }, { "local", 0 }, { "qmgr", 0 }, { "send", 0 }, { "bounce", 0 }, { "auth", 0 },
  { "tls", 0 }, { "tlsout", 0 }, { "smtps", 1 }, { "odmr", 1 }
};

/* --- where things are ---------------------------------------------------------------------- */

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
  for (; i < sizeof places / sizeof *places; i++)
  {
    templates->len = 0;
    if (!stralloc_copy(templates, bin) || !stralloc_cats(templates, places[i]))
      strerr_diefusys(111, "start");
    len = templates->len;
    if (!stralloc_cats(templates, "/smtpd/run") || !stralloc_0(templates))
      strerr_diefusys(111, "start");
    templates->len = len;
    if (!access(templates->s, R_OK)) return;
  }
  if (!stralloc_copy(templates, bin) || !stralloc_0(templates)) strerr_diefusys(111, "start");
  strerr_dief(100, "no service templates in ", templates->s, "/../share/sluice/service or ",
              templates->s, "/../service");
}

void service_find(maker *m)
{
  bin_find(&m->bin);
  templates_find(&m->templates, &m->bin);
}

/* --- texts --------------------------------------------------------------------------------- */

/* Append s as one word of the shell, whatever characters it has. */
static int quote_append(stralloc *text, char const *s, size_t len)
{
  size_t i = 0;
  if (!stralloc_append(text, '\'')) return 0;
  for (; i < len; i++)
    if (s[i] == '\'' ? !stralloc_cats(text, "'\\''") : !stralloc_append(text, s[i])) return 0;
  return stralloc_append(text, '\'');
}

/* Append what the run scripts cannot know: where the programs are, and whether there are users. */
static int env_format(stralloc *text, int users, stralloc const *bin)
{
  return stralloc_cats(text, "# by sluice-init; read by the run scripts\nPATH=")
    && quote_append(text, bin->s, bin->len)
    && stralloc_cats(text, ":${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"
                     "\nexport PATH\n")
    && stralloc_cats(text, users ? "users=yes\numask 007\n" : "users=\numask 077\n");
}

char const *service_path(maker *m, char const *service, char const *name)
{
  m->name.len = 0;
  if (!stralloc_cats(&m->name, "service/") || !stralloc_cats(&m->name, service)
   || !stralloc_cats(&m->name, name) || !stralloc_0(&m->name)) maker_die(m, "make");
  return m->name.s;
}

void service_env(maker *m, stralloc *text)
{
  if (!env_format(text, m->users, &m->bin)) maker_die(m, "make");
}

void service_template(maker *m, char const *service, char const *name, stralloc *text)
{
  stralloc from = STRALLOC_ZERO;
  if (!stralloc_copy(&from, &m->templates) || !stralloc_cats(&from, "/")
   || !stralloc_cats(&from, service) || !stralloc_cats(&from, name) || !stralloc_0(&from))
    maker_die(m, "make");
  if (!openslurpclose(text, from.s))
  {
    maker_undo(m);
    strerr_diefusys(111, "read ", from.s);
  }
  stralloc_free(&from);
}

/* --- files --------------------------------------------------------------------------------- */

/* Make a file of a service from its template. */
static void template_copy(maker *m, char const *service, char const *name, mode_t mode)
{
  stralloc text = STRALLOC_ZERO;
  service_template(m, service, name, &text);
  maker_file(m, service_path(m, service, name), &text, mode);
  stralloc_free(&text);
}

static void service_directory(maker *m, char const *service, char const *name,
                              enum layout_owner owner, mode_t mode)
{
  maker_directory(m, service_path(m, service, name));
  maker_give(m, m->name.s, owner, m->gids[owner], mode);
}

static void files_make(maker *m, service_kind const *kind, stralloc const *env)
{
  char const *service = kind->name;
  service_directory(m, service, "", LAYOUT_ROOT, 0755);
  service_directory(m, service, "/log", LAYOUT_ROOT, 0755);
  service_directory(m, service, "/log/main", LAYOUT_LOG, SERVICE_LOG_MODE);
  maker_file(m, service_path(m, service, "/env"), env, 0644);
  template_copy(m, service, "/notification-fd", 0644);
  if (kind->down) template_copy(m, service, "/down", 0644);
  template_copy(m, service, "/log/run", 0755);
  template_copy(m, service, "/run", 0755);
}

void service_make(maker *m)
{
  stralloc env = STRALLOC_ZERO;
  size_t i = 0;
  service_env(m, &env);
  for (; i < SERVICES; i++) files_make(m, &service_kinds[i], &env);
  stralloc_free(&env);
}
