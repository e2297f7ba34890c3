/* queue-del: delete messages. */

#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include "act/selection.h"
#include "queue/ids.h"
#include "start/program.h"

#define USAGE "queue-del [-C dir] [-a [-y] | id... | -]"

char const *PROG = "queue-del";

static selection_kind const delete =
{
  .verb = "delete",
  .perform = &operation_delete,
  .places = OPERATION_QUEUED,
  .words =
  {
    [OPERATION_DONE] = "deleted",
    [OPERATION_DONE_SENDING] = "deleted while being sent",
    [OPERATION_GONE] = "gone already",
    [OPERATION_UNFINISHED] = "being written: not deleted"
  }
};

/* Die unless a user at a terminal confirms that all mail is to be deleted. */
static void ask(char const *dir)
{
  char line[IDS_LINE_MAX];
  size_t len;
  if (!isatty(0) || !isatty(2))
    strerr_dief(100, "-a deletes all mail of ", dir, ": say -y if that is meant");
  strerr_warn(PROG, ": all mail of ", dir, " is to be deleted; type yes if that is meant");
  if (ids_line(line, &len) != 1 || len != 3 || memcmp(line, "yes", 3))
    strerr_dief(1, "nothing is deleted");
}

int main(int argc, char const *const *argv)
{
  selection_options o = { .dir = 0 };
  char const *const *ids = selection_options_read(argc, argv, &o, "C:ay", USAGE);
  operation op = OPERATION_ZERO;
  int code;

  if (o.yes && !o.all) strerr_dieusage(100, USAGE);
  op.queue = program_queue(&o.dir, 0);
  if (o.all && !o.yes) ask(o.dir);
  code = selection_perform(&delete, &op, o.all, ids);
  operation_free(&op);
  return code;
}
