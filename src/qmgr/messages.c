#include "qmgr/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <skalibs/djbunix.h>

/* --- moved, removed, put aside --------------------------------------------------------------- */

/* So often in a row at the most. */
#define MOVES_MAX 10

/* An operator may have moved it meanwhile. */
static int message_find(messages const *all, char const *id, enum queue_place *place)
{
  int fd = queuedir_open_message(all->core->queue, id, O_RDONLY, place);
  if (fd == -1) return 0;
  fd_close(fd);
  return 1;
}

/*
 * Nothing is left to do for it.  Who puts it aside and releases it at once is followed a few times.
 */
void messages_finish(messages *all, char const *id, enum queue_place place)
{
  unsigned int moves = 0;
  int r = queuedir_remove(all->core->queue, id, place);
  while (r == -1 && errno == ENOENT && moves++ < MOVES_MAX && message_find(all, id, &place))
    r = queuedir_remove(all->core->queue, id, place);
  if (r == 0) log_later(id, ": removed");
  else if (errno != ENOENT)
    core_say(all->core, SAY_STUCK, "warning: unable to remove ", id, ": ", strerror(errno));
}

/*
 * What is no message, or not the message of its id, goes where it is in nobody's way.  Into new/
 * others may put any number.
 */
void messages_put_aside(messages *all, char const *id, enum queue_place place, char const *why)
{
  char aside[ID_LEN + 1];
  if (queuedir_put_aside(all->core->queue, id, place, aside) == -1)
  {
    if (errno != ENOENT)
      core_say(all->core, SAY_STUCK, "warning: unable to put aside ", id, ": ", strerror(errno));
  }
  else if (place == QUEUE_NEW)
    core_say(all->core, SAY_ASIDE, "warning: new/", id, ": ", why, ", put aside as corrupt/",
             aside);
  else log_line("warning: ", id, ": ", why, ", put aside as corrupt/", aside);
}

void messages_to_cur(messages *all, char const *id)
{
  if (queuedir_move(all->core->queue, id, QUEUE_NEW, QUEUE_CUR) == 0 || errno == ENOENT) return;
  if (errno == EEXIST) messages_put_aside(all, id, QUEUE_NEW, "not the message of this id");
  else core_say(all->core, SAY_STUCK, "warning: unable to move new/", id, ": ", strerror(errno));
}

/* --- opening --------------------------------------------------------------------------------- */

/*
 * What is the matter with this one file, and no shortage that the next one would meet too: whoever
 * wrote it owns it, and may take our rights away, hold a lease on it, run it, or make it as large
 * as files can be.
 */
static int only_this(int e)
{
  return e == EACCES || e == EPERM || e == EAGAIN || e == ETXTBSY || e == EFBIG;
}

static void passed_over(messages *all, char const *what, char const *id)
{
  core_say(all->core, SAY_PASSED_OVER, "warning: unable to ", what, " (it is passed over) ", id,
           ": ", strerror(errno));
}

/*
 * Read a message that was opened, or not (fd -1), into *m.  A journal whose last line was torn
 * is mended before an agent, which cannot know, appends to it.
 * Returns the descriptor; -1: nothing to do for it (errno 0) or no means to (errno set).
 */
static int taken(messages *all, message *m, char const *id, enum queue_place place, int fd)
{
  if (fd == -1)
  {
    if (errno == EINVAL)
      core_say(all->core, SAY_PASSED_OVER, "warning: ", id, ": not a regular file, passed over");
    else if (only_this(errno)) passed_over(all, "open", id);
    else if (errno != ENOENT)
    {
      core_pause(all->core, "open ", id);
      return -1;
    }
    errno = 0;
    return -1;
  }
  if (message_read(m, fd) && message_mend(m, fd)) return fd;
  if (errno == EBADMSG)
  {
    messages_put_aside(all, id, place, "not a whole message");
    errno = 0;
  }
  else if (only_this(errno))
  {
    passed_over(all, "read", id);
    errno = 0;
  }
  else core_pause(all->core, "read ", id);
  fd_close(fd);
  return -1;
}

/* Open it, wherever it is, and read it. */
int messages_take(messages *all, message *m, char const *id, enum queue_place *place)
{
  int fd = queuedir_open_message(all->core->queue, id, O_RDWR | O_APPEND, place);
  if (fd == -1 && lists_free_descriptors(all->lists))
    fd = queuedir_open_message(all->core->queue, id, O_RDWR | O_APPEND, place);
  return taken(all, m, id, *place, fd);
}

/*
 * Has something elsewhere the id of what was opened in new/?  Then that is the message, and this is
 * another's, put aside now; or it is one file, of a move that was cut short.
 */
static int new_is_taken(messages *all, char const *id, int fd)
{
  struct stat there, here;
  if (!queuedir_taken(all->core->queue, id, &there)) return 0;
  if (fstat(fd, &here) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev)
    queuedir_remove(all->core->queue, id, QUEUE_NEW);
  else messages_put_aside(all, id, QUEUE_NEW, "not the message of this id");
  return 1;
}

/* The same of a message that should be in new/. */
int messages_take_new(messages *all, message *m, char const *id)
{
  int fd = queuedir_open_in(all->core->queue, id, O_RDWR | O_APPEND, QUEUE_NEW);
  if (fd == -1 && lists_free_descriptors(all->lists))
    fd = queuedir_open_in(all->core->queue, id, O_RDWR | O_APPEND, QUEUE_NEW);
  if (fd == -1 || !new_is_taken(all, id, fd)) return taken(all, m, id, QUEUE_NEW, fd);
  fd_close(fd);
  errno = 0;
  return -1;
}
