#include "act/operation.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "conf/conf.h"
#include "flush/flush.h"
#include "flush/trigger.h"
#include "queue/trace.h"
#include "start/program.h"

/* --- hints ---------------------------------------------------------------------------------- */

#define HINT_STEP_MS 10u

/* Tell qmgr what was done.  A lost hint does no harm, but its line would be missing in the log. */
static void qmgr_hint(operation *op, enum trigger_word word, char const *id)
{
  int *fd = trigger_deed(word) ? &op->deeds : &op->trigger;
  while (trigger_say_nosignal(op->queue, fd, word, id) == 0 && *fd != -1 && op->hint_ms)
  {
    poll(0, 0, (int)HINT_STEP_MS);
    op->hint_ms -= op->hint_ms < HINT_STEP_MS ? op->hint_ms : HINT_STEP_MS;
  }
}

/* --- finding the message ---------------------------------------------------------------------- */

/* Messages move from new to cur, from either to hold, and from there to cur. */
static enum queue_place const look_order[] = { QUEUE_CUR, QUEUE_HOLD, QUEUE_NEW, QUEUE_CORRUPT };
#define LOOK_PLACES (sizeof look_order / sizeof *look_order)
/* A round misses a message that moves meanwhile at most once. */
#define LOOK_ROUNDS 3

/* A message found, open for reading and appending. */
typedef struct found
{
  char const *id;
  enum queue_place place;
  int fd;
  int sending; /* agents have locks in it; else all of it is locked by us */
} found;

/* One operation on the message found.  OPERATION_GONE: the message left that place, look on. */
typedef enum operation_result step(operation *op, found *f);

static enum operation_result found_use(operation *op, found *f, step *then)
{
  int locked = message_lock_all(f->fd);
  if (locked == -1) return OPERATION_TROUBLE;
  f->sending = !locked;
  return OPERATION_IN(f->place) & (locked ? op->idle : op->busy) ? (*then)(op, f) : OPERATION_GONE;
}

/* A file in new/ with the id of a message that stands elsewhere is not that message. */
static enum operation_result look_in(operation *op, char const *id, enum queue_place place,
                                     step *then)
{
  found f = { .id = id, .place = place };
  char path[QUEUE_PATH_MAX];
  enum operation_result result;
  struct stat st;
  int e;
  if (place == QUEUE_NEW && queuedir_taken(op->queue, id, &st)) return OPERATION_GONE;
  queuedir_path(path, place, id);
  f.fd = queuedir_open_file(op->queue, path, O_RDWR | O_APPEND, 0);
  if (f.fd == -1) return errno == ENOENT ? OPERATION_GONE : OPERATION_TROUBLE;
  result = found_use(op, &f, then);
  e = errno;
  close(f.fd);
  errno = e;
  return result;
}

static int unfinished(operation const *op, char const *id)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, QUEUE_TMP, id);
  return op->idle & OPERATION_IN(QUEUE_TMP)
    && faccessat(op->queue, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * In new/ a user may touch his own files alone (sticky), and qmgr may touch all.  An operator waits
 * until qmgr has moved the message to cur/; a qmgr that runs does so at once.
 */
#define TAKEN_IN_MS 50

static int taken_in_soon(operation *op, char const *id, enum queue_place place)
{
  if (place != QUEUE_NEW || errno != EPERM) return 0;
  qmgr_hint(op, TRIGGER_NEW, id);
  poll(0, 0, TAKEN_IN_MS);
  errno = EPERM;
  return 1;
}

static enum operation_result message_look(operation *op, char const *id, step *then)
{
  enum operation_result denied = OPERATION_GONE;
  size_t i;
  for (i = 0; i < LOOK_ROUNDS * LOOK_PLACES; i++)
  {
    enum queue_place place = i ? look_order[i % LOOK_PLACES] : op->first;
    enum operation_result result = look_in(op, id, place, then);
    if (result == OPERATION_TROUBLE && taken_in_soon(op, id, place)) denied = result;
    else if (result != OPERATION_GONE) return result;
  }
  if (denied != OPERATION_GONE)
  {
    errno = EPERM;
    return denied;
  }
  return unfinished(op, id) ? OPERATION_UNFINISHED : OPERATION_GONE;
}

/* The result of a system call that moves or removes the message. */
static enum operation_result outcome(int r, enum operation_result good)
{
  if (r == 0) return good;
  return errno == ENOENT ? OPERATION_GONE : OPERATION_TROUBLE;
}

/* What errno of message_read() says of the message. */
static enum operation_result unreadable(void)
{
  return errno == EBADMSG ? OPERATION_CORRUPT : OPERATION_TROUBLE;
}

/* --- delete, hold, release ------------------------------------------------------------ */

/*
 * Is nothing left to do for the message?  Then qmgr is about to remove it, or was killed before
 * it could, or missed it because it moved.  Whoever removes such a message, it was sent: for the
 * operator it is gone.
 */
static int done_with(operation *op, found const *f)
{
  return !f->sending && OPERATION_IN(f->place) & OPERATION_QUEUED
    && message_read(&op->message, f->fd) && !message_owed(&op->message)
    && !message_any_untold(&op->message);
}

static enum operation_result finish(operation *op, found const *f)
{
  if (queuedir_remove(op->queue, f->id, f->place) == 0) qmgr_hint(op, TRIGGER_DELETED, f->id);
  else if (errno != ENOENT) return OPERATION_TROUBLE;
  return OPERATION_GONE;
}

/* A message that an agent is sending is done with as well, but for the attempt under way. */
static enum operation_result done(found const *f)
{
  return f->sending ? OPERATION_DONE_SENDING : OPERATION_DONE;
}

static enum operation_result delete_step(operation *op, found *f)
{
  if (done_with(op, f)) return finish(op, f);
  return outcome(queuedir_remove(op->queue, f->id, f->place), done(f));
}

enum operation_result operation_delete(operation *op, char const *id)
{
  enum operation_result result = message_look(op, id, &delete_step);
  if (result == OPERATION_DONE || result == OPERATION_DONE_SENDING)
    qmgr_hint(op, TRIGGER_DELETED, id);
  return result;
}

/*
 * A message in new/ may be in no list yet.  Its domains are recorded before it is held, so that
 * qmgr finds it when it is released.
 */
static enum operation_result owed_record(operation *op, found const *f)
{
  message const *m = &op->message;
  size_t n;
  if (!message_read(&op->message, f->fd)) return unreadable();
  for (n = 0; n < message_rcpts(m); n++)
    if (message_rcpt_first(m, n)
     && !flush_record(op->queue, message_string(m, message_rcptp(m, n)->domain), f->id, 1))
      return OPERATION_TROUBLE;
  return OPERATION_DONE;
}

static enum operation_result hold_step(operation *op, found *f)
{
  enum operation_result recorded;
  if (done_with(op, f)) return finish(op, f);
  if (f->place == QUEUE_HOLD) return OPERATION_ALREADY;
  if (f->place == QUEUE_CORRUPT) return OPERATION_CORRUPT;
  recorded = f->place == QUEUE_NEW ? owed_record(op, f) : OPERATION_DONE;
  if (recorded != OPERATION_DONE) return recorded;
  return outcome(queuedir_move(op->queue, f->id, f->place, QUEUE_HOLD), done(f));
}

enum operation_result operation_hold(operation *op, char const *id)
{
  enum operation_result result = message_look(op, id, &hold_step);
  if (result == OPERATION_DONE || result == OPERATION_DONE_SENDING) qmgr_hint(op, TRIGGER_HELD, id);
  return result;
}

static enum operation_result release_step(operation *op, found *f)
{
  if (done_with(op, f)) return finish(op, f);
  if (f->place == QUEUE_CORRUPT) return OPERATION_CORRUPT;
  if (f->place != QUEUE_HOLD) return OPERATION_ALREADY;
  if (!message_read(&op->message, f->fd)) return unreadable();
  /* A message that expired while it was held: its sender is told now. */
  if (message_any_untold(&op->message) && queuedir_notice(op->queue, f->id) == -1)
    return OPERATION_TROUBLE;
  return outcome(queuedir_move(op->queue, f->id, QUEUE_HOLD, QUEUE_CUR), OPERATION_DONE);
}

enum operation_result operation_release(operation *op, char const *id)
{
  enum operation_result result = message_look(op, id, &release_step);
  if (result == OPERATION_DONE) qmgr_hint(op, TRIGGER_RELEASED, id);
  return result;
}

/* --- waiting for agents --------------------------------------------------------------- */

#define WAIT_STEP_MS 50u

/*
 * Lock all of a message once its agents are done.  1; 0 when they are not, in time; -1 with
 * errno.
 */
static int lock_later(operation *op, int fd)
{
  int locked = 0;
  while (!locked && op->wait_ms)
  {
    poll(0, 0, (int)WAIT_STEP_MS);
    op->wait_ms -= op->wait_ms < WAIT_STEP_MS ? op->wait_ms : WAIT_STEP_MS;
    locked = message_lock_all(fd);
  }
  return locked;
}

/* Was the file removed since it was opened?  1, 0, -1 with errno. */
static int removed(int fd)
{
  struct stat st;
  return fstat(fd, &st) == -1 ? -1 : !st.st_nlink;
}

/*
 * Lock all of the message, then read it: what it owes cannot change from then on.
 * OPERATION_DONE, or why not.
 */
static enum operation_result message_take(operation *op, found const *f)
{
  int r;
  if (f->place == QUEUE_CORRUPT) return OPERATION_CORRUPT;
  r = f->sending ? lock_later(op, f->fd) : 1;
  if (r < 1) return r == 0 ? OPERATION_BUSY : OPERATION_TROUBLE;
  r = removed(f->fd);
  if (r) return r == 1 ? OPERATION_GONE : OPERATION_TROUBLE;
  return message_read(&op->message, f->fd) ? OPERATION_DONE : unreadable();
}

/* --- requeue -------------------------------------------------------------------------- */

#define PIECE_LEN 16384

int operation_settings(operation *op, int conf)
{
  int held;
  return conf_me(conf, &op->me) && conf_switch(conf, "fsyncdir", &op->fsyncdir)
    && conf_postmaster_domain(conf, &op->postmaster, &op->postmaster_domain, &held);
}

/* A recipient held for want of conf/postmaster goes where the settings say now. */
static int rcpt_copy(operation *op, message_recipient const *r)
{
  message const *m = &op->message;
  char const *domain = message_string(m, r->domain), *address = message_string(m, r->address);
  if (!strcmp(domain, CONF_HELD))
  {
    domain = op->postmaster_domain.s;
    address = op->postmaster.s;
  }
  return message_rcpt(&op->writer, domain, address, strlen(address),
                      message_string(m, r->parameters));
}

static int envelope_copy(operation *op)
{
  message const *m = &op->message;
  char const *sender = message_string(m, m->sender);
  size_t i;
  if (!message_begin(&op->writer, op->queue, sender, strlen(sender),
                     message_string(m, m->parameters), message_string(m, m->client))) return 0;
  for (i = 0; i < message_rcpts(m); i++)
  {
    message_recipient const *r = message_rcptp(m, i);
    if (!r->settled && !rcpt_copy(op, r)) return 0;
  }
  return 1;
}

static int field_put(operation *op, char const *id)
{
  char how[sizeof "requeued from " + ID_LEN] = "requeued from ";
  memcpy(how + sizeof "requeued from " - 1, id, ID_LEN);
  return trace_put(&op->writer, op->me.s, program_caller(), how);
}

static int content_copy(operation *op, int fd)
{
  char piece[PIECE_LEN];
  uint64_t at = op->message.content_offset, end = at + op->message.content_len;
  while (at < end)
  {
    ssize_t r = pread(fd, piece, end - at < PIECE_LEN ? (size_t)(end - at) : PIECE_LEN, (off_t)at);
    if (r == -1 && errno == EINTR) continue;
    if (!r) errno = EIO; /* the file was whole a moment ago */
    if (r < 1 || !message_put(&op->writer, piece, (size_t)r)) return 0;
    at += (uint64_t)r;
  }
  op->writer.flags = op->message.flags;
  return 1;
}

static int is_at(operation const *op, char const *id, enum queue_place place,
                 struct stat const *file)
{
  char path[QUEUE_PATH_MAX];
  struct stat st;
  queuedir_path(path, place, id);
  return fstatat(op->queue, path, &st, AT_SYMLINK_NOFOLLOW) == 0
    && st.st_ino == file->st_ino && st.st_dev == file->st_dev;
}

/*
 * Remove this file, in whatever place it stands now, and no other file of its name.  1; 0 when
 * the file is gone; -1 with errno.
 */
static int anywhere_remove(operation const *op, char const *id, struct stat const *file)
{
  size_t i;
  for (i = 0; i < LOOK_ROUNDS * LOOK_PLACES; i++)
  {
    enum queue_place place = look_order[i % LOOK_PLACES];
    if (!is_at(op, id, place, file)) continue;
    if (queuedir_remove(op->queue, id, place) == 0) return 1;
    if (errno != ENOENT) return -1;
  }
  return 0;
}

/* Remove the copy, in whatever place it stands now. */
static int copy_remove(operation const *op)
{
  enum queue_place place;
  struct stat st;
  int fd = queuedir_open_message(op->queue, op->writer.id, O_RDONLY, &place), ok;
  if (fd == -1) return errno == ENOENT;
  ok = fstat(fd, &st) == 0 && anywhere_remove(op, op->writer.id, &st) != -1;
  close(fd);
  return ok;
}

/* A user who removed the message while it was copied meant the copy as well. */
static enum operation_result message_copy(operation *op, found const *f)
{
  struct stat st;
  int r;
  if (!envelope_copy(op) || !field_put(op, f->id) || !content_copy(op, f->fd))
    return OPERATION_TROUBLE;
  if (fstat(f->fd, &st) == -1) return OPERATION_TROUBLE;
  if (!st.st_nlink) return OPERATION_GONE;
  if (!message_commit(&op->writer, op->fsyncdir)) return OPERATION_TROUBLE;
  r = anywhere_remove(op, f->id, &st);
  if (r == 1) return OPERATION_DONE;
  return r == 0 && copy_remove(op) ? OPERATION_GONE : OPERATION_TROUBLE;
}

/* Signals that end the program are blocked until nothing is left in tmp/. */
static enum operation_result copy_unbroken(operation *op, found const *f)
{
  static int const ending[] = { SIGHUP, SIGINT, SIGTERM };
  enum operation_result result;
  sigset_t block, before;
  size_t i;
  sigemptyset(&block);
  for (i = 0; i < sizeof ending / sizeof *ending; i++) sigaddset(&block, ending[i]);
  sigprocmask(SIG_BLOCK, &block, &before);
  result = message_copy(op, f);
  message_abort(&op->writer);
  sigprocmask(SIG_SETMASK, &before, 0);
  return result;
}

static enum operation_result requeue_step(operation *op, found *f)
{
  enum operation_result taken = message_take(op, f);
  if (taken != OPERATION_DONE) return taken;
  if (message_any_untold(&op->message)) return OPERATION_UNTOLD;
  if (!message_owed(&op->message)) return OPERATION_SETTLED;
  return copy_unbroken(op, f);
}

enum operation_result operation_requeue(operation *op, char const *id)
{
  enum operation_result result = message_look(op, id, &requeue_step);
  if (result != OPERATION_DONE) return result;
  qmgr_hint(op, TRIGGER_REQUEUED, id);
  qmgr_hint(op, TRIGGER_NEW, op->writer.id);
  return result;
}

/* --- expire --------------------------------------------------------------------------- */

static int give_up(operation *op, int fd, size_t n)
{
  char const *reason = message_string(&op->message, message_rcptp(&op->message, n)->reason);
  char text[JOB_TEXT_MAX];
  job_result result;
  job_result_expire(&result, n, text, JOB_TEXT_GIVEN_UP, reason);
  return message_journal(fd, wallclock_us(), &result);
}

/* The sender of a held message is told later: operation_release() notes that. */
static enum operation_result expire_step(operation *op, found *f)
{
  enum operation_result taken = message_take(op, f);
  size_t i;
  if (taken != OPERATION_DONE) return taken;
  if (!message_owed(&op->message)) return OPERATION_ALREADY;
  for (i = 0; i < message_rcpts(&op->message); i++)
    if (!message_rcptp(&op->message, i)->settled && !give_up(op, f->fd, i))
      return OPERATION_TROUBLE;
  return f->place == QUEUE_HOLD || queuedir_notice(op->queue, f->id) == 0
    ? OPERATION_DONE : OPERATION_TROUBLE;
}

enum operation_result operation_expire(operation *op, char const *id)
{
  enum operation_result result = message_look(op, id, &expire_step);
  if (result == OPERATION_DONE) qmgr_hint(op, TRIGGER_SCAN, "");
  return result;
}

/* --- every message -------------------------------------------------------------------- */

typedef struct operation_walk
{
  operation const *op;
  uint64_t since_us;
  int (*fn)(char const *id, void *data);
  void *data;
} operation_walk;

/* A message whose id lies in the future arrived under a wrong clock: it is no new arrival. */
static int walked_old(char const *id, void *data)
{
  operation_walk const *w = data;
  uint64_t arrival_us = id_time(id), now_us = wallclock_us();
  if (now_us < w->op->writer.arrival_us) now_us = w->op->writer.arrival_us;
  return (arrival_us >= w->since_us && arrival_us <= now_us) || (*w->fn)(id, w->data);
}

int operation_each(operation *op, unsigned int places,
                   int (*fn)(char const *id, void *data), void *data, char const **where)
{
  static enum queue_place const order[] = { QUEUE_NEW, QUEUE_CUR, QUEUE_HOLD, QUEUE_CORRUPT };
  static char const *const names[] = { "new", "cur", "hold", "corrupt" };
  operation_walk w = { .op = op, .since_us = wallclock_us(), .fn = fn, .data = data };
  int r = 1;
  size_t i;
  for (i = 0; r == 1 && i < sizeof order / sizeof *order; i++)
  {
    *where = names[i];
    op->first = order[i];
    if (places & OPERATION_IN(order[i])) r = queuedir_each(op->queue, order[i], &walked_old, &w);
  }
  return r;
}

void operation_free(operation *op)
{
  trigger_close(&op->trigger);
  trigger_close(&op->deeds);
  stralloc_free(&op->me);
  stralloc_free(&op->postmaster);
  stralloc_free(&op->postmaster_domain);
  stralloc_free(&op->writer.envelope);
  message_free(&op->message);
}
