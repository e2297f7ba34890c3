/* queue-hold: put messages aside. */

#include <sys/stat.h>

#include "act/selection.h"
#include "start/program.h"

#define USAGE "queue-hold [-C dir] [-a | id... | -]"

char const *PROG = "queue-hold";

static selection_kind const hold =
{
  .verb = "hold",
  .perform = &operation_hold,
  .places = OPERATION_IN(QUEUE_NEW) | OPERATION_IN(QUEUE_CUR),
  .words =
  {
    [OPERATION_DONE] = "held",
    [OPERATION_DONE_SENDING] = "held while being sent",
    [OPERATION_ALREADY] = "held already",
    [OPERATION_GONE] = "gone already",
    [OPERATION_UNFINISHED] = "being written: not held",
    [OPERATION_CORRUPT] = "not a whole message: not held"
  }
};

int main(int argc, char const *const *argv)
{
  selection_options o = { .dir = 0 };
  char const *const *ids = selection_options_read(argc, argv, &o, "C:a", USAGE);
  operation op = OPERATION_ZERO;
  int code;

  umask(007);
  op.queue = program_queue(&o.dir, 0);
  code = selection_perform(&hold, &op, o.all, ids);
  operation_free(&op);
  return code;
}
