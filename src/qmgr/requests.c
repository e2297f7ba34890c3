#include "qmgr/requests.h"

#include <errno.h>
#include <search.h>
#include <string.h>

#include <skalibs/alloc.h>
#include <skalibs/djbunix.h>

#include "base/log.h"
#include "sched/backoff.h"

struct id_request
{
  char id[ID_LEN + 1];
  size_t domains;            /* have yet to try it */
  timer later;               /* when they may */
};

/* --- knowing them ---------------------------------------------------------------------------- */

static int compare(void const *a, void const *b)
{
  return memcmp(a, b, ID_LEN);
}

static id_request *request_find(delivery const *d, char const *id)
{
  id_request **found = tfind(id, &d->requests, compare);
  return found ? *found : 0;
}

static id_request *request_new(delivery *d, char const *id)
{
  id_request *r = alloc(sizeof *r);
  if (!r) return 0;
  memset(r, 0, sizeof *r);
  memcpy(r->id, id, ID_LEN);
  r->later.kind = CORE_REQUEST;
  r->later.owner = r;
  r->domains = 1;            /* until all are found */
  if (tsearch(r, &d->requests, compare)) return r;
  alloc_free(r);
  return 0;
}

/* As long as asked/=ID is there, it is taken up again. */
void delivery_request_again(delivery *d, char const *id)
{
  id_request *r = request_find(d, id);
  if (!r) return;
  timer_clear(&d->core->timers, &r->later);
  tdelete(r, &d->requests, compare);
  alloc_free(r);
}

static void request_over(delivery const *d, char const *id)
{
  char name[1 + ID_LEN + 1] = "=";
  memcpy(name + 1, id, ID_LEN + 1);
  if (flush_unask(d->core->queue, name) == -1)
    log_line("warning: unable to remove asked/", name, ": ", strerror(errno));
}

void delivery_request_tried(delivery *d, char const *id)
{
  id_request *r = request_find(d, id);
  if (!r || --r->domains) return;
  request_over(d, id);
  delivery_request_again(d, id);
}

/* --- carrying them out ----------------------------------------------------------------------- */

/* In each domain in which it owes something. */
static void begin_now(delivery *d, id_request *r, message const *m)
{
  size_t n;
  for (n = 0; n < message_rcpts(m); n++)
  {
    message_recipient const *to = message_rcptp(m, n);
    list *l = to->settled ? 0 : lists_get(d->lists, message_string(m, to->domain));
    if (l && !l->domain.route.held && domain_try(&d->core->sched, &l->domain, r->id, CAUSE_BY_ID))
      r->domains++;
  }
}

static uint64_t later_of(uint64_t a_us, uint64_t b_us)
{
  return a_us > b_us ? a_us : b_us;
}

/*
 * Until when something that it owes is left alone, since it, or its site, was tried in vain a
 * moment ago; 0: nothing is.
 */
static uint64_t rest_us(delivery *d, message const *m)
{
  uint64_t latest_us = 0;
  size_t n;
  for (n = 0; n < message_rcpts(m); n++)
  {
    message_recipient const *to = message_rcptp(m, n);
    list const *l = to->settled ? 0 : lists_get(d->lists, message_string(m, to->domain));
    if (!l) continue;
    latest_us = later_of(latest_us, domain_rest_us(&d->core->sched, &l->domain));
    if (to->attempts)
      latest_us = later_of(latest_us, backoff_rest_us(to->last_us, core_now_us(d->core)));
  }
  return latest_us;
}

/* Try it, or, at first, wait until it may be tried. */
static void begin(delivery *d, id_request *r, message const *m, int first)
{
  uint64_t at_us = first ? rest_us(d, m) : 0;
  if (first) log_line("flush =", r->id);
  if (at_us && timer_set(&d->core->timers, &r->later, at_us)) return;
  begin_now(d, r, m);
  delivery_request_tried(d, r->id);
}

static void take_up(delivery *d, id_request *r, int first)
{
  message *m = &d->message;
  enum queue_place where;
  int fd = messages_take(d->messages, m, r->id, &where);
  if (fd == -1 && errno)
  {
    delivery_request_again(d, r->id);
    if (!first) d->look_requests = 1;
    return;
  }
  if (fd != -1) fd_close(fd);
  if (fd != -1 && (where == QUEUE_NEW || where == QUEUE_CUR))
  {
    begin(d, r, m, first);
    return;
  }
  core_say(d->core, SAY_NOTHING_WAITS, "flush =", r->id, ": nothing waits");
  delivery_request_tried(d, r->id);
}

void delivery_request(delivery *d, char const *id)
{
  id_request *r = request_find(d, id) ? 0 : request_new(d, id);
  if (r) take_up(d, r, 1);
}

void delivery_request_timer(delivery *d, id_request *r)
{
  take_up(d, r, 0);
}
