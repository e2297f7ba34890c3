/* queue-release: give messages that were put aside back to qmgr. */

#include <sys/stat.h>

#include "start/program.h"
#include "tools/many.h"

#define USAGE "queue-release [-C dir] [-a | id... | -]"

char const *PROG = "queue-release";

static many_deed const release =
{
  .verb = "release",
  .one = &act_release,
  .places = ACT_IN(QUEUE_HOLD),
  .words =
  {
    [ACT_DONE] = "released",
    [ACT_ALREADY] = "not held",
    [ACT_GONE] = "gone already",
    [ACT_UNFINISHED] = "being written: not released",
    [ACT_CORRUPT] = "not a whole message: not released"
  }
};

int main(int argc, char const *const *argv)
{
  many_options o = { .dir = 0 };
  char const *const *ids = many_options_read(argc, argv, &o, "C:a", USAGE);
  act a = ACT_ZERO;
  int code;

  umask(007);
  a.queue = program_queue(&o.dir, 0);
  code = many_do(&release, &a, o.all, ids);
  act_free(&a);
  return code;
}
