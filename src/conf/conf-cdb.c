/* conf-cdb: compile long lists, for a look-up that costs the same however long they are. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/cdbmake.h>
#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "base/log.h"
#include "conf/conf-internal.h"
#include "start/program.h"

#define USAGE "conf-cdb [-C dir] name..."
#define dieusage() strerr_dieusage(100, USAGE)

/* The temporary file: no other file of conf/ has this name. */
#define TEMPORARY ".conf-cdb.tmp"

char const *PROG = "conf-cdb";

typedef struct compiler
{
  int conf;
  conf_setting const *setting;
  struct stat source;     /* of the list, as it was before it was read */
  stralloc text;          /* of the list */
  cdbmaker maker;
  stralloc key;
  conf_route_line route;
  stralloc domains;       /* the domains of conf/recipients, each a string */
  genalloc offsets;       /* of size_t: where in domains each begins */
} compiler;

/* --- lines to records -------------------------------------------------------------------- */

static int add(compiler *c, char const *key, size_t keylen, char const *data, size_t len)
{
  return cdbmake_add(&c->maker, key, (unsigned int)keylen, data, (unsigned int)len);
}

/* A list of domains: the key is the domain or ".domain", without data. */
static int add_pattern(compiler *c, conf_line const *line)
{
  return conf_pattern_fold(&c->key, line->s, line->len) && add(c, c->key.s, c->key.len, "", 0);
}

/* A list of routes: the key is the pattern, the data is the rest of the line. */
static int add_route(compiler *c, conf_line const *line)
{
  char const *s = line->s;
  size_t len = line->len;
  conf_word pattern;
  conf_word_next(&s, &len, &pattern);
  return conf_route_scan(&c->route, line->s, line->len)
    && add(c, c->route.pattern.s, c->route.pattern.len, s, len);
}

/*
 * A list of recipients: the key is the mailbox, or "@domain" for all of a domain.  Domains are
 * collected for add_domains().
 */
static int add_recipient(compiler *c, conf_line const *line)
{
  size_t at, offset = c->domains.len;
  return conf_recipient_fold(&c->key, &at, line->s, line->len)
    && add(c, c->key.s, c->key.len, "", 0)
    && genalloc_append(size_t, &c->offsets, &offset)
    && stralloc_catb(&c->domains, c->key.s + at + 1, c->key.len - at - 1)
    && stralloc_0(&c->domains);
}

static int offset_compare(void const *a, void const *b, void *domains)
{
  return strcmp((char const *)domains + *(size_t const *)a,
                (char const *)domains + *(size_t const *)b);
}

/*
 * Add a key "domain" for each domain that has mailboxes, once: a million records with one key would
 * make a table that takes hours to build.
 */
static int add_domains(compiler *c)
{
  size_t *offset = genalloc_s(size_t, &c->offsets);
  size_t i = 0, n = genalloc_len(size_t, &c->offsets);
  if (n) qsort_r(offset, n, sizeof *offset, &offset_compare, c->domains.s);
  for (; i < n; i++)
  {
    char const *domain = c->domains.s + offset[i];
    if (i && !strcmp(domain, c->domains.s + offset[i - 1])) continue;
    if (!add(c, domain, strlen(domain), "", 0)) return 0;
  }
  return 1;
}

static int (*adder(conf_setting const *setting))(compiler *c, conf_line const *line)
{
  if (!strcmp(setting->name, "routes")) return &add_route;
  if (!strcmp(setting->name, "recipients")) return &add_recipient;
  return &add_pattern;
}

static int add_mark(compiler *c)
{
  return stralloc_copys(&c->key, CONF_CDB_MARK)
    && stralloc_cats(&c->key, c->setting->name)
    && add(c, CONF_CDB_MARK_KEY, sizeof CONF_CDB_MARK_KEY - 1, c->key.s, c->key.len);
}

static int add_all(compiler *c)
{
  int (*add_line)(compiler *c, conf_line const *line) = adder(c->setting);
  conf_line line = { .number = 0 };
  size_t pos = 0;
  if (!add_mark(c)) return 0;
  while (conf_line_next(c->setting, &c->text, &pos, &line) > 0)
    if (!(*add_line)(c, &line)) return 0;
  return add_domains(c) && cdbmake_finish(&c->maker);
}

/* --- files --------------------------------------------------------------------------------- */

/*
 * The compiled list gets the modification time of the list: an edit while we compile makes the list
 * the newer of the two.
 */
static int write_all(compiler *c, int fd)
{
  struct timespec const times[2] = { c->source.st_mtim, c->source.st_mtim };
  return cdbmake_start(&c->maker, fd)
    && add_all(c)
    && fchmod(fd, c->source.st_mode & 0777) == 0
    && futimens(fd, times) == 0
    && fsync(fd) == 0;
}

static void die_write(compiler const *c)
{
  int e = errno;
  unlinkat(c->conf, TEMPORARY, 0);
  errno = e;
  strerr_diefusys(111, "write conf/", c->setting->name, ".cdb");
}

/* Rename it into place: programs that open it meanwhile find the old file, none, or the new one. */
static void publish(compiler *c)
{
  char file[64];
  int fd;
  if (unlinkat(c->conf, TEMPORARY, 0) == -1 && errno != ENOENT) die_write(c);
  fd = openat(c->conf, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd == -1 || !write_all(c, fd) || close(fd) == -1) die_write(c);
  memcpy(file, c->setting->name, strlen(c->setting->name));
  memcpy(file + strlen(c->setting->name), ".cdb", sizeof ".cdb");
  if (renameat(c->conf, TEMPORARY, c->conf, file) == -1) die_write(c);
  if (fsync(c->conf) == -1) strerr_diefusys(111, "sync conf");
}

static void tell(void *wrong)
{
  *(int *)wrong = 1;
  log_line(conf_error());
}

/*
 * Wait for the next tick of the clock: a list that was written in the present one could be written
 * again without looking newer.  A time in the future means that somebody set the clock; no long
 * wait for that.
 */
static void tick_pass(struct timespec const *written)
{
  struct timespec const tick = { .tv_nsec = 2000000 };
  struct timespec now;
  int tries = 20;
  while (tries-- && clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0
      && (now.tv_sec < written->tv_sec
       || (now.tv_sec == written->tv_sec && now.tv_nsec <= written->tv_nsec)))
    nanosleep(&tick, 0);
}

/* Read and check the whole list. */
static void list_read(compiler *c)
{
  size_t entries;
  int wrong = 0;
  if (fstatat(c->conf, c->setting->name, &c->source, 0) == -1)
    strerr_diefusys(errno == ENOENT ? 100 : 111, "read conf/", c->setting->name);
  tick_pass(&c->source.st_mtim);
  if (conf_file_read(c->conf, c->setting, &c->text) <= 0)
    strerr_dief(111, conf_error());
  if (!conf_lines_check(c->setting, &c->text, &entries, &tell, &wrong))
    strerr_dief(100, "conf/", c->setting->name, " is not compiled");
}

static void compile(int conf, conf_setting const *setting)
{
  compiler c = { .conf = conf, .setting = setting, .text = STRALLOC_ZERO, .maker = CDBMAKER_ZERO,
                 .key = STRALLOC_ZERO, .route = CONF_ROUTE_LINE_ZERO, .domains = STRALLOC_ZERO,
                 .offsets = GENALLOC_ZERO };
  list_read(&c);
  publish(&c);
  stralloc_free(&c.text);
  stralloc_free(&c.key);
  conf_route_line_free(&c.route);
  stralloc_free(&c.domains);
  genalloc_free(size_t, &c.offsets);
}

/* --------------------------------------------------------------------------------------------- */

static conf_setting const *list_find(char const *name)
{
  conf_setting const *setting = conf_setting_find(name);
  if (!setting || setting->kind != CONF_COMPILED)
    strerr_dief(100, name, ": not one of relaydomains, flushdomains, routes, recipients");
  return setting;
}

int main(int argc, char const *const *argv)
{
  char const *dir = 0;
  int conf;
  size_t i;
  argv += program_options(argc, argv, &dir, USAGE);
  if (!*argv) dieusage();
  for (i = 0; argv[i]; i++) list_find(argv[i]);
  conf = conf_find(dir);
  program_become_owner(conf);
  for (i = 0; argv[i]; i++) compile(conf, list_find(argv[i]));
  return 0;
}
