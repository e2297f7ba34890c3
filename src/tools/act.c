#include "tools/act.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/program.h"
#include "base/wallclock.h"
#include "conf/conf.h"
#include "flush/flush.h"
#include "flush/trigger.h"
#include "queue/trace.h"

/* --- hints ---------------------------------------------------------------------------------- */

#define HINT_STEP_MS 10u

/* A hint that is lost does no harm, but qmgr's log should have what was done. */
static void hint(act *a, enum trigger_word word, char const *id)
{
  int *fd = trigger_deed(word) ? &a->deeds : &a->trigger;
  while (trigger_say_nosignal(a->queue, fd, word, id) == 0 && *fd != -1 && a->hint_ms)
  {
    poll(0, 0, (int)HINT_STEP_MS);
    a->hint_ms -= a->hint_ms < HINT_STEP_MS ? a->hint_ms : HINT_STEP_MS;
  }
}

/* --- looking for it -------------------------------------------------------------------------- */

/* Messages move from new to cur, from either to hold, and from there to cur. */
static enum queue_place const look_order[] = { QUEUE_CUR, QUEUE_HOLD, QUEUE_NEW, QUEUE_CORRUPT };
#define LOOK_PLACES (sizeof look_order / sizeof *look_order)
/* One that moves while we look is missed at most once in a round. */
#define LOOK_ROUNDS 3

/* A message found, open for reading and appending. */
typedef struct found
{
  char const *id;
  enum queue_place place;
  int fd;
  int sending; /* others have locks in it; else we have all of it */
} found;

/* What to do with it; ACT_GONE when it is not there any more: look on. */
typedef enum act_result step(act *a, found *f);

static enum act_result found_use(act *a, found *f, step *then)
{
  int locked = message_lock_all(f->fd);
  if (locked == -1) return ACT_TROUBLE;
  f->sending = !locked;
  return ACT_IN(f->place) & (locked ? a->idle : a->busy) ? (*then)(a, f) : ACT_GONE;
}

/* What is in new/ under the name of a message that is elsewhere is not that message. */
static enum act_result look_in(act *a, char const *id, enum queue_place place, step *then)
{
  found f = { .id = id, .place = place };
  char path[QUEUE_PATH_MAX];
  enum act_result result;
  struct stat st;
  int e;
  if (place == QUEUE_NEW && queuedir_taken(a->queue, id, &st)) return ACT_GONE;
  queuedir_path(path, place, id);
  f.fd = queuedir_open_file(a->queue, path, O_RDWR | O_APPEND, 0);
  if (f.fd == -1) return errno == ENOENT ? ACT_GONE : ACT_TROUBLE;
  result = found_use(a, &f, then);
  e = errno;
  close(f.fd);
  errno = e;
  return result;
}

static int unfinished(act const *a, char const *id)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, QUEUE_TMP, id);
  return a->idle & ACT_IN(QUEUE_TMP) && faccessat(a->queue, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * In new/ each may touch his own alone, and qmgr all: an operator's turn comes when qmgr has taken it in, which is at
 * once, if there is one.
 */
#define TAKEN_IN_MS 50

static int taken_in_soon(act *a, char const *id, enum queue_place place)
{
  if (place != QUEUE_NEW || errno != EPERM) return 0;
  hint(a, TRIGGER_NEW, id);
  poll(0, 0, TAKEN_IN_MS);
  errno = EPERM;
  return 1;
}

static enum act_result look(act *a, char const *id, step *then)
{
  enum act_result denied = ACT_GONE;
  size_t i;
  for (i = 0; i < LOOK_ROUNDS * LOOK_PLACES; i++)
  {
    enum queue_place place = i ? look_order[i % LOOK_PLACES] : a->first;
    enum act_result result = look_in(a, id, place, then);
    if (result == ACT_TROUBLE && taken_in_soon(a, id, place)) denied = result;
    else if (result != ACT_GONE) return result;
  }
  if (denied != ACT_GONE)
  {
    errno = EPERM;
    return denied;
  }
  return unfinished(a, id) ? ACT_UNFINISHED : ACT_GONE;
}

/* What a system call that moves or removes came to. */
static enum act_result outcome(int r, enum act_result good)
{
  if (r == 0) return good;
  return errno == ENOENT ? ACT_GONE : ACT_TROUBLE;
}

/* --- delete, hold, release --------------------------------------------------------------------- */

/*
 * Nothing is left to do for it: qmgr is about to remove it, or would have, if it had not been killed or
 * the message moved under its hands.  Whoever removes it, it was sent, and gone for the operator.
 */
static int done_with(act *a, found const *f)
{
  return !f->sending && ACT_IN(f->place) & ACT_QUEUED && message_read(&a->message, f->fd)
    && !message_owed(&a->message) && !message_any_untold(&a->message);
}

static enum act_result finish(act *a, found const *f)
{
  if (queuedir_remove(a->queue, f->id, f->place) == 0) hint(a, TRIGGER_DELETED, f->id);
  else if (errno != ENOENT) return ACT_TROUBLE;
  return ACT_GONE;
}

static enum act_result delete_step(act *a, found *f)
{
  if (done_with(a, f)) return finish(a, f);
  return outcome(queuedir_remove(a->queue, f->id, f->place), f->sending ? ACT_DONE_SENDING : ACT_DONE);
}

enum act_result act_delete(act *a, char const *id)
{
  enum act_result result = look(a, id, &delete_step);
  if (result == ACT_DONE || result == ACT_DONE_SENDING) hint(a, TRIGGER_DELETED, id);
  return result;
}

/* A message in new/ may be in no list yet.  What it owes is recorded before it is put aside: it will be found there. */
static enum act_result record(act *a, found const *f)
{
  message const *m = &a->message;
  size_t n;
  if (!message_read(&a->message, f->fd)) return errno == EBADMSG ? ACT_CORRUPT : ACT_TROUBLE;
  for (n = 0; n < message_rcpts(m); n++)
    if (message_rcpt_first(m, n)
     && !flush_record(a->queue, message_string(m, message_rcptp(m, n)->domain), f->id, 1))
      return ACT_TROUBLE;
  return ACT_DONE;
}

static enum act_result hold_step(act *a, found *f)
{
  enum act_result recorded;
  if (done_with(a, f)) return finish(a, f);
  if (f->place == QUEUE_HOLD) return ACT_ALREADY;
  if (f->place == QUEUE_CORRUPT) return ACT_CORRUPT;
  recorded = f->place == QUEUE_NEW ? record(a, f) : ACT_DONE;
  if (recorded != ACT_DONE) return recorded;
  return outcome(queuedir_move(a->queue, f->id, f->place, QUEUE_HOLD), f->sending ? ACT_DONE_SENDING : ACT_DONE);
}

enum act_result act_hold(act *a, char const *id)
{
  enum act_result result = look(a, id, &hold_step);
  if (result == ACT_DONE || result == ACT_DONE_SENDING) hint(a, TRIGGER_HELD, id);
  return result;
}

static enum act_result release_step(act *a, found *f)
{
  if (done_with(a, f)) return finish(a, f);
  if (f->place == QUEUE_CORRUPT) return ACT_CORRUPT;
  if (f->place != QUEUE_HOLD) return ACT_ALREADY;
  if (!message_read(&a->message, f->fd)) return errno == EBADMSG ? ACT_CORRUPT : ACT_TROUBLE;
  /* One that was given up while it was held: now its sender is told. */
  if (message_any_untold(&a->message) && queuedir_notice(a->queue, f->id) == -1) return ACT_TROUBLE;
  return outcome(queuedir_move(a->queue, f->id, QUEUE_HOLD, QUEUE_CUR), ACT_DONE);
}

enum act_result act_release(act *a, char const *id)
{
  enum act_result result = look(a, id, &release_step);
  if (result == ACT_DONE) hint(a, TRIGGER_RELEASED, id);
  return result;
}

/* --- waiting for those who send ------------------------------------------------------------------ */

#define WAIT_STEP_MS 50u

/* Lock what others have locks in, once they are done with it.  1; 0 when they are not, in time; -1 with errno. */
static int lock_later(act *a, int fd)
{
  int locked = 0;
  while (!locked && a->wait_ms)
  {
    poll(0, 0, (int)WAIT_STEP_MS);
    a->wait_ms -= a->wait_ms < WAIT_STEP_MS ? a->wait_ms : WAIT_STEP_MS;
    locked = message_lock_all(fd);
  }
  return locked;
}

/* Was it removed since it was opened?  1, 0, -1 with errno. */
static int removed(int fd)
{
  struct stat st;
  return fstat(fd, &st) == -1 ? -1 : !st.st_nlink;
}

/* Lock all of it and read it: what it owes is that then, and stays so.  ACT_DONE, or why not. */
static enum act_result take(act *a, found const *f)
{
  int r;
  if (f->place == QUEUE_CORRUPT) return ACT_CORRUPT;
  r = f->sending ? lock_later(a, f->fd) : 1;
  if (r < 1) return r == 0 ? ACT_BUSY : ACT_TROUBLE;
  r = removed(f->fd);
  if (r) return r == 1 ? ACT_GONE : ACT_TROUBLE;
  if (message_read(&a->message, f->fd)) return ACT_DONE;
  return errno == EBADMSG ? ACT_CORRUPT : ACT_TROUBLE;
}

/* --- requeue ------------------------------------------------------------------------------------- */

#define PIECE_LEN 16384

int act_settings(act *a, int conf)
{
  int held;
  return conf_me(conf, &a->me) && conf_switch(conf, "fsyncdir", &a->fsyncdir)
    && conf_postmaster_gate(conf, &a->postmaster, &a->postmaster_gate, &held);
}

/* Postmaster's goes where the settings say by now. */
static int rcpt_copy(act *a, message_recipient const *r)
{
  message const *m = &a->message;
  char const *domain = message_string(m, r->domain), *address = message_string(m, r->address);
  if (!strcmp(domain, CONF_HELD))
  {
    domain = a->postmaster_gate.s;
    address = a->postmaster.s;
  }
  return message_rcpt(&a->writer, domain, address, strlen(address), message_string(m, r->parameters));
}

static int envelope_copy(act *a)
{
  message const *m = &a->message;
  char const *sender = message_string(m, m->sender);
  size_t i;
  if (!message_begin(&a->writer, a->queue, sender, strlen(sender), message_string(m, m->parameters),
                     message_string(m, m->client))) return 0;
  for (i = 0; i < message_rcpts(m); i++)
  {
    message_recipient const *r = message_rcptp(m, i);
    if (!r->settled && !rcpt_copy(a, r)) return 0;
  }
  return 1;
}

static int field_put(act *a, char const *id)
{
  char how[sizeof "requeued from " + ID_LEN] = "requeued from ";
  memcpy(how + sizeof "requeued from " - 1, id, ID_LEN);
  return trace_put(&a->writer, a->me.s, program_caller(), how);
}

static int content_copy(act *a, int fd)
{
  char piece[PIECE_LEN];
  uint64_t at = a->message.content_offset, end = at + a->message.content_len;
  while (at < end)
  {
    ssize_t r = pread(fd, piece, end - at < PIECE_LEN ? (size_t)(end - at) : PIECE_LEN, (off_t)at);
    if (r == -1 && errno == EINTR) continue;
    if (!r) errno = EIO; /* it was whole a moment ago */
    if (r < 1 || !message_put(&a->writer, piece, (size_t)r)) return 0;
    at += (uint64_t)r;
  }
  a->writer.flags = a->message.flags;
  return 1;
}

static int is_at(act const *a, char const *id, enum queue_place place, struct stat const *file)
{
  char path[QUEUE_PATH_MAX];
  struct stat st;
  queuedir_path(path, place, id);
  return fstatat(a->queue, path, &st, AT_SYMLINK_NOFOLLOW) == 0
    && st.st_ino == file->st_ino && st.st_dev == file->st_dev;
}

/*
 * This file, wherever it is by now, and no other that has its name.  1; 0 when it is gone; -1 with
 * errno.
 */
static int anywhere_remove(act const *a, char const *id, struct stat const *file)
{
  size_t i;
  for (i = 0; i < LOOK_ROUNDS * LOOK_PLACES; i++)
  {
    enum queue_place place = look_order[i % LOOK_PLACES];
    if (!is_at(a, id, place, file)) continue;
    if (queuedir_remove(a->queue, id, place) == 0) return 1;
    if (errno != ENOENT) return -1;
  }
  return 0;
}

/* The copy is not wanted any more, wherever it is by now. */
static int copy_remove(act const *a)
{
  enum queue_place place;
  struct stat st;
  int fd = queuedir_open_message(a->queue, a->writer.id, O_RDONLY, &place), ok;
  if (fd == -1) return errno == ENOENT;
  ok = fstat(fd, &st) == 0 && anywhere_remove(a, a->writer.id, &st) != -1;
  close(fd);
  return ok;
}

/* Somebody who removed it while it was copied meant the copy as well. */
static enum act_result copy(act *a, found const *f)
{
  struct stat st;
  int r;
  if (!envelope_copy(a) || !field_put(a, f->id) || !content_copy(a, f->fd)) return ACT_TROUBLE;
  if (fstat(f->fd, &st) == -1) return ACT_TROUBLE;
  if (!st.st_nlink) return ACT_GONE;
  if (!message_commit(&a->writer, a->fsyncdir)) return ACT_TROUBLE;
  r = anywhere_remove(a, f->id, &st);
  if (r == 1) return ACT_DONE;
  return r == 0 && copy_remove(a) ? ACT_GONE : ACT_TROUBLE;
}

/* Who ends us with a signal waits until nothing is left in tmp/. */
static enum act_result copy_unbroken(act *a, found const *f)
{
  static int const ending[] = { SIGHUP, SIGINT, SIGTERM };
  enum act_result result;
  sigset_t block, before;
  size_t i;
  sigemptyset(&block);
  for (i = 0; i < sizeof ending / sizeof *ending; i++) sigaddset(&block, ending[i]);
  sigprocmask(SIG_BLOCK, &block, &before);
  result = copy(a, f);
  message_abort(&a->writer);
  sigprocmask(SIG_SETMASK, &before, 0);
  return result;
}

static enum act_result requeue_step(act *a, found *f)
{
  enum act_result taken = take(a, f);
  if (taken != ACT_DONE) return taken;
  if (message_any_untold(&a->message)) return ACT_UNTOLD;
  if (!message_owed(&a->message)) return ACT_SETTLED;
  return copy_unbroken(a, f);
}

enum act_result act_requeue(act *a, char const *id)
{
  enum act_result result = look(a, id, &requeue_step);
  if (result != ACT_DONE) return result;
  hint(a, TRIGGER_REQUEUED, id);
  hint(a, TRIGGER_NEW, a->writer.id);
  return result;
}

/* --- expire --------------------------------------------------------------------------------------- */

static int give_up(act *a, int fd, size_t n)
{
  char const *reason = message_string(&a->message, message_rcptp(&a->message, n)->reason);
  char text[JOB_TEXT_MAX];
  job_result result;
  job_result_expire(&result, n, text, JOB_TEXT_GIVEN_UP, reason);
  return message_journal(fd, wallclock_us(), &result);
}

/* A held message keeps its peace: qmgr sees what is to be told when it is released. */
static enum act_result expire_step(act *a, found *f)
{
  enum act_result taken = take(a, f);
  size_t i;
  if (taken != ACT_DONE) return taken;
  if (!message_owed(&a->message)) return ACT_ALREADY;
  for (i = 0; i < message_rcpts(&a->message); i++)
    if (!message_rcptp(&a->message, i)->settled && !give_up(a, f->fd, i)) return ACT_TROUBLE;
  return f->place == QUEUE_HOLD || queuedir_notice(a->queue, f->id) == 0 ? ACT_DONE : ACT_TROUBLE;
}

enum act_result act_expire(act *a, char const *id)
{
  enum act_result result = look(a, id, &expire_step);
  if (result == ACT_DONE) hint(a, TRIGGER_SCAN, "");
  return result;
}

/* --- all of them ---------------------------------------------------------------------------------- */

typedef struct walk
{
  act const *act;
  uint64_t since_us;
  int (*fn)(char const *id, void *data);
  void *data;
} walk;

/* An id of the future, from when the clock was wrong, is no new arrival. */
static int walked(char const *id, void *data)
{
  walk const *w = data;
  uint64_t arrival_us = id_time(id), now_us = wallclock_us();
  if (now_us < w->act->writer.arrival_us) now_us = w->act->writer.arrival_us;
  return (arrival_us >= w->since_us && arrival_us <= now_us) || (*w->fn)(id, w->data);
}

int act_each(act *a, unsigned int places, int (*fn)(char const *id, void *data), void *data, char const **where)
{
  static enum queue_place const order[] = { QUEUE_NEW, QUEUE_CUR, QUEUE_HOLD, QUEUE_CORRUPT };
  static char const *const names[] = { "new", "cur", "hold", "corrupt" };
  walk w = { .act = a, .since_us = wallclock_us(), .fn = fn, .data = data };
  int r = 1;
  size_t i;
  for (i = 0; r == 1 && i < sizeof order / sizeof *order; i++)
  {
    *where = names[i];
    a->first = order[i];
    if (places & ACT_IN(order[i])) r = queuedir_each(a->queue, order[i], &walked, &w);
  }
  return r;
}

void act_free(act *a)
{
  trigger_close(&a->trigger);
  trigger_close(&a->deeds);
  stralloc_free(&a->me);
  stralloc_free(&a->postmaster);
  stralloc_free(&a->postmaster_gate);
  stralloc_free(&a->writer.envelope);
  message_free(&a->message);
}
