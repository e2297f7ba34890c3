/* queue-list: what is in the queue, and why. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/sgetopt.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "base/wallclock.h"
#include "conf/conf.h"
#include "list/filter.h"
#include "list/queue-list-internal.h"
#include "queue/ids.h"
#include "queue/message.h"
#include "start/program.h"

#define USAGE "queue-list [-C dir] [-1 | -j] [-s sender] [-r recipient] [-d domain] [-o age] [-z size] " \
  "[-q new | cur | hold | active] [id... | -]"
#define dieusage() strerr_dieusage(100, USAGE)

/*
 * So many ids listed from new/ are remembered, so that they are not listed again in another
 * place.
 */
#define MOVED_MAX 65536

char const *PROG = "queue-list";

enum form { FORM_TEXT, FORM_JSON, FORM_IDS };

typedef struct walker
{
  int queue;
  enum form form;
  filter filter;
  uint64_t now_us;
  message message;
  listing listing;
  stralloc moved;          /* ids listed from new/, ID_LEN octets each */
  enum queue_place walked; /* the place being walked through */
  int open_flags;          /* for queuedir_open_walked() */
  int code;                /* the code to exit with */
} walker;

/* --- output -------------------------------------------------------------------------------- */

/* Write the entry now, or once the buffer is full. */
static void entry_write(listing *l, int now)
{
  stralloc *text = &l->out.text;
  if (buffer_put(buffer_1, text->s, text->len) == -1 || (now && !buffer_flush(buffer_1)))
    strerr_diefusys(111, "write to standard output");
  text->len = 0;
}

static void id_put(out *o, char const *id)
{
  out_octets(o, id, ID_LEN);
  out_text(o, "\n");
}

static void entry_list(walker *w, listing_entry const *e)
{
  listing *l = &w->listing;
  switch (w->form)
  {
    case FORM_TEXT: listing_text_entry(l, e); break;
    case FORM_JSON: listing_json_entry(l, e); break;
    case FORM_IDS: id_put(&l->out, e->id); break;
  }
  entry_write(l, !l->count); /* the first entry is written at once */
  l->count++;
  l->bytes += e->message->content_len;
}

/* --- messages ------------------------------------------------------------------------------ */

static void code_raise(walker *w, int code)
{
  if (code > w->code) w->code = code;
}

static void complain(walker *w, char const *id)
{
  code_raise(w, errno == ENOENT ? 100 : 111);
  if (errno == ENOENT) strerr_warnw("no such message: ", id);
  else if (errno == EBADMSG) strerr_warnw("not a whole message: ", id);
  else strerr_warnwusys("read message ", id);
}

static enum listing_state state_of(enum queue_place place, int active)
{
  if (place == QUEUE_HOLD) return LISTING_HOLD;
  if (active) return LISTING_ACTIVE;
  return place == QUEUE_NEW ? LISTING_INCOMING : LISTING_DEFERRED;
}

/* Read an open message.  1 when the filter matches. */
static int entry_read(walker *w, listing_entry *e, int fd, enum queue_place place)
{
  int active = message_busy(fd) == 1;
  e->state = state_of(place, active);
  e->message = &w->message;
  if (message_read(&w->message, fd))
    return filter_message_ok(&w->filter, &w->message, place, active);
  complain(w, e->id);
  return 0;
}

static int id_compare(void const *a, void const *b)
{
  return memcmp(a, b, ID_LEN);
}

/* Messages leave new/ meanwhile: one that was listed there is not listed in another place. */
static int moved(walker const *w, char const *id)
{
  return w->walked != QUEUE_NEW && w->moved.len
    && bsearch(id, w->moved.s, w->moved.len / ID_LEN, ID_LEN, &id_compare);
}

static void moved_note(walker *w, char const *id)
{
  if (w->moved.len < (size_t)MOVED_MAX * ID_LEN && !stralloc_catb(&w->moved, id, ID_LEN))
    listing_die_memory();
}

static int something_owed(message const *m)
{
  return message_owed(m) || message_any_untold(m);
}

/*
 * List a message found by a walk.  One that has left the place meanwhile is found in another, or
 * is gone.
 */
static int message_walked(int dir, char const *id, void *data)
{
  walker *w = data;
  listing_entry e = { .id = id };
  int fd;
  if (!filter_id_ok(&w->filter, id, w->now_us) || moved(w, id)) return 1;
  fd = queuedir_open_walked(dir, id, &w->open_flags);
  if (fd == -1)
  {
    if (errno != ENOENT) complain(w, id);
    return 1;
  }
  if (entry_read(w, &e, fd, w->walked) && something_owed(&w->message))
  {
    if (w->walked == QUEUE_NEW) moved_note(w, id);
    entry_list(w, &e);
  }
  close(fd);
  return 1;
}

static void walk(walker *w)
{
  static struct { enum queue_place place; char const *name; } const rows[] =
  {
    { QUEUE_NEW, "new" }, { QUEUE_CUR, "cur" }, { QUEUE_HOLD, "hold" }
  };
  size_t i;
  for (i = 0; i < sizeof rows / sizeof *rows; i++)
  {
    w->walked = rows[i].place;
    if (!filter_place_ok(&w->filter, w->walked)) continue;
    if (queuedir_walk(w->queue, w->walked, &message_walked, w) == -1)
      strerr_diefusys(111, "read directory queue/", rows[i].name);
    if (w->moved.len) qsort(w->moved.s, w->moved.len / ID_LEN, ID_LEN, &id_compare);
  }
}

/* List a message that was named, even when it owes nothing any more. */
static void message_named(char const *id, void *data)
{
  walker *w = data;
  enum queue_place place;
  listing_entry e = { .id = id };
  int fd;
  if (!filter_id_ok(&w->filter, id, w->now_us)) return;
  fd = queuedir_open_message(w->queue, id, O_RDONLY, &place);
  if (fd == -1)
  {
    complain(w, id);
    return;
  }
  if (entry_read(w, &e, fd, place)) entry_list(w, &e);
  close(fd);
}

/* --- */

static void form_take(walker *w, enum form form)
{
  if (w->form != FORM_TEXT && w->form != form) dieusage();
  w->form = form;
}

static void filter_take(filter *f, int option, char const *value)
{
  if (filter_add(f, option, value)) return;
  if (errno == ENOMEM) listing_die_memory();
  program_refuse(filter_wrong(option), value, strlen(value));
}

static int options_read(int argc, char const *const *argv, char const **dir, walker *w)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, "C:1j" FILTER_OPTIONS, &scan)) != -1)
    switch (c)
    {
      case 'C': *dir = scan.arg; break;
      case '1': form_take(w, FORM_IDS); break;
      case 'j': form_take(w, FORM_JSON); break;
      case '?': dieusage();
      default: filter_take(&w->filter, c, scan.arg);
    }
  return scan.ind;
}

/* -1 needs no settings: an operator can clear the queue while conf/ is broken. */
static void instance_use(walker *w, char const *path)
{
  int instance, conf;
  w->queue = program_queue(&path, &instance);
  if (w->form == FORM_IDS) return;
  conf = conf_open(instance);
  if (conf == -1 || !delay_init(&w->listing.delays, w->queue, conf))
    strerr_dief(conf_exit_code(), conf_error());
}

static void walker_free(walker *w)
{
  filter_free(&w->filter);
  delay_free(&w->listing.delays);
  message_free(&w->message);
  out_free(&w->listing.out);
  stralloc_free(&w->listing.why);
  stralloc_free(&w->listing.last);
  stralloc_free(&w->moved);
}

int main(int argc, char const *const *argv)
{
  static walker w =
  {
    .filter = FILTER_ZERO, .message = MESSAGE_ZERO, .open_flags = O_RDONLY | O_NOATIME
  };
  char const *dir = 0;
  char const *const *ids = argv + options_read(argc, argv, &dir, &w);

  ids_check(ids);
  instance_use(&w, dir);
  w.now_us = wallclock_us();
  if (*ids) code_raise(&w, ids_each(ids, &message_named, &w));
  else walk(&w);
  if (w.form == FORM_TEXT) listing_text_end(&w.listing);
  entry_write(&w.listing, 1);

  walker_free(&w);
  return w.code;
}
