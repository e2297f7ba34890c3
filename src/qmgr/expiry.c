#include "qmgr/expiry.h"

#include <errno.h>
#include <string.h>

#include <skalibs/djbunix.h>

#include "base/log.h"

/* Ids looked at in one piece. */
#define SWEEP_TURN 64

/* --- given up -------------------------------------------------------------------------------- */

static int expired(delivery const *d, domain const *x, message const *m, char const *id, size_t n)
{
  attempt last = delivery_attempt(d, m, message_rcptp(m, n));
  return attempt_expired(&d->core->sched, x, id_time(id), &last);
}

int delivery_expired(delivery *d, domain const *x, message const *m, char const *id)
{
  size_t n;
  if (!domain_overdue(&d->core->sched, x, id_time(id))) return 0;
  for (n = 0; n < message_rcpts(m); n++)
    if (message_rcpt_owed(m, n, list_of(x)->name) && !expired(d, x, m, id, n)) return 0;
  return 1;
}

static int expire_recipient(delivery *d, message const *m, char const *id, int fd, size_t n)
{
  message_recipient const *r = message_rcptp(m, n);
  char text[JOB_TEXT_MAX];
  job_result result;
  job_result_expire(&result, n, text, JOB_TEXT_EXPIRED, message_string(m, r->reason));
  if (!message_journal(fd, core_now_us(d->core), &result)) return 0;
  delivery_log(d, id, message_string(m, r->address), "5.4.7", "expired", text);
  totals_count(d->totals, d->core, JOB_FAILED);
  return 1;
}

/* All who have expired, in whatever domain: one notice tells of them.  Returns how many. */
static size_t expire_recipients(delivery *d, message *m, char const *id, int fd)
{
  size_t gone = 0;
  size_t n;
  for (n = 0; n < message_rcpts(m); n++)
  {
    message_recipient *r = message_rcptp(m, n);
    list const *l = r->settled ? 0 : lists_get(d->lists, message_string(m, r->domain));
    if (!l || !expired(d, &l->domain, m, id, n) || !expire_recipient(d, m, id, fd, n)) continue;
    r->settled = 1;
    gone++;
  }
  return gone;
}

enum expiry delivery_expire(delivery *d, list const *l, message *m, char const *id, int fd)
{
  size_t n;
  if (message_lock_all(fd) != 1) return EXPIRY_BUSY;
  if (!message_read(m, fd)) return EXPIRY_KEEP;
  if (expire_recipients(d, m, id, fd))
  {
    log_later(id, ": from=<", message_string(m, m->sender),
              ">, status=expired, returned to sender");
    if (!notices_due(d->notices, id)) return EXPIRY_KEEP;
  }
  for (n = 0; n < message_rcpts(m); n++)
    if (message_rcpt_owed(m, n, l->name)) return EXPIRY_KEEP;
  return EXPIRY_OVER;
}

/* Look at a message's age alone. */
static enum expiry age_look(delivery *d, list const *l, char const *id)
{
  message *m = &d->message;
  enum queue_place where;
  enum expiry came;
  int fd;
  if (!domain_overdue(&d->core->sched, &l->domain, id_time(id))) return EXPIRY_KEEP;
  fd = messages_take(d->messages, m, id, &where);
  if (fd == -1) return errno ? EXPIRY_KEEP : EXPIRY_OVER;
  came = where == QUEUE_HOLD ? EXPIRY_KEEP : delivery_expire(d, l, m, id, fd);
  fd_close(fd);
  return came;
}

static void expiry_piece(delivery *d, list *l)
{
  char id[ID_LEN + 1];
  unsigned int n;
  for (n = 0; n < SWEEP_TURN && list_read(d->lists, l, id) == 1; n++)
  {
    enum expiry came = age_look(d, l, id);
    if (came != EXPIRY_OVER) list_keep(d->lists, l, l->domain.pass, id);
    if (came == EXPIRY_BUSY) pass_busy(l->domain.pass);
  }
}

/* --- delayed --------------------------------------------------------------------------------- */

static int warned(message_recipient const *r)
{
  return (r->told & 1u << JOB_EVENT_DELAYED) != 0;
}

/*
 * Does it still owe something in this domain that its sender was not yet warned of?  Then the
 * warning is due.
 */
static void warn(delivery *d, list const *l, char const *id)
{
  message *m = &d->message;
  enum queue_place where;
  size_t n;
  int fd = messages_take(d->messages, m, id, &where);
  if (fd == -1) return;
  for (n = 0; where != QUEUE_HOLD && n < message_rcpts(m); n++)
    if (message_rcpt_owed(m, n, l->name) && !warned(message_rcptp(m, n)))
    {
      notices_due(d->notices, id);
      break;
    }
  fd_close(fd);
}

static int delay_open(delivery *d, domain *x)
{
  delay_look *w = &d->delay;
  char const *name = list_of(x)->name;
  int fds[2];
  if (!flush_open(d->core->queue, name, fds))
  {
    core_complain(d->core, "read the list of ", name, strerror(errno));
    return 0;
  }
  flush_reader_init(&w->reader, fds[0] != -1 ? fds[0] : fds[1]);
  w->claim = fds[0] != -1 ? fds[1] : -1;
  w->to_us = domain_warn_begin(&d->core->sched, x);
  w->domain = x;
  return 1;
}

/* Next id of the list, then of the claim.  1, or 0 at the end of both. */
static int delay_read(delay_look *w, char id[ID_LEN + 1])
{
  while (w->reader.fd != -1)
  {
    if (flush_reader_next(&w->reader, id) == 1) return 1;
    fd_close(w->reader.fd);
    flush_reader_init(&w->reader, w->claim);
    w->claim = -1;
  }
  return 0;
}

/* 1 when the domain's warnings are through. */
static int delay_look_on(delivery *d, domain *x)
{
  delay_look *w = &d->delay;
  char id[ID_LEN + 1];
  unsigned int n;
  if (!w->domain && !delay_open(d, x)) return 1;
  for (n = 0; n < SWEEP_TURN; n++)
  {
    if (!delay_read(w, id)) return 1;
    if (id_time(id) > w->to_us) domain_unwarned(x, id_time(id));
    else if (id_time(id) > x->warned_us) warn(d, list_of(x), id);
  }
  return 0;
}

static void delay_piece(delivery *d, domain *x)
{
  delay_look *w = &d->delay;
  if (w->to_us > core_now_us(d->core)) w->to_us = core_now_us(d->core); /* the clock was set back */
  if (!delay_look_on(d, x)) return;
  domain_warned(&d->core->sched, x, w->to_us, w->domain != 0);
  w->domain = 0;
}

/* --- both ------------------------------------------------------------------------------------ */

void delivery_sweep(delivery *d)
{
  sched const *s = &d->core->sched;
  domain *x = sched_sweep(s);
  if (x) expiry_piece(d, list_of(x));
  x = sched_warning(s);
  if (x) delay_piece(d, x);
}

int delivery_sweep_more(delivery const *d)
{
  sched const *s = &d->core->sched;
  return sched_sweep(s) || sched_warning(s);
}
