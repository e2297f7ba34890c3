#include "qmgr/hops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/alloc.h>
#include <skalibs/djbunix.h>

#include "base/directory.h"
#include "base/log.h"
#include "flush/flush.h"
#include "qmgr/named.h"

/* Files looked at in one piece.  Files of sites that nobody knows are looked for so often. */
#define FILES_TURN 64
#define FILES_AGAIN_US (3600 * SECOND_US)
#define PATH_MAX_LEN (sizeof "site/" + FLUSH_NAME_MAX + 16)

/* --- the file -------------------------------------------------------------------------------- */

static void path_make(char out[PATH_MAX_LEN], char const *name)
{
  strcpy(stpcpy(out, "site/"), name);
}

void hop_write(hops *all, hop const *h, enum sitefile_state state, char const *why)
{
  health const *how = &h->site.health;
  char path[PATH_MAX_LEN];
  sitefile const file = {
    .state = state, .since_s = how->since_us / SECOND_US, .failures = how->failures,
    .next_s = how->next_us / SECOND_US, .why = why
  };
  stralloc line = STRALLOC_ZERO;
  if (h->turned) return;
  path_make(path, h->name);
  if (!sitefile_format(&line, &file) || !core_file_replace(all->core, path, line.s, line.len))
    log_line("warning: unable to write ", path, ": ", strerror(errno));
  stralloc_free(&line);
}

/* Only what was down matters after a restart: its back-off goes on. */
static void file_read(hops const *all, hop *h)
{
  sitefile file;
  if (!sitefile_read(all->core->queue, h->name, &file) || file.state != SITEFILE_DOWN) return;
  site_restore(&all->core->sched, &h->site, file.since_s * SECOND_US, file.failures,
               file.next_s * SECOND_US);
}

/* --- knowing them ---------------------------------------------------------------------------- */

/* 1, or 0 without memory. */
static int hop_add(hops *all, hop *h)
{
  hop *first = named_find(&all->tree, h->name);
  if (!first) return named_add(&all->tree, h);
  h->other = first->other;
  first->other = h;
  return 1;
}

static void hop_take(hops *all, hop *h)
{
  hop *first = named_find(&all->tree, h->name);
  if (first != h)
  {
    while (first->other != h) first = first->other;
    first->other = h->other;
  }
  else if (h->other) named_replace(&all->tree, h->other);
  else named_take(&all->tree, h);
}

#define AUTH " auth="

/* The last word may be "auth=NAME". */
static char const *auth_find(char const *tls)
{
  char const *word = strstr(tls, AUTH);
  return word ? word + sizeof AUTH - 1 : 0;
}

static hop *hop_new(hops *all, char const *name, char const *tls)
{
  size_t len = strlen(name);
  hop *h;
  if (!conf_site_ok(name, len) || len > FLUSH_NAME_MAX) return (errno = EINVAL, (hop *)0);
  h = alloc(sizeof *h + len + 1 + strlen(tls) + 1);
  if (!h) return 0;
  memset(h, 0, sizeof *h);
  h->name = memcpy(h + 1, name, len + 1);
  h->tls = strcpy(h->name + len + 1, tls);
  h->auth = auth_find(h->tls);
  if (!hop_add(all, h))
  {
    alloc_free(h);
    return 0;
  }
  site_add(&all->core->sched, &h->site, h);
  /* else the file may speak of another demand that the site does not meet */
  if (named_find(&all->tree, name) == h) file_read(all, h);
  return h;
}

hop *hops_get(hops *all, char const *name, char const *tls)
{
  hop *h = named_find(&all->tree, name);
  while (h && strcmp(h->tls, tls)) h = h->other;
  if (!h) return hop_new(all, name, tls);
  site_used(&all->core->sched, &h->site);
  return h;
}

hop *hop_of(site const *x)
{
  return x->owner;
}

void hops_forget(hops *all, hop *h)
{
  char path[PATH_MAX_LEN];
  hop_take(all, h);
  path_make(path, h->name);
  if (!named_find(&all->tree, h->name) && unlinkat(all->core->queue, path, 0) == -1
   && errno != ENOENT)
    log_line("warning: unable to remove ", path, ": ", strerror(errno));
  site_leave(&all->core->sched, &h->site);
  alloc_free(h);
}

/* --- files of those that are not known ------------------------------------------------------- */

/*
 * What was not written for as long as a site is remembered is of no use to anybody; but one that is
 * down says when to try again.  What was written in the future, under a wrong clock, says nothing.
 */
static int file_needed(hops const *all, char const *name, struct stat const *st)
{
  uint64_t now_s = core_now_us(all->core) / SECOND_US;
  uint64_t keep_s = all->core->settings.backoff.max;
  sitefile file;
  if (now_s - (uint64_t)st->st_mtim.tv_sec < keep_s) return 1;
  return sitefile_read(all->core->queue, name, &file) && file.state == SITEFILE_DOWN
    && file.since_s <= now_s && file.next_s + keep_s > now_s;
}

static void file_look(hops const *all, char const *name)
{
  int dir = dirfd(all->directory);
  struct stat st;
  if (!sitefile_name_ok(name) || named_find(&all->tree, name)) return;
  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode)) return;
  if (!file_needed(all, name, &st)) unlinkat(dir, name, 0);
}

static void files_piece(hops *all)
{
  unsigned int turn;
  for (turn = 0; turn < FILES_TURN; turn++)
  {
    struct dirent const *entry = readdir(all->directory);
    if (entry)
    {
      file_look(all, entry->d_name);
      continue;
    }
    closedir(all->directory);
    all->directory = 0;
    return;
  }
}

int hops_clean(hops *all, int begin)
{
  int lately = all->directory_us && core_lately(all->core, all->directory_us, FILES_AGAIN_US);
  if (!all->directory && begin && !lately)
  {
    all->directory_us = core_now_us(all->core);
    all->directory = directory_open(all->core->queue, "site");
  }
  if (all->directory) files_piece(all);
  return all->directory != 0;
}
