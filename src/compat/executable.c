#include "compat/executable.h"

#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/skamisc.h>

/* Directories as seen from our own; the last two from PREFIX/sbin and PREFIX/lib/sluice. */
static char const *const directories[] = { "/", "/../bin/", "/../../bin/" };

static int self_directory(stralloc *path)
{
  stralloc self = STRALLOC_ZERO;
  int good;
  path->len = 0;
  good = sareadlink(&self, "/proc/self/exe") != -1 && sadirname(path, self.s, self.len);
  stralloc_free(&self);
  return good;
}

int executable_find(stralloc *path, char const *program)
{
  size_t len, i;
  if (!self_directory(path)) return 0;
  len = path->len;
  for (i = 0; i < sizeof directories / sizeof *directories; i++)
  {
    path->len = len;
    if (!stralloc_cats(path, directories[i]) || !stralloc_cats(path, program)
     || !stralloc_0(path)) return 0;
    if (access(path->s, X_OK) == 0) return 1;
  }
  return stralloc_copys(path, program) && stralloc_0(path);
}
