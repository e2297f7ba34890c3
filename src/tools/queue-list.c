/* queue-list: what is in the queue, and why. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/sgetopt.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/program.h"
#include "conf/conf.h"
#include "queue/message.h"
#include "smtp/reply.h"
#include "tools/waiting.h"

#define USAGE "queue-list [-C dir] [-j] [id...]"
#define dieusage() strerr_dieusage(100, USAGE)

/* Ids listed from new/ that are remembered, lest they be listed again from cur/. */
#define MOVED_MAX 65536
#define SECOND_US 1000000u

char const *PROG = "queue-list";

enum state { STATE_INCOMING, STATE_ACTIVE, STATE_DEFERRED, STATE_HOLD };

static char const *const state_names[] =
{
  [STATE_INCOMING] = "incoming", [STATE_ACTIVE] = "active", [STATE_DEFERRED] = "deferred", [STATE_HOLD] = "hold"
};

typedef struct listing
{
  int queue;
  int json;
  waiting waiting;
  message message;
  stralloc out;            /* text of one message */
  stralloc clean;          /* a string being cleaned */
  stralloc moved;          /* ids listed from new/, ID_LEN octets each */
  enum queue_place walked; /* the place we are walking through */
  uint64_t count;
  uint64_t bytes;
  int code;                /* to exit with */
} listing;

/* One message as it is now. */
typedef struct entry
{
  char const *id;
  enum state state;
} entry;

static void die_memory(void)
{
  strerr_diefusys(111, "list the queue");
}

static void die_conf(void)
{
  strerr_dief(conf_exit_code(), conf_why());
}

/* --- pieces of text ----------------------------------------------------------------------- */

static void octets_put(listing *l, char const *s, size_t len)
{
  if (!stralloc_catb(&l->out, s, len)) die_memory();
}

static void text_put(listing *l, char const *s)
{
  octets_put(l, s, strlen(s));
}

static void put_number(listing *l, uint64_t number)
{
  char text[UINT64_FMT];
  octets_put(l, text, uint64_fmt(text, number));
}

static void put_spaces(listing *l, size_t n)
{
  while (n--) octets_put(l, " ", 1);
}

/* In a column of this width, at its left or its right end; what is longer is not cut. */
static void put_left(listing *l, char const *s, size_t len, size_t width)
{
  octets_put(l, s, len);
  if (len < width) put_spaces(l, width - len);
}

static void put_right(listing *l, char const *s, size_t len, size_t width)
{
  if (len < width) put_spaces(l, width - len);
  octets_put(l, s, len);
}

/* Text that came from outside, fit for a terminal.  Good until the next call. */
static char const *cleaned(listing *l, char const *s)
{
  if (!stralloc_copys(&l->clean, s) || !stralloc_0(&l->clean)) die_memory();
  smtp_text_clean(l->clean.s, l->clean.len - 1);
  return l->clean.s;
}

/* --- as postqueue -p has it ---------------------------------------------------------------- */

/* The widths of its columns, with ids as long as ours, and of the line that a reason ends. */
#define COLUMN_ID 17
#define COLUMN_SIZE 8
#define COLUMN_TIME 19
#define COLUMN_REASON 76

#define HEADINGS "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"

static void put_columns(listing *l, char const *id, size_t idlen, char const *size, size_t sizelen,
                        char const *date, size_t datelen, char const *address)
{
  put_left(l, id, idlen, COLUMN_ID);
  text_put(l, " ");
  put_right(l, size, sizelen, COLUMN_SIZE);
  text_put(l, " ");
  put_left(l, date, datelen, COLUMN_TIME);
  text_put(l, " ");
  text_put(l, address);
  text_put(l, "\n");
}

/* "Sat Nov 21 07:45:53", local time. */
static size_t date_format(char *out, size_t max, uint64_t us)
{
  time_t seconds = (time_t)(us / SECOND_US);
  struct tm local;
  return localtime_r(&seconds, &local) ? strftime(out, max, "%a %b %e %H:%M:%S", &local) : 0;
}

static void text_head(listing *l, entry const *e)
{
  char const *sender = message_string(&l->message, l->message.sender);
  char id[ID_LEN + 1], size[UINT64_FMT], date[64];
  size_t idlen = ID_LEN;
  memcpy(id, e->id, ID_LEN);
  if (e->state == STATE_ACTIVE) id[idlen++] = '*';
  if (e->state == STATE_HOLD) id[idlen++] = '!';
  text_put(l, l->count ? "\n" : HEADINGS);
  put_columns(l, id, idlen, size, uint64_fmt(size, l->message.content_len), date,
              date_format(date, sizeof date, l->message.arrival_us), *sender ? cleaned(l, sender) : "MAILER-DAEMON");
}

/* A reason goes before the recipients it is about: those that follow up to the next reason. */
static void text_recipients(listing *l)
{
  stralloc last = STRALLOC_ZERO;
  size_t i;
  if (!stralloc_0(&last)) die_memory();
  for (i = 0; i < message_rcpts(&l->message); i++)
  {
    message_recipient const *r = message_rcptp(&l->message, i);
    waiting_domain const *d;
    char const *why;
    if (r->settled) continue;
    d = waiting_find(&l->waiting, message_string(&l->message, r->domain));
    if (!d) die_conf();
    why = cleaned(l, waiting_why(d, &l->message, r));
    if (strcmp(why, last.s))
    {
      if (!stralloc_copys(&last, why) || !stralloc_0(&last)) die_memory();
      if (!*why) why = "reason unavailable";
      put_right(l, "(", 1, COLUMN_REASON + 1 > strlen(why) ? COLUMN_REASON + 1 - strlen(why) : 1);
      text_put(l, why);
      text_put(l, ")\n");
    }
    put_columns(l, "", 0, "", 0, "", 0, cleaned(l, message_string(&l->message, r->address)));
  }
  stralloc_free(&last);
}

static void text_end(listing *l)
{
  if (!l->count)
  {
    text_put(l, "Mail queue is empty\n");
    return;
  }
  text_put(l, "\n-- ");
  put_number(l, l->bytes / 1024);
  text_put(l, " Kbytes in ");
  put_number(l, l->count);
  text_put(l, l->count == 1 ? " Request.\n" : " Requests.\n");
}

/* --- as JSON (RFC 8259) -------------------------------------------------------------------- */

/* What is control or no UTF-8 is a question mark by then. */
static void json_string(listing *l, char const *s)
{
  text_put(l, "\"");
  for (s = cleaned(l, s); *s; s++)
  {
    if (*s == '"' || *s == '\\') text_put(l, "\\");
    octets_put(l, s, 1);
  }
  text_put(l, "\"");
}

/* ', "KEY": ' */
static void json_key(listing *l, char const *key)
{
  text_put(l, ", \"");
  text_put(l, key);
  text_put(l, "\": ");
}

static void json_text(listing *l, char const *key, char const *s)
{
  json_key(l, key);
  json_string(l, s);
}

static void json_number(listing *l, char const *key, uint64_t number)
{
  json_key(l, key);
  put_number(l, number);
}

/* Whole seconds; 0 is null: there is no such moment. */
static void json_time(listing *l, char const *key, uint64_t us)
{
  json_key(l, key);
  if (us) put_number(l, us / SECOND_US);
  else text_put(l, "null");
}

static void json_recipient(listing *l, entry const *e, waiting_domain const *d, message_recipient const *r)
{
  message const *m = &l->message;
  char const *why = waiting_why(d, m, r);
  text_put(l, "{\"address\": ");
  json_string(l, message_string(m, r->address));
  if (*why) json_text(l, "delay_reason", why);
  if (r->attempts)
  {
    json_text(l, "status", message_string(m, r->code));
    json_text(l, "relay", message_string(m, r->relay));
  }
  json_number(l, "attempts", r->attempts);
  json_time(l, "last_try", r->last_us);
  json_time(l, "next_try", e->state == STATE_HOLD ? 0 : waiting_next_us(&l->waiting, d, m, r));
  json_text(l, "domain", message_string(m, r->domain));
  json_text(l, "site", d->route.site.s);
  json_text(l, "site_state", waiting_site_name(d->state));
  json_key(l, "parked");
  text_put(l, d->route.parked ? "true" : "false");
  text_put(l, "}");
}

static void json_message(listing *l, entry const *e)
{
  message const *m = &l->message;
  uint64_t lifetime_s = UINT64_MAX;
  size_t i, listed = 0;
  text_put(l, "{\"queue_name\": ");
  json_string(l, state_names[e->state]);
  json_text(l, "queue_id", e->id);
  json_number(l, "arrival_time", m->arrival_us / SECOND_US);
  json_number(l, "message_size", m->content_len);
  json_key(l, "forced_expire");
  text_put(l, "false");
  json_text(l, "sender", *message_string(m, m->sender) ? message_string(m, m->sender) : "MAILER-DAEMON");
  json_key(l, "recipients");
  text_put(l, "[");
  for (i = 0; i < message_rcpts(m); i++)
  {
    message_recipient const *r = message_rcptp(m, i);
    waiting_domain const *d;
    if (r->settled) continue;
    d = waiting_find(&l->waiting, message_string(m, r->domain));
    if (!d) die_conf();
    if (listed++) text_put(l, ", ");
    json_recipient(l, e, d, r);
    if (d->route.lifetime < lifetime_s) lifetime_s = d->route.lifetime;
  }
  text_put(l, "]");
  json_number(l, "expires", m->arrival_us / SECOND_US + lifetime_s);
  json_number(l, "recipient_count", message_rcpts(m));
  json_text(l, "client", message_string(m, m->client));
  text_put(l, "}\n");
}

/* --- messages ------------------------------------------------------------------------------ */

/* The first message is seen at once, the others as the buffer fills. */
static void out_flush(listing *l, int now)
{
  if (buffer_put(buffer_1, l->out.s, l->out.len) == -1 || (now && !buffer_flush(buffer_1)))
    strerr_diefusys(111, "write to standard output");
  l->out.len = 0;
}

static void message_show(listing *l, entry const *e)
{
  if (l->json) json_message(l, e);
  else
  {
    text_head(l, e);
    text_recipients(l);
  }
  out_flush(l, !l->count);
  l->count++;
  l->bytes += l->message.content_len;
}

static void complain(listing *l, char const *id)
{
  l->code = errno == ENOENT ? 100 : 111;
  if (errno == ENOENT) strerr_warnw("no such message: ", id);
  else if (errno == EBADMSG) strerr_warnw("not a whole message: ", id);
  else strerr_warnwusys("read message ", id);
}

static enum state state_of(int fd, enum queue_place place)
{
  if (place == QUEUE_HOLD) return STATE_HOLD;
  if (message_busy(fd) == 1) return STATE_ACTIVE;
  return place == QUEUE_NEW ? STATE_INCOMING : STATE_DEFERRED;
}

static int read_entry(listing *l, entry *e, int fd, enum queue_place place)
{
  e->state = state_of(fd, place);
  if (message_read(&l->message, fd)) return 1;
  complain(l, e->id);
  return 0;
}

static int id_compare(void const *a, void const *b)
{
  return memcmp(a, b, ID_LEN);
}

/* Qmgr moves messages from new/ to cur/ while we look: what was listed there is not listed here. */
static int moved(listing const *l, char const *id)
{
  return l->moved.len && bsearch(id, l->moved.s, l->moved.len / ID_LEN, ID_LEN, &id_compare);
}

static void moved_note(listing *l, char const *id)
{
  if (l->moved.len < (size_t)MOVED_MAX * ID_LEN && !stralloc_catb(&l->moved, id, ID_LEN)) die_memory();
}

/* A message found while walking; one that has left the place meanwhile is found in another, or is gone. */
static int message_walked(char const *id, void *data)
{
  listing *l = data;
  enum queue_place place = l->walked;
  entry e = { .id = id };
  int fd;
  if (place == QUEUE_CUR && moved(l, id)) return 1;
  fd = queuedir_open_message(l->queue, id, O_RDONLY, &place);
  if (fd == -1)
  {
    if (errno != ENOENT) complain(l, id);
    return 1;
  }
  if (place == l->walked && read_entry(l, &e, fd, place) && message_owed(&l->message))
  {
    if (place == QUEUE_NEW) moved_note(l, id);
    message_show(l, &e);
  }
  close(fd);
  return 1;
}

static void walk(listing *l)
{
  static enum queue_place const places[] = { QUEUE_NEW, QUEUE_CUR, QUEUE_HOLD };
  static char const *const names[] = { "new", "cur", "hold" };
  size_t i;
  for (i = 0; i < sizeof places / sizeof *places; i++)
  {
    l->walked = places[i];
    if (places[i] == QUEUE_CUR && l->moved.len) qsort(l->moved.s, l->moved.len / ID_LEN, ID_LEN, &id_compare);
    if (queuedir_each(l->queue, places[i], &message_walked, l) == -1)
      strerr_diefusys(111, "read directory queue/", names[i]);
  }
}

/* A message that was named. */
static void message_named(listing *l, char const *id)
{
  enum queue_place place;
  entry e = { .id = id };
  int fd = queuedir_open_message(l->queue, id, O_RDONLY, &place);
  if (fd == -1)
  {
    complain(l, id);
    return;
  }
  if (read_entry(l, &e, fd, place)) message_show(l, &e);
  close(fd);
}

/* --- */

static int options_read(int argc, char const *const *argv, char const **dir, int *json)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, "C:j", &scan)) != -1)
    switch (c)
    {
      case 'C': *dir = scan.arg; break;
      case 'j': *json = 1; break;
      default: dieusage();
    }
  return scan.ind;
}

static void ids_check(char const *const *ids)
{
  for (; *ids; ids++)
    if (!id_ok(*ids, strlen(*ids))) program_refuse("not an id: ", *ids, strlen(*ids));
}

static void instance_use(listing *l, char const *path)
{
  int instance, conf;
  l->queue = program_queue(&path, &instance);
  conf = conf_open(instance);
  if (conf == -1 || !waiting_init(&l->waiting, l->queue, conf)) die_conf();
}

int main(int argc, char const *const *argv)
{
  static listing l = { .message = MESSAGE_ZERO };
  char const *dir = 0;
  char const *const *ids = argv + options_read(argc, argv, &dir, &l.json);

  ids_check(ids);
  instance_use(&l, dir);
  if (!*ids) walk(&l);
  for (; *ids; ids++) message_named(&l, *ids);
  if (!l.json) text_end(&l);
  out_flush(&l, 1);

  waiting_free(&l.waiting);
  message_free(&l.message);
  stralloc_free(&l.out);
  stralloc_free(&l.clean);
  stralloc_free(&l.moved);
  return l.code;
}
