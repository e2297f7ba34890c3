/* qmgr-trigger: write a hint to qmgr. */


#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>

#include "base/instance.h"
#include "flush/trigger.h"

#define USAGE "qmgr-trigger [-C dir] word [argument]"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "qmgr-trigger";

static int options_read(int argc, char const *const *argv, char const **dir)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, "C:", &scan)) != -1)
    if (c == 'C') *dir = scan.arg;
    else dieusage();
  return scan.ind;
}

int main(int argc, char const *const *argv)
{
  char const *dir = 0;
  int first = options_read(argc, argv, &dir), instance, queue, written;

  argc -= first;
  argv += first;
  if (argc != 1 && argc != 2) dieusage();
  if (!trigger_line_ok(argv[0], argc == 2 ? argv[1] : "")) strerr_dief(100, "not a hint");

  dir = instance_path(dir);
  instance = instance_open(dir);
  if (instance == -1) strerr_diefusys(111, "open instance ", dir);
  queue = instance_openat(instance, "queue");
  if (queue == -1) strerr_diefusys(111, "open ", dir, "/queue");
  written = trigger_hint(queue, argv[0], argc == 2 ? argv[1] : "");
  if (written == -1) strerr_diefusys(111, "write to ", dir, "/queue/trigger");
  return written ? 0 : 1;
}
