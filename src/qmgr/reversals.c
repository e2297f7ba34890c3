#include "qmgr/reversals.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <skalibs/alloc.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

/* Domains that are taken in one piece. */
#define DOMAINS_TURN 64

typedef struct reversal
{
  hop hop;
  row_place place;           /* among all */
  char name[JOB_TURN_PEER_MAX + 1];
} reversal;

static core *core_of(reversals const *all)
{
  return all->lists->core;
}

/* --- the datagrams --------------------------------------------------------------------------- */

static int socket_is(int fd, int type)
{
  int is;
  socklen_t len = sizeof is;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &is, &len) == 0 && is == type;
}

void reversals_open(reversals *all)
{
  all->connection = -1;
  all->fd = socket_is(0, SOCK_DGRAM) && ndelay_on(0) == 0 ? 0 : -1;
}

int reversals_wanted(reversals const *all)
{
  return all->connection == -1 && !all->hop ? all->fd : -1;
}

static void refuse(reversals const *all, char const *why)
{
  core_say(core_of(all), SAY_TURN, "warning: passed over a datagram of run/turn: ", why);
}

/* Why it is refused; NULL: it is not. */
static char const *judge(reversals *all, size_t len, int const *fds, size_t fds_len)
{
  if (len > JOB_TURN_MAX) return "too long";
  if (!job_turn_scan(&all->turn, all->text, len)) return "it makes no sense";
  if (fds_len != 1) return "it brings no connection, or more";
  if (!socket_is(*fds, SOCK_STREAM)) return "it brings something else than a connection";
  if (ndelay_on(*fds) == -1) return strerror(errno);
  return 0;
}

void reversals_readable(reversals *all)
{
  int fds[JOB_FDS_MAX];
  size_t fds_len;
  char const *why;
  ssize_t r = job_receive(all->fd, all->text, sizeof all->text, fds, &fds_len);
  if (r == -1 && (errno == EAGAIN || errno == EINTR)) return;
  why = r == -1 ? strerror(errno) : judge(all, (size_t)r, fds, fds_len);
  if (!why) all->connection = fds[0];
  else
  {
    while (fds_len) fd_close(fds[--fds_len]);
    refuse(all, why);
  }
}

/* --- its agent ------------------------------------------------------------------------------- */

static reversal *reversal_new(reversals *all)
{
  reversal *r = alloc(sizeof *r);
  if (!r) return 0;
  memset(r, 0, sizeof *r);
  memcpy(r->name, all->turn.peer.s, all->turn.peer.len);
  r->hop.name = r->name;
  r->hop.tls = "";           /* what must hold of it was seen to before it came */
  r->hop.turned = 1;
  r->place.owner = r;
  reversal_begin(&core_of(all)->sched, &r->hop.site, &r->hop);
  return r;
}

static void reversal_free(reversals *all, reversal *r)
{
  row_leave(&r->place);
  reversal_leave(&core_of(all)->sched, &r->hop.site);
  alloc_free(r);
}

/*
 * They wait for nobody, since the customer was told that he would be served now; and have no more
 * than half of all connections, for whoever may ask for one may do so all the time.
 */
static int room(reversals const *all)
{
  quota const *q = &core_of(all)->sched.quota;
  return 2 * all->all.count < q->total && quota_room(q, &q->sure, 0);
}

static void hang_up(reversals *all, char const *why)
{
  fd_close(all->connection);
  all->connection = -1;
  refuse(all, why);
}

/* What is known to be offered in vain by the host of its first domain is likely to be here too. */
static unsigned int offered_in_vain(hop const *of)
{
  return of->without | of->lied;
}

static list *list_next(reversals *all, stralloc *name)
{
  job_field field;
  job_field_next(&all->turn.domains.s, &all->turn.domains.len, &field);
  return conf_domain_fold(name, field.s, field.len) ? lists_get(all->lists, name->s) : 0;
}

static hop *home_of(list const *l)
{
  return hop_of(l->domain.home ? l->domain.home : l->domain.site);
}

static unsigned int first_without(reversals *all)
{
  job_turn const before = all->turn;
  stralloc name = STRALLOC_ZERO;
  list const *l = list_next(all, &name);
  all->turn = before;
  stralloc_free(&name);
  return l ? offered_in_vain(home_of(l)) : 0;
}

/* 0: not now; the connection may be gone. */
static int agent_begin(reversals *all)
{
  reversal *r;
  if (!room(all)) return (hang_up(all, "there are too many connections"), 0);
  r = reversal_new(all);
  if (!r) return (hang_up(all, strerror(ENOMEM)), 0);
  r->hop.without = first_without(all);
  if (!agent_connect_turned(all->lists->agents, &r->hop, all->connection))
    return (reversal_free(all, r), 0);
  row_add(&all->all, &r->place);
  all->hop = &r->hop;
  all->connection = -1;
  all->taken = 0;
  return 1;
}

/* --- its domains ----------------------------------------------------------------------------- */

static void domain_take(reversals *all, list *l)
{
  connection *before = reversal_take(&core_of(all)->sched, &all->hop->site, &l->domain);
  if (before) agent_leave(agent_of(before));
  if (l->domain.site == &all->hop->site) all->taken++;
}

static void all_taken(reversals *all)
{
  job_turn const *t = &all->turn;
  char user[JOB_TURN_USER_MAX + 1];
  char count[SIZE_FMT];
  log_clean(user, sizeof user, t->user.s, t->user.len);
  count[size_fmt(count, all->taken)] = 0;
  log_line("turn ", all->hop->name, ": user=", user,
           job_field_is(&t->how, "tls") ? ", tls" : ", clear", ", domains=", count);
  all->hop = 0;
}

static void domains_piece(reversals *all)
{
  stralloc name = STRALLOC_ZERO;
  unsigned int n;
  for (n = 0; n < DOMAINS_TURN && all->turn.domains.len; n++)
  {
    list *l = list_next(all, &name);
    if (l) domain_take(all, l);
    else refuse(all, "it names a domain that is none, or has no route");
  }
  stralloc_free(&name);
  if (!all->turn.domains.len) all_taken(all);
}

/* --- its end --------------------------------------------------------------------------------- */

/* What was found out there is remembered at home: the customer comes again. */
void reversals_over(lists *all, hop *h)
{
  domain *x;
  while ((x = reversal_release(&all->core->sched, &h->site)))
  {
    hop *home = hop_of(x->site);
    home->lied |= h->lied;
    home->site.worth_knowing |= h->lied != 0;
    list_home(all, list_of(x));
  }
}

/* Nobody points to them any more. */
static void forget_ended(reversals *all)
{
  row_place *p = all->all.first;
  while (p)
  {
    reversal *r = p->owner;
    p = p->after;
    if (r->hop.site.connections.count) continue;
    if (all->hop == &r->hop) all->hop = 0;
    reversal_free(all, r);
  }
}

int reversals_run(reversals *all)
{
  sched const *s = &core_of(all)->sched;
  forget_ended(all);
  if (s->paused || (all->connection != -1 && s->connecting != CONNECTING_GOES)) return 0;
  if (all->connection != -1 && !agent_begin(all)) return 0;
  if (all->hop) domains_piece(all);
  return all->hop != 0;
}
