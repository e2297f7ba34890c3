/* queue-release: give messages that were put aside back to qmgr. */

#include "act/selection.h"

#define USAGE "queue-release [-C dir] [-a | id... | -]"

char const *PROG = "queue-release";

static selection_kind const release =
{
  .verb = "release",
  .perform = &operation_release,
  .places = OPERATION_IN(QUEUE_HOLD),
  .words =
  {
    [OPERATION_DONE] = "released",
    [OPERATION_ALREADY] = "not held",
    [OPERATION_GONE] = "gone already",
    [OPERATION_UNFINISHED] = "being written: not released",
    [OPERATION_CORRUPT] = "not a whole message: not released"
  }
};

int main(int argc, char const *const *argv)
{
  return selection_run(&release, argc, argv, USAGE);
}
