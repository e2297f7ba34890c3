/*
 * flush-rebuild: make the flush files anew from the messages.
 *
 * qmgr runs and mail flows meanwhile, so what is found here is never the whole truth:
 *   - a message that comes to cur/ behind our back is recorded in its lists before; what its
 *     list holds and we did not find is looked up, and what is appended after that is kept;
 *   - a message that goes, or that is in a claim too, leaves an id too many: readers skip such.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "base/program.h"
#include "flush/flush.h"
#include "flush/lists.h"
#include "flush/trigger.h"
#include "queue/message.h"

#define USAGE "flush-rebuild [-C dir] [-t]"
#define dieusage() strerr_dieusage(100, USAGE)
#define dienomem() strerr_diefusys(111, "remember ids")

/* A boot id is a UUID in text and LF. */
#define BOOT_LEN 37

char const *PROG = "flush-rebuild";

typedef struct rebuild
{
  int queue;
  message message;
  lists lists;
  uint64_t filled;      /* lists made, and ids in them */
  uint64_t entries;
  int unread;           /* some message could not be read */
} rebuild;

static list *list_get(rebuild *r, char const *domain)
{
  list *l = lists_get(&r->lists, domain);
  if (!l) dienomem();
  return l;
}

static void id_add(list *l, char const *id)
{
  if (!list_add(l, id)) dienomem();
}

/* --- from the messages ---------------------------------------------------------------- */

/* 1 with r->message read; 0 when it is gone, or no message; -1 when that cannot be told. */
static int message_open(rebuild *r, char const *id)
{
  enum queue_place place;
  int fd = queuedir_open_message(r->queue, id, O_RDONLY, &place), ok, e;
  if (fd == -1)
  {
    if (errno == ENOENT) return 0;
    strerr_warnwusys("open message ", id);
    return r->unread = 1, -1;
  }
  ok = message_read(&r->message, fd);
  e = errno;
  close(fd);
  if (ok) return 1;
  errno = e;
  strerr_warnwusys("read message ", id);
  if (e == EBADMSG) return 0;
  return r->unread = 1, -1;
}

static int note(char const *id, void *data)
{
  rebuild *r = data;
  size_t n;
  if (message_open(r, id) != 1) return 1;
  for (n = 0; n < message_rcpts(&r->message); n++)
  {
    message_recipient const *rcpt = message_rcptp(&r->message, n);
    if (!rcpt->settled) id_add(list_get(r, message_string(&r->message, rcpt->domain)), id);
  }
  /* What is done with and still there was about to be removed: qmgr comes by when it looks at notices. */
  if ((message_any_untold(&r->message) || !message_owed(&r->message)) && queuedir_notice(r->queue, id) == -1)
    strerr_diefusys(111, "make queue/notice/", id);
  return 1;
}

static void note_all(rebuild *r, enum queue_place place, char const *name)
{
  if (queuedir_each(r->queue, place, note, r) == -1) strerr_diefusys(111, "read queue/", name);
}

/* --- into the queue ------------------------------------------------------------------- */

/* An id whose message cannot be read stays: it may. */
static int message_waits(rebuild *r, char const *id, char const *domain)
{
  size_t n;
  int known = message_open(r, id);
  if (known != 1) return known == -1;
  for (n = 0; n < message_rcpts(&r->message); n++)
  {
    message_recipient const *rcpt = message_rcptp(&r->message, n);
    if (!rcpt->settled && !strcmp(message_string(&r->message, rcpt->domain), domain)) return 1;
  }
  return 0;
}

/* Add to l what the list that is there has and we have not, where it waits in truth. */
static void list_merge(rebuild *r, list *l, int fd)
{
  char id[ID_LEN + 1];
  size_t found = list_len(l);
  flush_reader reader;
  int more;
  flush_reader_init(&reader, fd);
  while ((more = flush_reader_next(&reader, id)) == 1)
    if (list_find(l, found, id) == found && message_waits(r, id, lists_name(&r->lists, l))) id_add(l, id);
  if (more == -1) strerr_warnwusys("read queue/flush/", lists_name(&r->lists, l));
  list_sort(l);
}

/* The memory of a list that is in place is not needed any more. */
static void list_install(rebuild *r, list *l)
{
  char const *name = lists_name(&r->lists, l);
  flush_seen seen = { .size = 0 };
  int fd = flush_look(r->queue, name, &seen), done;

  if (fd == -1 && errno != ENOENT) strerr_diefusys(111, "open queue/flush/", name);
  list_sort(l);
  if (fd != -1) list_merge(r, l, fd);
  done = l->ids.len
    ? flush_replace(r->queue, name, l->ids.s, list_len(l), fd == -1 ? 0 : &seen)
    : flush_discard(r->queue, name, &seen);
  if (done == -1) strerr_diefusys(111, "write queue/flush/", name);
  if (fd != -1) close(fd);
  r->entries += list_len(l);
  r->filled += l->ids.len > 0;
  list_free(l);
}

/* A list of a domain that no message waits for, as far as we have found. */
static int install_stale(char const *domain, void *data)
{
  rebuild *r = data;
  if (!lists_known(&r->lists, domain)) list_install(r, list_get(r, domain));
  return 1;
}

static void install_all(rebuild *r)
{
  size_t n = lists_len(&r->lists), i;
  for (i = 0; i < n; i++) list_install(r, lists_at(&r->lists, i));
  if (flush_each(r->queue, "flush", install_stale, r) == -1) strerr_diefusys(111, "read queue/flush");
}

/* --- which boot the lists are of -------------------------------------------------------- */

static void boot_running(char boot[BOOT_LEN])
{
  static char const path[] = "/proc/sys/kernel/random/boot_id";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t r = fd == -1 ? -1 : read(fd, boot, BOOT_LEN);
  if (r == -1) strerr_diefusys(111, "read ", path);
  if (r != BOOT_LEN) strerr_dief(111, "no boot id in ", path);
  close(fd);
}

static int boot_open(int queue)
{
  int fd = openat(queue, "boot", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0660);
  if (fd == -1) strerr_diefusys(111, "open queue/boot");
  return fd;
}

static void boot_write(int fd, char const boot[BOOT_LEN])
{
  if (ftruncate(fd, 0) == -1 || pwrite(fd, boot, BOOT_LEN, 0) != BOOT_LEN)
    strerr_diefusys(111, "write queue/boot");
}

/* After a clean stop the lists are good for the boot that runs now, too. */
static int needed(int queue)
{
  char running[BOOT_LEN], then[BOOT_LEN + 1];
  int fd = boot_open(queue);
  ssize_t r = pread(fd, then, sizeof then, 0);
  if (r == -1) strerr_diefusys(111, "read queue/boot");
  boot_running(running);
  if (r == BOOT_LEN && !memcmp(running, then, BOOT_LEN)) return 0;
  if (faccessat(queue, "clean", F_OK, AT_SYMLINK_NOFOLLOW) == -1)
  {
    if (errno != ENOENT) strerr_diefusys(111, "look for queue/clean");
    return 1;
  }
  boot_write(fd, running);
  return 0;
}

/* --------------------------------------------------------------------------------------- */

static void say(rebuild const *r)
{
  char entries[UINT64_FMT], filled[UINT64_FMT];
  entries[uint64_fmt(entries, r->entries)] = 0;
  filled[uint64_fmt(filled, r->filled)] = 0;
  log_line("made ", filled, " lists anew, ", entries, " entries");
}

static int options_read(int argc, char const *const *argv, char const **dir, int *test)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, "C:t", &scan)) != -1)
    if (c == 'C') *dir = scan.arg;
    else if (c == 't') *test = 1;
    else dieusage();
  return scan.ind;
}

int main(int argc, char const *const *argv)
{
  rebuild r = { .message = MESSAGE_ZERO, .lists = LISTS_ZERO };
  char boot[BOOT_LEN];
  char const *dir = 0;
  int test = 0, fd;

  if (options_read(argc, argv, &dir, &test) != argc) dieusage();
  umask(007);
  r.queue = program_queue(&dir, 0);
  if (test) return needed(r.queue) ? 0 : 1;

  boot_running(boot);
  fd = boot_open(r.queue);
  if (flock(fd, LOCK_EX | LOCK_NB) == -1)
  {
    if (errno == EWOULDBLOCK) strerr_dief(1, "another one is at work in ", dir);
    strerr_diefusys(111, "lock ", dir, "/queue/boot");
  }

  lists_init(&r.lists);
  /* hold/ twice: what is released while we read cur/ is found before, what is put aside is found after. */
  note_all(&r, QUEUE_HOLD, "hold");
  note_all(&r, QUEUE_CUR, "cur");
  note_all(&r, QUEUE_HOLD, "hold");
  install_all(&r);
  if (r.unread) strerr_dief(111, "some messages could not be read: the lists lack them");
  boot_write(fd, boot);
  trigger_hint(r.queue, "scan", "");
  say(&r);
  lists_free(&r.lists);
  message_free(&r.message);
  return 0;
}
