/* queue-requeue: make new messages of those in the queue. */

#include <signal.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include "act/selection.h"
#include "conf/conf.h"
#include "start/program.h"

#define USAGE "queue-requeue [-C dir] [-a | id... | -]"

char const *PROG = "queue-requeue";

static selection_kind const requeue =
{
  .verb = "requeue",
  .perform = &operation_requeue,
  .places = OPERATION_QUEUED,
  .words =
  {
    [OPERATION_DONE] = "requeued",
    [OPERATION_GONE] = "gone already",
    [OPERATION_UNFINISHED] = "being written: not requeued",
    [OPERATION_BUSY] = "being sent: not requeued",
    [OPERATION_CORRUPT] = "not a whole message: not requeued",
    [OPERATION_SETTLED] = "owes nothing: not requeued",
    [OPERATION_UNTOLD] = "its sender is to be told of a failure first: not requeued"
  }
};

static void instance_use(operation *op, char const *path)
{
  int instance, conf;
  op->queue = program_queue(&path, &instance);
  conf = conf_open(instance);
  if (conf == -1 || !operation_settings(op, conf)) strerr_dief(conf_exit_code(), conf_error());
}

int main(int argc, char const *const *argv)
{
  selection_options o = { .dir = 0 };
  char const *const *ids = selection_options_read(argc, argv, &o, "C:a", USAGE);
  operation op = OPERATION_ZERO;
  int code;

  umask(007);
  signal(SIGXFSZ, SIG_IGN); /* EFBIG instead */
  instance_use(&op, o.dir);
  code = selection_perform(&requeue, &op, o.all, ids);
  operation_free(&op);
  return code;
}
