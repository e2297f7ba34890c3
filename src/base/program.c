#include "base/program.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>

#include "base/instance.h"
#include "base/log.h"

/* Of what was given so much is repeated in a message. */
#define ENTRY_MAX 300

int program_options(int argc, char const *const *argv, char const **instance, char const *usage)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, "C:", &scan)) != -1)
    if (c == 'C') *instance = scan.arg;
    else strerr_dieusage(100, usage);
  return scan.ind;
}

int program_instance(char const **path)
{
  int fd;
  *path = instance_path(*path);
  fd = instance_open(*path);
  if (fd == -1) strerr_diefusys(111, "open instance ", *path);
  return fd;
}

int program_queue(char const **path, int *instance)
{
  int dir = program_instance(path);
  int queue = instance_openat(dir, "queue");
  if (queue == -1) strerr_diefusys(111, "open ", *path, "/queue");
  if (instance) *instance = dir;
  return queue;
}

void program_end_with_parent(void)
{
  if (getppid() != 1) prctl(PR_SET_PDEATHSIG, SIGTERM);
}

void program_refuse(char const *what, char const *s, size_t len)
{
  char clean[ENTRY_MAX];
  strerr_dief(100, what, log_clean(clean, sizeof clean, s, len));
}
