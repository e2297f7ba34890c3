/* qmgr-trigger: write a hint to qmgr. */

#include <skalibs/strerr.h>

#include "flush/trigger.h"
#include "start/program.h"

#define USAGE "qmgr-trigger [-C dir] word [argument]"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "qmgr-trigger";

int main(int argc, char const *const *argv)
{
  char const *dir = 0;
  int first = program_options(argc, argv, &dir, USAGE), queue, written;

  argc -= first;
  argv += first;
  if (argc != 1 && argc != 2) dieusage();
  if (!trigger_line_ok(argv[0], argc == 2 ? argv[1] : "")) strerr_dief(100, "not a hint");

  queue = program_queue(&dir, 0);
  written = trigger_hint_text(queue, argv[0], argc == 2 ? argv[1] : "");
  if (written == -1) strerr_diefusys(111, "write to ", dir, "/queue/trigger");
  return written ? 0 : 1;
}
