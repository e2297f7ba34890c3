#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <skalibs/alloc.h>
#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "qmgr/qmgr-internal.h"
#include "smtp/reply.h"

/* Descriptors that wait for all agents together: others need some too. */
#define OUT_FDS_MAX 256
/* What is handed to an agent before it answered for it: all of it is sent again when the link drops. */
#define WINDOW_MESSAGES 512
#define WINDOW_BYTES 4194304
/* Messages, where the agent does not say what its connection is good for. */
#define WINDOW_UNSAID 32
/* A connection with nothing to do is kept for the next message this long. */
#define IDLE_US SECOND_US
/* When none can be had it is tried again after this, and complained of when it lasts longer than that. */
#define CONNECT_AGAIN_US 10000
#define REFUSED_US (10 * SECOND_US)
/* While other sites go without one, a connection ends after so many messages. */
#define CROWDED_MESSAGES 100

/* --- connecting ----------------------------------------------------------------------------- */

static int agent_greet(qmgr const *q, agent *a)
{
  char without[SMTP_EXTENSIONS_MAX];
  return stralloc_cats(&a->out, "site ")
    && stralloc_cats(&a->out, a->site->name)
    && stralloc_cats(&a->out, q->settings.session.s)
    && (!smtp_extensions_format(without, a->site->without | a->site->lied)
        || (stralloc_cats(&a->out, " without=") && stralloc_cats(&a->out, without)))
    && stralloc_cats(&a->out, "\n");
}

static void out_fds_close(qmgr *q, agent *a)
{
  q->out_fds -= a->out_fds_len;
  while (a->out_fds_len) fd_close(a->out_fds[--a->out_fds_len]);
}

/* Its memory lasts until the end of the turn: it may be among those that were polled together. */
static void agent_bury(qmgr *q, agent *a)
{
  if (a->fd != -1) fd_close(a->fd);
  a->fd = -1;
  out_fds_close(q, a);
  stralloc_free(&a->out);
  a->site_next = q->agents_dead;
  q->agents_dead = a;
}

void agents_forget_dead(qmgr *q)
{
  while (q->agents_dead)
  {
    agent *a = q->agents_dead;
    q->agents_dead = a->site_next;
    alloc_free(a);
  }
}

/*
 * No connection can be had this moment: many at once fill the super-server's backlog, or descriptors are
 * few.  That concerns those who want one, and nobody else; it is worth a word when it lasts.
 */
static void connecting_pause(qmgr *q)
{
  uint64_t lasts_us;
  if (!q->refused_us) q->refused_us = q->now_us;
  lasts_us = q->now_us - q->refused_us;
  if (lasts_us > REFUSED_US) qmgr_complain(q, "connect to ", "run/send", strerror(errno));
  q->connecting_paused = errno;
  timer_set_earlier(&q->timers, &q->breath, q->now_us + CONNECT_AGAIN_US + lasts_us / 8);
}

/* Do sites go without a connection because others, like this one, have too many?  For a backlog nobody's are. */
static int crowded(qmgr const *q, agent const *a)
{
  if (!q->crowd.waiting || q->connecting_paused == EAGAIN) return 0;
  return q->connecting_paused || crowd_full(&q->crowd) || crowd_waits(a->source);
}

static int connect_later(int e)
{
  return e == EAGAIN || e == EMFILE || e == ENFILE;
}

static int agent_connect(qmgr *q, agent *a)
{
  a->fd = qmgr_connect(q, "send");
  if (a->fd == -1 && agents_free_descriptors(q)) a->fd = qmgr_connect(q, "send");
  if (a->fd == -1 && connect_later(errno))
  {
    connecting_pause(q);
    return 0;
  }
  if (a->fd == -1 || !agent_greet(q, a) || !genalloc_append(agent *, &q->agents, &a))
  {
    qmgr_breathe(q, "connect to ", "run/send");
    return 0;
  }
  q->refused_us = 0;
  timer_set(&q->timers, &a->idle, q->now_us + IDLE_US);
  return 1;
}

static agent *agent_new(qmgr *q, site *s, source *account)
{
  agent *a = alloc(sizeof *a);
  if (!a) return 0;
  memset(a, 0, sizeof *a);
  a->site = s;
  a->fd = -1;
  a->window = WINDOW_UNSAID;
  a->idle.kind = TIMER_AGENT;
  a->idle.owner = a;
  if (!agent_connect(q, a))
  {
    agent_bury(q, a);
    return 0;
  }
  a->source = account;
  crowd_hold(&q->crowd, account);
  crowd_leave(&q->crowd, &s->waiter);
  a->began_us = q->now_us;
  a->site_next = s->agents;
  s->agents = a;
  s->agents_count++;
  return a;
}

void agents_trust(qmgr *q, site *s)
{
  agent *a;
  for (a = s->agents; a; a = a->site_next)
  {
    crowd_release(&q->crowd, a->source);
    a->source = &q->crowd.sure;
    crowd_hold(&q->crowd, a->source);
  }
}

/* --- its end ------------------------------------------------------------------------------------- */

static void agent_unlink(qmgr *q, agent *a)
{
  agent **all = genalloc_s(agent *, &q->agents);
  size_t n = genalloc_len(agent *, &q->agents);
  agent **link;
  size_t i;
  for (link = &a->site->agents; *link && *link != a; link = &(*link)->site_next) ;
  *link = a->site_next;
  a->site->agents_count--;
  if (a->site->resting == a) a->site->resting = 0;
  for (i = 0; i < n && all[i] != a; i++) ;
  all[i] = all[n - 1];
  genalloc_setlen(agent *, &q->agents, n - 1);
  timer_clear(&q->timers, &a->idle);
  crowd_release(&q->crowd, a->source);
}

static void agent_end(qmgr *q, agent *a, enum job_came came, char const *why)
{
  job *j = a->jobs_first;
  agent_unlink(q, a);
  while (j)
  {
    job *next = j->next;
    job_back(q, j, came, why);
    j = next;
  }
  site_wake(q, a->site);
  agent_bury(q, a);
}

/* --- one that has room ----------------------------------------------------------------------- */

/*
 * A window is filled up when there is room for many, which travel together.  With more messages than
 * that leaves in it, another connection is worth it.
 */
static size_t agent_enough(agent const *a)
{
  return a->window - (a->window / 2 < JOB_FDS_MAX ? a->window / 2 : JOB_FDS_MAX);
}

static int window_open(agent const *a)
{
  return a->jobs < a->window && (a->out_fds_len || a->jobs <= agent_enough(a));
}

static int agent_free_for_one(qmgr const *q, agent const *a)
{
  if (a->alone || a->leaving || a == a->site->resting || a->blocked || (a->done >= CROWDED_MESSAGES && crowded(q, a))) return 0;
  if (!a->up) return !a->jobs;
  return window_open(a) && a->bytes < WINDOW_BYTES;
}

/* The less the better.  Who is given some in this turn is given more, until that is enough. */
static size_t agent_load(agent const *a)
{
  return a->out_fds_len && a->jobs < agent_enough(a) ? 0 : 1 + a->jobs;
}

static int connection_left(qmgr const *q, source const *account, int asked)
{
  return !q->connecting_paused && crowd_room(&q->crowd, account, asked);
}

/*
 * One for a site of which nothing is known, or at which connections end in vain; beside those that stand still, for one
 * message that a site is silent about must not keep the others waiting.
 */
static unsigned int connections_most(site const *s)
{
  unsigned int most = 1;
  agent const *a;
  if (s->health.state == HEALTH_UP && !s->health.in_vain) return s->health.limit;
  for (a = s->agents; a; a = a->site_next) most += a->stuck != 0;
  return most;
}

/*
 * A new one, where the site has earned it and there is one left; a site without any waits for it.  The domains of a
 * site share it: that one of them was asked for is reason enough.
 */
static agent *agent_earned(qmgr *q, site *s, source *account, int asked)
{
  if (s->agents_count >= connections_most(s) || s->agents_count >= s->limit_max) return 0;
  if (connection_left(q, account, asked)) return agent_new(q, s, account);
  if (s->agents_count) return 0;
  if (!asked && site_asked(s))
  {
    asked = 1;
    if (connection_left(q, account, 1)) return agent_new(q, s, account);
  }
  site_crowd(q, s, account, asked);
  return 0;
}

agent *agent_with_room(qmgr *q, site *s, source *from, int asked)
{
  source *account = site_account(q, s, from);
  agent *best = 0;
  agent *a;
  if (q->breathless) return 0;
  for (a = s->agents; a; a = a->site_next)
    if (agent_free_for_one(q, a) && (!best || agent_load(a) < agent_load(best))) best = a;
  if (best && best->jobs < agent_enough(best)) return best;
  a = agent_earned(q, s, account, asked);
  if (a) return a;
  if (!best && q->connecting_paused) site_crowd(q, s, account, asked);
  return best;
}

static agent *agent_least(site const *s)
{
  agent *least = s->agents;
  agent *a;
  for (a = least; a; a = a->site_next)
    if (a->jobs < least->jobs) least = a;
  return least;
}

/* Where all are busy, one of them is given nothing more. */
agent *agent_at_rest(qmgr *q, site *s, int asked)
{
  source *account = site_account(q, s, 0);
  agent *a = s->agents;
  if (q->breathless) return 0;
  while (a && (a->jobs || a->leaving)) a = a->site_next;
  if (!a) a = agent_earned(q, s, account, asked);
  if (a) s->resting = 0;
  else if (!s->resting) s->resting = agent_least(s);
  if (!a && q->connecting_paused) site_crowd(q, s, account, asked);
  return a;
}

/* --- to the agent ------------------------------------------------------------------------------ */

static int mail_line(stralloc *out, job const *j, message const *m)
{
  char line[JOB_LINE_MAX];
  char const *sender = message_string(m, m->sender);
  char const *parameters = message_string(m, m->parameters);
  job_mail mail = {
    .id = { j->held->id, ID_LEN }, .arrival_us = m->arrival_us, .offset = m->content_offset,
    .length = m->content_len, .flags = m->flags, .sender = { sender, strlen(sender) },
    .parameters = { parameters, strlen(parameters) }
  };
  size_t len = job_mail_format(line, sizeof line, &mail);
  return len && stralloc_catb(out, line, len);
}

static int rcpt_line(stralloc *out, message const *m, uint64_t number)
{
  char line[JOB_LINE_MAX];
  message_recipient const *r = message_rcptp(m, number);
  char const *address = message_string(m, r->address);
  char const *parameters = message_string(m, r->parameters);
  job_rcpt rcpt = {
    .number = number, .address = { address, strlen(address) }, .parameters = { parameters, strlen(parameters) }
  };
  size_t len = job_rcpt_format(line, sizeof line, &rcpt);
  return len && stralloc_catb(out, line, len);
}

static int job_lines(stralloc *out, job const *j, message const *m)
{
  size_t n = genalloc_len(job_recipient, &j->recipients);
  size_t i;
  if (j->urge == URGE_ALONE && !stralloc_cats(out, "alone\n")) return 0;
  if (!mail_line(out, j, m)) return 0;
  for (i = 0; i < n; i++)
    if (!rcpt_line(out, m, genalloc_s(job_recipient, &j->recipients)[i].number)) return 0;
  return stralloc_cats(out, "go\n");
}

/* There were too few of them a moment ago: none waits here. */
static int descriptors_scarce(qmgr const *q)
{
  return qmgr_lately(q, q->scarce_us, MINUTE_US);
}

int agent_give(qmgr *q, agent *a, job *j, int fd, message const *m)
{
  size_t before = a->out.len;
  if (!job_lines(&a->out, j, m))
  {
    a->out.len = before;
    return 0;
  }
  a->out_fds[a->out_fds_len++] = fd;
  q->out_fds++;
  a->alone = j->urge == URGE_ALONE;
  j->next = 0;
  if (a->jobs_last) a->jobs_last->next = j;
  else a->jobs_first = j;
  a->jobs_last = j;
  a->jobs++;
  a->bytes += j->bytes;
  timer_clear(&q->timers, &a->idle);
  if (a->out_fds_len == JOB_FDS_MAX || descriptors_scarce(q)) agent_writable(q, a);
  else if (q->out_fds >= OUT_FDS_MAX) agents_flush(q);
  return 1;
}

/*
 * That the other end is gone is seen, and dealt with, when reading.  Whatever it will say of the messages is
 * logged behind what we have said of them.
 */
void agent_writable(qmgr *q, agent *a)
{
  int was_blocked = a->blocked;
  ssize_t w;
  log_flush();
  w = job_send(a->fd, a->out.s, a->out.len, a->out_fds, a->out_fds_len);
  a->blocked = w < (ssize_t)a->out.len;
  if (w == -1 && errno != EAGAIN && errno != EPIPE) qmgr_breathe(q, "write to ", "run/send");
  if (w <= 0) return;
  out_fds_close(q, a);
  memmove(a->out.s, a->out.s + w, a->out.len - (size_t)w);
  a->out.len -= (size_t)w;
  if (was_blocked && !a->blocked) site_wake(q, a->site);
}

void agents_flush(qmgr *q)
{
  agent **all = genalloc_s(agent *, &q->agents);
  size_t n = genalloc_len(agent *, &q->agents);
  size_t i;
  for (i = 0; i < n; i++)
    if (all[i]->out.len && !all[i]->blocked) agent_writable(q, all[i]);
}

int agents_free_descriptors(qmgr *q)
{
  int wanted = errno == EMFILE || errno == ENFILE;
  if (!wanted) return 0;
  q->scarce_us = q->now_us;
  agents_flush(q);
  return 1;
}

/* --- it has refused, or left --------------------------------------------------------------------- */

/* Others work: it has had enough of them. */
static void site_has_enough(site *s)
{
  health_shrink(&s->health, s->agents_count);
}

static int another_up(site const *s, agent const *but)
{
  agent const *a;
  for (a = s->agents; a; a = a->site_next)
    if (a != but && a->up) return 1;
  return 0;
}

/* Of the messages that agents held, each is told of in the log: by us, but for an agent that has done so with its last word. */
static void agents_failed(qmgr *q, site *s, agent *told, char const *why)
{
  site_failed(q, s, why);
  if (told) agent_end(q, told, JOB_UNDONE, "");
  while (s->agents) agent_end(q, s->agents, JOB_UNDONE, why);
}

/*
 * The site refused this connection.  While others work it has had enough of them; else it is
 * down, and whoever still tries to connect would only find the same.
 */
static void agent_refused(qmgr *q, agent *a, char const *why)
{
  site *s = a->site;
  if (!another_up(s, a))
  {
    agents_failed(q, s, a, why);
    return;
  }
  site_has_enough(s);
  agent_end(q, a, JOB_AGAIN, "");
}

static void agent_closed(qmgr *q, agent *a)
{
  if (!a->jobs || a->done || a->leaving) agent_end(q, a, JOB_AGAIN, "");
  else agent_refused(q, a, "4.3.0 the delivery agent ended without a word");
}

void agent_idle(qmgr *q, agent *a)
{
  if (!a->jobs) agent_end(q, a, JOB_AGAIN, "");
}

/* --- given up for others -------------------------------------------------------------------------- */

/*
 * While sites wait that there is no connection for, one that has not led to a site so long ends: sooner for what was asked
 * for.  So does one at which nothing was settled in the time that a reply may take, where nothing ever was.
 */
#define HANGING_US (30 * SECOND_US)
#define HANGING_ASKED_US (10 * SECOND_US)
#define HANGING_OPEN_US (300 * SECOND_US)
#define HANGING_LOOK_US SECOND_US

/* It hangs; is it in the way of one that waits, and for so long? */
static int hangs(qmgr *q, agent const *a)
{
  waiter const *w;
  if (a->up && (a->source == &q->crowd.sure || qmgr_lately(q, a->up_us, HANGING_OPEN_US))) return 0;
  if (qmgr_lately(q, a->began_us, HANGING_ASKED_US)) return 0;
  w = crowd_next_without(&q->crowd, a->source);
  return w && (w->lane->asked || !qmgr_lately(q, a->began_us, HANGING_US));
}

static agent *hanging_oldest(qmgr *q)
{
  agent *oldest = 0;
  size_t i;
  for (i = 0; i < genalloc_len(agent *, &q->agents); i++)
  {
    agent *a = genalloc_s(agent *, &q->agents)[i];
    if ((!oldest || a->began_us < oldest->began_us) && hangs(q, a)) oldest = a;
  }
  return oldest;
}

/* To the site it is as if it had refused. */
static void agent_give_up(qmgr *q, agent *a)
{
  site *s = a->site;
  if (another_up(s, a))
  {
    site_has_enough(s);
    agent_end(q, a, JOB_AGAIN, "");
  }
  else agents_failed(q, s, 0, "4.4.2 no answer, and others wait for the connection");
}

static int crowd_stuck(qmgr const *q)
{
  return q->crowd.waiting && !q->breathless && !q->connecting_paused && !crowd_next(&q->crowd);
}

/* One at a time: whoever waits has its turn before the next, in this very turn of the loop. */
void agents_give_up(qmgr *q)
{
  agent *a = crowd_stuck(q) ? hanging_oldest(q) : 0;
  if (a) agent_give_up(q, a);
  if (q->crowd.waiting) timer_set(&q->timers, &q->hanging, q->now_us + (a ? 1 : HANGING_LOOK_US));
}

void agents_give_up_later(qmgr *q)
{
  if (q->crowd.waiting && !q->hanging.place) timer_set(&q->timers, &q->hanging, q->now_us + HANGING_LOOK_US);
}

/* --- from the agent ---------------------------------------------------------------------------------- */

static int job_is(job const *j, job_field const *id)
{
  return id->len == ID_LEN && !memcmp(j->held->id, id->s, ID_LEN);
}

/* The job of this message that holds the recipient: one message may be here twice, for two domains of the site. */
static job *job_find(agent *a, job_field const *id, uint64_t recipient, job ***link)
{
  for (*link = &a->jobs_first; **link; *link = &(**link)->next)
    if (job_is(**link, id) && job_holds(**link, recipient)) return **link;
  return 0;
}

/* The job of this message of which all is known; where there is none, any. */
static job *job_find_answered(agent *a, job_field const *id, job ***link)
{
  job **any = 0;
  for (*link = &a->jobs_first; **link; *link = &(**link)->next)
    if (job_is(**link, id) && job_answered(**link)) return **link;
    else if (job_is(**link, id) && !any) any = *link;
  *link = any;
  return any ? *any : 0;
}

static void jobs_take(agent *a, job *j, job **link)
{
  *link = j->next;
  if (a->jobs_last == j)
  {
    a->jobs_last = a->jobs_first;
    while (a->jobs_last && a->jobs_last->next) a->jobs_last = a->jobs_last->next;
  }
  a->jobs--;
  a->bytes -= j->bytes;
}

static void said_window(agent *a, char const *s, size_t len)
{
  job_field field = { s, len };
  uint64_t window;
  if (job_field_number(&field, &window) && window)
    a->window = window < WINDOW_MESSAGES ? (size_t)window : WINDOW_MESSAGES;
}

/* Remembered for as long as we run: an agent need not find it out again. */
static void said_without(agent *a, char const *s, size_t len)
{
  char extension[LOG_LINE_MAX];
  unsigned int lied = smtp_extensions_scan(s, len);
  if ((a->site->lied & lied) == lied) return;
  a->site->lied |= lied;
  log_line("site ", a->site->name, ": without ", log_clean(extension, sizeof extension, s, len), " from now on: it is offered and not known");
}

static void said_up(qmgr *q, agent *a, char const *s, size_t len)
{
  char relay[LOG_LINE_MAX];
  a->up = 1;
  a->stuck = 0;
  a->up_us = q->now_us;
  site_answered(q, a->site, log_clean(relay, sizeof relay, s, len));
  site_wake(q, a->site);
}

static void said_rcpt(qmgr *q, agent *a, char const *s, size_t len)
{
  job_field id;
  job_result result;
  job **link;
  job *j;
  if (!job_field_next(&s, &len, &id) || !job_result_scan(s, len, &result)) return;
  j = job_find(a, &id, result.recipient, &link);
  if (!j) return;
  job_answer(q, j, &result);
  if (job_status_settled(result.status)) site_served(q, a->site, &result);
  if (result.status == JOB_SENT || result.status == JOB_RELAYED)
    health_grow(&a->site->health, a->site->limit_max);
}

/* "done ID", "cut ID N" or "back ID N". */
static void said_back(qmgr *q, agent *a, char const *s, size_t len, enum job_came came)
{
  job_field id, number;
  uint64_t recipient;
  job **link;
  job *j;
  if (!job_field_next(&s, &len, &id)) return;
  if (job_field_next(&s, &len, &number) && job_field_number(&number, &recipient)) j = job_find(a, &id, recipient, &link);
  else j = job_find_answered(a, &id, &link);
  if (!j) return;
  a->stuck = came == JOB_AGAIN;
  jobs_take(a, j, link);
  a->done++;
  a->alone = 0;
  if (!a->jobs) timer_set(&q->timers, &a->idle, q->now_us + (crowded(q, a) ? 0 : IDLE_US));
  job_back(q, j, came, "");
  site_wake(q, a->site);
}

static void connection_ended(qmgr const *q, agent *a)
{
  a->up = a->stuck = 0;
  a->began_us = q->now_us;
}

static void said_lost(qmgr const *q, agent *a, char const *s, size_t len)
{
  job_field how;
  connection_ended(q, a);
  if (job_field_next(&s, &len, &how) && job_field_is(&how, "drop")) a->site->drops++;
}

/* Has another one had messages there since before this connection was begun? */
static int another_works(agent const *but)
{
  agent const *a;
  for (a = but->site->agents; a; a = a->site_next)
    if (a != but && a->up && a->jobs && a->up_us <= but->began_us) return 1;
  return 0;
}

/* It takes fewer connections: this one's messages are the others' once their locks are free, which is when it has ended. */
static void agent_leave(agent *a)
{
  site_has_enough(a->site);
  a->leaving = 1;
  shutdown(a->fd, SHUT_WR);
}

/* 1; 0 when the agent is no more, with all others of its site. */
static int said_vain(qmgr *q, agent *a, char const *s, size_t len)
{
  char id[JOB_ID_MAX + 1];
  char why[LOG_LINE_MAX];
  job_field field;
  int works;
  if (!job_field_next(&s, &len, &field) || field.len >= sizeof id) return 1;
  memcpy(id, field.s, field.len);
  id[field.len] = 0;
  log_clean(why, sizeof why, s, len);
  works = another_works(a);
  connection_ended(q, a);
  if (works && strstr(why, JOB_TEXT_SAID "421")) agent_leave(a);
  if (works || !site_in_vain(a->site, id, why)) return 1;
  agents_failed(q, a->site, 0, why);
  return 0;
}

/* 1; 0 when the agent is no more. */
static int agent_line(qmgr *q, agent *a, char const *s, size_t len)
{
  char why[LOG_LINE_MAX];
  job_field word;
  if (!job_field_next(&s, &len, &word)) return 1;
  if (job_field_is(&word, "window")) said_window(a, s, len);
  else if (job_field_is(&word, "up")) said_up(q, a, s, len);
  else if (job_field_is(&word, "lost")) said_lost(q, a, s, len);
  else if (job_field_is(&word, "without")) said_without(a, s, len);
  else if (job_field_is(&word, "vain")) return said_vain(q, a, s, len);
  else if (job_field_is(&word, "rcpt")) said_rcpt(q, a, s, len);
  else if (job_field_is(&word, "done")) said_back(q, a, s, len, JOB_DONE);
  else if (job_field_is(&word, "cut")) said_back(q, a, s, len, JOB_CUT);
  else if (job_field_is(&word, "back")) said_back(q, a, s, len, JOB_AGAIN);
  else if (job_field_is(&word, "down"))
  {
    agent_refused(q, a, log_clean(why, sizeof why, s, len));
    return 0;
  }
  return 1;
}

/* The lines that are whole.  1; 0 when the agent is no more. */
static int agent_lines(qmgr *q, agent *a)
{
  size_t from = 0;
  char *end;
  while ((end = memchr(a->in + from, '\n', a->in_len - from)))
  {
    size_t to = (size_t)(end - a->in);
    if (!agent_line(q, a, a->in + from, to - from)) return 0;
    from = to + 1;
  }
  memmove(a->in, a->in + from, a->in_len - from);
  a->in_len -= from;
  return 1;
}

void agent_readable(qmgr *q, agent *a)
{
  ssize_t r;
  if (a->in_len == sizeof a->in)
  {
    log_line("warning: a delivery agent talks nonsense");
    agent_closed(q, a);
    return;
  }
  r = fd_read(a->fd, a->in + a->in_len, sizeof a->in - a->in_len);
  if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (r <= 0)
  {
    agent_closed(q, a);
    return;
  }
  a->in_len += (size_t)r;
  agent_lines(q, a);
}
