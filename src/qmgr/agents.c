#include "qmgr/agents.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <skalibs/alloc.h>
#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include "base/endpoint.h"
#include "qmgr/active.h"
#include "smtp/reply.h"

_Static_assert(JOB_FDS_MAX >= CONNECTION_BATCH_MAX, "a batch travels in one piece");
_Static_assert(ID_LEN < SCHED_ID_MAX, "the scheduler knows ids");

/* The line of an account, see job/job.h. */
#define AUTH "auth "
/* Descriptors that wait for all agents together: others need some too. */
#define OUT_FDS_MAX 256
/*
 * When none can be had it is tried again after this, and complained of when it lasts longer than
 * that.
 */
#define CONNECT_AGAIN_US 10000
#define REFUSED_US (10 * SECOND_US)

agent *agent_of(connection const *c)
{
  return c->owner;
}

void agents_set_back(agents *all, uint64_t by_us)
{
  all->scarce_us = moment_earlier(all->scarce_us, by_us);
  all->refused_us = moment_earlier(all->refused_us, by_us);
}

/* --- its end --------------------------------------------------------------------------------- */

static void out_fds_close(agents *all, agent *a)
{
  all->out_fds -= a->out_fds_len;
  while (a->out_fds_len) fd_close(a->out_fds[--a->out_fds_len]);
}

static void bury(agents *all, agent *a)
{
  if (a->fd != -1) fd_close(a->fd);
  a->fd = -1;
  out_fds_close(all, a);
  stralloc_free(&a->out);
  a->dead_next = all->dead;
  all->dead = a;
}

void agent_end(agents *all, agent *a)
{
  connection_leave(&all->core->sched, &a->connection);
  bury(all, a);
}

void agents_forget_dead(agents *all)
{
  while (all->dead)
  {
    agent *a = all->dead;
    all->dead = a->dead_next;
    alloc_free(a);
  }
}

void agent_leave(agent *a)
{
  shutdown(a->fd, SHUT_WR);
}

/* --- connecting ------------------------------------------------------------------------------ */

static int greet(agents const *all, agent *a, hop const *h)
{
  char without[SMTP_EXTENSIONS_MAX];
  return stralloc_cats(&a->out, h->turned ? "site - turned=" : "site ")
    && stralloc_cats(&a->out, h->name)
    && stralloc_cats(&a->out, all->core->settings.session.s)
    && (!*h->tls || (stralloc_cats(&a->out, " ") && stralloc_cats(&a->out, h->tls)))
    && (!smtp_extensions_format(without, h->without | h->lied)
        || (stralloc_cats(&a->out, " without=") && stralloc_cats(&a->out, without)))
    && stralloc_cats(&a->out, "\n");
}

static void account_tell(agent const *a, smtp_account const *account)
{
  char line[sizeof AUTH + SMTP_ACCOUNT_WORD_MAX] = AUTH;
  size_t len = sizeof AUTH - 1;
  len += smtp_account_format(line + len, account);
  line[len++] = '\n';
  job_send(a->fd, line, len, 0, 0);
  explicit_bzero(line, sizeof line);
}

/*
 * Tell the agent who we are at the site.  That goes out now, behind the site line: what waits is in
 * memory that grows, and leaves copies behind.  An agent that is not told says that the site is
 * down; one that is gone is seen later.
 */
static void introduce(agents const *all, agent *a, char const *name)
{
  smtp_account account;
  if (!conf_authout(all->core->conf, name, &account))
    core_say(all->core, SAY_SHORT, "warning: ", conf_error(), ": nobody is known as ", name);
  if (*account.user && job_send(a->fd, a->out.s, a->out.len, 0, 0) == (ssize_t)a->out.len)
  {
    a->out.len = 0;
    account_tell(a, &account);
  }
  explicit_bzero(&account, sizeof account);
}

/*
 * No connection can be had this moment: many at once fill the super-server's backlog, or
 * descriptors are few.  That concerns those who want one, and nobody else; it is worth a word when
 * it lasts.
 */
static void connecting_pause(agents *all)
{
  core *q = all->core;
  uint64_t now_us = core_now_us(q);
  uint64_t lasts_us;
  if (!all->refused_us) all->refused_us = now_us;
  lasts_us = now_us - all->refused_us;
  if (lasts_us > REFUSED_US) core_complain(q, "connect to ", "run/send", strerror(errno));
  sched_not_connected(&q->sched, errno == EAGAIN ? CONNECTING_BACKLOG : CONNECTING_SHORT);
  core_pause_until(q, now_us + CONNECT_AGAIN_US + lasts_us / 8);
}

static int connect_later(int e)
{
  return e == EAGAIN || e == EMFILE || e == ENFILE;
}

static int connected(agents *all, agent *a, hop const *h)
{
  core *q = all->core;
  a->fd = core_connect(q, "send");
  if (a->fd == -1 && agents_free_descriptors(all)) a->fd = core_connect(q, "send");
  if (a->fd == -1 && connect_later(errno))
  {
    connecting_pause(all);
    return 0;
  }
  if (a->fd != -1 && greet(all, a, h))
  {
    if (h->auth) introduce(all, a, h->auth);
    return 1;
  }
  core_pause(q, "connect to ", "run/send");
  return 0;
}

agent *agent_connect(agents *all, hop *h, source *account)
{
  agent *a = alloc(sizeof *a);
  if (!a)
  {
    core_pause(all->core, "connect to ", "run/send");
    return 0;
  }
  memset(a, 0, sizeof *a);
  a->fd = -1;
  if (!connected(all, a, h))
  {
    bury(all, a);
    return 0;
  }
  all->refused_us = 0;
  connection_add(&all->core->sched, &a->connection, a, &h->site, account);
  return a;
}

agent *agent_connect_turned(agents *all, hop *h, int fd)
{
  agent *a = agent_connect(all, h, &all->core->sched.quota.sure);
  if (!a) return 0;
  a->out_fds[a->out_fds_len++] = fd;
  all->out_fds++;
  return a;
}

/* --- to the agent ---------------------------------------------------------------------------- */

static int mail_line(stralloc *out, job const *j, message const *m)
{
  char line[JOB_LINE_MAX];
  char const *sender = message_string(m, m->sender);
  char const *parameters = message_string(m, m->parameters);
  job_mail mail = {
    .id = { j->active->id, ID_LEN }, .arrival_us = m->arrival_us, .offset = m->content_offset,
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
    .number = number, .address = { address, strlen(address) },
    .parameters = { parameters, strlen(parameters) }
  };
  size_t len = job_rcpt_format(line, sizeof line, &rcpt);
  return len && stralloc_catb(out, line, len);
}

/* It has a connection of its own, where another one can be made for the next. */
static int has_its_own(agent const *a, job const *j)
{
  return j->cause == CAUSE_ALONE && !a->connection.site->reversal;
}

static int job_lines(agent *a, job const *j, message const *m)
{
  stralloc *out = &a->out;
  size_t i;
  if (has_its_own(a, j) && !stralloc_cats(out, "alone\n")) return 0;
  if (!mail_line(out, j, m)) return 0;
  for (i = 0; i < job_count(j); i++)
    if (!rcpt_line(out, m, job_recipients(j)[i].number)) return 0;
  return stralloc_cats(out, "go\n");
}

/* There were too few of them a moment ago: none waits here. */
static int descriptors_scarce(agents const *all)
{
  return core_lately(all->core, all->scarce_us, MINUTE_US);
}

static void job_append(agent *a, job *j)
{
  j->next = 0;
  if (a->jobs_last) a->jobs_last->next = j;
  else a->jobs_first = j;
  a->jobs_last = j;
}

int agent_give(agents *all, agent *a, job *j, int fd, message const *m)
{
  size_t before = a->out.len;
  if (!job_lines(a, j, m))
  {
    a->out.len = before;
    return 0;
  }
  a->out_fds[a->out_fds_len++] = fd;
  all->out_fds++;
  job_append(a, j);
  connection_given(&all->core->sched, &a->connection, j->bytes, j->cause == CAUSE_ALONE);
  if (a->out_fds_len == JOB_FDS_MAX || descriptors_scarce(all)) agent_writable(all, a);
  else if (all->out_fds >= OUT_FDS_MAX) agents_flush(all);
  return 1;
}

/*
 * That the other end is gone is seen, and dealt with, when reading.  Whatever it will say of the
 * messages is logged behind what we have said of them.
 */
void agent_writable(agents *all, agent *a)
{
  ssize_t w;
  int blocked;
  log_flush();
  w = job_send(a->fd, a->out.s, a->out.len, a->out_fds, a->out_fds_len);
  blocked = w < (ssize_t)a->out.len;
  if (w == -1 && errno != EAGAIN && errno != EPIPE) core_pause(all->core, "write to ", "run/send");
  if (w <= 0)
  {
    a->connection.blocked = blocked;
    return;
  }
  out_fds_close(all, a);
  memmove(a->out.s, a->out.s + w, a->out.len - (size_t)w);
  a->out.len -= (size_t)w;
  connection_sent(&all->core->sched, &a->connection, blocked);
}

void agents_flush(agents *all)
{
  row_place const *p;
  for (p = all->core->sched.connections.first; p; p = p->after)
  {
    agent *a = agent_of(p->owner);
    if (a->out.len && !a->connection.blocked) agent_writable(all, a);
  }
}

int agents_free_descriptors(agents *all)
{
  int wanted = errno == EMFILE || errno == ENFILE;
  if (!wanted) return 0;
  all->scarce_us = core_now_us(all->core);
  agents_flush(all);
  return 1;
}

/* --- its jobs -------------------------------------------------------------------------------- */

static int job_is(job const *j, job_field const *id)
{
  return id->len == ID_LEN && !memcmp(j->active->id, id->s, ID_LEN);
}

/*
 * The job of this message that holds the recipient: one message may be here twice, for two domains
 * of the site.
 */
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

static void job_unlink(agent *a, job *j, job **link)
{
  *link = j->next;
  if (a->jobs_last != j) return;
  a->jobs_last = a->jobs_first;
  while (a->jobs_last && a->jobs_last->next) a->jobs_last = a->jobs_last->next;
}

static int agent_holds(agent const *a, job_field const *id, uint64_t recipient)
{
  job const *j = a->jobs_first;
  while (j && !(job_is(j, id) && job_holds(j, recipient))) j = j->next;
  return j != 0;
}

int agents_hold(site const *x, char const *id, uint64_t recipient)
{
  job_field const field = { id, ID_LEN };
  row_place const *p = x->connections.first;
  while (p && !agent_holds(agent_of(p->owner), &field, recipient)) p = p->after;
  return p != 0;
}

job *agent_job_take(agent *a)
{
  job *j = a->jobs_first;
  if (j) job_unlink(a, j, &a->jobs_first);
  return j;
}

/* --- from the agent -------------------------------------------------------------------------- */

static int text_take(agent_event *e, char const *s, size_t len)
{
  log_clean(e->text, sizeof e->text, s, len);
  return 1;
}

static int said_up(agent_event *e, char const *s, size_t len)
{
  e->kind = AGENT_UP;
  return text_take(e, s, len);
}

static int said_down(agent_event *e, char const *s, size_t len)
{
  e->kind = AGENT_DOWN;
  return text_take(e, s, len);
}

static int said_lost(agent_event *e, char const *s, size_t len)
{
  job_field how;
  e->kind = AGENT_LOST;
  e->drop = job_field_next(&s, &len, &how) && job_field_is(&how, "drop");
  return 1;
}

/* "vain ID CODE TEXT" */
static int said_vain(agent_event *e, char const *s, size_t len)
{
  char const *text;
  job_field id;
  if (!job_field_next(&s, &len, &id) || id.len >= sizeof e->id) return 0;
  memcpy(e->id, id.s, id.len);
  e->id[id.len] = 0;
  e->kind = AGENT_VAIN;
  text_take(e, s, len);
  text = strchr(e->text, ' ');
  e->drop = text && !strncmp(text + 1, JOB_TEXT_LOST, strlen(JOB_TEXT_LOST));
  return 1;
}

static int said_result(agent *a, agent_event *e, char const *s, size_t len)
{
  job_field id;
  job **link;
  if (!job_field_next(&s, &len, &id) || !job_result_scan(s, len, &e->result)) return 0;
  e->job = job_find(a, &id, e->result.recipient, &link);
  e->kind = AGENT_RESULT;
  return e->job != 0;
}

/* "done ID", "cut ID N" or "back ID N". */
static int said_back(core *q, agent *a, agent_event *e, char const *s, size_t len)
{
  job_field id, number;
  uint64_t recipient;
  job **link;
  if (!job_field_next(&s, &len, &id)) return 0;
  if (job_field_next(&s, &len, &number) && job_field_number(&number, &recipient))
    e->job = job_find(a, &id, recipient, &link);
  else e->job = job_find_answered(a, &id, &link);
  if (!e->job) return 0;
  job_unlink(a, e->job, link);
  connection_back(&q->sched, &a->connection, e->job->bytes, e->came == CAME_AGAIN);
  e->kind = AGENT_BACK;
  return 1;
}

static int said_window(agent *a, char const *s, size_t len)
{
  job_field field = { s, len };
  uint64_t window;
  if (job_field_number(&field, &window)) connection_window(&a->connection, window);
  return 0;
}

/* Remembered for as long as the site is known: an agent need not find it out again. */
static int said_without(agent const *a, char const *s, size_t len)
{
  char extension[LOG_LINE_MAX];
  hop *h = hop_of(a->connection.site);
  unsigned int lied = smtp_extensions_scan(s, len);
  if ((h->lied & lied) == lied) return 0;
  h->lied |= lied;
  h->site.worth_knowing = 1;
  log_line("site ", h->name, ": without ", log_clean(extension, sizeof extension, s, len),
           " from now on: it is offered and not known");
  return 0;
}

static int tlsout_connect(core const *q)
{
  return core_connect(q, "tlsout");
}

static int policy_connect(core const *q)
{
  return endpoint_connect(q->settings.policy.s);
}

/* A connection for the agent, or -1 with errno. */
static int connect_for(agents *all, agent const *a, int (*make)(core const *q))
{
  int fd;
  /* a message always finds room for its own */
  if (a->out_fds_len >= JOB_FDS_MAX - 1) return (errno = EAGAIN, -1);
  fd = make(all->core);
  return fd == -1 && agents_free_descriptors(all) ? make(all->core) : fd;
}

/*
 * The agent wants a connection that it cannot make: it gave up making any but to sites
 * (send/confine.h).  It gets it with the line "WORD", or "WORD REASON".
 */
static void connection_hand(agents *all, agent *a, char const *word, int (*make)(core const *q))
{
  size_t before = a->out.len;
  int fd = connect_for(all, a, make);
  char const *why = fd == -1 ? strerror(errno) : "";
  if (stralloc_cats(&a->out, word) && stralloc_cats(&a->out, fd == -1 ? " " : "")
   && stralloc_cats(&a->out, why) && stralloc_cats(&a->out, "\n"))
  {
    if (fd == -1) return;
    a->out_fds[a->out_fds_len++] = fd;
    all->out_fds++;
  }
  else
  {
    a->out.len = before;
    if (fd != -1) fd_close(fd);
  }
}

static int said_tls(agents *all, agent *a)
{
  connection_hand(all, a, "tls", &tlsout_connect);
  return 0;
}

/* With a reason it tells why the server of policies is of no use. */
static int said_policy(agents *all, agent *a, char const *s, size_t len)
{
  char why[LOG_LINE_MAX];
  if (!len) connection_hand(all, a, "policy", &policy_connect);
  else core_say(all->core, SAY_POLICY, "warning: no policies of MTA-STS from ",
                all->core->settings.policy.s, ": ", log_clean(why, sizeof why, s, len));
  return 0;
}

/* 1 when the line is something that happened. */
static int line_scan(agents *all, agent *a, agent_event *e, char const *s, size_t len)
{
  job_field word;
  if (!job_field_next(&s, &len, &word)) return 0;
  if (job_field_is(&word, "window")) return said_window(a, s, len);
  if (job_field_is(&word, "without")) return said_without(a, s, len);
  if (job_field_is(&word, "tls")) return said_tls(all, a);
  if (job_field_is(&word, "policy")) return said_policy(all, a, s, len);
  if (job_field_is(&word, "up")) return said_up(e, s, len);
  if (job_field_is(&word, "down")) return said_down(e, s, len);
  if (job_field_is(&word, "lost")) return said_lost(e, s, len);
  if (job_field_is(&word, "vain")) return said_vain(e, s, len);
  if (job_field_is(&word, "rcpt")) return said_result(a, e, s, len);
  if (job_field_is(&word, "done")) e->came = CAME_DONE;
  else if (job_field_is(&word, "cut")) e->came = CAME_CUT;
  else if (job_field_is(&word, "back")) e->came = CAME_AGAIN;
  else return 0;
  return said_back(all->core, a, e, s, len);
}

/* The strings of a result stay where they were read until the next agent_read(). */
int agent_event_next(agents *all, agent *a, agent_event *e)
{
  char *s, *end;
  while (a->fd != -1)
  {
    s = a->in + a->in_done;
    end = memchr(s, '\n', a->in_len - a->in_done);
    if (!end) return 0;
    a->in_done += (size_t)(end + 1 - s);
    if (line_scan(all, a, e, s, (size_t)(end - s))) return 1;
  }
  return 0;
}

int agent_read(agent *a, int *ended)
{
  ssize_t r;
  *ended = 0;
  memmove(a->in, a->in + a->in_done, a->in_len - a->in_done);
  a->in_len -= a->in_done;
  a->in_done = 0;
  if (a->in_len == sizeof a->in)
  {
    log_line("warning: a delivery agent talks nonsense");
    *ended = 1;
    return 0;
  }
  r = fd_read(a->fd, a->in + a->in_len, sizeof a->in - a->in_len);
  if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
  *ended = r <= 0;
  if (r > 0) a->in_len += (size_t)r;
  return r > 0;
}
