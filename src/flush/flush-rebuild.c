/*
 * flush-rebuild: make the flush files anew from the messages, or find the messages that they lack.
 *
 * qmgr runs and mail flows meanwhile, so what is found here is never the whole truth:
 *   - a message that comes to cur/ behind our back is recorded in its lists before; what its
 *     list holds and we did not find is looked up, and what is appended after that is kept;
 *   - a message that goes, or that is in a claim too, leaves an id too many: readers skip such.
 */

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/duration.h"
#include "base/log.h"
#include "flush/flush.h"
#include "flush/idlists.h"
#include "flush/trigger.h"
#include "flush/unlisted.h"
#include "queue/message.h"
#include "start/options.h"
#include "start/program.h"

#define USAGE "flush-rebuild [-C dir] [-t | -e time [-p pid]]"
#define dieusage() strerr_dieusage(100, USAGE)
#define dienomem() strerr_diefusys(111, "remember ids")

/* A boot id is a UUID in text and LF. */
#define BOOT_LEN 37
/* How often a flush-rebuild that stays looks whether the lists must be made anew. */
#define TEST_S 60
/*
 * The first look for missing messages comes after this part of the time between two looks, and so
 * does the next try after a failure.
 */
#define SOON 24
/*
 * A look pauses for this long after this many messages: a million messages take half an hour,
 * without load.
 */
#define PACE_MESSAGES 64
#define PACE_NS 100000000
/* The priority of a flush-rebuild that stays: nobody waits for it. */
#define NICE 10

char const *PROG = "flush-rebuild";

typedef struct rebuild
{
  int queue;
  message message;
  id_lists lists;
  uint64_t filled;      /* lists made, and ids in them */
  uint64_t entries;
  int unread;           /* some message could not be read */
  unsigned int pace;    /* messages until the next pause; 0: without pauses */
} rebuild;
#define REBUILD_ZERO { .message = MESSAGE_ZERO, .lists = ID_LISTS_ZERO }

static void rebuild_free(rebuild *r)
{
  id_lists_free(&r->lists);
  message_free(&r->message);
}

static id_list *list_get(rebuild *r, char const *domain)
{
  id_list *l = id_lists_get(&r->lists, domain);
  if (!l) dienomem();
  return l;
}

static void id_add(id_list *l, char const *id)
{
  if (!id_list_add(l, id)) dienomem();
}

/* --- from the messages ---------------------------------------------------------------- */

/* Read a message into r->message.  1; 0 when it is gone, or no message; -1 when nobody can tell. */
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

static void pace(rebuild *r)
{
  struct timespec const pause = { .tv_nsec = PACE_NS };
  if (!r->pace || --r->pace) return;
  nanosleep(&pause, 0);
  r->pace = PACE_MESSAGES;
}

static int note(char const *id, void *data)
{
  rebuild *r = data;
  size_t n;
  pace(r);
  if (message_open(r, id) != 1) return 1;
  for (n = 0; n < message_rcpts(&r->message); n++)
  {
    message_recipient const *rcpt = message_rcptp(&r->message, n);
    if (!rcpt->settled) id_add(list_get(r, message_string(&r->message, rcpt->domain)), id);
  }
  /*
   * A message that is settled and still here was about to be removed: have qmgr look at it when it
   * looks at notices.
   */
  if ((message_any_untold(&r->message) || !message_owed(&r->message))
   && queuedir_notice(r->queue, id) == -1)
    strerr_diefusys(111, "make queue/notice/", id);
  return 1;
}

static void note_all(rebuild *r, enum queue_place place, char const *name)
{
  if (queuedir_each(r->queue, place, note, r) == -1) strerr_diefusys(111, "read queue/", name);
}

/* --- into the queue ------------------------------------------------------------------- */

/* Does a message wait for the domain?  Yes also when it cannot be read: it may. */
static int message_waits(rebuild *r, char const *id, char const *domain)
{
  int known = message_open(r, id);
  return known == 1 ? message_owes(&r->message, domain) : known == -1;
}

/* Add to l the ids of the present list that we did not find, where their messages do wait. */
static void list_merge(rebuild *r, id_list *l, int fd)
{
  char id[ID_LEN + 1];
  size_t found = id_list_len(l);
  flush_reader reader;
  int more;
  flush_reader_init(&reader, fd);
  while ((more = flush_reader_next(&reader, id)) == 1)
    if (id_list_find(l, found, id) == found && message_waits(r, id, id_lists_name(&r->lists, l)))
      id_add(l, id);
  if (more == -1) strerr_warnwusys("read queue/flush/", id_lists_name(&r->lists, l));
  id_list_sort(l);
}

/* A list could not be made.  Where errno says that it is obstructed, warn and go on; else die. */
static void list_trouble(char const *what, char const *domain)
{
  if (!flush_obstructed(errno)) strerr_diefusys(111, what, " queue/flush/", domain);
  strerr_warnw("passed over queue/flush/", domain, ": ", flush_why(errno));
}

/* Free the memory of a list that is installed. */
static void list_install(rebuild *r, id_list *l)
{
  char const *name = id_lists_name(&r->lists, l);
  flush_seen seen = { .size = 0 };
  int fd = flush_look(r->queue, name, &seen), done;

  if (fd == -1 && errno != ENOENT)
  {
    list_trouble("open", name);
    id_list_free(l);
    return;
  }
  id_list_sort(l);
  if (fd != -1) list_merge(r, l, fd);
  done = l->ids.len
    ? flush_replace(r->queue, name, l->ids.s, id_list_len(l), fd == -1 ? 0 : &seen)
    : flush_discard(r->queue, name, &seen);
  if (done == -1) list_trouble("write", name);
  else
  {
    r->entries += id_list_len(l);
    r->filled += l->ids.len > 0;
  }
  if (fd != -1) close(fd);
  id_list_free(l);
}

/* Discard or replace the list of a domain that no message was found for. */
static int install_stale(char const *domain, void *data)
{
  rebuild *r = data;
  if (!id_lists_known(&r->lists, domain)) list_install(r, list_get(r, domain));
  return 1;
}

static void install_all(rebuild *r)
{
  size_t n = id_lists_len(&r->lists), i;
  for (i = 0; i < n; i++) list_install(r, id_lists_at(&r->lists, i));
  if (flush_each(r->queue, "flush", install_stale, r) == -1)
    strerr_diefusys(111, "read queue/flush");
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
  int fd = queuedir_open_file(queue, "boot", O_RDWR | O_CREAT, 0660);
  if (fd == -1) strerr_diefusys(111, "open queue/boot");
  return fd;
}

static void boot_write(int fd, char const boot[BOOT_LEN])
{
  if (pwrite(fd, boot, BOOT_LEN, 0) != BOOT_LEN || ftruncate(fd, BOOT_LEN) == -1)
    strerr_diefusys(111, "write queue/boot");
}

/* Shorten queue/boot to one octet: its block stays, for a disk that is full later. */
static void boot_forget(int fd)
{
  if (ftruncate(fd, 1) == -1) strerr_diefusys(111, "write queue/boot");
}

static int boot_read(int fd, char boot[BOOT_LEN + 1])
{
  ssize_t r = pread(fd, boot, BOOT_LEN + 1, 0);
  if (r == -1) strerr_diefusys(111, "read queue/boot");
  return r == BOOT_LEN;
}

/* Were the lists made since the host booted? */
static int current(int fd)
{
  char running[BOOT_LEN], then[BOOT_LEN + 1];
  boot_running(running);
  return boot_read(fd, then) && !memcmp(running, then, BOOT_LEN);
}

static int stopped_cleanly(int queue)
{
  if (faccessat(queue, "clean", F_OK, AT_SYMLINK_NOFOLLOW) == 0) return 1;
  if (errno != ENOENT) strerr_diefusys(111, "look for queue/clean");
  return 0;
}

/*
 * Was qmgr killed?  Its mark is in queue/lock and nobody has the lock then.  Note that in
 * queue/boot and remove the mark, or qmgr would note it again when the lists are made anew already.
 */
static void killed_note(int queue, int boot)
{
  struct stat st;
  int fd = queuedir_open_file(queue, "lock", O_RDWR, 0);
  if (fd == -1 && errno != ENOENT) strerr_diefusys(111, "open queue/lock");
  if (fd == -1) return;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_size)
  {
    boot_forget(boot);
    if (ftruncate(fd, 0) == -1) strerr_diefusys(111, "write queue/lock");
  }
  close(fd);
}

/*
 * Before qmgr starts: must the lists be made anew?  After a clean stop the lists count as made
 * since the host booted, unless they were to be made anew before that stop and were not.
 */
static int needed(int queue)
{
  char running[BOOT_LEN], then[BOOT_LEN + 1];
  int fd = boot_open(queue);
  killed_note(queue, fd);
  if (current(fd)) return 0;
  if (!boot_read(fd, then) || !stopped_cleanly(queue)) return 1;
  boot_running(running);
  boot_write(fd, running);
  return 0;
}

/* --- making them anew --------------------------------------------------------------------- */

static void say(rebuild const *r)
{
  char entries[UINT64_FMT], filled[UINT64_FMT];
  entries[uint64_fmt(entries, r->entries)] = 0;
  filled[uint64_fmt(filled, r->filled)] = 0;
  log_line("made ", filled, " lists anew, ", entries, " entries");
}

/* Make the lists anew.  fd is of queue/boot, locked: no other process makes them meanwhile. */
static void make_anew(int queue, int fd)
{
  rebuild r = REBUILD_ZERO;
  char boot[BOOT_LEN];
  r.queue = queue;
  boot_running(boot);
  id_lists_init(&r.lists);
  /*
   * Read hold/ twice: a message that is released while we read cur/ was found before, one that is
   * put aside is found after.
   */
  note_all(&r, QUEUE_HOLD, "hold");
  note_all(&r, QUEUE_CUR, "cur");
  note_all(&r, QUEUE_HOLD, "hold");
  install_all(&r);
  if (r.unread) strerr_dief(111, "some messages could not be read: the lists lack them");
  boot_write(fd, boot);
  trigger_hint(queue, TRIGGER_SCAN, "");
  say(&r);
  rebuild_free(&r);
}

/* --- looking for what they lack ------------------------------------------------------------- */

/* Record the ids that a list lacks; those of an obstructed list are found again the next time. */
static void list_record(rebuild *r, char const *domain, id_list const *l)
{
  char id[ID_LEN + 1] = "";
  size_t n;
  for (n = 0; n < id_list_len(l); n++)
  {
    memcpy(id, id_list_id(l, n), ID_LEN);
    if (!flush_record(r->queue, domain, id, 1))
    {
      list_trouble("write", domain);
      return;
    }
    log_line(id, ": was in no list of ", domain);
    trigger_hint(r->queue, TRIGGER_RECORDED, id);
  }
}

static void list_complete(rebuild *r, id_list *l)
{
  char const *domain = id_lists_name(&r->lists, l);
  if (unlisted_keep(l, r->queue, domain, &r->message)) list_record(r, domain, l);
  else list_trouble("read", domain);
  id_list_free(l);
}

/* Find missing messages: slowly, and without a write where none is missing. */
static void look(int queue)
{
  rebuild r = REBUILD_ZERO;
  size_t n;
  r.queue = queue;
  r.pace = PACE_MESSAGES;
  id_lists_init(&r.lists);
  note_all(&r, QUEUE_CUR, "cur");
  for (n = 0; n < id_lists_len(&r.lists); n++) list_complete(&r, id_lists_at(&r.lists, n));
  if (r.unread) strerr_dief(111, "some messages could not be read");
  rebuild_free(&r);
}

/* --- who stays ---------------------------------------------------------------------------- */

static uint64_t clock_s(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec;
}

/* Does queue/boot say that the lists are good?  qmgr, and -t before it, keep it right. */
static void see_to(int queue, int due)
{
  int fd = boot_open(queue);
  if (!current(fd))
  {
    if (flock(fd, LOCK_EX) == -1) strerr_diefusys(111, "lock queue/boot");
    if (!current(fd)) make_anew(queue, fd);
  }
  else if (due) look(queue);
}

/* End with the parent, also where it is dead already. */
static void end_with_parent(pid_t parent)
{
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(0);
}

/* Run a look in a process of its own, whose errors and memory end with it.  1 when it succeeded. */
static int see_to_apart(int queue, int due)
{
  int status;
  pid_t parent = getpid(), pid = fork();
  if (pid == -1)
  {
    strerr_warnwusys("fork");
    return 0;
  }
  if (!pid)
  {
    end_with_parent(parent);
    see_to(queue, due);
    _exit(0);
  }
  while (waitpid(pid, &status, 0) == -1 && errno == EINTR) ;
  return status == 0;
}

static void stay(int queue, uint64_t every_s) gccattr_noreturn;
static void stay(int queue, uint64_t every_s)
{
  uint64_t soon_s = every_s / SOON ? every_s / SOON : 1;
  uint64_t test_s = every_s < TEST_S ? every_s : TEST_S;
  uint64_t due_s = clock_s() + soon_s;
  signal(SIGCHLD, SIG_DFL); /* a run script may have set it to be ignored */
  setpriority(PRIO_PROCESS, 0, NICE);
  for (;;)
  {
    int due = clock_s() >= due_s;
    int done = see_to_apart(queue, due);
    if (due && done) due_s = clock_s() + every_s;
    sleep((unsigned int)(done ? test_s : soon_s));
  }
}

/* --- */

typedef struct options
{
  char const *dir;
  int test;
  uint64_t every_s;      /* 0: do not stay */
  unsigned int parent;   /* 0: do not end with the parent */
} options;

static int options_read(int argc, char const *const *argv, options *o)
{
  program_option const all[] = {
    { .letter = 'C', .text = &o->dir }, { .letter = 't', .flag = &o->test },
    { .letter = 'e', .seconds = &o->every_s },
    { .letter = 'p', .number = &o->parent, .least = 1, .most = UINT_MAX }
  };
  int first = program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE);
  if ((o->test && o->every_s) || (o->parent && !o->every_s)) dieusage();
  return first;
}

int main(int argc, char const *const *argv)
{
  options o = { .dir = 0 };
  int queue, fd;

  if (options_read(argc, argv, &o) != argc) dieusage();
  umask(007);
  if (o.parent) end_with_parent((pid_t)o.parent);
  queue = program_queue(&o.dir, 0);
  if (o.test) return needed(queue) ? 0 : 1;
  if (o.every_s) stay(queue, o.every_s);

  fd = boot_open(queue);
  if (flock(fd, LOCK_EX | LOCK_NB) == -1)
  {
    if (errno == EWOULDBLOCK) strerr_dief(1, "another one is at work in ", o.dir);
    strerr_diefusys(111, "lock ", o.dir, "/queue/boot");
  }
  make_anew(queue, fd);
  return 0;
}
