#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "base/log.h"
#include "queue/sitefile.h"
#include "qmgr/qmgr-internal.h"

/* Gates, sites and files that are looked at in one piece. */
#define IDLE_TURN 256
#define FILES_TURN 64
/* So many of a kind are no burden.  Where there are more, they are looked through so often while anything happens. */
#define IDLE_MANY 1000
#define MANY_AGAIN_US (5 * SECOND_US)
/* Files of sites that nobody knows are looked for so often. */
#define FILES_AGAIN_US (3600 * SECOND_US)

/* --- what is known ------------------------------------------------------------------------ */

void known_add(knowns *all, known *k)
{
  known *next = all->next;
  k->before = next ? next->before : k;
  k->after = next ? next : k;
  k->before->after = k;
  k->after->before = k;
  all->next = k->after;
  all->count++;
}

void known_take(knowns *all, known *k)
{
  k->before->after = k->after;
  k->after->before = k->before;
  if (all->next == k) all->next = k->after == k ? 0 : k->after;
  all->count--;
}

int knowns_many(knowns const *all)
{
  return all->count > IDLE_MANY;
}

/* Twice as many as there were, or many for some time. */
static int round_due(qmgr const *q, knowns const *all)
{
  return knowns_many(all) && (all->count > IDLE_MANY + 2 * all->kept || !qmgr_lately(q, all->begun_us, MANY_AGAIN_US));
}

static void round_begin(qmgr const *q, knowns *all)
{
  if (all->left) return;
  all->left = all->count;
  all->begun_us = q->now_us;
}

static known *known_next(knowns *all)
{
  known *k = all->next;
  if (!all->left || !k)
  {
    all->left = 0;
    return 0;
  }
  all->left--;
  if (!all->left) all->kept = all->count;
  all->next = k->after;
  return k;
}

static void gates_piece(qmgr *q)
{
  unsigned int turn;
  known *k;
  for (turn = 0; turn < IDLE_TURN && (k = known_next(&q->all_gates)); turn++)
    if (gate_forget(q, k->owner) && !q->all_gates.left) q->all_gates.kept--;
}

static void sites_piece(qmgr *q)
{
  unsigned int turn;
  known *k;
  for (turn = 0; turn < IDLE_TURN && (k = known_next(&q->all_sites)); turn++)
    if (site_forget(q, k->owner) && !q->all_sites.left) q->all_sites.kept--;
}

/* --- files of sites that are not known ---------------------------------------------------- */

static void files_open(qmgr *q)
{
  int fd = openat(q->queue, "site", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  q->site_dir = fd == -1 ? 0 : fdopendir(fd);
  if (fd != -1 && !q->site_dir) fd_close(fd);
}

/*
 * What was not written for as long as a site is remembered is of no use to anybody; but one that is down says when to try
 * again.  What was written in the future, under a wrong clock, says nothing.
 */
static int file_needed(qmgr const *q, char const *name, struct stat const *st)
{
  uint64_t now_s = q->now_us / SECOND_US;
  uint64_t keep_s = q->settings.backoff.max;
  sitefile file;
  if (now_s - (uint64_t)st->st_mtim.tv_sec < keep_s) return 1;
  return sitefile_read(q->queue, name, &file) && file.state == SITEFILE_DOWN
    && file.since_s <= now_s && file.next_s + keep_s > now_s;
}

static void file_look(qmgr *q, char const *name)
{
  struct stat st;
  if (!sitefile_name_ok(name) || tree_find(&q->sites, name)) return;
  if (fstatat(dirfd(q->site_dir), name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode)) return;
  if (!file_needed(q, name, &st)) unlinkat(dirfd(q->site_dir), name, 0);
}

static void files_piece(qmgr *q)
{
  unsigned int turn;
  for (turn = 0; turn < FILES_TURN; turn++)
  {
    struct dirent const *entry = readdir(q->site_dir);
    if (entry)
    {
      file_look(q, entry->d_name);
      continue;
    }
    closedir(q->site_dir);
    q->site_dir = 0;
    return;
  }
}

/* Not before all that waits is known. */
static int files_due(qmgr const *q)
{
  intake const *in = &q->intake;
  return !in->new_dir && !in->look_new && !in->look_lists && !in->lists.dir
    && !(q->site_dir_us && qmgr_lately(q, q->site_dir_us, FILES_AGAIN_US));
}

static int files_run(qmgr *q)
{
  if (!q->site_dir && files_due(q))
  {
    q->site_dir_us = q->now_us;
    files_open(q);
  }
  if (q->site_dir) files_piece(q);
  return q->site_dir != 0;
}

/* --- when ------------------------------------------------------------------------------------ */

void idle_begin(qmgr *q)
{
  round_begin(q, &q->all_gates);
  round_begin(q, &q->all_sites);
}

int idle_run(qmgr *q)
{
  if (round_due(q, &q->all_gates)) round_begin(q, &q->all_gates);
  if (round_due(q, &q->all_sites)) round_begin(q, &q->all_sites);
  gates_piece(q);
  sites_piece(q);
  return files_run(q) || q->all_gates.left || q->all_sites.left;
}
