#include "smtpd/etrn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "flush/flush.h"
#include "queue/queuedir.h"
#include "smtp/chars.h"
#include "smtp/domain.h"

/*
 * How long, and how often, we wait for qmgr to record the messages accepted before: 100 ms at the
 * most.
 */
#define NEW_PAUSE_NS 5000000
#define NEW_TRIES 20

/*
 * The argument of ETRN (RFC 1985 section 5.3): a domain, "@domain" with all below it, "#queue".
 * For local users also "@", everything, and "=ID", a message.
 */
enum node_kind { NODE_DOMAIN = 0, NODE_BELOW = '@', NODE_QUEUE = '#', NODE_MESSAGE = '=' };

typedef struct etrn_node
{
  enum node_kind kind;
  char name[SMTP_COMMAND_MAX];  /* as the replies have it; a string */
} etrn_node;

enum node_verdict { NODE_GOOD, NODE_SYNTAX, NODE_UNKNOWN, NODE_BROKEN };

/* --- names --- */

static int queue_name_ok(char const *s, size_t len)
{
  size_t i = 0;
  while (i < len && (smtp_letter(s[i]) || smtp_digit(s[i]) || strchr("-._", s[i]))) i++;
  return len && i == len;
}

static enum node_verdict queue_domains(session *s, char const *name, size_t len)
{
  int found;
  if (!queue_name_ok(name, len)) return NODE_SYNTAX;
  s->domain.len = 0;
  if (!conf_queue(s->conf, name, len, &s->domain, &found)) return NODE_BROKEN;
  return found && s->domain.len ? NODE_GOOD : NODE_UNKNOWN;
}

/* The domain alone. */
static enum node_verdict domain_domains(session *s, char const *name, size_t len)
{
  if (!conf_domain_fold(&s->domain, name, len)) return errno == ENOMEM ? NODE_BROKEN : NODE_SYNTAX;
  s->domain.len++;
  return NODE_GOOD;
}

/* Everything lies below the root. */
static enum node_verdict root_domains(session *s)
{
  if (!stralloc_copyb(&s->domain, "", 1)) return errno = ENOMEM, NODE_BROKEN;
  return NODE_GOOD;
}

static enum node_verdict message_domains(session *s, char const *id, size_t len)
{
  if (!id_ok(id, len)) return NODE_SYNTAX;
  if (!stralloc_copyb(&s->domain, id, len) || !stralloc_0(&s->domain))
    return errno = ENOMEM, NODE_BROKEN;
  return NODE_GOOD;
}

static enum node_kind node_mark(session const *s, char c)
{
  if (c == NODE_BELOW || c == NODE_QUEUE || (c == NODE_MESSAGE && s->client.local))
    return (enum node_kind)c;
  return NODE_DOMAIN;
}

/*
 * The node's name in replies is what the client sent.  A name beyond ASCII is replaced by its
 * A-label, since no reply to ETRN may hold anything but ASCII.
 */
static void node_name(session const *s, etrn_node *node, char const *text, size_t len)
{
  char *name = node->name;
  if (smtp_domain_utf8(text, len))
  {
    if (node->kind) *name++ = (char)node->kind;
    stpcpy(name, s->domain.s);
    return;
  }
  memcpy(name, text, len);
  name[len] = 0;
}

static enum node_verdict node_domains(session *s, etrn_node const *node, char const *name,
                                      size_t len)
{
  if (node->kind == NODE_QUEUE) return queue_domains(s, name, len);
  if (node->kind == NODE_MESSAGE) return message_domains(s, name, len);
  if (node->kind == NODE_BELOW && !len && s->client.local) return root_domains(s);
  return domain_domains(s, name, len);
}

/* Read the argument. s->domain becomes the list of the node's domains, or the message's id. */
static enum node_verdict node_scan(session *s, etrn_node *node, smtp_command const *command)
{
  char const *text = command->argument;
  size_t len = command->argumentlen, mark;
  enum node_verdict verdict;
  node->kind = node_mark(s, *text);
  mark = node->kind != NODE_DOMAIN;
  verdict = node_domains(s, node, text + mark, len - mark);
  if (verdict != NODE_SYNTAX && verdict != NODE_BROKEN) node_name(s, node, text, len);
  return verdict;
}

/* --- asking --- */

static int ask_one(session *s, etrn_node const *node, char const *domain)
{
  char name[SMTP_DOMAIN_MAX + 2] = { (char)node->kind };
  if (node->kind != NODE_BELOW && node->kind != NODE_MESSAGE) return flush_ask(s->queue, domain);
  stpcpy(name + 1, domain);
  return flush_ask(s->queue, name);
}

static int ask(session *s, etrn_node const *node)
{
  size_t i;
  if (!session_queue(s)) return 0;
  for (i = 0; i < s->domain.len; i += strlen(s->domain.s + i) + 1)
    if (!ask_one(s, node, s->domain.s + i)) return 0;
  return 1;
}

/* --- counting, where conf/etrncounts asks for it --- */

typedef struct etrn_count
{
  int queue;
  char const *parent;
  uint64_t sum;
} etrn_count;

static int is_below(etrn_count const *count, char const *name)
{
  return smtp_domain_below(name, strlen(name), count->parent, strlen(count->parent));
}

static int count_list(char const *name, void *data)
{
  etrn_count *count = data;
  if (is_below(count, name)) count->sum += flush_count(count->queue, name);
  return 1;
}

/*
 * flush_count() counts both lists of a domain, so only domains that have a claim and no list are
 * counted here.
 */
static int count_claim(char const *name, void *data)
{
  etrn_count *count = data;
  flush_seen seen;
  int fd;
  if (!is_below(count, name)) return 1;
  fd = flush_look(count->queue, name, &seen);
  if (fd != -1) fd_close(fd);
  else count->sum += flush_count(count->queue, name);
  return 1;
}

/*
 * Count what waits for a domain and all below it.  Where the writer to the queue may not list the
 * directories (with users of their own), only the domain's own list can be counted; *all is 0 then.
 */
static uint64_t count_below(session *s, int *all)
{
  etrn_count count = { .queue = s->queue, .parent = s->domain.s, .sum = 0 };
  *all = flush_each(s->queue, "flush", &count_list, &count) == 1
    && flush_each(s->queue, "claim", &count_claim, &count) == 1;
  return *all ? count.sum : flush_count(s->queue, s->domain.s);
}

static uint64_t count_waiting(session *s, etrn_node const *node, int *all)
{
  uint64_t sum = 0;
  size_t i;
  *all = 1;
  if (node->kind == NODE_MESSAGE) return 1;
  if (node->kind == NODE_BELOW) return count_below(s, all);
  for (i = 0; i < s->domain.len; i += strlen(s->domain.s + i) + 1)
    sum += flush_count(s->queue, s->domain.s + i);
  return sum;
}

static int stop_at_first(char const *id, void *data)
{
  (void)id;
  (void)data;
  return 0;
}

/*
 * Has qmgr recorded all messages that were accepted?  It needs a moment for the last ones.  Where
 * new/ may not be listed (with users of their own), the lists are all that we can count.
 */
static int all_recorded(session *s)
{
  struct timespec const pause = { .tv_nsec = NEW_PAUSE_NS };
  unsigned int tries;
  for (tries = 0; tries < NEW_TRIES; tries++)
  {
    if (queuedir_each(s->queue, QUEUE_NEW, &stop_at_first, 0)) return 1;
    nanosleep(&pause, 0);
  }
  return 0;
}

/* --- the verb --- */

/* Is the message gone? 0 also where we may not look into the queue: then nobody here can tell. */
static int message_gone(session *s)
{
  enum queue_place place;
  int fd = session_queue(s) ? queuedir_open_message(s->queue, s->domain.s, O_RDONLY, &place) : -1;
  int gone = fd == -1 && s->queue != -1 && errno == ENOENT;
  if (fd != -1) fd_close(fd);
  return gone;
}

/* Reply where not all can be counted: what is in the lists waits, and more may. */
static int accept_uncounted(session *s, etrn_node const *node, uint64_t waiting)
{
  char const *begin = waiting ? "252 OK, pending messages for node " : "250 OK, queuing for node ";
  return session_reply(s, begin, node->name, " started");
}

static int accept_counted(session *s, etrn_node const *node, uint64_t waiting)
{
  char n[UINT64_FMT];
  n[uint64_fmt(n, waiting)] = 0;
  if (!waiting) return session_reply(s, "251 OK, no messages waiting for node ", node->name);
  return session_reply(s, "253 OK, ", n, " pending messages for node ", node->name, " started");
}

static void flush_log(session *s, etrn_node const *node, int known, uint64_t waiting)
{
  int const user = s->identity.method != 0;
  char n[UINT64_FMT];
  if (!session_may_log(s)) return;
  n[uint64_fmt(n, waiting)] = 0;
  log_line("flush ", node->name, " asked for by ", s->who, user ? " user=" : "",
           user ? s->identity.name : "", known ? ": " : "", known ? n : "", known ? " waiting" : "");
}

/*
 * Reply once the request is on the disk, where a restart of qmgr finds it.  Messages are counted
 * before the request: afterwards they may be sent already.  For the log alone they are counted only
 * where that needs no look into directories.
 */
static int node_flush(session *s, etrn_node const *node, int counts)
{
  int counted = counts && session_queue(s) && all_recorded(s);
  int known = (counts || node->kind != NODE_BELOW) && session_queue(s);
  int all = 1;
  uint64_t waiting = known ? count_waiting(s, node, &all) : 0;
  if (!ask(s, node))
  {
    if (session_may_log(s)) strerr_warnwusys("ask for a flush of ", node->name);
    return session_reply(s, "458 Unable to queue messages for node ", node->name);
  }
  session_forgive(s);
  flush_log(s, node, known && all, waiting);
  if (counts)
    return counted && all ? accept_counted(s, node, waiting) : accept_uncounted(s, node, waiting);
  return session_reply(s, "250 OK, queuing for node ", node->name, " started");
}

static int node_refuse(session *s, etrn_node const *node)
{
  if (session_may_log(s))
    log_line("NOQUEUE: reject: ETRN from ", s->who, ": 459 <", node->name,
             ">: Etrn command rejected: service unavailable; proto=", session_protocol(s),
             " helo=<", s->helo, ">");
  return session_refuse(s, "459 <", node->name, ">: service unavailable");
}

static int node_answer(session *s, etrn_node const *node, enum node_verdict verdict)
{
  int yes = 0, counts;
  if (verdict == NODE_GOOD
   && !policy_flush(&s->policy, &s->domain, node->kind == NODE_BELOW, &yes))
    return session_broken(s);
  if (!conf_switch(s->conf, "etrncounts", &counts)) return session_broken(s);
  if (yes && node->kind == NODE_MESSAGE && message_gone(s))
    return session_refuse(s, "550 5.5.4 <", node->name, ">: no such message in the queue");
  return yes ? node_flush(s, node, counts) : node_refuse(s, node);
}

int etrn_verb(session *s, smtp_command const *command)
{
  etrn_node node;
  enum node_verdict verdict;
  if (!*s->helo) return session_refuse(s, SESSION_SAYS_UNGREETED);
  if (s->mail) return session_refuse(s, "503 5.5.1 Error: MAIL transaction in progress");
  if (!command->argumentlen || memchr(command->argument, ' ', command->argumentlen))
    return session_refuse(s, "500 Syntax: ETRN domain");
  verdict = node_scan(s, &node, command);
  if (verdict == NODE_BROKEN) return session_broken(s);
  if (verdict == NODE_SYNTAX) return session_refuse(s, "501 Error: invalid parameter syntax");
  return node_answer(s, &node, verdict);
}
