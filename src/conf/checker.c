#include "conf/checker.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include "base/log.h"
#include "conf/conf-internal.h"

/* Print conf_error(), while errno is that of the reader. */
void checker_complain(void *data)
{
  checker *c = data;
  if (errno == EINVAL) c->wrong = 1;
  else c->unreadable = 1;
  log_line(conf_error());
}

void checker_warn(char const *name, char const *suffix, char const *what)
{
  log_line("warning: conf/", name, suffix, ": ", what);
}

void checker_die_memory(void)
{
  strerr_diefusys(111, "check the configuration");
}

int checker_has(checker const *c, char const *name)
{
  return !faccessat(c->conf, name, F_OK, AT_SYMLINK_NOFOLLOW);
}
