#include "check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "flush/flush.h"
#include "flush/names.h"
#include "flush/unlisted.h"
#include "queue/sitefile.h"

/* --- names ---------------------------------------------------------------------------------- */

/* Is it a file that qmgr or flush-rebuild writes and then renames? */
static int aside(char const *name)
{
  return *name == '+';
}

static int domain_ok(char const *name)
{
  return *name != '@' && *name != '=' && flush_asked_ok(name, strlen(name));
}

static int regular(check const *c, char const *path, struct stat *st)
{
  return fstatat(c->queue, path, st, AT_SYMLINK_NOFOLLOW) == -1 || S_ISREG(st->st_mode);
}

static int unlink_at(check const *c, char const *path)
{
  return unlinkat(c->queue, path, 0);
}

static void list_name(check *c, char const *directory, char const *name)
{
  stralloc path = STRALLOC_ZERO;
  struct stat st;
  check_path(&path, directory, name);
  if (aside(name)) ;
  else if (!domain_ok(name)) check_finding(c, path.s, "not the name of a domain", NOTHING_TO_DO);
  else if (!regular(c, path.s, &st)) check_finding(c, path.s, "no regular file", NOTHING_TO_DO);
  stralloc_free(&path);
}

/* A user who may ask has put another thing there: nobody can ask for that domain meanwhile. */
static void asked_no_file(check *c, char const *path, struct stat const *st)
{
  int flags = S_ISDIR(st->st_mode) ? AT_REMOVEDIR : 0;
  check_finding(c, path, "no request, but in the way of one, removed",
                check_mend(c, unlinkat(c->queue, path, flags)));
}

/* Qmgr never takes up a request of a wrong name.  It is removed only when it is empty, a mark. */
static void asked_name(check *c, char const *directory, char const *name)
{
  stralloc path = STRALLOC_ZERO;
  struct stat st;
  check_path(&path, directory, name);
  if (flush_asked_ok(name, strlen(name)))
  {
    if (!regular(c, path.s, &st)) asked_no_file(c, path.s, &st);
  }
  else if (regular(c, path.s, &st) && !st.st_size)
    check_finding(c, path.s, "nothing that can be asked for, removed",
                  check_mend(c, unlink_at(c, path.s)));
  else check_finding(c, path.s, "nothing that can be asked for", NOTHING_TO_DO);
  stralloc_free(&path);
}

static void notice_name(check *c, char const *directory, char const *name)
{
  stralloc path = STRALLOC_ZERO;
  if (id_ok(name, strlen(name))) return;
  check_finding(c, check_path(&path, directory, name), "not the name of a message", NOTHING_TO_DO);
  stralloc_free(&path);
}

/* Qmgr renames a whole site file into place, so one that cannot be parsed is none of its own. */
static int senseless(check const *c, char const *site)
{
  sitefile file;
  return !sitefile_read(c->queue, site, &file) && errno == EINVAL;
}

static void site_name(check *c, char const *directory, char const *name)
{
  stralloc path = STRALLOC_ZERO;
  check_path(&path, directory, name);
  if (aside(name)) ;
  else if (!sitefile_name_ok(name))
    check_finding(c, path.s, "not the name of a site", NOTHING_TO_DO);
  else if (senseless(c, name))
    check_finding(c, path.s, "makes no sense, removed", check_mend(c, unlink_at(c, path.s)));
  stralloc_free(&path);
}

void check_names(check *c)
{
  check_each_name(c, "flush", list_name);
  check_each_name(c, "claim", list_name);
  check_each_name(c, "asked", asked_name);
  check_each_name(c, "site", site_name);
  check_each_name(c, "notice", notice_name);
}

/* --- what a list lacks ---------------------------------------------------------------- */

static void list_trouble(check *c, char const *domain)
{
  stralloc path = STRALLOC_ZERO;
  int e = errno;
  check_path(&path, "flush", domain);
  errno = e;
  check_trouble(c, path.s);
  stralloc_free(&path);
}

static void missing_record(check *c, char const *domain, id_list const *l)
{
  char id[ID_LEN + 1] = "", path[QUEUE_PATH_MAX];
  stralloc what = STRALLOC_ZERO;
  size_t n;
  if (!stralloc_cats(&what, "not in the list of ") || !stralloc_cats(&what, domain)
   || !stralloc_0(&what))
    check_die_memory();
  for (n = 0; n < id_list_len(l); n++)
  {
    memcpy(id, id_list_id(l, n), ID_LEN);
    queuedir_path(path, QUEUE_CUR, id);
    check_finding(c, path, what.s,
                  c->look_only || flush_record(c->queue, domain, id, 1) ? MENDED : NOT_MENDED);
  }
  stralloc_free(&what);
}

static void domain_check(check *c, id_list *l)
{
  char const *domain = id_lists_name(&c->owed, l);
  if (unlisted_keep(l, c->queue, domain, &c->message)) missing_record(c, domain, l);
  else list_trouble(c, domain);
}

/* --- what a list has too much --------------------------------------------------------- */

typedef struct entries
{
  uint64_t all;
  uint64_t stale;          /* of messages that are gone, or owe the domain nothing */
  uint64_t other_octets;   /* of lines that are no ids */
} entries;

static int entries_count(check *c, char const *domain, int fd, entries *e)
{
  enum queue_place place;
  char id[ID_LEN + 1];
  flush_reader reader;
  struct stat st;
  uint64_t before = e->all;
  int more;
  flush_reader_init(&reader, fd);
  while ((more = flush_reader_next(&reader, id)) == 1)
  {
    e->all++;
    if (!unlisted_owes(c->queue, id, domain, &c->message, &place)) e->stale++;
  }
  if (more == -1 || fstat(fd, &st) == -1) return 0;
  if ((uint64_t)st.st_size > (e->all - before) * (ID_LEN + 1))
    e->other_octets += (uint64_t)st.st_size - (e->all - before) * (ID_LEN + 1);
  return 1;
}

static void entries_say(char const *domain, entries const *e)
{
  char all[UINT64_FMT], stale[UINT64_FMT], octets[UINT64_FMT];
  all[uint64_fmt(all, e->all)] = 0;
  stale[uint64_fmt(stale, e->stale)] = 0;
  octets[uint64_fmt(octets, e->other_octets)] = 0;
  log_line("list of ", domain, ": entries: ", all, ", stale: ", stale, ", octets that are none: ",
           octets);
}

static void list_count(check *c, char const *domain)
{
  entries e = { .all = 0 };
  int fds[2], ok = 1, i;
  if (!flush_open(c->queue, domain, fds))
  {
    list_trouble(c, domain);
    return;
  }
  for (i = 0; i < 2; i++)
    if (fds[i] != -1)
    {
      ok = ok && entries_count(c, domain, fds[i], &e);
      fd_close(fds[i]);
    }
  if (ok) entries_say(domain, &e);
}

static int domain_note(char const *name, void *data)
{
  return names_add(data, 0, name, strlen(name));
}

/*
 * Readers pass over stale entries, and the next walk through a list leaves them out: there is
 * nothing to mend.
 */
static void lists_count(check *c)
{
  names domains = NAMES_ZERO;
  char const *directory;
  size_t n;
  if (flush_domains_each(c->queue, domain_note, &domains, &directory) != 1)
    check_trouble(c, "flush");
  names_sort(&domains);
  for (n = 0; n < names_len(&domains); n++) list_count(c, names_get(&domains, n));
  names_free(&domains);
}

void check_lists(check *c)
{
  size_t i;
  for (i = 0; i < id_lists_len(&c->owed); i++) domain_check(c, id_lists_at(&c->owed, i));
  if (c->verbose) lists_count(c);
}
