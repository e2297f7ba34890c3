/* queue-del: delete messages. */

#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include "queue/ids.h"
#include "start/program.h"
#include "tools/many.h"

#define USAGE "queue-del [-C dir] [-a [-y] | id... | -]"

char const *PROG = "queue-del";

static many_deed const delete =
{
  .verb = "delete",
  .one = &act_delete,
  .places = ACT_QUEUED,
  .words =
  {
    [ACT_DONE] = "deleted",
    [ACT_DONE_SENDING] = "deleted while being sent",
    [ACT_GONE] = "gone already",
    [ACT_UNFINISHED] = "being written: not deleted"
  }
};

/* Die unless somebody at a terminal says that he means it. */
static void ask(char const *dir)
{
  char line[IDS_LINE_MAX];
  size_t len;
  if (!isatty(0) || !isatty(2)) strerr_dief(100, "-a deletes all mail of ", dir, ": say -y if that is meant");
  strerr_warn(PROG, ": all mail of ", dir, " is to be deleted; type yes if that is meant");
  if (ids_line(line, &len) != 1 || len != 3 || memcmp(line, "yes", 3)) strerr_dief(1, "nothing is deleted");
}

int main(int argc, char const *const *argv)
{
  many_options o = { .dir = 0 };
  char const *const *ids = many_options_read(argc, argv, &o, "C:ay", USAGE);
  act a = ACT_ZERO;
  int code;

  if (o.yes && !o.all) strerr_dieusage(100, USAGE);
  a.queue = program_queue(&o.dir, 0);
  if (o.all && !o.yes) ask(o.dir);
  code = many_do(&delete, &a, o.all, ids);
  act_free(&a);
  return code;
}
