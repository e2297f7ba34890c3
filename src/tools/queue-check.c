/* queue-check: find what is not as it should be in a queue directory, and mend it. */

#include "tools/queue-check-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "base/program.h"
#include "base/wallclock.h"
#include "flush/trigger.h"

#define USAGE "queue-check [-C dir] [-n] [-v]"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "queue-check";

/* --- findings --------------------------------------------------------------------------- */

static char const *verdict(check *c, char const *path, enum mending mending)
{
  if (mending == MENDED)
  {
    if (c->look_only) return "would be mended";
    c->mended++;
    return "mended";
  }
  if (mending == NOT_MENDED) strerr_warnwusys("mend queue/", path);
  c->left++;
  return "left";
}

void finding(check *c, char const *path, char const *what, enum mending mending)
{
  int e = errno;
  char const *result;
  if (mending == MENDED_ITSELF) return;
  c->found++;
  path = out_cleaned(&c->out, path);
  errno = e;
  result = verdict(c, path, mending);
  out_text(&c->out, "queue/");
  out_text(&c->out, path);
  out_text(&c->out, ": ");
  out_text(&c->out, what);
  out_text(&c->out, ": ");
  out_text(&c->out, result);
  out_text(&c->out, "\n");
  out_flush(&c->out);
}

enum mending mending_of(int result)
{
  if (result != -1) return MENDED;
  return errno == ENOENT ? MENDED_ITSELF : NOT_MENDED;
}

void trouble(check *c, char const *path)
{
  int e = errno;
  path = out_cleaned(&c->out, path);
  errno = e;
  strerr_warnwusys("look at queue/", path);
  c->trouble = 1;
}

void die_memory(void)
{
  strerr_diefusys(111, "remember what was found");
}

/* --- directories --------------------------------------------------------------------------- */

char const *path_join(stralloc *path, char const *directory, char const *name)
{
  path->len = 0;
  if (!stralloc_cats(path, directory) || !stralloc_cats(path, "/") || !stralloc_cats(path, name) || !stralloc_0(path))
    die_memory();
  return path->s;
}

static DIR *directory_open(int queue, char const *path)
{
  int fd = openat(queue, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), e;
  DIR *dir = fd == -1 ? 0 : fdopendir(fd);
  if (dir || fd == -1) return dir;
  e = errno;
  fd_close(fd);
  errno = e;
  return 0;
}

static int dots(char const *name)
{
  return !strcmp(name, ".") || !strcmp(name, "..");
}

void names_each(check *c, char const *directory, void (*fn)(check *c, char const *directory, char const *name))
{
  DIR *dir = directory_open(c->queue, directory);
  struct dirent const *entry;
  if (!dir)
  {
    /* What is missing was said, or went meanwhile. */
    if (errno != ENOENT) trouble(c, directory);
    return;
  }
  while (errno = 0, (entry = readdir(dir)))
    if (!dots(entry->d_name)) (*fn)(c, directory, entry->d_name);
  if (errno) trouble(c, directory);
  closedir(dir);
}

/* --- */

static void options_read(int argc, char const *const *argv, check *c)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int o;
  while ((o = subgetopt_r(argc, argv, "C:nv", &scan)) != -1)
    switch (o)
    {
      case 'C': c->dir = scan.arg; break;
      case 'n': c->look_only = 1; break;
      case 'v': c->verbose = 1; break;
      default: dieusage();
    }
  if (scan.ind != argc) dieusage();
}

static void say(check const *c)
{
  char messages[UINT64_FMT], found[UINT64_FMT], left[UINT64_FMT];
  messages[uint64_fmt(messages, c->messages)] = 0;
  found[uint64_fmt(found, c->found)] = 0;
  left[uint64_fmt(left, c->left)] = 0;
  log_line("messages: ", messages, ", findings: ", found, ", left: ", left);
}

static int code_of(check const *c)
{
  if (c->trouble) return 111;
  return c->left || (c->look_only && c->found) ? 1 : 0;
}

static void check_free(check *c)
{
  message_free(&c->message);
  message_free(&c->other);
  lists_free(&c->owed);
  list_free(&c->suspects);
  out_free(&c->out);
}

int main(int argc, char const *const *argv)
{
  static check c =
  {
    .message = MESSAGE_ZERO, .other = MESSAGE_ZERO, .owed = LISTS_ZERO,
    .suspects = { .ids = STRALLOC_ZERO }, .out = OUT_ZERO
  };
  options_read(argc, argv, &c);
  umask(007);
  c.queue = program_queue(&c.dir, &c.instance);
  c.now_us = wallclock_us();
  lists_init(&c.owed);

  owners_find(&c);
  layout_check(&c);
  if (!c.look_only) become_owner(&c);
  failed_check(&c);
  messages_check(&c);
  names_check(&c);
  lists_check(&c);
  suspects_check(&c);

  if (c.mended) trigger_hint(c.queue, "scan", "");
  say(&c);
  check_free(&c);
  return code_of(&c);
}
