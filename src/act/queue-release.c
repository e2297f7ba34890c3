/* queue-release: give messages that were put aside back to qmgr. */

#include <sys/stat.h>

#include "act/selection.h"
#include "start/program.h"

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
  selection_options o = { .dir = 0 };
  char const *const *ids = selection_options_read(argc, argv, &o, "C:a", USAGE);
  operation op = OPERATION_ZERO;
  int code;

  umask(007);
  op.queue = program_queue(&o.dir, 0);
  code = selection_perform(&release, &op, o.all, ids);
  operation_free(&op);
  return code;
}
