#include "qmgr/arrivals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <skalibs/djbunix.h>

#include "qmgr/sender.h"

/* A new message between delivery_new() and delivery_new_end(). */
typedef struct arrival
{
  char id[ID_LEN + 1];
  int unrecorded;            /* something it owes is neither out nor noted */
  size_t sender;             /* offset of a string in senders; this and the rest for the log */
  uint64_t size;
  size_t rcpts;
} arrival;

/* The same while it is looked at. */
typedef struct sorting
{
  char const *id;
  message *message;
  int fd;                    /* -1: a job has it */
  source *source;            /* NULL: not looked at yet */
  /* of list *, for each recipient; NULL for one that is settled, or was seen to */
  genalloc lists;
  int changed;               /* since it was read, or so it seems: nothing more of it is sent now */
  int unrecorded;
} sorting;

#define LISTS(s) genalloc_s(list *, &(s)->lists)
#define LISTS_COUNT(s) genalloc_len(list *, &(s)->lists)

static int lists_fill(delivery *d, sorting *s)
{
  message const *m = s->message;
  size_t n;
  for (n = 0; n < message_rcpts(m); n++)
  {
    message_recipient const *r = message_rcptp(m, n);
    list *l = r->settled ? 0 : lists_get(d->lists, message_string(m, r->domain));
    if ((!l && !r->settled) || !genalloc_append(list *, &s->lists, &l)) return 0;
  }
  return 1;
}

static void note(delivery *d, sorting *s, list *l)
{
  if (!list_note(d->lists, l, s->id)) s->unrecorded = 1;
}

/* --- sent at once ---------------------------------------------------------------------------- */

/*
 * All recipients whose site is this one, in one job: they share the transaction.  Those that were
 * deferred (and could not be recorded then, or qmgr was killed) are left to their lists.
 */
static job *job_make(sorting *s, site const *x, int fd)
{
  message const *m = s->message;
  job *j = job_new();
  size_t n;
  if (!j) return 0;
  for (n = 0; n < LISTS_COUNT(s); n++)
  {
    list *l = LISTS(s)[n];
    if (l && l->domain.site == x && !domain_parked(&l->domain) && !message_rcptp(m, n)->attempts
     && job_add(j, fd, m, n, &l->domain) == 1)
      LISTS(s)[n] = 0;
  }
  if (job_count(j)) return j;
  job_free(j);
  return 0;
}

/* A lock lasts as long as its descriptor: each job has a descriptor of its own. */
static int descriptor(delivery const *d, sorting *s)
{
  enum queue_place where;
  int fd = s->fd;
  s->fd = -1;
  return fd != -1 ? fd : queuedir_open_message(d->core->queue, s->id, O_RDWR | O_APPEND, &where);
}

/* The message has changed: those in the job are in no list, and no longer among the others. */
static void job_note(delivery *d, sorting *s, job *j, size_t count)
{
  size_t i;
  genalloc_setlen(job_recipient, &j->recipients, count);
  for (i = 0; i < count; i++)
    if (job_last_of(j, i)) note(d, s, list_of(job_recipients(j)[i].domain));
  job_free(j);
  s->changed = 1;
}

/* 1; 0: those in the job, which is gone, are recorded by nobody, and the message stays in new/. */
static int send_out(delivery *d, sorting *s, job *j, agent *a, int fd)
{
  active *of = delivery_active(d, s->id, QUEUE_NEW, s->message, 0);
  if (!of) job_free(j);
  else if (delivery_hand_over(d, j, a, fd, of, s->message)) return 1;
  else
  {
    of->keep_new |= KEEP_NEW_SOON;
    delivery_inactive(d, of);
  }
  s->unrecorded = 1;
  return 0;
}

static void send_now(delivery *d, sorting *s, list *l, agent *a)
{
  int fd = descriptor(d, s);
  job *j = fd == -1 ? 0 : job_make(s, l->domain.site, fd);
  size_t count = j ? job_count(j) : 0;
  if (j && !delivery_still_good(d, j, s->message, s->id, QUEUE_NEW, fd)) job_note(d, s, j, count);
  else if (j && send_out(d, s, j, a, fd)) return;
  if (fd != -1) fd_close(fd);
}

/* One of a site that may hang is on the account of whose message it is. */
static source *account_of(delivery *d, sorting *s, site const *x)
{
  sched *all = &d->core->sched;
  if (!x->health.proven && !s->source) s->source = sender_source(&all->quota, s->message);
  return site_account(all, x, s->source);
}

/* An agent that takes it now; NULL: none does. */
static agent *agent_for(delivery *d, sorting *s, list *l)
{
  sched *all = &d->core->sched;
  site *x = l->domain.site;
  source *account = account_of(d, s, x);
  connection *c;
  enum choice choice = sched_choose(all, &l->domain, account, 0, 0, &c);
  if (choice == CHOICE_CONNECT)
  {
    agent *a = delivery_connect(d, x, account);
    if (a) return a;
    choice = sched_choose(all, &l->domain, account, 0, 0, &c);
  }
  return choice == CHOICE_CONNECTION ? agent_of(c) : 0;
}

/* --- one after the other --------------------------------------------------------------------- */

static void see_to(delivery *d, sorting *s, size_t n)
{
  list *l = LISTS(s)[n];
  domain const *x = &l->domain;
  int tried = message_rcptp(s->message, n)->attempts != 0;
  int may = !s->changed && !tried && !domain_parked(x) && site_open(&d->core->sched, x->site);
  size_t later;
  agent *a;
  delivery_learn_sender(d, x->site, s->message);
  a = may ? agent_for(d, s, l) : 0;
  if (a) send_now(d, s, l, a);
  if (!LISTS(s)[n]) return;
  note(d, s, l);
  for (later = n; later < LISTS_COUNT(s); later++)
    if (LISTS(s)[later] == l) LISTS(s)[later] = 0;
}

/* What delivery_new_end() needs of it.  1, or 0 without memory. */
static int arrival_add(delivery *d, sorting const *s)
{
  message const *m = s->message;
  arrival entry = { .sender = d->senders.len, .size = m->content_len, .rcpts = message_rcpts(m) };
  memcpy(entry.id, s->id, ID_LEN + 1);
  return stralloc_cats(&d->senders, message_string(m, m->sender)) && stralloc_0(&d->senders)
    && genalloc_append(arrival, &d->arrivals, &entry);
}

/*
 * Everything it owes goes to an agent, or is noted: many are recorded together.  1; 0: no memory or
 * the like.
 */
static int sort(delivery *d, sorting *s)
{
  size_t const at = genalloc_len(arrival, &d->arrivals);
  size_t n;
  if (message_rcpts(s->message) > MESSAGE_RCPTS_MAX)
  {
    messages_put_aside(d->messages, s->id, QUEUE_NEW, "too many recipients");
    return 1;
  }
  if (!lists_fill(d, s) || !arrival_add(d, s)) return 0;
  for (n = 0; n < LISTS_COUNT(s); n++)
    if (LISTS(s)[n]) see_to(d, s, n);
  genalloc_s(arrival, &d->arrivals)[at].unrecorded = s->unrecorded;
  return 1;
}

/* 1; 0: there was no means to. */
static int look(delivery *d, sorting *s)
{
  message *m = s->message;
  int done = 1;
  s->fd = messages_take_new(d->messages, m, s->id);
  if (s->fd == -1) return !errno;
  if (!delivery_untold_noted(d, m, s->id)) done = 0;
  else if (message_owed(m)) done = sort(d, s);
  else if (message_any_untold(m)) messages_to_cur(d->messages, s->id);
  else messages_finish(d->messages, s->id, QUEUE_NEW);
  if (s->fd != -1) fd_close(s->fd);
  return done;
}

size_t delivery_new(delivery *d, char const *id)
{
  sorting s = { .id = id, .message = &d->message, .fd = -1, .lists = GENALLOC_ZERO };
  if (active_find(&d->actives, id)) return 0;
  if (!look(d, &s) && d->core->sched.paused) d->look_new = 1;
  genalloc_free(list *, &s.lists);
  quota_forget(&d->core->sched.quota, s.source);
  return message_rcpts(&d->message);
}

/* --- all of them ----------------------------------------------------------------------------- */

/* All it owes is out or recorded, or it stays in new/. */
static void arrival_settle(delivery *d, arrival const *entry)
{
  active *a = active_find(&d->actives, entry->id);
  int unrecorded = entry->unrecorded || lists_missed(d->lists, entry->id);
  int is_short = entry->unrecorded || (unrecorded && d->lists->missed_short);
  errno = ENOMEM; /* what a list would not take was complained of when it would not */
  if (is_short) core_pause(d->core, "record ", entry->id);
  if (a && unrecorded) a->keep_new |= is_short ? KEEP_NEW_SOON : KEEP_NEW;
  else if (is_short) d->look_new = 1;
  else if (!a && !unrecorded)
  {
    delivery_active_log(entry->id, d->senders.s + entry->sender, entry->size, entry->rcpts);
    messages_to_cur(d->messages, entry->id);
  }
}

void delivery_new_end(delivery *d)
{
  size_t n;
  lists_record_noted(d->lists);
  for (n = 0; n < genalloc_len(arrival, &d->arrivals); n++)
    arrival_settle(d, genalloc_s(arrival, &d->arrivals) + n);
  genalloc_setlen(arrival, &d->arrivals, 0);
  d->senders.len = 0;
  lists_missed_over(d->lists);
}
