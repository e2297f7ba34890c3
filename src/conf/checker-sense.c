#include "conf/checker.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include <skalibs/strerr.h>

#include "base/directory.h"
#include "conf/conf-internal.h"

/* Does the list of clients have an entry for everybody? */
static int clients_everybody(checker *c, char const *name)
{
  conf_setting const *setting = conf_setting_find(name);
  conf_line line = { .number = 0 };
  size_t pos = 0;
  if (conf_file_read(c->conf, setting, &c->text) <= 0) return 0;
  while (conf_line_next(setting, &c->text, &pos, &line) > 0)
    if (line.len > 2 && !memcmp(line.s + line.len - 2, "/0", 2)) return 1;
  return 0;
}

/* Without it qmgr keeps no connection for sites that accept mail. */
#define CONCURRENCY_FEW 5

static void check_together(checker *c)
{
  conf_concurrency concurrency;
  stralloc me = STRALLOC_ZERO;
  if (!checker_has(c, "relaydomains"))
    checker_warn("relaydomains", "",
         checker_has(c, "relayclients") ? "missing: mail is taken from relayclients alone"
                                   : "missing: mail is taken for no domain");
  if (!checker_has(c, "postmaster"))
    checker_warn("postmaster", "",
         "missing: mail for <postmaster> is held here, and nobody is told (queue-list -d "
         CONF_HELD ")");
  if (clients_everybody(c, "relayclients"))
    checker_warn("relayclients", "", "anybody may send mail anywhere (an open relay)");
  if (clients_everybody(c, "flushclients")) checker_warn("flushclients", "", "anybody may use ETRN");
  if (conf_concurrency_read(c->conf, &concurrency) && concurrency.total < CONCURRENCY_FEW)
    checker_warn("concurrency", "", "so few in all that sites that hang can keep all others waiting");
  if (conf_me(c->conf, &me) && !memchr(me.s, '.', me.len))
    checker_warn("me", "", "a name without a dot: other servers may not like it");
  stralloc_free(&me);
}

/* Is this the name of a setting's file, or of a compiled list? */
static int name_known(char const *name)
{
  char list[32];
  size_t len = strlen(name), suffix = sizeof ".cdb" - 1;
  conf_setting const *setting = conf_setting_find(name);
  if (setting) return 1;
  if (len <= suffix || len - suffix >= sizeof list || strcmp(name + len - suffix, ".cdb")) return 0;
  memcpy(list, name, len - suffix);
  list[len - suffix] = 0;
  setting = conf_setting_find(list);
  return setting && setting->kind == CONF_COMPILED;
}

/* Warn of files that no setting has: a misspelt name would be ignored in silence. */
static void check_names(checker *c)
{
  DIR *dir = directory_open(c->conf, ".");
  struct dirent const *d;
  if (!dir) strerr_diefusys(111, "list conf");
  while (errno = 0, (d = readdir(dir)))
    if (d->d_name[0] != '.' && !name_known(d->d_name))
      checker_warn(d->d_name, "", "no setting has this name");
  if (errno) strerr_diefusys(111, "list conf");
  closedir(dir);
}

void checker_sense(checker *c)
{
  check_together(c);
  check_names(c);
}
