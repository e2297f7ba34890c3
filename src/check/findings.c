#include "check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include "base/directory.h"
#include "start/program.h"

/* --- findings --------------------------------------------------------------------------- */

static char const *verdict(check *c, char const *path, enum mending mending)
{
  if (mending == MENDED)
  {
    if (c->look_only) return "would be mended";
    c->mended++;
    return "mended";
  }
  if (mending == NOT_MENDED) strerr_warnwusys("mend ", c->below, path);
  c->left++;
  return "left";
}

void check_finding(check *c, char const *path, char const *what, enum mending mending)
{
  int e = errno;
  char const *result;
  if (mending == MENDED_ITSELF) return;
  c->found++;
  path = out_cleaned(&c->out, path);
  errno = e;
  result = verdict(c, path, mending);
  out_text(&c->out, c->below);
  out_text(&c->out, path);
  out_text(&c->out, ": ");
  out_text(&c->out, what);
  out_text(&c->out, ": ");
  out_text(&c->out, result);
  out_text(&c->out, "\n");
  out_flush(&c->out);
}

enum mending check_mending(int result)
{
  if (result != -1) return MENDED;
  return errno == ENOENT ? MENDED_ITSELF : NOT_MENDED;
}

void check_trouble(check *c, char const *path)
{
  int e = errno;
  if (c->look_only && c->found && e == EACCES && !program_caller()) return;
  path = out_cleaned(&c->out, path);
  errno = e;
  strerr_warnwusys("look at queue/", path);
  c->trouble = 1;
}

void check_die_memory(void)
{
  strerr_diefusys(111, "remember what was found");
}

/* --- directories --------------------------------------------------------------------------- */

char const *check_path(stralloc *path, char const *directory, char const *name)
{
  path->len = 0;
  if (!stralloc_cats(path, directory) || !stralloc_cats(path, "/") || !stralloc_cats(path, name)
   || !stralloc_0(path))
    check_die_memory();
  return path->s;
}

int check_dots(char const *name)
{
  return !strcmp(name, ".") || !strcmp(name, "..");
}

void check_each_name(check *c, char const *directory,
                     void (*fn)(check *c, char const *directory, char const *name))
{
  DIR *dir = directory_open(c->queue, directory);
  struct dirent const *entry;
  if (!dir)
  {
    /* A directory that is missing was reported before, or went meanwhile. */
    if (errno != ENOENT) check_trouble(c, directory);
    return;
  }
  while (errno = 0, (entry = readdir(dir)))
    if (!check_dots(entry->d_name)) (*fn)(c, directory, entry->d_name);
  if (errno) check_trouble(c, directory);
  closedir(dir);
}
