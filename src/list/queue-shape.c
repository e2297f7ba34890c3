/* queue-shape: how long mail has waited, domain by domain. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/sgetopt.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/wallclock.h"
#include "list/queue-shape-internal.h"
#include "queue/message.h"
#include "start/program.h"

#define USAGE "queue-shape [-C dir] [-s] [-b buckets] [-t minutes] [-l] [-n rows] [-w columns] [part...] " \
  "| queue-shape [-C dir] -m"
#define dieusage() strerr_dieusage(100, USAGE)
#define dienomem() strerr_diefusys(111, "count")

/* The defaults of Postfix's qshape(1). */
#define BUCKETS 10
#define MINUTES 5
/* Ten years. */
#define MINUTES_MAX (10 * 365 * 24 * 60)
#define WIDTH_MAX 1000

char const *PROG = "queue-shape";

/* --- which messages ------------------------------------------------------------------- */

/* The place of a message, and whether an agent is sending it, or-ed. */
enum { NEW_IDLE = 1, NEW_BUSY = 2, CUR_IDLE = 4, CUR_BUSY = 8, HELD = 16 };

typedef struct kind
{
  char const *name;
  unsigned int where;
} kind;

static kind const kinds[] =
{
  { "new", NEW_IDLE | NEW_BUSY },
  { "cur", CUR_IDLE | CUR_BUSY },
  { "hold", HELD },
  { "incoming", NEW_IDLE },
  { "active", NEW_BUSY | CUR_BUSY },
  { "deferred", CUR_IDLE }
};

static unsigned int kind_find(char const *name)
{
  size_t i;
  for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].name, name)) return kinds[i].where;
  program_refuse("no part of the queue: ", name, strlen(name));
}

static unsigned int where_of(enum queue_place place, int busy)
{
  if (place == QUEUE_HOLD) return HELD;
  if (place == QUEUE_NEW) return busy ? NEW_BUSY : NEW_IDLE;
  return busy ? CUR_BUSY : CUR_IDLE;
}

static enum shape_state state_of(unsigned int where)
{
  if (where == HELD) return SHAPE_HOLD;
  if (where & (NEW_BUSY | CUR_BUSY)) return SHAPE_ACTIVE;
  return where == NEW_IDLE ? SHAPE_INCOMING : SHAPE_DEFERRED;
}

/* --- counting --------------------------------------------------------------------------- */

typedef struct shape
{
  char const *dir;
  int instance;
  int queue;
  int senders;
  int monitor;
  unsigned int wanted;
  unsigned int buckets;
  unsigned int minutes;
  int linear;
  size_t width;
  int64_t rows;
  enum queue_place walked;
  message message;
  stralloc domain;
  ages ages;
  metrics metrics;
  out out;
  int code;              /* the code to exit with */
} shape;

/* The domain of an address, in lower case and without a dot at its end. */
static char const *domain_of(shape *s, char const *address)
{
  char const *at = strrchr(address, '@');
  size_t i;
  if (!*address) return "MAILER-DAEMON";
  if (!stralloc_copys(&s->domain, at ? at + 1 : address)) dienomem();
  for (i = 0; i < s->domain.len; i++)
    if (s->domain.s[i] >= 'A' && s->domain.s[i] <= 'Z')
      s->domain.s[i] = (char)(s->domain.s[i] - 'A' + 'a');
  if (s->domain.len && s->domain.s[s->domain.len - 1] == '.') s->domain.len--;
  if (!stralloc_0(&s->domain)) dienomem();
  return s->domain.s;
}

static void sender_count(shape *s)
{
  message const *m = &s->message;
  if (!ages_add(&s->ages, domain_of(s, message_string(m, m->sender)), m->arrival_us)) dienomem();
}

static void recipients_count(shape *s)
{
  message const *m = &s->message;
  size_t i;
  for (i = 0; i < message_rcpts(m); i++)
    if (!message_rcptp(m, i)->settled
     && !ages_add(&s->ages, message_string(m, message_rcptp(m, i)->domain),
                  m->arrival_us)) dienomem();
}

static void message_count(shape *s, unsigned int where, uint64_t bytes)
{
  message const *m = &s->message;
  size_t owed = message_owed(m);
  if (s->monitor)
  {
    if (owed || message_any_untold(m))
      metrics_message(&s->metrics, state_of(where), m->arrival_us, bytes, owed);
  }
  else if (!s->senders) recipients_count(s);
  else if (owed) sender_count(s);
}

static void complain(shape *s, char const *id)
{
  strerr_warnwusys("read message ", id);
  s->code = 111;
}

/* A file that is no message is left to queue-check. */
static void corrupt_count(shape *s, char const *id, uint64_t bytes)
{
  if (s->monitor) metrics_message(&s->metrics, SHAPE_CORRUPT, id_time(id), bytes, 0);
  else strerr_warnw("not a whole message: ", id);
}

static void message_look(shape *s, char const *id, int fd, enum queue_place place)
{
  unsigned int where = where_of(place, place != QUEUE_HOLD && message_busy(fd) == 1);
  struct stat st;
  if (!(s->wanted & where)) return;
  if (fstat(fd, &st) == -1) complain(s, id);
  else if (message_read(&s->message, fd)) message_count(s, where, (uint64_t)st.st_size);
  else if (errno == EBADMSG) corrupt_count(s, id, (uint64_t)st.st_size);
  else complain(s, id);
}

/*
 * Messages move from new/ to cur/ meanwhile.  New/ is walked through after cur/, and a message
 * found there counts even when it has moved on: so no message counts twice.
 */
static int message_walked(char const *id, void *data)
{
  shape *s = data;
  enum queue_place place;
  int fd = queuedir_open_message(s->queue, id, O_RDONLY, &place);
  if (fd == -1)
  {
    if (errno == EINVAL) corrupt_count(s, id, 0);
    else if (errno != ENOENT) complain(s, id);
    return 1;
  }
  if (place == s->walked || (s->walked == QUEUE_NEW && place == QUEUE_CUR))
    message_look(s, id, fd, place);
  fd_close(fd);
  return 1;
}

static int corrupt_walked(char const *id, void *data)
{
  shape *s = data;
  char path[QUEUE_PATH_MAX];
  struct stat st;
  queuedir_path(path, QUEUE_CORRUPT, id);
  if (fstatat(s->queue, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
    corrupt_count(s, id, (uint64_t)st.st_size);
  return 1;
}

static void walk(shape *s, enum queue_place place, char const *name,
                 int (*fn)(char const *id, void *data))
{
  s->walked = place;
  if (queuedir_each(s->queue, place, fn, s) == -1)
    strerr_diefusys(111, "read directory ", s->dir, "/queue/", name);
}

static void count(shape *s)
{
  if (s->wanted & (CUR_IDLE | CUR_BUSY)) walk(s, QUEUE_CUR, "cur", message_walked);
  if (s->wanted & (NEW_IDLE | NEW_BUSY)) walk(s, QUEUE_NEW, "new", message_walked);
  if (s->wanted & HELD) walk(s, QUEUE_HOLD, "hold", message_walked);
  if (s->monitor) walk(s, QUEUE_CORRUPT, "corrupt", corrupt_walked);
}

/* --- what comes of it ------------------------------------------------------------------- */

static void shape_show(shape *s)
{
  table_form form;
  table_form_choose(&form, s->width, s->rows);
  if (!ages_sort(&s->ages)) dienomem();
  table_put(&s->out, &s->ages, &form);
}

static void monitor_show(shape *s)
{
  char const *where;
  if (!metrics_look(&s->metrics, s->queue, &where))
    strerr_diefusys(111, "read ", s->dir, "/", where);
  metrics_certificate(&s->metrics, s->instance);
  metrics_put(&s->out, &s->metrics);
}

static void shape_free(shape *s)
{
  ages_free(&s->ages);
  message_free(&s->message);
  stralloc_free(&s->domain);
  out_free(&s->out);
}

/* --- options ---------------------------------------------------------------------------- */

static unsigned int number_read(char const *text, unsigned int min, unsigned int max)
{
  unsigned int number;
  if (!uint0_scan(text, &number) || number < min || number > max) dieusage();
  return number;
}

/* The options of the table are wrong with -m, which prints none. */
static int options_read(int argc, char const *const *argv, shape *s)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c, table = 0;
  while ((c = subgetopt_r(argc, argv, "C:sb:t:ln:w:m", &scan)) != -1)
  {
    if (c != 'C' && c != 'm') table = 1;
    switch (c)
    {
      case 'C': s->dir = scan.arg; break;
      case 's': s->senders = 1; break;
      case 'b': s->buckets = number_read(scan.arg, 1, AGES_BUCKETS_MAX); break;
      case 't': s->minutes = number_read(scan.arg, 1, MINUTES_MAX); break;
      case 'l': s->linear = 1; break;
      case 'n': s->rows = number_read(scan.arg, 0, UINT32_MAX); break;
      case 'w': s->width = number_read(scan.arg, 1, WIDTH_MAX); break;
      case 'm': s->monitor = 1; break;
      default: dieusage();
    }
  }
  if (s->monitor && (table || scan.ind != argc)) dieusage();
  return scan.ind;
}

static void wanted_read(shape *s, char const *const *names)
{
  if (s->monitor) s->wanted = ~0u;
  else if (!*names) s->wanted = NEW_IDLE | NEW_BUSY | CUR_IDLE | CUR_BUSY;
  for (; *names; names++) s->wanted |= kind_find(*names);
}

int main(int argc, char const *const *argv)
{
  static shape s =
  {
    .buckets = BUCKETS, .minutes = MINUTES, .rows = -1,
    .message = MESSAGE_ZERO, .domain = STRALLOC_ZERO, .ages = AGES_ZERO, .out = OUT_ZERO
  };
  wanted_read(&s, argv + options_read(argc, argv, &s));
  s.queue = program_queue(&s.dir, &s.instance);
  s.metrics.now_us = wallclock_us();
  ages_init(&s.ages, s.buckets, s.minutes, s.linear, s.metrics.now_us);

  count(&s);
  if (s.monitor) monitor_show(&s);
  else shape_show(&s);
  out_flush(&s.out);

  shape_free(&s);
  return s.code;
}
