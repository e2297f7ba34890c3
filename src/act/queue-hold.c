/* queue-hold: put messages aside. */

#include "act/selection.h"

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
  return selection_run(&hold, argc, argv, USAGE);
}
