/* flush-record: note that messages wait for a domain. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <skalibs/buffer.h>
#include <skalibs/sgetopt.h>
#include <skalibs/skamisc.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "base/instance.h"
#include "base/log.h"
#include "conf/conf.h"
#include "flush/flush.h"

#define USAGE "flush-record [-C dir] domain [id...]"
#define dieusage() strerr_dieusage(100, USAGE)

/* Of what was given so much is repeated in a message. */
#define ENTRY_MAX 300

char const *PROG = "flush-record";

static int options_read(int argc, char const *const *argv, char const **dir)
{
  subgetopt scan = SUBGETOPT_ZERO;
  int c;
  while ((c = subgetopt_r(argc, argv, "C:", &scan)) != -1)
    if (c == 'C') *dir = scan.arg;
    else dieusage();
  return scan.ind;
}

static void die_entry(char const *what, char const *s, size_t len)
{
  char clean[ENTRY_MAX];
  strerr_dief(100, what, log_clean(clean, sizeof clean, s, len));
}

static void id_add(stralloc *ids, char const *s, size_t len)
{
  if (!id_ok(s, len)) die_entry("not an id: ", s, len);
  if (!stralloc_catb(ids, s, ID_LEN)) strerr_diefusys(111, "remember ids");
}

/* Ids from standard input, one a line; an empty line is none. */
static void ids_read(stralloc *ids)
{
  stralloc line = STRALLOC_ZERO;
  int r;
  do
  {
    line.len = 0;
    r = skagetln(buffer_0, &line, '\n');
    /* EPIPE: the input ends without LF. */
    if (r == -1 && errno != EPIPE) strerr_diefusys(111, "read ids");
    if (line.len && line.s[line.len - 1] == '\n') line.len--;
    if (line.len) id_add(ids, line.s, line.len);
  }
  while (r == 1);
  stralloc_free(&line);
}

int main(int argc, char const *const *argv)
{
  char const *dir = 0;
  stralloc domain = STRALLOC_ZERO, ids = STRALLOC_ZERO;
  int first = options_read(argc, argv, &dir), instance, queue;

  argc -= first;
  argv += first;
  if (!argc) dieusage();
  umask(007);

  if (!conf_domain_fold(&domain, argv[0], strlen(argv[0])))
  {
    if (errno == ENOMEM) strerr_diefusys(111, "fold a domain");
    die_entry("not a domain: ", argv[0], strlen(argv[0]));
  }
  if (argc == 1) ids_read(&ids);
  else while (*++argv) id_add(&ids, *argv, strlen(*argv));

  dir = instance_path(dir);
  instance = instance_open(dir);
  if (instance == -1) strerr_diefusys(111, "open instance ", dir);
  queue = instance_openat(instance, "queue");
  if (queue == -1) strerr_diefusys(111, "open ", dir, "/queue");
  if (!flush_record(queue, domain.s, ids.s, ids.len / ID_LEN))
    strerr_diefusys(111, "record for ", domain.s, " in ", dir, "/queue/flush");
  stralloc_free(&domain);
  stralloc_free(&ids);
  return 0;
}
