#include "start/program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include "base/instance.h"
#include "base/log.h"
#include "start/options.h"

/* The octets of a bad argument that a message repeats. */
#define ENTRY_MAX 300

int program_options(int argc, char const *const *argv, char const **instance, char const *usage)
{
  program_option const all[] = { { .letter = 'C', .text = instance } };
  return program_options_read(argc, argv, all, sizeof all / sizeof *all, usage);
}

int program_instance(char const **path)
{
  int fd;
  *path = instance_path(*path);
  fd = instance_open(*path);
  if (fd == -1) strerr_diefusys(111, "open instance ", *path);
  return fd;
}

/* --- root ----------------------------------------------------------------------------------- */

static uid_t caller;
static int became;

uid_t program_caller(void)
{
  return became ? caller : getuid();
}

/*
 * Ask again for the signal at the parent's death: the kernel forgets it when a process changes its
 * user.
 */
void program_become_user(uid_t uid, gid_t gid, gid_t const *groups, size_t count)
{
  uid_t ruid, euid, suid;
  int with_parent = 0;
  prctl(PR_GET_PDEATHSIG, &with_parent);
  caller = program_caller();
  became = 1;
  if (setgroups(count, groups) == -1 || setresgid(gid, gid, gid) == -1
   || setresuid(uid, uid, uid) == -1)
    strerr_diefusys(111, "become the user who has the queue");
  if (getresuid(&ruid, &euid, &suid) == -1 || ruid != uid || euid != uid || suid != uid
   || getegid() != gid)
    strerr_dief(111, "unable to become the user who has the queue");
  if (with_parent) prctl(PR_SET_PDEATHSIG, with_parent);
}

/*
 * The group of a directory that is root's, in an instance of root's: nobody else has chosen that
 * group.
 */
static gid_t group_of(int instance, char const *name)
{
  struct stat st;
  if (fstatat(instance, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || st.st_uid || !S_ISDIR(st.st_mode)
   || !st.st_gid)
    return PROGRAM_NOGROUP;
  return st.st_gid;
}

void program_become_owner(int directory)
{
  struct stat st;
  if (geteuid()) return;
  if (fstat(directory, &st) == -1) strerr_diefusys(111, "look whose the instance is");
  if (st.st_uid) program_become_user(st.st_uid, PROGRAM_NOGROUP, 0, 0);
}

void program_become(int instance)
{
  struct stat queue;
  gid_t readers;
  program_become_owner(instance);
  if (geteuid()) return;
  if (fstatat(instance, "queue", &queue, 0) == -1 || !queue.st_uid) return;
  readers = group_of(instance, "conf");
  program_become_user(queue.st_uid, group_of(instance, "run"), &readers, 1);
}

int program_queue(char const **path, int *instance)
{
  int dir = program_instance(path), queue;
  program_become(dir);
  queue = instance_openat(dir, "queue");
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
