/* flush-record: note that messages wait for a domain. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <skalibs/buffer.h>
#include <skalibs/skamisc.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "conf/conf.h"
#include "flush/flush.h"
#include "start/program.h"

#define USAGE "flush-record [-C dir] domain [id...]"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "flush-record";

static void id_add(stralloc *ids, char const *s, size_t len)
{
  if (!id_ok(s, len)) program_refuse("not an id: ", s, len);
  if (!stralloc_catb(ids, s, ID_LEN)) strerr_diefusys(111, "remember ids");
}

/* Record ids from standard input, one a line; empty lines are passed over. */
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
  int first = program_options(argc, argv, &dir, USAGE), queue;

  argc -= first;
  argv += first;
  if (!argc) dieusage();
  umask(007);

  if (!conf_domain_fold(&domain, argv[0], strlen(argv[0])))
  {
    if (errno == ENOMEM) strerr_diefusys(111, "fold a domain");
    program_refuse("not a domain: ", argv[0], strlen(argv[0]));
  }
  if (argc == 1) ids_read(&ids);
  else while (*++argv) id_add(&ids, *argv, strlen(*argv));

  queue = program_queue(&dir, 0);
  if (!flush_record(queue, domain.s, ids.s, ids.len / ID_LEN))
    strerr_diefusys(111, "record for ", domain.s, " in ", dir, "/queue/flush");
  stralloc_free(&domain);
  stralloc_free(&ids);
  return 0;
}
