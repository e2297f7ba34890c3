#include "smtpd/atrn.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "flush/flush.h"
#include "flush/names.h"
#include "job/job.h"
#include "job/turn.h"
#include "smtp/chars.h"
#include "smtp/domain.h"
#include "smtpd/auth.h"

/* So often, and so long each time, we wait for qmgr to have room for one more: a second at most. */
#define ROOM_TRIES 20
#define ROOM_PAUSE_MS 50

/* What a customer has come for. */
typedef struct turning
{
  session *s;
  names domains;       /* folded */
  int none;            /* the customer has not even a pattern */
  uint64_t waiting;    /* messages in their lists */
} turning;

/* --- which domains ------------------------------------------------------------------------- */

/* What comes of reading a part of it. */
enum outcome { GOOD, BROKEN, SYNTAX };

static enum outcome domain_add(turning *t, char const *name, size_t len)
{
  stralloc *domain = &t->s->domain;
  if (!conf_domain_fold(domain, name, len)) return errno == ENOMEM ? BROKEN : SYNTAX;
  return names_add(&t->domains, 0, domain->s, domain->len) ? GOOD : BROKEN;
}

/* The domains that are named: between commas, and spaces around those. */
static enum outcome domains_named(turning *t, char const *s, size_t len)
{
  enum outcome r = GOOD;
  char const *end = s + len;
  while (r == GOOD && s <= end)
  {
    char const *comma = memchr(s, ',', (size_t)(end - s)), *last = comma ? comma : end;
    char const *next = last + 1;
    while (s < last && *s == ' ') s++;
    while (s < last && last[-1] == ' ') last--;
    r = domain_add(t, s, (size_t)(last - s));
    s = next;
  }
  return r;
}

typedef struct below
{
  turning *t;
  char const *parent;
} below;

static int list_take(char const *name, void *data)
{
  below const *b = data;
  size_t len = strlen(name), parentlen = strlen(b->parent);
  if (len == parentlen || !smtp_domain_below(name, len, b->parent, parentlen)) return 1;
  return names_add(&b->t->domains, 0, name, len);
}

/*
 * Those below a parent that mail waits for.  Where lists may be opened and not looked for (with
 * users of their own), there are none to be found: the customer has to name them.
 */
static enum outcome domains_below(turning *t, char const *parent)
{
  below b = { t, parent };
  char const *directory;
  int r = session_queue(t->s) ? flush_domains_each(t->s->queue, &list_take, &b, &directory) : 1;
  if (r) return GOOD;
  errno = ENOMEM;
  return BROKEN;
}

/* All of the user's. */
static enum outcome domains_own(turning *t)
{
  stralloc const *patterns;
  enum outcome r = GOOD;
  size_t i;
  if (!identity_domains(&t->s->identity, t->s->conf, &patterns)) return BROKEN;
  t->none = !patterns->len;
  for (i = 0; r == GOOD && i < patterns->len; i += strlen(patterns->s + i) + 1)
    if (patterns->s[i] == '.') r = domains_below(t, patterns->s + i + 1);
    else if (!names_add(&t->domains, 0, patterns->s + i, strlen(patterns->s + i))) r = BROKEN;
  return r;
}

/* --- may they go this way ------------------------------------------------------------------ */

/* Must this route's mail go over TLS?  Its words are job.h's: the level comes first. */
static int demands_tls(conf_route const *route)
{
  static char const key[] = "tls=";
  char const *level = route->tls.s + sizeof key - 1;
  return route->tls.len >= sizeof key
    && tls_level_demands(tls_level_scan(level, strcspn(level, " ")));
}

/* Is there one among them that may not go in clear text?  1, or 0 with conf_error(). */
static int clear_forbidden(turning *t, conf_routes const *routes, int *yes)
{
  conf_route route = CONF_ROUTE_ZERO;
  size_t i;
  int r = 1;
  for (*yes = 0, i = 0; r && !*yes && i < names_len(&t->domains); i++)
  {
    char const *name = names_get(&t->domains, i);
    r = conf_routes_find(routes, name, strlen(name), &route);
    *yes = r && demands_tls(&route);
  }
  conf_route_free(&route);
  return r;
}

static int too_open(turning *t, int *yes)
{
  conf_routes routes = CONF_ROUTES_ZERO;
  int r;
  *yes = 0;
  if (*t->s->secured) return 1;
  r = conf_routes_read(t->s->conf, &routes) && clear_forbidden(t, &routes, yes);
  conf_routes_free(&routes);
  return r;
}

static int allowed(turning *t, int *yes)
{
  int open = 0;
  *yes = !t->none;
  if (!names_len(&t->domains)) return 1;
  if (!identity_owns(&t->s->identity, t->s->conf, &t->domains.text, 0, yes)) return 0;
  if (*yes && !too_open(t, &open)) return 0;
  *yes = *yes && !open;
  return 1;
}

static void count(turning *t)
{
  size_t i;
  t->waiting = 0;
  if (!session_queue(t->s)) return;
  for (i = 0; i < names_len(&t->domains); i++)
    t->waiting += flush_count(t->s->queue, names_get(&t->domains, i));
}

/* --- the connection is handed over --------------------------------------------------------- */

/* 1, or 0 with errno. */
static int datagram_make(turning const *t, stralloc *out)
{
  session const *s = t->s;
  char name[SESSION_WHO_MAX + sizeof s->client.port], head[JOB_TURN_HEAD_MAX];
  char const *end;
  size_t i, len;
  end = stpcpy(stpcpy(stpcpy(name, s->who), ":"), s->client.port);
  if (!job_turn_peer_ok(name, (size_t)(end - name))) return errno = EDESTADDRREQ, 0;
  len = job_turn_begin(head, s->identity.name, name, *s->secured != 0);
  if (!stralloc_copyb(out, head, len)) return errno = ENOMEM, 0;
  for (i = 0; i < names_len(&t->domains); i++)
    if (!stralloc_append(out, ' ') || !stralloc_cats(out, names_get(&t->domains, i)))
      return errno = ENOMEM, 0;
  return out->len <= JOB_TURN_MAX || (errno = EMSGSIZE, 0);
}

/* qmgr looks at one after the other: where its socket is full, it will soon have room. */
static int datagram_send(int fd, stralloc const *text)
{
  int const client = 0;
  unsigned int tries = 0;
  for (;;)
  {
    if (job_send(fd, text->s, text->len, &client, 1) == (ssize_t)text->len) return 1;
    if ((errno != EAGAIN && errno != EINTR) || ++tries == ROOM_TRIES) return 0;
    poll(0, 0, ROOM_PAUSE_MS);
  }
}

static int hand_over(turning const *t)
{
  stralloc text = STRALLOC_ZERO;
  int e, r = 0, fd = job_connect(t->s->instance, "run/turn", SOCK_DGRAM);
  if (fd != -1) r = datagram_make(t, &text) && datagram_send(fd, &text);
  e = errno;
  if (fd != -1) fd_close(fd);
  stralloc_free(&text);
  errno = e;
  return r;
}

static void turn_log(turning const *t)
{
  char n[UINT64_FMT];
  char const *more = names_len(&t->domains) > 1 ? ", ..." : "";
  n[uint64_fmt(n, t->waiting)] = 0;
  log_line("turn ", names_get(&t->domains, 0), more, " asked for by ", t->s->who, " user=",
           t->s->identity.name, ": ", n, " waiting");
}

/*
 * qmgr's agent waits for the customer's greeting, and that comes behind our reply: so nothing of
 * the two is mixed up, though the agent may have the connection sooner.  A second line of ours
 * would be read as part of the new dialogue.
 */
static int turn(turning *t)
{
  session *s = t->s;
  count(t);
  if (!t->waiting) return session_junk(s) && session_reply(s, "453 You have no mail");
  if (!wire_flush(&s->wire)) return 0;
  if (!hand_over(t))
  {
    if (session_may_log(s))
      log_line("warning: unable to turn the connection of ", s->who, ": ", strerror(errno));
    return session_junk(s)
      && session_reply(s, "451 4.3.0 Error: unable to turn the connection now");
  }
  session_forgive(s);
  session_reply(s, "250 OK now reversing the connection");
  turn_log(t);
  s->end = SESSION_REVERSED;
  return 0;
}

/* --- the verb ------------------------------------------------------------------------------ */

static enum outcome domains_read(turning *t, smtp_command const *command)
{
  enum outcome r = !command->argumentlen ? domains_own(t)
    : domains_named(t, command->argument, command->argumentlen);
  names_sort(&t->domains);
  return r;
}

static int answer(turning *t, smtp_command const *command)
{
  int yes;
  switch (domains_read(t, command))
  {
    case BROKEN: return session_broken(t->s);
    case SYNTAX: return session_refuse(t->s, "501 5.5.4 Syntax: ATRN [domain[,domain]...]");
    case GOOD: break;
  }
  if (!allowed(t, &yes)) return session_broken(t->s);
  if (!yes) return session_refuse(t->s, "450 4.7.1 Error: ATRN request refused");
  return turn(t);
}

/* More behind the command would be read by whoever has the connection then. */
static int more_came(session *s)
{
  size_t len;
  wire_peek(&s->wire, &len);
  return len != 0;
}

/* Why not now, whatever is asked for; NULL: go on. */
static char const *untimely(session *s)
{
  if (!auth_known(s)) return "502 5.5.1 Error: command not implemented";
  if (!identity_known(&s->identity)) return "530 5.7.0 Authentication required";
  if (!s->esmtp) return "503 5.5.1 Error: send EHLO first";
  if (s->mail) return "503 5.5.1 Error: MAIL transaction in progress";
  return more_came(s) ? "503 5.5.1 Error: ATRN must come last" : 0;
}

int atrn_offered(session const *s)
{
  return s->auth_offered || identity_known(&s->identity);
}

int atrn_verb(session *s, smtp_command const *command)
{
  turning t = { .s = s, .domains = NAMES_ZERO };
  char const *refusal = untimely(s);
  int r = refusal ? session_refuse(s, refusal) : answer(&t, command);
  names_free(&t.domains);
  return r;
}
