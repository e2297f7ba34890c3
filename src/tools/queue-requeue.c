/* queue-requeue: make new messages of those in the queue. */

#include <signal.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include "conf/conf.h"
#include "start/program.h"
#include "tools/many.h"

#define USAGE "queue-requeue [-C dir] [-a | id... | -]"

char const *PROG = "queue-requeue";

static many_deed const requeue =
{
  .verb = "requeue",
  .one = &act_requeue,
  .places = ACT_QUEUED,
  .words =
  {
    [ACT_DONE] = "requeued",
    [ACT_GONE] = "gone already",
    [ACT_UNFINISHED] = "being written: not requeued",
    [ACT_BUSY] = "being sent: not requeued",
    [ACT_CORRUPT] = "not a whole message: not requeued",
    [ACT_SETTLED] = "owes nothing: not requeued",
    [ACT_UNTOLD] = "its sender is to be told of a failure first: not requeued"
  }
};

static void instance_use(act *a, char const *path)
{
  int instance, conf;
  a->queue = program_queue(&path, &instance);
  conf = conf_open(instance);
  if (conf == -1 || !act_settings(a, conf)) strerr_dief(conf_exit_code(), conf_why());
}

int main(int argc, char const *const *argv)
{
  many_options o = { .dir = 0 };
  char const *const *ids = many_options_read(argc, argv, &o, "C:a", USAGE);
  act a = ACT_ZERO;
  int code;

  umask(007);
  signal(SIGXFSZ, SIG_IGN); /* EFBIG instead */
  instance_use(&a, o.dir);
  code = many_do(&requeue, &a, o.all, ids);
  act_free(&a);
  return code;
}
