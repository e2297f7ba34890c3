#include "flush/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/close.h"
#include "flush/flush.h"
#include "smtp/domain.h"
#include "smtp/reply.h"


/* --- what the request covers ----------------------------------------------------------- */

static int covers(names const *domains, char const *domain)
{
  size_t len = strlen(domain), n;
  for (n = 0; n < names_len(domains); n++)
  {
    char const *name = names_get(domains, n);
    if (*name == '@' && smtp_domain_below(domain, len, name + 1, strlen(name + 1))) return 1;
    if (*name != '@' && !strcmp(domain, name)) return 1;
  }
  return 0;
}

static int covers_recipient(watch const *w, int whole, message_recipient const *rcpt)
{
  return whole || covers(&w->request->domains, message_string(&w->message, rcpt->domain));
}

/* --- reading a message ------------------------------------------------------------------ */

/*
 * Open a message and read it into w->message.  1 with *fd open; 0 with errno, ENOENT when it is
 * nowhere.
 */
static int message_find(watch *w, char const *id, int *fd, enum queue_place *place)
{
  *fd = queuedir_open_message(w->queue, id, O_RDONLY, place);
  if (*fd == -1) return 0;
  if (message_read(&w->message, *fd)) return 1;
  close_keep(*fd);
  return 0;
}

static int is_corrupt(watch *w, char const *id)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, QUEUE_CORRUPT, id);
  return faccessat(w->queue, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int fails(watch const *w, message_recipient const *rcpt)
{
  return rcpt->settled && rcpt->status == JOB_FAILED && rcpt->last_us >= w->since_us;
}

/* The state of a message, by its recipients that the request covers. */
static enum watch_state state_of(watch const *w, int whole)
{
  size_t n, owed = 0, tried = 0, failed = 0;
  for (n = 0; n < message_rcpts(&w->message); n++)
  {
    message_recipient const *rcpt = message_rcptp(&w->message, n);
    if (!covers_recipient(w, whole, rcpt)) continue;
    if (fails(w, rcpt)) failed++;
    else if (!rcpt->settled)
    {
      owed++;
      if (rcpt->attempts && rcpt->last_us >= w->since_us) tried++;
    }
  }
  if (owed) return tried == owed ? WATCH_WAITING : WATCH_LEFT;
  return failed ? WATCH_FAILED : WATCH_SENT;
}

/* Keep the file of a message, or close it. */
static void file_keep(watch *w, watched *m, int fd)
{
  int keep = m->fd == -1 && m->state == WATCH_LEFT && w->files < w->files_max;
  if (!keep)
  {
    close(fd);
    return;
  }
  m->fd = fd;
  w->files++;
}

static void file_close(watch *w, watched *m)
{
  if (m->fd == -1) return;
  close(m->fd);
  m->fd = -1;
  w->files--;
}

/* The state of a message that is in the queue no more. */
static enum watch_state end_of(watch *w, watched const *m)
{
  if (is_corrupt(w, m->id)) return WATCH_FAILED;
  if (m->fd == -1 || !message_read(&w->message, m->fd)) return WATCH_SENT;
  return state_of(w, m->whole) == WATCH_SENT ? WATCH_SENT : WATCH_FAILED;
}

static void look(watch *w, watched *m)
{
  enum queue_place place;
  int fd;
  m->busy = 0;
  if (!message_find(w, m->id, &fd, &place))
  {
    m->state = (unsigned char)(errno == ENOENT ? end_of(w, m) : WATCH_LEFT);
    return;
  }
  m->state = (unsigned char)state_of(w, m->whole);
  if (m->state == WATCH_LEFT || m->state == WATCH_WAITING) m->busy = message_busy(fd) == 1;
  file_keep(w, m, fd);
}

/* --- domains ------------------------------------------------------------------------------ */

static int domain_add(char const *domain, void *data)
{
  watch *w = data;
  if (!covers(&w->request->domains, domain)) return 1;
  return names_add(&w->domains, 0, domain, strlen(domain));
}

/*
 * Call fn for every message of new/, read into w->message.  A user who may not list new/ (it
 * belongs to qmgr's user) does without: qmgr will soon have recorded what is there.
 */
typedef struct new_walk
{
  watch *w;
  int (*fn)(watch *w, char const *id, void *data);
  void *data;
} new_walk;

static int new_each(char const *id, void *data)
{
  new_walk *walk = data;
  enum queue_place place;
  int fd;
  if (!message_find(walk->w, id, &fd, &place)) return 1;
  close(fd);
  return walk->fn(walk->w, id, walk->data);
}

static int walk_new(watch *w, int (*fn)(watch *w, char const *id, void *data), void *data)
{
  new_walk walk = { .w = w, .fn = fn, .data = data };
  int r;
  w->where = "queue/new";
  r = queuedir_each(w->queue, QUEUE_NEW, new_each, &walk);
  return r == 1 || (r == -1 && errno == EACCES);
}

static int new_domains(watch *w, char const *id, void *data)
{
  size_t n;
  (void)id;
  (void)data;
  for (n = 0; n < message_rcpts(&w->message); n++)
  {
    message_recipient const *rcpt = message_rcptp(&w->message, n);
    if (!rcpt->settled && !domain_add(message_string(&w->message, rcpt->domain), w)) return 0;
  }
  return 1;
}

int watch_domains(watch *w)
{
  size_t n, below = 0;
  for (n = 0; n < names_len(&w->request->domains); n++)
  {
    char const *name = names_get(&w->request->domains, n);
    w->where = name;
    if (*name == '@') below++;
    else if (!names_add(&w->domains, 0, name, strlen(name))) return 0;
  }
  if (!n) return 1;
  if (below && flush_domains_each(w->queue, domain_add, w, &w->where) != 1) return 0;
  if (below && !walk_new(w, new_domains, 0)) return 0;
  names_sort(&w->domains);
  return 1;
}

/* A message counts once for a domain, however many recipients it has there. */
static int new_count(watch *w, char const *id, void *data)
{
  message const *m = &w->message;
  uint64_t *waiting = data;
  size_t const domains = names_len(&w->domains);
  size_t n;
  (void)id;
  for (n = 0; n < message_rcpts(m); n++)
  {
    size_t at = names_find(&w->domains, message_string(m, message_rcptp(m, n)->domain));
    if (at < domains && message_rcpt_first(m, n)) waiting[at]++;
  }
  return 1;
}

int watch_count_new(watch *w, uint64_t *waiting)
{
  return walk_new(w, new_count, waiting);
}

/* --- messages ------------------------------------------------------------------------------ */

static int message_add(watch *w, char const *id, int whole)
{
  watched m = { .whole = (unsigned char)whole, .busy = 0, .state = WATCH_LEFT, .fd = -1 };
  memcpy(m.id, id, ID_LEN + 1);
  return genalloc_append(watched, &w->messages, &m);
}

static int list_messages(watch *w, int fd)
{
  char id[ID_LEN + 1];
  flush_reader reader;
  int r;
  flush_reader_init(&reader, fd);
  while ((r = flush_reader_next(&reader, id)) == 1)
    if (!message_add(w, id, 0)) return 0;
  return r == 0;
}

static int domain_messages(watch *w, char const *domain)
{
  int fds[2], ok = 1, i;
  w->where = domain;
  if (!flush_open(w->queue, domain, fds)) return 0;
  for (i = 0; i < 2; i++)
    if (fds[i] != -1)
    {
      ok = ok && list_messages(w, fds[i]);
      close_keep(fds[i]);
    }
  return ok;
}

static int new_add(watch *w, char const *id, void *data)
{
  (void)data;
  return state_of(w, 0) == WATCH_LEFT ? message_add(w, id, 0) : 1;
}

/* Compare by id; of two with one id, the one asked for by its id comes first. */
static int compare(void const *a, void const *b)
{
  watched const *m = a, *o = b;
  int c = memcmp(m->id, o->id, ID_LEN);
  return c ? c : o->whole - m->whole;
}

/* Keep each message once, and only those that do wait: lists may be stale. */
static void messages_sift(watch *w)
{
  watched *all = watch_at(w, 0);
  size_t n = watch_len(w), from, to = 0;
  if (!n) return;
  qsort(all, n, sizeof *all, compare);
  for (from = 0; from < n; from++)
  {
    if (from && !memcmp(all[from].id, all[from - 1].id, ID_LEN)) continue;
    look(w, &all[from]);
    if (all[from].state == WATCH_LEFT) all[to++] = all[from];
    else file_close(w, &all[from]);
  }
  genalloc_setlen(watched, &w->messages, to);
  w->count[WATCH_LEFT] = to;
}

int watch_ids(watch *w)
{
  size_t n;
  w->where = "ids";
  for (n = 0; n < names_len(&w->request->ids); n++)
    if (!message_add(w, names_get(&w->request->ids, n) + 1, 1)) return 0;
  messages_sift(w);
  return 1;
}

int watch_messages(watch *w)
{
  size_t n;
  for (n = 0; n < names_len(&w->domains); n++)
    if (!domain_messages(w, names_get(&w->domains, n))) return 0;
  if (names_len(&w->request->domains) && !walk_new(w, new_add, 0)) return 0;
  return watch_ids(w);
}

/* --- watching -------------------------------------------------------------------------------- */

int watch_look(watch *w, size_t max)
{
  size_t n = watch_len(w), turns;
  int busy = 0;
  for (turns = 0; turns < n && max; turns++)
  {
    watched *m;
    if (w->next >= n) w->next = 0;
    m = watch_at(w, w->next++);
    if (m->state == WATCH_SENT || m->state == WATCH_FAILED) continue;
    w->count[m->state]--;
    look(w, m);
    w->count[m->state]++;
    busy |= m->busy;
    max--;
  }
  return busy;
}

/* Is the claim of a domain gone?  1 also when nobody can tell. */
static int claim_gone(int queue, char const *domain)
{
  char path[sizeof "claim/" + FLUSH_NAME_MAX];
  stpcpy(stpcpy(path, "claim/"), domain);
  return faccessat(queue, path, F_OK, AT_SYMLINK_NOFOLLOW) == -1;
}

/* Go on where the last call stopped: a request that was carried out once stays so. */
int watch_carried_out(watch *w)
{
  size_t domains = names_len(&w->request->domains), asked = domains + names_len(&w->request->ids);
  size_t all = asked + names_len(&w->domains);
  for (; w->carried < all; w->carried++)
  {
    size_t n = w->carried;
    int gone = n < domains ? flush_asked(w->queue, names_get(&w->request->domains, n)) < 1
      : n < asked ? flush_asked(w->queue, names_get(&w->request->ids, n - domains)) < 1
      : claim_gone(w->queue, names_get(&w->domains, n - asked));
    if (!gone) return 0;
  }
  return 1;
}

/* --- why ----------------------------------------------------------------------------------- */

static int routes_read(watch *w)
{
  if (!w->routes_known) w->routes_known = conf_routes_read(w->conf, &w->routes);
  return w->routes_known;
}

int watch_site(watch *w, char const *domain)
{
  *w->site.line = 0;
  w->where = domain;
  if (!routes_read(w) || !conf_routes_find(&w->routes, domain, strlen(domain), &w->route)) return 0;
  return sitefile_read(w->queue, w->route.site.s, &w->site) || errno == ENOENT
    || flush_obstructed(errno);
}

static int journal_why(watch const *w, message_recipient const *rcpt, stralloc *line)
{
  return stralloc_cats(line, message_string(&w->message, rcpt->code)) && stralloc_cats(line, " ")
    && stralloc_cats(line, message_string(&w->message, rcpt->relay)) && stralloc_cats(line, " ")
    && stralloc_cats(line, message_string(&w->message, rcpt->reason));
}

/*
 * The reason for a recipient: of an attempt by this flush; without one, of the site that cannot be
 * reached; else of the last attempt.
 */
static int recipient_why(watch *w, message_recipient const *rcpt, stralloc *line)
{
  if (rcpt->attempts && rcpt->last_us >= w->since_us) return journal_why(w, rcpt, line);
  if (!watch_site(w, message_string(&w->message, rcpt->domain))) *w->site.line = 0;
  if (rcpt->attempts && w->site.state != SITEFILE_DOWN) return journal_why(w, rcpt, line);
  if (!*w->site.line) return stralloc_cats(line, "not tried yet");
  return stralloc_cats(line, "site ") && stralloc_cats(line, w->route.site.s)
    && stralloc_cats(line, " ")
    && stralloc_cats(line, w->site.line);
}

/* Write the recipients that wait, or failed; *first is one of them, NULL when there is none. */
static int recipients_why(watch const *w, watched const *m, stralloc *line,
                          message_recipient const **first)
{
  size_t n;
  *first = 0;
  for (n = 0; n < message_rcpts(&w->message); n++)
  {
    message_recipient const *rcpt = message_rcptp(&w->message, n);
    if (!covers_recipient(w, m->whole, rcpt) || (rcpt->settled && !fails(w, rcpt))) continue;
    if (!stralloc_cats(line, *first ? ", " : ": ")
        || !stralloc_cats(line, message_string(&w->message, rcpt->address))) return 0;
    if (!*first) *first = rcpt;
  }
  return 1;
}

static int message_why(watch *w, watched const *m, int held, stralloc *line)
{
  message_recipient const *first;
  if (!recipients_why(w, m, line, &first) || !stralloc_cats(line, ": ")) return 0;
  if (held) return stralloc_cats(line, "on hold");
  if (!first) return stralloc_cats(line, "delivered meanwhile");
  if (m->state == WATCH_FAILED && !stralloc_cats(line, "failed: ")) return 0;
  return recipient_why(w, first, line);
}

/* Write why a message's file is gone; the journal was read from the descriptor we kept. */
static int gone_why(watch *w, watched const *m, stralloc *line)
{
  if (is_corrupt(w, m->id)) return stralloc_cats(line, ": not a whole message");
  if (state_of(w, m->whole) == WATCH_FAILED) return message_why(w, m, 0, line);
  if (message_owed(&w->message)) return stralloc_cats(line, ": removed by an operator");
  return stralloc_cats(line, ": delivered meanwhile");
}

int watch_why(watch *w, watched const *m, stralloc *line)
{
  enum queue_place place;
  int fd, ok;
  line->len = 0;
  w->where = m->id;
  if (!stralloc_cats(line, m->id)) return 0;
  if (message_find(w, m->id, &fd, &place))
  {
    close(fd);
    ok = message_why(w, m, place == QUEUE_HOLD, line);
  }
  else if (errno == ENOENT && m->fd != -1 && message_read(&w->message, m->fd))
    ok = gone_why(w, m, line);
  else if (errno == ENOENT)
  {
    char const *why = is_corrupt(w, m->id) ? ": not a whole message" : ": delivered meanwhile";
    ok = stralloc_cats(line, why);
  }
  else ok = stralloc_cats(line, ": ") && stralloc_cats(line, strerror(errno));
  if (ok) smtp_text_clean(line->s, line->len);
  return ok;
}

void watch_free(watch *w)
{
  size_t n;
  for (n = 0; n < watch_len(w); n++) file_close(w, watch_at(w, n));
  names_free(&w->domains);
  genalloc_free(watched, &w->messages);
  message_free(&w->message);
  conf_routes_free(&w->routes);
  conf_route_free(&w->route);
}
