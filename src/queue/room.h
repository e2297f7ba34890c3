#ifndef QUEUE_ROOM_H
#define QUEUE_ROOM_H

/*
 * Is there room on the queue's disk for more mail?  Mail is refused for the moment before the last
 * block is gone: requests, notices and journals need blocks before mail can leave the disk.
 */

#include <stdint.h>

/*
 * A program that writes a message asks again after so many octets: all messages that are being
 * written at once can be too much for the disk.
 */
#define QUEUE_ROOM_STEP 262144

/*
 * May so many octets be written?
 *   minfree, said  as conf_minfree() has them.  A default is raised to a hundredth of the file
 *                  system where that is more, and lowered to a tenth where that is less, so that
 *                  there is mail on a small one
 * The same goes for files: a hundredth of those there may be is left free, unless minfree is 0.
 * A file system that does not tell how large it is (it says 0), or that cannot be asked, is taken
 * to have room.  Returns 1, or 0 with errno ENOSPC.
 */
extern int queue_room(int queue, uint64_t minfree, int said, uint64_t octets);

#endif
