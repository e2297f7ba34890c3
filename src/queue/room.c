#include "queue/room.h"

#include <errno.h>
#include <sys/statvfs.h>

/* The parts of a file system that the default of minfree is kept within. */
#define SHARE 100
#define SHARE_LARGEST 10

static uint64_t octets_kept(struct statvfs const *disk, uint64_t minfree, int said)
{
  uint64_t const size = (uint64_t)disk->f_blocks * disk->f_frsize;
  if (said) return minfree;
  if (minfree < size / SHARE) return size / SHARE;
  return minfree < size / SHARE_LARGEST ? minfree : size / SHARE_LARGEST;
}

static int blocks_left(struct statvfs const *disk, uint64_t minfree, int said, uint64_t octets)
{
  uint64_t const left = (uint64_t)disk->f_bavail * disk->f_frsize;
  uint64_t const kept = octets_kept(disk, minfree, said);
  return !disk->f_blocks || (left >= kept && left - kept >= octets);
}

static int files_left(struct statvfs const *disk)
{
  return !disk->f_files || disk->f_favail > disk->f_files / SHARE;
}

int queue_room(int queue, uint64_t minfree, int said, uint64_t octets)
{
  struct statvfs disk;
  if ((said && !minfree) || fstatvfs(queue, &disk) == -1) return 1;
  if (blocks_left(&disk, minfree, said, octets) && files_left(&disk)) return 1;
  errno = ENOSPC;
  return 0;
}
