#include "qmgr/intake.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include "base/directory.h"
#include "base/log.h"
#include "base/wallclock.h"
#include "flush/reserve.h"
#include "flush/trigger.h"
#include "qmgr/arrivals.h"
#include "qmgr/listed.h"
#include "qmgr/requests.h"
#include "smtp/domain.h"

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
/*
 * Hints that come one close upon the other are read several at a time: what they ask for is cheaper
 * done together, and the first one has not waited.
 */
#define HINTS_PAUSE_US 1000
/* So long others wait for new/ at the most. */
#define NEW_TURN_US (SECOND_US / 2)
/* A file in tmp/ that nobody wrote to for so long was left behind. */
#define TMP_MAX_S 86400

/* When a piece that begins now is to end. */
static uint64_t piece_end_us(void)
{
  return wallclock_us() + PIECE_US;
}

static core *core_of(intake const *in)
{
  return in->delivery->core;
}

/* --- hints ----------------------------------------------------------------------------------- */

/*
 * A request that came between an earlier one's being carried out and its file's removal has
 * only its hint left: make the file again.  One that came while an earlier one is under way
 * found its file: take it up once more.
 */
static void request_anew(intake *in, char const *name)
{
  list *l;
  flush_asked_make(core_of(in)->queue, name);
  l = lists_find(in->delivery->lists, name);
  if (l) domain_request_anew(&l->domain);
}

static int hinted_add(intake *in, char const *name, size_t len)
{
  return in->hinted.len + len < HINTED_MAX && stralloc_readyplus(&in->hinted, len + 1)
    && stralloc_catb(&in->hinted, name, len) && stralloc_0(&in->hinted);
}

/* A flush comes after whatever was accepted before it: new/ is read first. */
static void hint_flush(intake *in, trigger_line const *line)
{
  in->look_new = 1;
  if (!flush_asked_ok(line->argument, line->len)) return;
  request_anew(in, line->argument);
  if (!hinted_add(in, line->argument, line->len)) in->look_requests = 1;
}

/* What an operator, or flush-rebuild, did to a message. */
static struct
{
  char const *log;
  void (*then)(delivery *d, char const *id);
} const deeds[] =
{
  [TRIGGER_DELETED] = { ": removed", 0 },
  [TRIGGER_HELD] = { ": placed on hold", 0 },
  [TRIGGER_RELEASED] = { ": released from hold", &delivery_released },
  [TRIGGER_RECORDED] = { ": was in no list", &delivery_released },
  [TRIGGER_REQUEUED] = { ": requeued", 0 }
};

static void hint_deed(intake *in, trigger_line const *line)
{
  log_later(line->argument, deeds[line->word].log);
  if (deeds[line->word].then) deeds[line->word].then(in->delivery, line->argument);
}

/* New messages are left to the look through new/ once there is too much to do for each of them. */
static void hint_new(intake *in, char const *id, size_t *rcpts)
{
  if (*rcpts < NEW_TURN_RCPTS) *rcpts += delivery_new(in->delivery, id);
  else in->look_new = 1;
}

/* Of deeds nothing is believed that came another way. */
static void hint(intake *in, trigger_line const *line, int from_deeds, size_t *rcpts)
{
  if (from_deeds && trigger_deed(line->word)) hint_deed(in, line);
  else if (line->word == TRIGGER_NEW) hint_new(in, line->argument, rcpts);
  else if (line->word == TRIGGER_FLUSH) hint_flush(in, line);
  else intake_look(in);
}

static void hints_split(intake *in, hints *h)
{
  size_t from = 0, rcpts = 0;
  trigger_line line;
  char *end;
  while ((end = memchr(h->line + from, '\n', h->len - from)))
  {
    size_t to = (size_t)(end - h->line);
    trigger_scan(&line, h->line + from, to - from);
    hint(in, &line, h->deeds, &rcpts);
    from = to + 1;
  }
  delivery_new_end(in->delivery);
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

uint64_t intake_hints_pause_us(intake const *in)
{
  return core_lately(core_of(in), in->hints_us, HINTS_PAUSE_US) ? in->hints_us + HINTS_PAUSE_US : 0;
}

void intake_set_back(intake *in, uint64_t by_us)
{
  in->hints_us = moment_earlier(in->hints_us, by_us);
  in->new_since_us = moment_earlier(in->new_since_us, by_us);
}

void intake_hints(intake *in, hints *h)
{
  size_t room = sizeof h->line - h->len;
  ssize_t r = fd_read(h->fd, h->line + h->len, room);
  int full = r == (ssize_t)room && pipe_nearly_full(h->fd);
  in->hints_us = core_now_us(core_of(in));
  if (r <= 0) return;
  h->len += (size_t)r;
  hints_split(in, h);
  if (h->len == sizeof h->line) h->len = 0;
  if (!full) return;
  in->hints_lost = 1;
  intake_look(in);
}

/* --- new/ ------------------------------------------------------------------------------------ */

/* 1 when new/ is open, and it is its turn. */
static int new_open(intake *in)
{
  if (in->new_turn == NEW_LAST) return 0;
  if (in->new_directory) return 1;
  if (!in->look_new) return 0;
  in->new_directory = directory_open(core_of(in)->queue, "new");
  if (in->new_directory)
  {
    in->look_new = 0;
    in->new_since_us = core_now_us(core_of(in));
    return 1;
  }
  core_pause(core_of(in), "read ", "new");
  return 0;
}

/* 1; 0 at the end of new/, which is closed. */
static int new_next(intake *in, size_t *rcpts)
{
  struct dirent const *entry = readdir(in->new_directory);
  if (!entry)
  {
    closedir(in->new_directory);
    in->new_directory = 0;
    return 0;
  }
  if (id_ok(entry->d_name, strlen(entry->d_name)))
    *rcpts += delivery_new(in->delivery, entry->d_name);
  return 1;
}

/* Does somebody wait for a flush, or for its lists, since new/ has its turn, and that for long? */
static int new_takes_long(intake const *in)
{
  return in->new_directory && (in->hinted.len || in->look_requests || in->look_lists)
    && !core_lately(core_of(in), in->new_since_us, NEW_TURN_US);
}

/*
 * What cannot be recorded, for a full disk, must not keep what was asked for waiting: that makes
 * room.  Asked for is what is stuck, too: once it could be recorded, asked/ is looked at again.  So
 * it is when there is so much in new/ that reading it takes long.
 */
static void new_piece(intake *in)
{
  unsigned int turn;
  size_t rcpts = 0;
  for (turn = 0; turn < NEW_TURN && rcpts < NEW_TURN_RCPTS && !core_of(in)->sched.paused; turn++)
    if (!new_next(in, &rcpts)) break;
  delivery_new_end(in->delivery);
  if (core_of(in)->sched.paused)
  {
    in->new_turn = NEW_LAST;
    in->look_new = 1;
  }
  else if (new_takes_long(in)) in->new_turn = NEW_LAST;
  else if (in->new_turn && !in->new_directory)
  {
    in->new_turn = NEW_FLOWS;
    in->look_requests = 1;
  }
}

/* --- asked/ ---------------------------------------------------------------------------------- */

/*
 * "@customer.tld", "@": every domain below it that has a list, or mail on its way, is asked for by
 * its own name.  Those with a claim first: it would be there also for those whose lists we take.
 */
typedef struct below
{
  intake *in;
  char const *parent;
  int all;
  int any;
} below;

static int below_each(char const *name, void *data)
{
  below *b = data;
  intake *in = b->in;
  list *l;
  if (!smtp_domain_below(name, strlen(name), b->parent, strlen(b->parent))) return 1;
  b->any = 1;
  l = lists_get(in->delivery->lists, name);
  if (l && (flush_asked_make(core_of(in)->queue, name) || flush_obstructed(errno)))
    domain_request(&core_of(in)->sched, &l->domain);
  else b->all = 0;
  return 1;
}

/* All of it is out, and stands in no list: what comes back undelivered is tried once more. */
static void below_out(below *b)
{
  row_place const *p;
  for (p = core_of(b->in)->sched.domains.row.first; p; p = p->after)
  {
    domain const *d = p->owner;
    if (d->jobs && !d->waiting && !d->pass) below_each(list_of(d)->name, b);
  }
}

/* name is "@PARENT".  1; 0: not yet. */
static int request_below(intake *in, char const *name)
{
  below b = { .in = in, .parent = name + 1, .all = 1 };
  int all = flush_each(core_of(in)->queue, "claim", below_each, &b) != -1
    && flush_each(core_of(in)->queue, "flush", below_each, &b) != -1;
  below_out(&b);
  all = all && b.all;
  if (!all) core_say(core_of(in), SAY_STUCK, "flush ", name, ": not yet");
  else if (b.any) log_line("flush ", name);
  else core_say(core_of(in), SAY_NOTHING_WAITS, "flush ", name, ": nothing waits");
  return all;
}

static void unask(intake *in, char const *name)
{
  if (flush_unask(core_of(in)->queue, name) == -1)
    core_say(core_of(in), SAY_STUCK, "warning: unable to remove asked/", name, ": ",
             strerror(errno));
}

/* Nothing waits for it, nor is on its way: a name that was made up leaves no trace. */
static int nothing_waits(intake *in, char const *name)
{
  if (lists_find(in->delivery->lists, name) || flush_listed(core_of(in)->queue, name)) return 0;
  core_say(core_of(in), SAY_NOTHING_WAITS, "flush ", name, ": nothing waits");
  if (!in->new_turn) unask(in, name);
  return 1;
}

static void request_domain(intake *in, char const *name)
{
  list *l;
  if (nothing_waits(in, name)) return;
  l = lists_get(in->delivery->lists, name);
  if (l && l->domain.request_open && !in->requests_anew) return;
  if (!l)
  {
    core_say(core_of(in), SAY_STUCK, "flush ", name, ": not yet");
    return;
  }
  /* whoever may ask may do so all the time */
  if (!core_lately(core_of(in), l->domain.requested_us, SECOND_US)) log_later("flush ", name);
  domain_request(&core_of(in)->sched, &l->domain);
  if (in->new_turn) domain_request_anew(&l->domain); /* asked/NAME stays */
}

static int request_each(char const *name, void *data)
{
  intake *in = data;
  if (*name == '=') delivery_request(in->delivery, name + 1);
  else if (*name != '@') request_domain(in, name);
  else if (request_below(in, name) && !in->new_turn) unask(in, name);
  return 1;
}

/* However much there is in asked/, who has just asked does not wait until it is read. */
static void hinted_piece(intake *in)
{
  uint64_t const end_us = piece_end_us();
  while (in->hinted_done < in->hinted.len && !core_of(in)->sched.paused && wallclock_us() < end_us)
  {
    char const *name = in->hinted.s + in->hinted_done;
    in->hinted_done += strlen(name) + 1;
    request_each(name, in);
  }
  if (in->hinted_done == in->hinted.len) in->hinted.len = in->hinted_done = 0;
}

static void requests_stray(char const *name, void *data)
{
  core_obstacle(core_of(data), "asked", name, EPERM);
}

/* Whoever may ask may put anything there: it does not stay to be looked at again. */
static void requests_wrong(char const *name, void *data)
{
  intake *in = data;
  if (unlinkat(dirfd(in->requests.dir), name, 0) == 0)
    core_say(core_of(in), SAY_NO_REQUEST, "warning: asked/", name,
             ": nothing that can be asked for, removed");
  else if (errno != ENOENT) core_obstacle(core_of(in), "asked", name, errno);
}

static int requests_open(intake *in)
{
  if (in->requests.dir) return 1;
  if (!in->look_requests) return 0;
  if (flush_reserve_settle(core_of(in)->queue) == -1
   || !flush_walker_open(&in->requests, core_of(in)->queue, "asked"))
  {
    core_pause(core_of(in), "read ", "asked");
    return 0;
  }
  in->look_requests = 0;
  in->requests_anew = in->hints_lost;
  in->hints_lost = 0;
  return 1;
}

static void requests_again(intake *in)
{
  in->look_requests = 1;
  in->hints_lost |= in->requests_anew;
  core_pause(core_of(in), "read ", "asked");
}

static void requests_piece(intake *in)
{
  uint64_t const end_us = piece_end_us();
  unsigned int turn;
  int more = 1;
  for (turn = 0; more == 1 && turn < LOOK_TURN && !core_of(in)->sched.paused
       && wallclock_us() < end_us; turn++)
    more = flush_walker_next(&in->requests, request_each, requests_stray, requests_wrong, in);
  if (more == -1 || (!more && flush_reserve_each(core_of(in)->queue, request_each, in) == -1))
    requests_again(in);
}

/* --- lists and claims ------------------------------------------------------------------------ */

static int listed_each(char const *name, void *data)
{
  intake *in = data;
  list *l = lists_get(in->delivery->lists, name);
  if (!l) return 1;
  list_found(in->delivery->lists, l);
  if (in->hints_lost) domain_open(&core_of(in)->sched, &l->domain);
  return 1;
}

static void list_stray(char const *name, void *data)
{
  core_obstacle(core_of(data), "flush", name, EPERM);
}

static int lists_open(intake *in)
{
  if (in->lists.dir) return 1;
  if (!in->look_lists) return 0;
  if (!flush_walker_open(&in->lists, core_of(in)->queue, "flush"))
  {
    core_pause(core_of(in), "read ", "flush");
    return 0;
  }
  in->look_lists = 0;
  return 1;
}

static void lists_piece(intake *in)
{
  uint64_t const end_us = piece_end_us();
  unsigned int turn;
  int more = 1;
  for (turn = 0; more == 1 && turn < LOOK_TURN && wallclock_us() < end_us; turn++)
    more = flush_walker_next(&in->lists, listed_each, list_stray, 0, in);
  if (more != -1) return;
  in->look_lists = 1;
  core_pause(core_of(in), "read ", "flush");
}

/* A killed qmgr left it.  If it was asked for, asked/ says so. */
static int claim_each(char const *name, void *data)
{
  intake *in = data;
  if (flush_unclaim(core_of(in)->queue, name) == -1)
    log_line("warning: unable to give back claim/", name, ": ", strerror(errno));
  return 1;
}

static void claim_stray(char const *name, void *data)
{
  core_obstacle(core_of(data), "claim", name, EPERM);
}

/* --- all of it ------------------------------------------------------------------------------- */

void intake_look(intake *in)
{
  in->look_new = in->look_requests = in->look_lists = 1;
  notices_look(in->delivery->notices);
  sched_forget_begin(&core_of(in)->sched);
}

/* A writer that is still there then finds its file gone, and says 451: nothing is lost. */
static int clean_each(char const *id, void *data)
{
  intake *in = data;
  char path[QUEUE_PATH_MAX];
  struct stat st;
  queuedir_path(path, QUEUE_TMP, id);
  if (fstatat(core_of(in)->queue, path, &st, AT_SYMLINK_NOFOLLOW) == 0
      && st.st_mtim.tv_sec + TMP_MAX_S < (time_t)(core_now_us(core_of(in)) / SECOND_US)
   && unlinkat(core_of(in)->queue, path, 0) == 0)
    core_say(core_of(in), SAY_UNFINISHED, "tmp/", id, ": left behind unfinished, removed");
  return 1;
}

void intake_clean(intake *in)
{
  if (!reserve_make(core_of(in)->queue))
    core_complain(core_of(in), "make ", "reserve", strerror(errno));
  /* what is being written looks old then */
  if (state_jumped(&core_of(in)->sched, TMP_MAX_S * SECOND_US)) return;
  if (queuedir_each(core_of(in)->queue, QUEUE_TMP, clean_each, in) == -1)
    core_complain(core_of(in), "clean ", "tmp", strerror(errno));
}

void intake_start(intake *in)
{
  intake_clean(in);
  if (flush_walk(core_of(in)->queue, "claim", claim_each, claim_stray, in) == -1)
    core_pause(core_of(in), "read ", "claim");
  intake_look(in);
}

/* What others have found that is to be looked at again. */
static void wanted_take(intake *in)
{
  delivery *d = in->delivery;
  in->look_new |= d->look_new;
  in->look_requests |= d->look_requests;
  d->look_new = d->look_requests = 0;
}

int intake_settled(intake const *in)
{
  return !in->new_directory && !in->look_new && !in->look_lists && !in->lists.dir;
}

int intake_run(intake *in)
{
  wanted_take(in);
  if (core_of(in)->sched.paused) return 0;
  if (new_open(in)) new_piece(in);
  else if (in->hinted.len) hinted_piece(in);
  else if (lists_open(in)) lists_piece(in);
  else if (requests_open(in)) requests_piece(in);
  else if (in->new_turn)
  {
    in->new_turn = NEW_AGAIN;
    in->new_since_us = core_now_us(core_of(in));
  }
  wanted_take(in);
  return !intake_settled(in) || in->hinted.len || in->look_requests || in->requests.dir;
}
