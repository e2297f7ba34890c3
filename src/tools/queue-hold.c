/* queue-hold: put messages aside. */

#include <sys/stat.h>

#include "start/program.h"
#include "tools/many.h"

#define USAGE "queue-hold [-C dir] [-a | id... | -]"

char const *PROG = "queue-hold";

static many_deed const hold =
{
  .verb = "hold",
  .one = &act_hold,
  .places = ACT_IN(QUEUE_NEW) | ACT_IN(QUEUE_CUR),
  .words =
  {
    [ACT_DONE] = "held",
    [ACT_DONE_SENDING] = "held while being sent",
    [ACT_ALREADY] = "held already",
    [ACT_GONE] = "gone already",
    [ACT_UNFINISHED] = "being written: not held",
    [ACT_CORRUPT] = "not a whole message: not held"
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
  code = many_do(&hold, &a, o.all, ids);
  act_free(&a);
  return code;
}
