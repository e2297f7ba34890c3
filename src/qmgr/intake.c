#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include "base/log.h"
#include "base/wallclock.h"
#include "flush/reserve.h"
#include "flush/trigger.h"
#include "smtp/domain.h"
#include "qmgr/qmgr-internal.h"

/*
 * Messages of new/ looked at in one piece, and recipients of them, or of those that hints tell of:
 * what is more waits.
 */
#define NEW_TURN 64
#define NEW_TURN_RCPTS 1000
/* Names in other directories, and how long that may take. */
#define LOOK_TURN 256
#define PIECE_US (SECOND_US / 20)
/*
 * Octets of names that hints tell of, to be taken up before all others; what is more is found in
 * asked/.
 */
#define HINTED_MAX 65536
/* So long others wait for new/ at the most. */
#define NEW_TURN_US (SECOND_US / 2)
/* A file in tmp/ that nobody wrote to for so long was left behind. */
#define TMP_MAX_S 86400

/* When a piece that begins now is to end. */
static uint64_t piece_end_us(void)
{
  return wallclock_us() + PIECE_US;
}

/*
 * What there was no means for now is looked at again as soon as there may be.  Adds how many
 * recipients there were to look at.
 */
static void new_message(qmgr *q, char const *id, size_t *rcpts)
{
  if (deliver_new(q, id) == DELIVERY_STUCK && q->breathless) q->intake.look_new = 1;
  *rcpts += message_rcpts(&q->message);
}

/* --- hints ------------------------------------------------------------------------------------ */

/*
 * A request that came between an earlier one's being carried out and its file's removal has
 * only its hint left: make the file again.  One that came while an earlier one is under way
 * found its file: take it up once more.
 */
static void asked_anew(qmgr *q, char const *name)
{
  gate *g;
  flush_asked_make(q->queue, name);
  g = tree_find(&q->gates, name);
  if (g) g->asked = 0;
}

static int hinted_add(intake *in, char const *name, size_t len)
{
  return in->hinted.len + len < HINTED_MAX && stralloc_readyplus(&in->hinted, len + 1)
    && stralloc_catb(&in->hinted, name, len) && stralloc_0(&in->hinted);
}

/* A flush comes after whatever was accepted before it: new/ is read first. */
static void hint_flush(qmgr *q, trigger_line const *line)
{
  q->intake.look_new = 1;
  if (!flush_asked_ok(line->argument, line->len)) return;
  asked_anew(q, line->argument);
  if (!hinted_add(&q->intake, line->argument, line->len)) q->intake.look_asked = 1;
}

/* What an operator, or flush-rebuild, did to a message. */
static struct { char const *log; void (*then)(qmgr *q, char const *id); } const deeds[] =
{
  [TRIGGER_DELETED] = { ": removed", 0 },
  [TRIGGER_HELD] = { ": placed on hold", 0 },
  [TRIGGER_RELEASED] = { ": released from hold", &deliver_released },
  [TRIGGER_RECORDED] = { ": was in no list", &deliver_released },
  [TRIGGER_REQUEUED] = { ": requeued", 0 }
};

static void hint_deed(qmgr *q, trigger_line const *line)
{
  log_later(line->argument, deeds[line->word].log);
  if (deeds[line->word].then) deeds[line->word].then(q, line->argument);
}

/* New messages are left to the look through new/ once there is too much to do for each of them. */
static void hint_new(qmgr *q, char const *id, size_t *rcpts)
{
  if (*rcpts < NEW_TURN_RCPTS) new_message(q, id, rcpts);
  else q->intake.look_new = 1;
}

/* Of deeds nothing is believed that came another way. */
static void hint(qmgr *q, trigger_line const *line, int from_deeds, size_t *rcpts)
{
  if (from_deeds && trigger_deed(line->word)) hint_deed(q, line);
  else if (line->word == TRIGGER_NEW) hint_new(q, line->argument, rcpts);
  else if (line->word == TRIGGER_FLUSH) hint_flush(q, line);
  else intake_look(q);
}

static void hints_split(qmgr *q, hints *h)
{
  size_t from = 0, rcpts = 0;
  trigger_line line;
  char *end;
  while ((end = memchr(h->line + from, '\n', h->len - from)))
  {
    size_t to = (size_t)(end - h->line);
    trigger_scan(&line, h->line + from, to - from);
    hint(q, &line, h->deeds, &rcpts);
    from = to + 1;
  }
  deliver_new_end(q);
  memmove(h->line, h->line + from, h->len - from);
  h->len -= from;
}

/* Then hints may have been lost. */
static int pipe_nearly_full(int fd)
{
  int pending = 0;
  int size = fcntl(fd, F_GETPIPE_SZ);
  return ioctl(fd, FIONREAD, &pending) == 0 && size > 0 && pending > size / 2;
}

void intake_hints(qmgr *q, hints *h)
{
  size_t room = sizeof h->line - h->len;
  ssize_t r = fd_read(h->fd, h->line + h->len, room);
  int full = r == (ssize_t)room && pipe_nearly_full(h->fd);
  if (r <= 0) return;
  h->len += (size_t)r;
  hints_split(q, h);
  if (h->len == sizeof h->line) h->len = 0;
  if (!full) return;
  q->intake.hints_lost = 1;
  intake_look(q);
}

/* --- new/ --------------------------------------------------------------------------------------- */

/* 1 when new/ is open, and it is its turn. */
static int new_open(qmgr *q)
{
  intake *in = &q->intake;
  int fd;
  if (in->new_stuck == NEW_LAST) return 0;
  if (in->new_dir) return 1;
  if (!in->look_new) return 0;
  fd = openat(q->queue, "new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  in->new_dir = fd == -1 ? 0 : fdopendir(fd);
  if (in->new_dir)
  {
    in->look_new = 0;
    in->new_since_us = q->now_us;
    return 1;
  }
  if (fd != -1) fd_close(fd);
  qmgr_breathe(q, "read ", "new");
  return 0;
}

/* 1; 0 at the end of new/, which is closed. */
static int new_next(qmgr *q, size_t *rcpts)
{
  intake *in = &q->intake;
  struct dirent const *entry = readdir(in->new_dir);
  if (!entry)
  {
    closedir(in->new_dir);
    in->new_dir = 0;
    return 0;
  }
  if (id_ok(entry->d_name, strlen(entry->d_name))) new_message(q, entry->d_name, rcpts);
  return 1;
}

/* Does somebody wait for a flush, or for its lists, since new/ has its turn, and that for long? */
static int new_takes_long(qmgr const *q)
{
  intake const *in = &q->intake;
  return in->new_dir && (in->hinted.len || in->look_asked || in->look_lists)
    && !qmgr_lately(q, in->new_since_us, NEW_TURN_US);
}

/*
 * What cannot be recorded, for a full disk, must not keep what was asked for waiting: that makes room.  Asked for is
 * what is stuck, too: once it could be recorded, asked/ is looked at again.  So it is when there is
 * so much in new/ that reading it takes long.
 */
static void new_piece(qmgr *q)
{
  intake *in = &q->intake;
  unsigned int turn;
  size_t rcpts = 0;
  for (turn = 0; turn < NEW_TURN && rcpts < NEW_TURN_RCPTS && !q->breathless; turn++)
    if (!new_next(q, &rcpts)) break;
  deliver_new_end(q);
  if (q->breathless)
  {
    in->new_stuck = NEW_LAST;
    in->look_new = 1;
  }
  else if (new_takes_long(q)) in->new_stuck = NEW_LAST;
  else if (in->new_stuck && !in->new_dir)
  {
    in->new_stuck = NEW_FLOWS;
    in->look_asked = 1;
  }
}

/* --- asked/ ----------------------------------------------------------------------------------------- */

/*
 * "@customer.tld", "@": every gate below it that has a list is asked for by its own name.
 * Those with a claim first: it would be there also for those whose lists we take.
 */
typedef struct below
{
  qmgr *q;
  char const *parent;
  int all;
  int any;
} below;

static int below_each(char const *name, void *data)
{
  below *b = data;
  gate *g;
  if (!smtp_domain_below(name, strlen(name), b->parent, strlen(b->parent))) return 1;
  b->any = 1;
  g = gate_get(b->q, name);
  if (g && (flush_asked_make(b->q->queue, name) || flush_obstructed(errno))) gate_ask(b->q, g);
  else b->all = 0;
  return 1;
}

/* name is "@PARENT".  1; 0: not yet. */
static int asked_below(qmgr *q, char const *name)
{
  below b = { .q = q, .parent = name + 1, .all = 1 };
  int all = flush_each(q->queue, "claim", below_each, &b) != -1
    && flush_each(q->queue, "flush", below_each, &b) != -1 && b.all;
  if (!all) qmgr_say(q, SAY_STUCK, "flush ", name, ": not yet");
  else if (b.any) log_line("flush ", name);
  else qmgr_say(q, SAY_NOTHING_WAITS, "flush ", name, ": nothing waits");
  return all;
}

static void unask(qmgr *q, char const *name)
{
  if (flush_unask(q->queue, name) == -1)
    qmgr_say(q, SAY_STUCK, "warning: unable to remove asked/", name, ": ", strerror(errno));
}

/* Nothing waits for it, nor is on its way: a name that was made up leaves no trace. */
static int asked_nothing(qmgr *q, char const *domain)
{
  if (tree_find(&q->gates, domain) || flush_listed(q->queue, domain)) return 0;
  qmgr_say(q, SAY_NOTHING_WAITS, "flush ", domain, ": nothing waits");
  if (!q->intake.new_stuck) unask(q, domain);
  return 1;
}

static void asked_domain(qmgr *q, char const *domain)
{
  gate *g;
  if (asked_nothing(q, domain)) return;
  g = gate_get(q, domain);
  if (g && g->asked && !q->intake.asked_anew) return;
  if (!g)
  {
    qmgr_say(q, SAY_STUCK, "flush ", domain, ": not yet");
    return;
  }
  /* whoever may ask may do so all the time */
  if (!qmgr_lately(q, g->asked_us, SECOND_US)) log_later("flush ", domain);
  gate_ask(q, g);
  if (q->intake.new_stuck) g->asked = 0; /* asked/NAME stays */
}

static int asked_each(char const *name, void *data)
{
  qmgr *q = data;
  if (*name == '=') deliver_asked(q, name + 1);
  else if (*name != '@') asked_domain(q, name);
  else if (asked_below(q, name) && !q->intake.new_stuck) unask(q, name);
  return 1;
}

/* However much there is in asked/, who has just asked does not wait until it is read. */
static void hinted_piece(qmgr *q)
{
  intake *in = &q->intake;
  uint64_t const end_us = piece_end_us();
  while (in->hinted_done < in->hinted.len && !q->breathless && wallclock_us() < end_us)
  {
    char const *name = in->hinted.s + in->hinted_done;
    in->hinted_done += strlen(name) + 1;
    asked_each(name, q);
  }
  if (in->hinted_done == in->hinted.len) in->hinted.len = in->hinted_done = 0;
}

static void asked_stray(char const *name, void *data)
{
  qmgr_obstacle(data, "asked", name, EPERM);
}

/* Whoever may ask may put anything there: it does not stay to be looked at again. */
static void asked_wrong(char const *name, void *data)
{
  qmgr *q = data;
  if (unlinkat(dirfd(q->intake.asked.dir), name, 0) == 0)
    qmgr_say(q, SAY_NO_REQUEST, "warning: asked/", name, ": nothing that can be asked for, removed");
  else if (errno != ENOENT) qmgr_obstacle(q, "asked", name, errno);
}

static int asked_open(qmgr *q)
{
  intake *in = &q->intake;
  if (in->asked.dir) return 1;
  if (!in->look_asked) return 0;
  if (flush_reserve_settle(q->queue) == -1 || !flush_walker_open(&in->asked, q->queue, "asked"))
  {
    qmgr_breathe(q, "read ", "asked");
    return 0;
  }
  in->look_asked = 0;
  in->asked_anew = in->hints_lost;
  in->hints_lost = 0;
  return 1;
}

static void asked_again(qmgr *q)
{
  q->intake.look_asked = 1;
  q->intake.hints_lost |= q->intake.asked_anew;
  qmgr_breathe(q, "read ", "asked");
}

static void asked_piece(qmgr *q)
{
  uint64_t const end_us = piece_end_us();
  unsigned int turn;
  int more = 1;
  for (turn = 0; more == 1 && turn < LOOK_TURN && !q->breathless && wallclock_us() < end_us; turn++)
    more = flush_walker_next(&q->intake.asked, asked_each, asked_stray, asked_wrong, q);
  if (more == -1 || (!more && flush_reserve_each(q->queue, asked_each, q) == -1)) asked_again(q);
}

/* --- lists and claims -------------------------------------------------------------------------------- */

static int listed_each(char const *name, void *data)
{
  qmgr *q = data;
  gate *g = gate_get(q, name);
  if (!g) return 1;
  gate_listed(q, g);
  if (q->intake.hints_lost) gate_open(q, g);
  return 1;
}

static void list_stray(char const *name, void *data)
{
  qmgr_obstacle(data, "flush", name, EPERM);
}

static int lists_open(qmgr *q)
{
  intake *in = &q->intake;
  if (in->lists.dir) return 1;
  if (!in->look_lists) return 0;
  if (!flush_walker_open(&in->lists, q->queue, "flush"))
  {
    qmgr_breathe(q, "read ", "flush");
    return 0;
  }
  in->look_lists = 0;
  return 1;
}

static void lists_piece(qmgr *q)
{
  uint64_t const end_us = piece_end_us();
  unsigned int turn;
  int more = 1;
  for (turn = 0; more == 1 && turn < LOOK_TURN && wallclock_us() < end_us; turn++)
    more = flush_walker_next(&q->intake.lists, listed_each, list_stray, 0, q);
  if (more != -1) return;
  q->intake.look_lists = 1;
  qmgr_breathe(q, "read ", "flush");
}

/* A killed qmgr left it.  If it was asked for, asked/ says so. */
static int claim_each(char const *name, void *data)
{
  qmgr *q = data;
  if (flush_unclaim(q->queue, name) == -1)
    log_line("warning: unable to give back claim/", name, ": ", strerror(errno));
  return 1;
}

static void claim_stray(char const *name, void *data)
{
  qmgr_obstacle(data, "claim", name, EPERM);
}

/* --- all of it -------------------------------------------------------------------------------------------- */

void intake_look(qmgr *q)
{
  q->intake.look_new = q->intake.look_asked = q->intake.look_lists = 1;
  q->notices.look = 1;
  idle_begin(q);
}

/* A writer that is still there then finds its file gone, and says 451: nothing is lost. */
static int clean_each(char const *id, void *data)
{
  qmgr *q = data;
  char path[QUEUE_PATH_MAX];
  struct stat st;
  queuedir_path(path, QUEUE_TMP, id);
  if (fstatat(q->queue, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtim.tv_sec + TMP_MAX_S < (time_t)(q->now_us / SECOND_US)
   && unlinkat(q->queue, path, 0) == 0)
    qmgr_say(q, SAY_UNFINISHED, "tmp/", id, ": left behind unfinished, removed");
  return 1;
}

void intake_clean(qmgr *q)
{
  if (!reserve_make(q->queue)) qmgr_complain(q, "make ", "reserve", strerror(errno));
  if (clock_jumped(q, TMP_MAX_S * SECOND_US)) return; /* what is being written looks old then */
  if (queuedir_each(q->queue, QUEUE_TMP, clean_each, q) == -1) qmgr_complain(q, "clean ", "tmp", strerror(errno));
}

void intake_start(qmgr *q)
{
  intake_clean(q);
  if (flush_walk(q->queue, "claim", claim_each, claim_stray, q) == -1)
    qmgr_breathe(q, "read ", "claim");
  intake_look(q);
}

int intake_run(qmgr *q)
{
  intake *in = &q->intake;
  if (q->breathless) return 0;
  if (new_open(q)) new_piece(q);
  else if (in->hinted.len) hinted_piece(q);
  else if (lists_open(q)) lists_piece(q);
  else if (asked_open(q)) asked_piece(q);
  else if (in->new_stuck)
  {
    in->new_stuck = NEW_AGAIN;
    in->new_since_us = q->now_us;
  }
  return in->new_dir || in->look_new || in->hinted.len || in->look_lists || in->look_asked
    || in->lists.dir || in->asked.dir;
}
