/* sluice-init: lay out an instance, or bring one of an earlier version up to date. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "admin/maker.h"
#include "admin/renew.h"
#include "admin/service.h"
#include "admin/users.h"
#include "conf/conf-internal.h"
#include "start/options.h"

#define USAGE "sluice-init [-l ADDR:PORT] [-U] DIR | -u DIR"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "sluice-init";

/* --- directories --------------------------------------------------------------------------- */

static void layout_make(maker *m)
{
  size_t i;
  for (i = 0; i < layout_directories_count; i++)
  {
    char const *path = layout_directories[i].path;
    if (m->parts_made < MAKER_PARTS && !strcmp(path, maker_parts[m->parts_made])) m->parts_made++;
    maker_directory(m, path);
  }
  if (mkfifoat(m->fd, maker_path(m, layout_trigger.path), 0600) == -1) maker_die(m, "make FIFO");
}

static void entry_give(maker *m, layout_entry const *entry)
{
  maker_give(m, entry->path, entry->owner, m->groups[entry->group], entry->mode);
}

/*
 * Innermost directories first: the new owner of a directory could put a link in the way of one
 * below it.
 */
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
  if (gethostname(host, sizeof host - 1) == -1) maker_die(m, "learn the host's name for");
  if (!stralloc_cats(&text, host) || !stralloc_append(&text, '\n')) maker_die(m, "make");
  maker_file(m, "conf/me", &text, 0644);
  text.len = 0;
  if (listen)
  {
    if (!stralloc_cats(&text, listen) || !stralloc_append(&text, '\n')) maker_die(m, "make");
    maker_file(m, "conf/listen", &text, 0644);
  }
  stralloc_free(&text);
}

/* --- before anything is made ------------------------------------------------------------------ */

static void listen_check(char const *listen)
{
  if (!(*conf_setting_find("listen")->check)(listen, strlen(listen)))
    strerr_dief(100, "-l: ", conf_error());
}

static void dir_open(maker *m)
{
  m->fd = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (m->fd != -1) return;
  if (errno == ENOTDIR) strerr_diefsys(100, m->dir);
  strerr_diefusys(111, "open ", m->dir);
}

/* DIR itself may exist, but nothing of what is made there. */
static void dir_make(maker *m)
{
  struct stat st;
  size_t i = 0;
  if (!mkdir(m->dir, 0700)) m->dir_made = 1;
  else if (errno != EEXIST) strerr_diefusys(111, "make directory ", m->dir);
  dir_open(m);
  for (; !m->dir_made && i < MAKER_PARTS; i++)
  {
    if (!fstatat(m->fd, maker_path(m, maker_parts[i]), &st, AT_SYMLINK_NOFOLLOW))
      strerr_dief(100, m->dir, " holds an instance already: ", m->path.s);
    if (errno != ENOENT) strerr_diefusys(111, "look at ", m->path.s);
  }
  if (m->dir_made && m->users && fchmod(m->fd, 0755) == -1)
  {
    maker_undo(m);
    strerr_diefusys(111, "chmod ", m->dir);
  }
  if (m->users) maker_guard(m);
}

static void make(maker *m, char const *listen)
{
  if (listen) listen_check(listen);
  if (m->users) users_find(m);
  service_find(m);

  dir_make(m);
  layout_make(m);
  conf_make(m, listen);
  service_make(m);
  layout_give(m);
}

static int renew_there(maker *m)
{
  service_find(m);
  dir_open(m);
  return renew(m);
}

static void options_read(int argc, char const *const *argv, maker *m, char const **listen)
{
  program_option const all[] = {
    { .letter = 'l', .text = listen }, { .letter = 'u', .flag = &m->renewing },
    { .letter = 'U', .flag = &m->users }
  };
  int first = program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE);
  if (argc - first != 1 || !*argv[first]) dieusage();
  if (m->renewing && (*listen || m->users)) dieusage();
  m->dir = argv[first];
}

int main(int argc, char const *const *argv)
{
  maker m = { .users = 0 };
  char const *listen = 0;
  int code = 0;
  options_read(argc, argv, &m, &listen);

  umask(077);
  if (m.renewing) code = renew_there(&m);
  else make(&m, listen);
  maker_free(&m);
  return code;
}
