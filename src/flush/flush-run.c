/* flush-run: flush domains, messages, or everything. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/skamisc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/duration.h"
#include "base/wallclock.h"
#include "flush/flush.h"
#include "flush/trigger.h"
#include "flush/watch.h"
#include "start/options.h"
#include "start/program.h"

#define USAGE "flush-run [-C dir] [-n | -w [-t time]] -a | -i id... | domain... | @domain... | #queue... | -"
#define dieusage() strerr_dieusage(100, USAGE)

/* The pause between two looks at the queue. */
#define POLL_MS 100
/* Messages looked at each time. */
#define POLL_MESSAGES 1000
/* Looks that have to find it over: between two passes a claim is gone for a moment. */
#define POLLS_OVER 3
/* Messages kept open, to see how they ended; and descriptors for everything else. */
#define FILES_MAX 65536
#define FILES_SPARE 64
/* How long no qmgr may run before we stop to wait: a restart takes less. */
#define DESERTED_US 10000000

char const *PROG = "flush-run";

typedef struct options
{
  char const *dir;
  int all;
  int ids;
  int dry;           /* -n */
  int wait;
  uint64_t limit_s;  /* 0: none */
} options;

static int options_read(int argc, char const *const *argv, options *o)
{
  program_option const all[] = {
    { .letter = 'C', .text = &o->dir }, { .letter = 'a', .flag = &o->all },
    { .letter = 'i', .flag = &o->ids }, { .letter = 'n', .flag = &o->dry },
    { .letter = 'w', .flag = &o->wait },
    { .letter = 't', .seconds = &o->limit_s }
  };
  int first = program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE);
  if ((o->all && o->ids) || (o->dry && o->wait) || (o->limit_s && !o->wait)) dieusage();
  if (o->all != (first == argc)) dieusage();
  return first;
}

/* --- what is asked for: all of it is checked before anything is done ---------------------- */

static void die_conf(void)
{
  strerr_dief(conf_exit_code(), conf_error());
}

static void name_add(names *set, char mark, char const *s, size_t len)
{
  if (!names_add(set, mark, s, len)) strerr_diefusys(111, "remember what to ask for");
}

static int id_known(watch const *w, char const *s, size_t len)
{
  char id[ID_LEN + 1];
  enum queue_place place;
  int fd;
  if (!id_ok(s, len)) return 0;
  memcpy(id, s, ID_LEN);
  id[ID_LEN] = 0;
  fd = queuedir_open_message(w->queue, id, O_RDONLY, &place);
  if (fd != -1) close(fd);
  else if (errno != ENOENT) strerr_diefusys(111, "look for message ", id);
  return fd != -1;
}

static void id_add(watch const *w, request *wanted, char const *s, size_t len)
{
  if (!id_ok(s, len)) program_refuse("not an id: ", s, len);
  if (!id_known(w, s, len)) program_refuse("not in the queue: ", s, len);
  name_add(&wanted->ids, '=', s, len);
}

static void queue_add(watch const *w, request *wanted, char const *s, size_t len)
{
  stralloc domains = STRALLOC_ZERO;
  size_t at;
  int found;
  if (!conf_queue(w->conf, s, len, &domains, &found)) die_conf();
  if (!found) program_refuse("no such queue in conf/queues: ", s, len);
  for (at = 0; at < domains.len; at += strlen(domains.s + at) + 1)
    name_add(&wanted->domains, 0, domains.s + at, strlen(domains.s + at));
  stralloc_free(&domains);
}

static void domain_add(request *wanted, char mark, char const *s, size_t len)
{
  stralloc folded = STRALLOC_ZERO;
  if (!conf_domain_fold(&folded, s, len))
  {
    if (errno == ENOMEM) strerr_diefusys(111, "fold a domain");
    program_refuse("not a domain: ", s, len);
  }
  name_add(&wanted->domains, mark, folded.s, strlen(folded.s));
  stralloc_free(&folded);
}

static void entry_add(watch const *w, request *wanted, char const *s, size_t len)
{
  if (len && *s == '@') domain_add(wanted, '@', s + 1, len - 1);
  else if (len && *s == '#') queue_add(w, wanted, s + 1, len - 1);
  else domain_add(wanted, 0, s, len);
}

/*
 * Is this line of standard input an id?  A text like one that is no message of the queue is a
 * domain of one label only where mail waits for that domain; else it is an id that is gone.
 */
static void line_add(watch const *w, request *wanted, char *s, size_t len)
{
  s[len] = 0;
  if (id_ok(s, len) && (id_known(w, s, len) || !flush_count(w->queue, s)))
    id_add(w, wanted, s, len);
  else entry_add(w, wanted, s, len);
}

static void lines_read(watch const *w, request *wanted, int ids)
{
  stralloc line = STRALLOC_ZERO;
  int r;
  do
  {
    line.len = 0;
    r = skagetln(buffer_0, &line, '\n');
    /* EPIPE: the input ends without LF. */
    if (r == -1 && errno != EPIPE) strerr_diefusys(111, "read what to ask for");
    if (line.len && line.s[line.len - 1] == '\n') line.len--;
    if (!line.len) continue;
    if (!stralloc_readyplus(&line, 1)) strerr_diefusys(111, "remember what to ask for");
    if (ids) id_add(w, wanted, line.s, line.len);
    else line_add(w, wanted, line.s, line.len);
  }
  while (r == 1);
  stralloc_free(&line);
}

static void request_read(watch const *w, request *wanted, options const *o, char const *const *argv)
{
  if (o->all) name_add(&wanted->domains, '@', "", 0);
  for (; *argv; argv++)
    if (!strcmp(*argv, "-")) lines_read(w, wanted, o->ids);
    else if (o->ids) id_add(w, wanted, *argv, strlen(*argv));
    else entry_add(w, wanted, *argv, strlen(*argv));
  names_sort(&wanted->domains);
  names_sort(&wanted->ids);
}

static void names_ask(watch const *w, names const *set)
{
  size_t n;
  for (n = 0; n < names_len(set); n++)
    if (!flush_ask(w->queue, names_get(set, n)))
      strerr_diefusys(111, "make queue/asked/", names_get(set, n));
}

/* --- output ------------------------------------------------------------------------------- */

static void out(char const *s, size_t len)
{
  if (buffer_put(buffer_1, s, len) == -1) strerr_diefusys(111, "write to standard output");
}
#define outs(s) out((s), strlen(s))

static void out_flush(void)
{
  if (!buffer_flush(buffer_1)) strerr_diefusys(111, "write to standard output");
}

static void out_number(uint64_t number)
{
  char text[UINT64_FMT];
  out(text, uint64_fmt(text, number));
}

static void die_watch(watch const *w)
{
  strerr_diefusys(111, "look at what waits: ", w->where);
}

/* Print a line for each message in one of two states. */
static void out_messages(watch *w, enum watch_state one, enum watch_state other)
{
  stralloc line = STRALLOC_ZERO;
  size_t n;
  for (n = 0; n < watch_len(w); n++)
  {
    watched const *m = watch_at(w, n);
    if (m->state != one && m->state != other) continue;
    if (!watch_why(w, m, &line) || !stralloc_append(&line, '\n')) die_watch(w);
    out(line.s, line.len);
  }
  stralloc_free(&line);
}

/* --- -n -------------------------------------------------------------------------------------- */

static void out_domain(watch *w, char const *domain, uint64_t waiting)
{
  if (!watch_site(w, domain))
  {
    if (errno == EINVAL) die_conf();
    die_watch(w);
  }
  outs(domain);
  outs(": ");
  out_number(waiting);
  outs(" waiting, next hop ");
  outs(w->route.site.s);
  outs(w->route.held ? ", held" : w->route.parked ? ", parked" : ", not parked");
  outs(*w->site.line ? ", site " : ", site not tried yet");
  outs(w->site.line);
  outs("\n");
}

static void dry_run(watch *w)
{
  stralloc counts = STRALLOC_ZERO;
  uint64_t *waiting;
  size_t n, domains;
  if (!watch_domains(w)) die_watch(w);
  domains = names_len(&w->domains);
  if (!genalloc_ready(uint64_t, &counts, domains + 1)) strerr_diefusys(111, "count what waits");
  waiting = genalloc_s(uint64_t, &counts);
  for (n = 0; n < domains; n++) waiting[n] = flush_count(w->queue, names_get(&w->domains, n));
  if (domains && !watch_count_new(w, waiting)) die_watch(w);
  for (n = 0; n < domains; n++) out_domain(w, names_get(&w->domains, n), waiting[n]);
  genalloc_free(uint64_t, &counts);

  if (!watch_ids(w)) die_watch(w);
  out_messages(w, WATCH_LEFT, WATCH_WAITING);
  out_flush();
}

/* --- -w -------------------------------------------------------------------------------------- */

/* The progress line on a terminal. */
typedef struct progress
{
  int shown;   /* 0: no terminal; 1: not shown yet; 2: count is shown */
  size_t count[WATCH_STATES];
} progress;

static size_t word_put(char *s, char const *word, size_t number)
{
  char *end = stpcpy(s, word);
  end += size_fmt(end, number);
  return (size_t)(end - s);
}

static void progress_show(progress *p, watch const *w)
{
  char line[200];
  size_t len = 0;
  if (!p->shown || (p->shown > 1 && !memcmp(p->count, w->count, sizeof p->count))) return;
  p->shown = 2;
  memcpy(p->count, w->count, sizeof p->count);
  len += word_put(line + len, "\rsent ", w->count[WATCH_SENT]);
  len += word_put(line + len, ", waiting ", w->count[WATCH_WAITING]);
  len += word_put(line + len, ", left ", w->count[WATCH_LEFT]);
  if (w->count[WATCH_FAILED]) len += word_put(line + len, ", failed ", w->count[WATCH_FAILED]);
  /* erase what a longer line left behind */
  memcpy(line + len, "\033[K", 3);
  buffer_putflush(buffer_2, line, len + 3);
}

static void progress_end(progress const *p)
{
  if (p->shown > 1) buffer_putflush(buffer_2, "\n", 1);
}

enum ending { ENDING_OVER, ENDING_LATE, ENDING_DESERTED };

static int waits(watch const *w)
{
  return w->count[WATCH_LEFT] + w->count[WATCH_WAITING] > 0;
}

/*
 * Watch until nothing waits, or the request is carried out and no message is being delivered, or
 * time is up, or no qmgr runs any more.
 */
static enum ending watch_on(watch *w, uint64_t limit_s)
{
  progress p = { .shown = isatty(2) };
  uint64_t now = wallclock_steady_us(), listened = now;
  uint64_t end = limit_s ? now + limit_s * SECOND_US : UINT64_MAX;
  enum ending ending = ENDING_OVER;
  unsigned int quiet = 0;
  while (waits(w) && quiet < POLLS_OVER)
  {
    int carried_out, busy;
    poll(0, 0, POLL_MS);
    /* it is over only when no message at all is being delivered */
    carried_out = watch_carried_out(w);
    busy = watch_look(w, carried_out ? watch_len(w) : POLL_MESSAGES);
    progress_show(&p, w);
    quiet = carried_out && !busy ? quiet + 1 : 0;
    now = wallclock_steady_us();
    if (trigger_listened(w->queue) == 1) listened = now;
    if (now - listened > DESERTED_US) ending = ENDING_DESERTED;
    else if (now > end) ending = ENDING_LATE;
    if (ending != ENDING_OVER) break;
  }
  /* of a long list only a piece was looked at each time: look at all */
  watch_look(w, watch_len(w));
  progress_show(&p, w);
  progress_end(&p);
  return ending;
}

static int watch_report(watch *w, enum ending ending)
{
  if (!waits(w) && !w->count[WATCH_FAILED]) return 0;
  out_messages(w, WATCH_LEFT, WATCH_WAITING);
  out_messages(w, WATCH_FAILED, WATCH_FAILED);
  out_flush();
  if (!waits(w)) return 100;
  if (ending == ENDING_LATE) strerr_warnw("time is up");
  if (ending == ENDING_DESERTED) strerr_warnw("qmgr does not run any more");
  return 111;
}

/* ------------------------------------------------------------------------------------------ */

static int listened(watch const *w, char const *dir)
{
  int r = trigger_listened(w->queue);
  if (r == -1) strerr_warnwusys("tell whether qmgr runs: ", dir, "/queue/trigger");
  return r == 1;
}

static int run(watch *w, request const *wanted, options const *o)
{
  if (o->wait)
  {
    if (!watch_domains(w) || !watch_messages(w)) die_watch(w);
    w->since_us = wallclock_us();
  }
  names_ask(w, &wanted->domains);
  names_ask(w, &wanted->ids);
  if (!listened(w, o->dir))
  {
    strerr_warnw("no qmgr runs in ", o->dir, ": the request is noted for when one does");
    if (!o->wait) return 0;
    out_messages(w, WATCH_LEFT, WATCH_WAITING);
    out_flush();
    return 111;
  }
  return o->wait ? watch_report(w, watch_on(w, o->limit_s)) : 0;
}

/* Keep as many files open as may be, but for those that a look needs. */
static size_t files_allow(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == -1) return 0;
  limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur > FILES_SPARE ? (size_t)limit.rlim_cur - FILES_SPARE : 0;
}

int main(int argc, char const *const *argv)
{
  options o = { .dir = 0 };
  request wanted = REQUEST_ZERO;
  watch w = WATCH_ZERO;
  int first = options_read(argc, argv, &o), instance, code = 0;

  umask(007);
  w.queue = program_queue(&o.dir, &instance);
  w.conf = conf_open(instance);
  if (w.conf == -1) strerr_dief(111, conf_error());
  w.request = &wanted;
  if (o.wait) w.files_max = files_allow();

  request_read(&w, &wanted, &o, argv + first);
  if (o.dry) dry_run(&w);
  else code = run(&w, &wanted, &o);
  watch_free(&w);
  names_free(&wanted.domains);
  names_free(&wanted.ids);
  return code;
}
