#include "check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

/* A file in tmp/ that nobody wrote to for so long was left behind. */
#define TMP_MAX_S 86400
/* Qmgr acts on a message sooner than that after an agent is done with it. */
#define QUIET_S 60
/* Between the two looks at a suspect. */
#define AGAIN_MS 1000

static char const *const place_names[] =
{
  [QUEUE_TMP] = "tmp", [QUEUE_NEW] = "new", [QUEUE_CUR] = "cur", [QUEUE_HOLD] = "hold",
  [QUEUE_CORRUPT] = "corrupt"
};

/* Was the file last written so long ago?  A time in the future counts as just now. */
static int quiet(check const *c, struct stat const *st, unsigned int seconds)
{
  return (uint64_t)st->st_mtim.tv_sec + seconds < c->now_us / 1000000;
}

/* --- opening --------------------------------------------------------------------------- */

/*
 * Open and read a message.  1, or 0 with errno: EBADMSG when the file is no message, EINVAL when
 * it is not even a regular file.
 */
static int message_open(check const *c, char const *id, enum queue_place place, message *m, int *fd,
                        struct stat *st)
{
  char path[QUEUE_PATH_MAX];
  int e;
  queuedir_path(path, place, id);
  *fd = queuedir_open_file(c->queue, path, O_RDONLY, 0);
  if (*fd == -1) return 0;
  if (fstat(*fd, st) == 0 && message_read(m, *fd)) return 1;
  e = errno;
  fd_close(*fd);
  errno = e;
  return 0;
}

static enum mending put_aside(check const *c, char const *id, enum queue_place place)
{
  char aside[ID_LEN + 1];
  return check_mend(c, queuedir_put_aside(c->queue, id, place, aside));
}

static void unreadable(check *c, char const *id, enum queue_place place)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, place, id);
  if (errno == EBADMSG)
    check_finding(c, path, "not a whole message: to corrupt/", put_aside(c, id, place));
  else if (errno == EINVAL)
    check_finding(c, path, "no regular file: to corrupt/", put_aside(c, id, place));
  else if (errno != ENOENT) check_trouble(c, path);
}

/* --- left undone ------------------------------------------------------------------------- */

static int notice_there(check const *c, char const *id)
{
  char path[QUEUE_PATH_MAX];
  memcpy(stpcpy(path, "notice/"), id, ID_LEN + 1);
  return faccessat(c->queue, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What is left to be done for the message just read, while no program seems about to do it. */
enum undone { UNDONE_NOTHING, UNDONE_NOTICE, UNDONE_REMOVAL };

/*
 * An agent that is done with a recipient tells qmgr, which then makes notice/ID, or removes the
 * message; while another agent has another recipient, qmgr waits for that one too.
 */
static enum undone undone_of(check const *c, char const *id, enum queue_place place, int fd,
                             struct stat const *st)
{
  enum undone undone = UNDONE_NOTHING;
  if (message_any_untold(&c->message)) undone = UNDONE_NOTICE;
  else if (!message_owed(&c->message) && place == QUEUE_CUR) undone = UNDONE_REMOVAL;
  if (!undone || !quiet(c, st, QUIET_S) || message_busy(fd)) return UNDONE_NOTHING;
  return undone == UNDONE_NOTICE && notice_there(c, id) ? UNDONE_NOTHING : undone;
}

/* While the message is locked no agent begins to send it, and no program changes it. */
static enum mending remove_settled(check const *c, char const *id)
{
  char path[QUEUE_PATH_MAX];
  enum mending mending;
  int fd, locked, e;
  queuedir_path(path, QUEUE_CUR, id);
  fd = queuedir_open_file(c->queue, path, O_RDWR, 0);
  if (fd == -1) return check_mending(-1);
  locked = message_lock_all(fd);
  if (locked == 1) mending = check_mending(queuedir_remove(c->queue, id, QUEUE_CUR));
  else mending = locked ? NOT_MENDED : MENDED_ITSELF;
  e = errno;
  fd_close(fd);
  errno = e;
  return mending;
}

static void undone_mend(check *c, char const *id, enum queue_place place, enum undone undone)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, place, id);
  if (undone == UNDONE_NOTICE)
    check_finding(c, path, "its sender is to be told, but no notice/ says so",
                  check_mend(c, queuedir_notice(c->queue, id)));
  else check_finding(c, path, "nothing is left to do for it",
                     c->look_only ? MENDED : remove_settled(c, id));
}

/* --- twins: the same id in two places ------------------------------------------------------- */

static int is_at(check const *c, char const *id, enum queue_place place, struct stat *st)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, place, id);
  return fstatat(c->queue, path, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * Does the id stand in both places?  That is one file under two names, when a move was cut short
 * or is under way (where rename cannot avoid overwriting, link comes first), or two files.  A
 * single file that moved between the two looks is no twin.
 */
static int twins(check const *c, char const *id, enum queue_place one, enum queue_place other)
{
  struct stat a, b;
  if (!is_at(c, id, one, &a) || !is_at(c, id, other, &b)) return 0;
  return a.st_ino != b.st_ino || a.st_dev != b.st_dev || b.st_nlink > 1;
}

static uint64_t journal_len(message const *m)
{
  return m->size - m->content_offset - m->content_len;
}

/*
 * Remove the second name of a file, by way of corrupt/: when the file moved meanwhile and this
 * was its only name, the name comes back.
 */
static int name_drop(check const *c, char const *id, enum queue_place kept,
                     enum queue_place dropped)
{
  struct stat a, b;
  if (queuedir_move(c->queue, id, dropped, QUEUE_CORRUPT) == -1) return -1;
  if (is_at(c, id, kept, &a) && is_at(c, id, QUEUE_CORRUPT, &b) && a.st_ino == b.st_ino
   && a.st_dev == b.st_dev)
    return queuedir_remove(c->queue, id, QUEUE_CORRUPT);
  return queuedir_move(c->queue, id, QUEUE_CORRUPT, dropped);
}

/* Put the message that loses aside, unless an agent is sending it. */
static enum mending twin_lose(check const *c, char const *id, enum queue_place place)
{
  char path[QUEUE_PATH_MAX];
  enum mending mending = NOTHING_TO_DO;
  int fd, e;
  queuedir_path(path, place, id);
  fd = queuedir_open_file(c->queue, path, O_RDWR, 0);
  if (fd == -1) return check_mending(-1);
  if (message_lock_all(fd) == 1) mending = put_aside(c, id, place);
  e = errno;
  fd_close(fd);
  errno = e;
  return mending;
}

/*
 * A twin in new/ loses: other users may have put it there, under any name.  Of two other files
 * the one with more journal stays: it knows of more deliveries, so nobody gets mail twice.  Where
 * both know the same the held one stays, as an operator wanted.
 */
static void twins_mend(check *c, char const *id, enum queue_place better, enum queue_place worse,
                       int same)
{
  char path[QUEUE_PATH_MAX], what[80];
  enum mending mending = MENDED;
  queuedir_path(path, worse, id);
  if (same) mending = check_mend(c, name_drop(c, id, better, worse));
  else if (!c->look_only) mending = twin_lose(c, id, worse);
  stpcpy(stpcpy(stpcpy(what, same ? "the same file is in " : "another one is in "),
                place_names[better]),
         same ? "/" : worse == QUEUE_NEW ? "/: to corrupt/"
                    : "/ and knows as much or more: to corrupt/");
  check_finding(c, path, what, mending);
}

static void twins_settle(check *c, char const *id, enum queue_place one, enum queue_place other)
{
  struct stat a, b;
  int fd, twin;
  if (!twins(c, id, one, other) || !message_open(c, id, one, &c->message, &fd, &a)) return;
  if (message_open(c, id, other, &c->other, &twin, &b))
  {
    int same = a.st_ino == b.st_ino && a.st_dev == b.st_dev;
    int less = journal_len(&c->message) < journal_len(&c->other);
    if (!same && less && other != QUEUE_NEW) twins_mend(c, id, other, one, same);
    else twins_mend(c, id, one, other, same);
    fd_close(twin);
  }
  fd_close(fd);
}

/* The first of each pair stays. */
static enum queue_place const twin_places[][2] =
  { { QUEUE_HOLD, QUEUE_CUR }, { QUEUE_HOLD, QUEUE_NEW }, { QUEUE_CUR, QUEUE_NEW } };
#define TWINS (sizeof twin_places / sizeof *twin_places)

/* --- one message ---------------------------------------------------------------------- */

static void suspect(check *c, char const *id)
{
  if (!id_list_add(&c->suspects, id)) check_die_memory();
}

static void owed_note(check *c, char const *id)
{
  size_t n;
  for (n = 0; n < message_rcpts(&c->message); n++)
  {
    message_recipient const *r = message_rcptp(&c->message, n);
    id_list *l = r->settled ? 0 : id_lists_get(&c->owed, message_string(&c->message, r->domain));
    if (!r->settled && (!l || !id_list_add(l, id))) check_die_memory();
  }
}

static int any_twins(check const *c, char const *id, enum queue_place place)
{
  size_t i;
  for (i = 0; i < TWINS; i++)
    if (twin_places[i][1] == place && twins(c, id, twin_places[i][0], place)) return 1;
  return 0;
}

static void message_check(check *c, char const *id, enum queue_place place)
{
  struct stat st;
  int fd;
  if (!message_open(c, id, place, &c->message, &fd, &st))
  {
    unreadable(c, id, place);
    return;
  }
  c->messages++;
  if (place == QUEUE_CUR) owed_note(c, id);
  if (undone_of(c, id, place, fd, &st) || any_twins(c, id, place)) suspect(c, id);
  fd_close(fd);
}

/* --- the places ----------------------------------------------------------------------- */

static void name_none(check *c, char const *directory, char const *name)
{
  stralloc path = STRALLOC_ZERO;
  check_finding(c, check_path(&path, directory, name), "not the name of a message", NOTHING_TO_DO);
  stralloc_free(&path);
}

static enum queue_place place_of(char const *directory)
{
  return !strcmp(directory, place_names[QUEUE_NEW]) ? QUEUE_NEW : QUEUE_HOLD;
}

static void message_each(check *c, char const *directory, char const *name)
{
  if (id_ok(name, strlen(name))) message_check(c, name, place_of(directory));
  else name_none(c, directory, name);
}

/* Rename a file, never over another one; for paths that queuedir_move() does not know. */
static int move(check const *c, char const *from, char const *to)
{
  return renameat2(c->queue, from, c->queue, to, RENAME_NOREPLACE);
}

/* No list leads to a message in the wrong slice: qmgr takes it up as a new one, and records it. */
static void misplaced(check *c, char const *directory, char const *id)
{
  stralloc path = STRALLOC_ZERO;
  char to[QUEUE_PATH_MAX];
  queuedir_path(to, QUEUE_NEW, id);
  check_path(&path, directory, id);
  check_finding(c, path.s, "in the wrong slice: to new/", check_mend(c, move(c, path.s, to)));
  stralloc_free(&path);
}

static void sliced_each(check *c, char const *directory, char const *name)
{
  char const *slice = directory + strlen("cur/");
  if (!id_ok(name, strlen(name))) name_none(c, directory, name);
  else if (memcmp(name, slice, ID_SLICE_LEN)) misplaced(c, directory, name);
  else message_check(c, name, QUEUE_CUR);
}

static void slice_each(check *c, char const *directory, char const *name)
{
  stralloc path = STRALLOC_ZERO;
  struct stat st;
  check_path(&path, directory, name);
  if (!queuedir_slice_ok(name)) check_finding(c, path.s, "not the name of a slice", NOTHING_TO_DO);
  else if (fstatat(c->queue, path.s, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
    check_finding(c, path.s, "no directory", NOTHING_TO_DO);
  else check_each_name(c, path.s, sliced_each);
  stralloc_free(&path);
}

static void unfinished_each(check *c, char const *directory, char const *name)
{
  stralloc path = STRALLOC_ZERO;
  struct stat st;
  check_path(&path, directory, name);
  if (!id_ok(name, strlen(name))) name_none(c, directory, name);
  else if (fstatat(c->queue, path.s, &st, AT_SYMLINK_NOFOLLOW) == 0 && quiet(c, &st, TMP_MAX_S))
    check_finding(c, path.s, "left behind unfinished, removed",
                  check_mend(c, unlinkat(c->queue, path.s, 0)));
  stralloc_free(&path);
}

void check_messages(check *c)
{
  check_each_name(c, place_names[QUEUE_TMP], unfinished_each);
  check_each_name(c, place_names[QUEUE_HOLD], message_each);
  check_each_name(c, place_names[QUEUE_CUR], slice_each);
  check_each_name(c, place_names[QUEUE_NEW], message_each);
}

/* --- once more ------------------------------------------------------------------------ */

static void undone_check(check *c, char const *id, enum queue_place place)
{
  enum undone undone;
  struct stat st;
  int fd;
  if (!message_open(c, id, place, &c->message, &fd, &st)) return;
  undone = undone_of(c, id, place, fd, &st);
  if (undone) undone_mend(c, id, place, undone);
  fd_close(fd);
}

void check_suspects(check *c)
{
  static enum queue_place const places[] = { QUEUE_CUR, QUEUE_NEW, QUEUE_HOLD };
  char id[ID_LEN + 1] = "";
  size_t n, i;
  if (!id_list_len(&c->suspects)) return;
  id_list_sort(&c->suspects);
  usleep(AGAIN_MS * 1000);
  for (n = 0; n < id_list_len(&c->suspects); n++)
  {
    memcpy(id, c->suspects.ids.s + n * ID_LEN, ID_LEN);
    for (i = 0; i < TWINS; i++) twins_settle(c, id, twin_places[i][0], twin_places[i][1]);
    for (i = 0; i < sizeof places / sizeof *places; i++) undone_check(c, id, places[i]);
  }
}

/* --- failed/, of an earlier version, which told no sender ---------------------------- */

/* How often the slice may vanish before it is used: qmgr removes old slices that are empty. */
#define SLICE_TRIES 10

static int move_to_cur(check const *c, char const *from, char const *id)
{
  char to[QUEUE_PATH_MAX], slice[QUEUE_PATH_MAX];
  int tries = SLICE_TRIES;
  queuedir_path(to, QUEUE_CUR, id);
  memcpy(slice, to, strlen(to) + 1);
  slice[strlen(to) - ID_LEN - 1] = 0;
  while (tries--)
  {
    if (mkdirat(c->queue, slice, 0770) == -1 && errno != EEXIST) return -1;
    if (move(c, from, to) == 0) return 0;
    if (errno != ENOENT) return -1;
  }
  return -1;
}

/* The message first, then its notice: after a kill in between, the next check finds it missing. */
static int failed_move(check const *c, char const *from, char const *id)
{
  return move_to_cur(c, from, id) == -1 ? -1 : queuedir_notice(c->queue, id);
}

static void failed_each(check *c, char const *directory, char const *name)
{
  stralloc path = STRALLOC_ZERO;
  check_path(&path, directory, name);
  if (!id_ok(name, strlen(name))) name_none(c, directory, name);
  else check_finding(c, path.s, "of an earlier version, its sender was never told: to cur/",
                     check_mend(c, failed_move(c, path.s, name)));
  stralloc_free(&path);
}

void check_failed(check *c)
{
  static char const directory[] = "failed";
  struct stat st;
  if (fstatat(c->queue, directory, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISDIR(st.st_mode)) return;
  check_each_name(c, directory, failed_each);
  check_finding(c, directory, "directory of an earlier version, removed",
                check_mend(c, unlinkat(c->queue, directory, AT_REMOVEDIR)));
}
