/*
 * sluice-log: print the logs of an instance in the form of syslog, for programs that read
 * Postfix's.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/alloc.h>
#include <skalibs/buffer.h>
#include <skalibs/djbunix.h>
#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "log/loglater.h"
#include "log/logsource.h"
#include "log/logwords.h"
#include "smtp/chars.h"
#include "smtp/reply.h"
#include "start/options.h"
#include "start/program.h"

#define USAGE "sluice-log [-r] [-u] [-h host] [-n name] [-t seconds] [file | dir ...]"
#define dieusage() strerr_dieusage(100, USAGE)

/* The name for lines that Postfix does not have; analysers pass over it. */
#define OUR_NAME "sluice"

/* The stamps of two programs' loggers may be so far apart. */
#define APART_US 250000

char const *PROG = "sluice-log";

typedef struct options
{
  int utc;
  int rfc3339;
  char const *name;
  char const *host;
  unsigned int ahead_s;
} options;

typedef struct merger
{
  options options;
  genalloc sources;      /* of logsource *: the logs not at their end, each with its next entry */
  loglater later;
  int alone;             /* there is one log, which is in order */
  uint64_t lost;
  stralloc line;
} merger;

#define SOURCES(m) genalloc_s(logsource *, &(m)->sources)
#define COUNT(m) genalloc_len(logsource *, &(m)->sources)

static void die_memory(void)
{
  strerr_diefusys(111, "have enough memory");
}

/* --- output -------------------------------------------------------------------------------- */

static void put(stralloc *line, char const *s, size_t len)
{
  if (!stralloc_catb(line, s, len)) die_memory();
}

static void put_words(stralloc *line, char const *const *words)
{
  for (; *words; words++) put(line, *words, strlen(*words));
}
#define put_all(line, ...) put_words((line), (char const *const []){ __VA_ARGS__, 0 })

static void put_number(stralloc *line, uint64_t number, unsigned int digits, char pad)
{
  char text[UINT64_FMT];
  size_t len = uint64_fmt(text, number);
  for (; digits > len; digits--) put(line, &pad, 1);
  put(line, text, len);
}

static void put_clock(stralloc *line, struct tm const *tm)
{
  put_number(line, (unsigned int)tm->tm_hour, 2, '0');
  put_all(line, ":");
  put_number(line, (unsigned int)tm->tm_min, 2, '0');
  put_all(line, ":");
  put_number(line, (unsigned int)tm->tm_sec, 2, '0');
}

/* "Nov  1 07:45:53" */
static void put_syslog_time(stralloc *line, struct tm const *tm)
{
  static char const months[12][4] =
  {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
  };
  put_all(line, months[tm->tm_mon], " ");
  put_number(line, (unsigned int)tm->tm_mday, 2, ' ');
  put_all(line, " ");
  put_clock(line, tm);
}

/* "2026-11-01T07:45:53.266166+01:00" */
static void put_rfc3339_time(stralloc *line, struct tm const *tm, uint64_t us)
{
  long east = tm->tm_gmtoff / 60;
  unsigned long minutes = (unsigned long)(east < 0 ? -east : east);
  put_number(line, (unsigned int)tm->tm_year + 1900, 4, '0');
  put_all(line, "-");
  put_number(line, (unsigned int)tm->tm_mon + 1, 2, '0');
  put_all(line, "-");
  put_number(line, (unsigned int)tm->tm_mday, 2, '0');
  put_all(line, "T");
  put_clock(line, tm);
  put_all(line, ".");
  put_number(line, us % 1000000, 6, '0');
  put_all(line, east < 0 ? "-" : "+");
  put_number(line, minutes / 60, 2, '0');
  put_all(line, ":");
  put_number(line, minutes % 60, 2, '0');
}

static void put_time(stralloc *line, options const *o, uint64_t us)
{
  time_t s = (time_t)(us / 1000000);
  struct tm tm;
  if (!(o->utc ? gmtime_r(&s, &tm) : localtime_r(&s, &tm))) memset(&tm, 0, sizeof tm);
  if (o->rfc3339) put_rfc3339_time(line, &tm, us);
  else put_syslog_time(line, &tm);
}

/* "TIME HOST NAME/SERVICE[PID]: TEXT" */
static void put_line(stralloc *line, options const *o, logentry const *e, logwords const *w,
                     char const *text, size_t len)
{
  char const *program = *e->program ? e->program : "log";
  put_time(line, o, e->us);
  put_all(line, " ", o->host, " ", w->service ? o->name : OUR_NAME, "/",
          w->service ? w->service : program, "[");
  put_number(line, e->pid, 1, '0');
  put_all(line, "]: ");
  put(line, text, len);
  put_all(line, "\n");
}

/*
 * Format the entry as lines of syslog in m->line.  Returns its place among its message's lines.
 */
static enum logwords_place entry_format(merger *m, logentry *e)
{
  logwords w;
  logwords_scan(&w, e->program, e->text, e->len);
  smtp_text_clean(e->text, e->len);
  m->line.len = 0;
  put_line(&m->line, &m->options, e, &w, e->text, e->len);
  if (w.total) put_line(&m->line, &m->options, e, &w, w.total, strlen(w.total));
  return w.place;
}

static void out_put(char const *s, size_t len)
{
  if (buffer_put(buffer_1, s, len) == -1) strerr_diefusys(111, "write to standard output");
}

static void out_flush(void)
{
  if (!buffer_flush(buffer_1)) strerr_diefusys(111, "write to standard output");
}

static void out_put_until(merger *m, uint64_t us)
{
  loglater_line *line;
  while ((line = loglater_take(&m->later, us)))
  {
    out_put(line->text, line->len);
    alloc_free(line);
  }
}

/*
 * A message's first line is due at its own time, the others so much later that every line before
 * them has been read by then.
 */
static void entry_out(merger *m, logentry *e)
{
  enum logwords_place place = entry_format(m, e);
  if (m->alone)
  {
    out_put(m->line.s, m->line.len);
    return;
  }
  if (!loglater_put(&m->later, e->us + 2 * APART_US + (uint64_t)(int64_t)place * APART_US,
                    m->line.s, m->line.len))
    die_memory();
  out_put_until(m, e->us);
}

/* --- merging ------------------------------------------------------------------------------- */

static void source_end(merger *m, size_t i)
{
  logsource *l = SOURCES(m)[i];
  m->lost += l->lost;
  fd_close(l->fd);
  alloc_free(l);
  SOURCES(m)[i] = SOURCES(m)[COUNT(m) - 1];
  genalloc_setlen(logsource *, &m->sources, COUNT(m) - 1);
}

/* Read the next entry of a source, or end the source. */
static void source_next(merger *m, size_t i)
{
  logsource *l = SOURCES(m)[i];
  int r;
  /* a log that is still being written is printed as far as it goes */
  if (m->alone && !logsource_ready(l)) out_flush();
  r = logsource_next(l);
  if (r == -1) strerr_diefusys(111, "read ", l->path);
  if (!r) source_end(m, i);
}

static size_t source_earliest(merger const *m)
{
  size_t best = 0, i;
  for (i = 1; i < COUNT(m); i++)
    if (SOURCES(m)[i]->entry.us < SOURCES(m)[best]->entry.us) best = i;
  return best;
}

static void merge(merger *m)
{
  size_t i;
  m->alone = COUNT(m) == 1;
  for (i = COUNT(m); i--;) source_next(m, i);
  while (COUNT(m))
  {
    i = source_earliest(m);
    entry_out(m, &SOURCES(m)[i]->entry);
    source_next(m, i);
  }
  out_put_until(m, UINT64_MAX);
  out_flush();
}

/* --- what is read -------------------------------------------------------------------------- */

static void source_add(merger *m, int fd, char const *path)
{
  logsource *l = alloc(sizeof *l);
  if (!l || !genalloc_append(logsource *, &m->sources, &l)) die_memory();
  else logsource_init(l, fd, path, m->options.ahead_s);
}

/* Is it a log in a logger's directory: the current one, or one before? */
static int log_name_ok(char const *name)
{
  return *name == '@' || !strcmp(name, "current");
}

/* Another user may own the directory: nothing but regular files is read. */
static void dir_file_add(merger *m, DIR *dir, char const *path, char const *name)
{
  struct stat st;
  int fd = openat(dirfd(dir), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd == -1 && errno == ENOENT) return; /* rotated away */
  if (fd == -1 || fstat(fd, &st) == -1) strerr_diefusys(111, "open ", path, "/", name);
  if (!S_ISREG(st.st_mode)) strerr_dief(111, "not a file: ", path, "/", name);
  source_add(m, fd, path);
}

static void dir_add(merger *m, int fd, char const *path)
{
  DIR *dir = fdopendir(fd);
  struct dirent *d;
  if (!dir) strerr_diefusys(111, "read directory ", path);
  while (errno = 0, d = readdir(dir))
    if (log_name_ok(d->d_name)) dir_file_add(m, dir, path, d->d_name);
  if (errno) strerr_diefusys(111, "read directory ", path);
  closedir(dir);
}

static void path_add(merger *m, char const *path)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1 || fstat(fd, &st) == -1) strerr_diefusys(111, "open ", path);
  if (S_ISDIR(st.st_mode)) dir_add(m, fd, path);
  else source_add(m, fd, path);
}

/* --- the beginning ------------------------------------------------------------------------- */

/* A word for a syslog line must have no character that would end it. */
static char const *word_check(char const *what, char const *s)
{
  size_t i = 0, len = strlen(s);
  while (smtp_visible(s[i]) && !strchr("[]:", s[i])) i++;
  if (!len || i < len) program_refuse(what, s, len);
  return s;
}

static int options_read(int argc, char const *const *argv, options *o)
{
  program_option const all[] = {
    { .letter = 'h', .text = &o->host }, { .letter = 'n', .text = &o->name },
    { .letter = 'r', .flag = &o->rfc3339 }, { .letter = 'u', .flag = &o->utc },
    { .letter = 't', .number = &o->ahead_s, .least = 1, .most = 1000 }
  };
  char const *host = o->host;
  int first = program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE);
  if (o->host != host) word_check("not a host's name: ", o->host);
  word_check("not a name for syslog: ", o->name);
  return first;
}

/* Without -h the host's own name is printed. */
static void host_find(options *o)
{
  static char name[256];
  if (o->host) return;
  if (gethostname(name, sizeof name - 1) == -1) strerr_diefusys(111, "get the host's name");
  o->host = *name ? name : "localhost";
}

static void lost_tell(uint64_t lost)
{
  char n[UINT64_FMT];
  n[uint64_fmt(n, lost)] = 0;
  if (lost)
    strerr_warnw(n, lost == 1 ? " line has" : " lines have",
                 " no time that is understood: left out");
}

int main(int argc, char const *const *argv)
{
  static merger m = { .options = { .name = "postfix" } };
  int i = options_read(argc, argv, &m.options);
  host_find(&m.options);
  tzset();
  if (i == argc) source_add(&m, 0, "standard input");
  for (; i < argc; i++) path_add(&m, argv[i]);
  if (COUNT(&m)) merge(&m);
  lost_tell(m.lost);
  return !!m.lost;
}
