#include "compat/list.h"

#include <errno.h>
#include <sysexits.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include "base/instance.h"
#include "compat/executable.h"

static void die_directory(char const *instance, char const *name) gccattr_noreturn;
static void die_directory(char const *instance, char const *name)
{
  int code = errno == EACCES || errno == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
  strerr_diefsys(code, "Queue report unavailable - unable to open ", instance, name);
}

/* Check the instance first: queue-list would exit with codes of its own. */
static void queue_look(char const *instance)
{
  int dir = instance_open(instance), queue, cur;
  if (dir == -1) die_directory(instance, "");
  queue = instance_openat(dir, "queue");
  if (queue == -1) die_directory(instance, "/queue");
  cur = instance_openat(queue, "cur");
  if (cur == -1) die_directory(instance, "/queue/cur");
  close(cur);
  close(queue);
  close(dir);
}

void list_exec(char const *instance, char const *option)
{
  char const *argv[] = { "queue-list", "-C", instance, option, 0 };
  stralloc path = STRALLOC_ZERO;
  queue_look(instance);
  if (!executable_find(&path, argv[0])) strerr_diefusys(EX_UNAVAILABLE, "find ", argv[0]);
  execvp(path.s, (char *const *)argv);
  strerr_diefusys(EX_UNAVAILABLE, "run ", path.s);
}
