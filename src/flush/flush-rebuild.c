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
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/avltree.h>
#include <skalibs/genalloc.h>
#include <skalibs/sgetopt.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "base/program.h"
#include "flush/flush.h"
#include "flush/trigger.h"
#include "queue/message.h"

#define USAGE "flush-rebuild [-C dir] [-t]"
#define dieusage() strerr_dieusage(100, USAGE)
#define dienomem() strerr_diefusys(111, "remember ids")

/* A boot id is a UUID in text and LF. */
#define BOOT_LEN 37

char const *PROG = "flush-rebuild";

/* --- the lists while they are made ---------------------------------------------------- */

typedef struct list
{
  size_t name;    /* offset of the domain in rebuild.names, a string */
  stralloc ids;   /* ID_LEN octets each */
} list;

typedef struct rebuild
{
  int queue;
  message message;
  stralloc names;
  genalloc lists;       /* of list */
  avltree by_name;
  uint32_t last;        /* the list used last: neighbours in time often wait for the same domain */
  uint64_t filled;      /* lists made, and ids in them */
  uint64_t entries;
  int unread;           /* some message could not be read */
} rebuild;

#define list_at(r, i) (genalloc_s(list, &(r)->lists) + (i))
#define list_name(r, l) ((r)->names.s + (l)->name)

static void *list_key(uint32_t i, void *data)
{
  rebuild *r = data;
  return list_name(r, list_at(r, i));
}

static int name_compare(void const *a, void const *b, void *data)
{
  (void)data;
  return strcmp(a, b);
}

static uint32_t list_new(rebuild *r, char const *domain)
{
  list fresh = { .name = r->names.len, .ids = STRALLOC_ZERO };
  uint32_t i = (uint32_t)genalloc_len(list, &r->lists);
  if (!stralloc_catb(&r->names, domain, strlen(domain) + 1)
      || !genalloc_append(list, &r->lists, &fresh)
      || !avltree_insert(&r->by_name, i)) dienomem();
  return i;
}

/* The domain's list, made where there is none yet. */
static list *list_get(rebuild *r, char const *domain)
{
  if (!genalloc_len(list, &r->lists) || strcmp(list_name(r, list_at(r, r->last)), domain))
    if (!avltree_search(&r->by_name, domain, &r->last)) r->last = list_new(r, domain);
  return list_at(r, r->last);
}

static int list_known(rebuild const *r, char const *domain)
{
  uint32_t i;
  return avltree_search(&r->by_name, domain, &i);
}

static void list_add(list *l, char const *id)
{
  stralloc *ids = &l->ids;
  /* Several recipients of one message are one entry. */
  if (ids->len && !memcmp(ids->s + ids->len - ID_LEN, id, ID_LEN)) return;
  if (!stralloc_catb(ids, id, ID_LEN)) dienomem();
}

static int id_compare(void const *a, void const *b)
{
  return memcmp(a, b, ID_LEN);
}

/* Oldest first, each once. */
static void list_sort(list *l)
{
  stralloc *ids = &l->ids;
  size_t from = ID_LEN, to = ID_LEN;
  while (from < ids->len && memcmp(ids->s + from - ID_LEN, ids->s + from, ID_LEN) < 0) from += ID_LEN;
  if (from >= ids->len) return;
  qsort(ids->s, ids->len / ID_LEN, ID_LEN, id_compare);
  for (from = ID_LEN; from < ids->len; from += ID_LEN)
    if (memcmp(ids->s + to - ID_LEN, ids->s + from, ID_LEN))
    {
      memmove(ids->s + to, ids->s + from, ID_LEN);
      to += ID_LEN;
    }
  ids->len = to;
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
    if (!rcpt->settled) list_add(list_get(r, message_string(&r->message, rcpt->domain)), id);
  }
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
  size_t found = l->ids.len / ID_LEN;
  flush_reader reader;
  int more;
  flush_reader_init(&reader, fd);
  while ((more = flush_reader_next(&reader, id)) == 1)
    if (!(found && bsearch(id, l->ids.s, found, ID_LEN, id_compare)) && message_waits(r, id, list_name(r, l)))
      list_add(l, id);
  if (more == -1) strerr_warnwusys("read queue/flush/", list_name(r, l));
  list_sort(l);
}

/* The memory of a list that is in place is not needed any more. */
static void list_install(rebuild *r, list *l)
{
  char const *name = list_name(r, l);
  flush_seen seen = { .size = 0 };
  int fd = flush_look(r->queue, name, &seen), done;

  if (fd == -1 && errno != ENOENT) strerr_diefusys(111, "open queue/flush/", name);
  list_sort(l);
  if (fd != -1) list_merge(r, l, fd);
  done = l->ids.len
    ? flush_replace(r->queue, name, l->ids.s, l->ids.len / ID_LEN, fd == -1 ? 0 : &seen)
    : flush_discard(r->queue, name, &seen);
  if (done == -1) strerr_diefusys(111, "write queue/flush/", name);
  if (fd != -1) close(fd);
  r->entries += l->ids.len / ID_LEN;
  r->filled += l->ids.len > 0;
  stralloc_free(&l->ids);
}

/* A list of a domain that no message waits for, as far as we have found. */
static int install_stale(char const *domain, void *data)
{
  rebuild *r = data;
  if (!list_known(r, domain)) list_install(r, list_get(r, domain));
  return 1;
}

static void install_all(rebuild *r)
{
  size_t n = genalloc_len(list, &r->lists), i;
  for (i = 0; i < n; i++) list_install(r, list_at(r, i));
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

/* The lists' ids went when they were in place. */
static void rebuild_free(rebuild *r)
{
  avltree_free(&r->by_name);
  genalloc_free(list, &r->lists);
  stralloc_free(&r->names);
  message_free(&r->message);
}

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
  rebuild r = { .message = MESSAGE_ZERO, .names = STRALLOC_ZERO, .lists = GENALLOC_ZERO, .by_name = AVLTREE_ZERO };
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

  avltree_init(&r.by_name, 16, 3, 8, list_key, name_compare, &r);
  /* hold/ twice: what is released while we read cur/ is found before, what is put aside is found after. */
  note_all(&r, QUEUE_HOLD, "hold");
  note_all(&r, QUEUE_CUR, "cur");
  note_all(&r, QUEUE_HOLD, "hold");
  install_all(&r);
  if (r.unread) strerr_dief(111, "some messages could not be read: the lists lack them");
  boot_write(fd, boot);
  trigger_hint(r.queue, "scan", "");
  say(&r);
  rebuild_free(&r);
  return 0;
}
