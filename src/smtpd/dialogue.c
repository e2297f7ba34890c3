#include "smtpd/dialogue.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/instance.h"
#include "base/log.h"
#include "base/wallclock.h"
#include "smtpd/clients.h"
#include "smtpd/receive.h"
#include "smtpd/starttls.h"
#include "smtpd/verb.h"
#include "start/program.h"

/* Octets of a non-SMTP command that are logged. */
#define NON_SMTP_SHOWN 100

/* A client's slot stays taken at least this long after a session that got nothing done. */
#define LINGER_MS 1000
/* And at most this long: a client that says nothing keeps a slot as long as well. */
#define LINGER_MOST_MS 300000
/*
 * The slot stays taken this long for each of the session's lines in the log and each slot that the
 * client has: all sessions of a client together log 20 lines a second.
 */
#define LINGER_LINE_MS 50
/* And this long for each subdomain that the session has sent to, even if something was done. */
#define LINGER_NAME_MS 500
/* Lines of a session that gets nothing done, beyond its refusals: connect, disconnect, and why. */
#define LINGER_LINES_OWN 4
/* Refusals and requests that are not counted in a session that got something done. */
#define LINGER_LINES_FREE 10

/* --- commands --- */

/*
 * Control characters have no place in any command; a NUL least of all.  A tab is white space:
 * tolerated at the end (RFC 5321 section 4.1.1), for the command's own syntax to refuse elsewhere.
 */
static int line_clean(wire_line const *line)
{
  size_t i = 0;
  while (i < line->len && ((unsigned char)line->s[i] >= ' ' || line->s[i] == '\t')
      && line->s[i] != 0x7f) i++;
  return i == line->len;
}

/* A line that is too long has a code of its own in AUTH (RFC 4954 section 4). */
static char const *long_refusal(wire_line const *line)
{
  smtp_command command;
  smtp_command_scan(line->s, line->len, &command);
  return command.verb == SMTP_AUTH ? "500 5.5.6 Error: line too long"
    : "500 5.5.2 Error: line too long";
}

/* The refusal of a line that is malformed whatever it says; NULL: it is well-formed. */
static char const *line_refusal(wire_line const *line)
{
  if (line->faults & WIRE_LONG) return long_refusal(line);
  if (line->faults & WIRE_BARE) return "500 5.5.2 Error: bare <CR> or <LF> received";
  return line_clean(line) ? 0 : "500 5.5.2 Error: control character in command";
}

/*
 * The client speaks another protocol.  Nothing more is read from it: somebody may have made it send
 * us SMTP commands further on.
 */
static int non_smtp(session *s, char const *what)
{
  log_line("warning: non-SMTP command from ", s->who, ": ", what);
  s->verb = verb_of[SMTP_UNKNOWN].name;
  s->counts[SMTP_UNKNOWN].said++;
  s->end = SESSION_NON_SMTP;
  return 0;
}

static int non_smtp_line(session *s)
{
  char begin[NON_SMTP_SHOWN + 1];
  size_t len = s->line.len < NON_SMTP_SHOWN ? s->line.len : NON_SMTP_SHOWN;
  memcpy(begin, s->line.s, len);
  begin[len] = 0;
  return non_smtp(s, begin);
}

/* A client that begins with TLS waits for our part of the handshake, and we for its end of line. */
static int handshake(session *s)
{
  size_t len;
  char const *in = wire_peek(&s->wire, &len);
  return smtp_command_handshake(in, len);
}

/* The refusal of a verb that has to wait for TLS (RFC 3207 section 4); NULL: it need not. */
static char const *clear_refusal(session const *s, enum smtp_verb which)
{
  if (*s->secured || s->tls != CONF_TLS_ENCRYPT || verb_of[which].clear) return 0;
  return "530 5.7.0 Must issue a STARTTLS command first";
}

static int session_command(session *s)
{
  char const *refusal = line_refusal(&s->line);
  smtp_command command = { .verb = SMTP_UNKNOWN };
  session_count *count;
  int r;
  if (smtp_command_non_smtp(s->line.s, s->line.len)) return non_smtp_line(s);
  if (!refusal) smtp_command_scan(s->line.s, s->line.len, &command);
  s->verb = verb_of[command.verb].name;
  count = s->counts + command.verb;
  count->said++;
  if (verb_of[command.verb].junk && !session_junk(s)) return 0;
  if (!verb_of[command.verb].clear && !session_tls(s)) return 0;
  if (!refusal) refusal = clear_refusal(s, command.verb);
  r = refusal ? session_refuse(s, refusal) : verb_of[command.verb].function(s, &command);
  if (s->end == SESSION_QUIT || (r && *s->reply < '4')) count->done++;
  return r;
}

/*
 * Is the client given up, now that a step has taken a tenth of its time and is not done?  Yes while
 * few slots are left, for a command, or for content of which little came in that tenth, or too
 * little since the message began.
 */
static int hurried(void *data)
{
  session *s = data;
  size_t came = s->tenth;
  s->tenth = 0;
  return (came < RECEIVE_TENTH_LEAST || receive_slow(s)) && clients_stress(&s->slot);
}

/*
 * Has the client been here for as long as a command may take and got nothing done since, and are
 * few slots left?  A client that sends a command now and then would stay for days otherwise: it can
 * name many recipients.  Chunks have a pace of their own.
 */
static int outstayed(session *s)
{
  int64_t end_ms = s->since_ms + (int64_t)s->timeout[CONF_TIMEOUT_COMMAND] * 1000;
  if (s->content == CONTENT_CHUNKS) return 0;
  if (wallclock_steady_ms() < end_ms || !clients_stress(&s->slot)) return 0;
  s->wire.state = WIRE_TIMEOUT;
  return 1;
}

/*
 * Begin to wait for a command: it has its time, but between two chunks of a message no more than is
 * left for the next 64 KiB of content.
 */
static void command_step(session *s)
{
  unsigned int command_s = s->timeout[CONF_TIMEOUT_COMMAND];
  s->tenth = 0;
  wire_step(&s->wire, command_s);
  if (s->content == CONTENT_CHUNKS && s->pace_end_ms < s->wire.end_ms)
    wire_step_on(&s->wire, s->pace_end_ms, command_s);
}

static int session_talk(session *s)
{
  for (;;)
  {
    command_step(s);
    if (!wire_fill(&s->wire)) return 0;
    if (handshake(s)) return non_smtp(s, "a TLS handshake");
    if (!wire_line_read(&s->wire, &s->line)) return 0;
    wire_step(&s->wire, s->timeout[CONF_TIMEOUT_COMMAND]);
    if (outstayed(s) || !session_command(s)) return 0;
    if (s->errors < SESSION_ERRORS_HARD) continue;
    s->end = SESSION_ERRORS;
    return 0;
  }
}

/* --- beginning and end --- */

/* The client as the log names it: "unknown", since no name is looked up. */
static void who_make(session *s)
{
  char uid[UINT64_FMT];
  char const *name = s->client.local ? "local[uid=" : "unknown[";
  uid[uint64_fmt(uid, s->client.uid)] = 0;
  stpcpy(stpcpy(stpcpy(s->who, name), s->client.local ? uid : s->client.ip), "]");
}

/* At the end of the session: how many lines were too many for the log. */
static void unlogged_log(session const *s)
{
  char count[UINT64_FMT];
  if (!s->unlogged) return;
  count[uint64_fmt(count, s->unlogged)] = 0;
  log_line("warning: ", count, " more refusals and requests of ", s->who, " are not in the log");
}

static int strings_empty(session *s)
{
  return stralloc_0(&s->sender) && stralloc_0(&s->parameters) && stralloc_0(&s->me);
}

static int instance_missing(session *s, char const *instance)
{
  s->end = session_end_of(errno);
  strerr_warnsys(PROG, ": fatal: unable to open instance ", instance);
  return 0;
}

/* Open the instance and read the settings that every session needs. */
static int session_begin(session *s, char const *instance)
{
  struct stat st;
  s->end = SESSION_WIRE;
  s->queue = s->trigger = s->fsyncdir = s->lenient = -1;
  s->subdomains = UINT64_MAX;
  s->writer.fd = -1;
  s->verb = "CONNECT";
  s->since_ms = wallclock_steady_ms();
  if (!strings_empty(s)) return session_broken(s);
  s->instance = instance_open(instance);
  if (s->instance == -1 || fstat(s->instance, &st) == -1) return instance_missing(s, instance);
  program_become(s->instance);
  s->conf = conf_open(s->instance);
  if (s->conf == -1 || !conf_me(s->conf, &s->me) || !conf_timeouts(s->conf, s->timeout))
    return session_broken(s);
  s->policy = (policy){ .conf = s->conf, .socket = s->wire.in_fd, .client = &s->client,
                         .identity = &s->identity, .lists = s->lists, .owner = st.st_uid,
                         .me = s->me.s };
  return 1;
}

/* Is the client one that waits for TLS, to which nothing can be said? */
static int mute(session const *s)
{
  return s->tls_first && !*s->secured;
}

static void connect_log(session const *s)
{
  log_line("connect from ", s->who);
}

/*
 * Refuse a client that has too many connections; the log says how many it would have, in Postfix's
 * words.  Of the refusals at the same time, and within some seconds, one is logged: the session
 * that logs it keeps the client's right to a line for as long as it lingers.
 */
static int crowded(session *s)
{
  char count[UINT_FMT];
  count[uint_fmt(count, s->slots + 1)] = 0;
  s->has_slot = clients_log_take(s->queue, &s->client.address) == 1;
  s->end = s->has_slot ? SESSION_CROWDED : SESSION_CROWDED_UNLOGGED;
  if (s->has_slot)
  {
    connect_log(s);
    log_line("warning: Connection concurrency limit exceeded: ", count, " from ", s->who,
             " for service ", s->tls_lines ? "odmr" : s->tls_first ? "smtps" : "smtp");
  }
  if (!mute(s))
    session_reply(s, "421 4.7.0 ", s->me.s, " Error: too many connections from ", s->client.ip);
  return 0;
}

/*
 * May the client have one more connection?  Only a client that has all it may have is looked up in
 * conf/relayclients, which exempts it.  Where connections cannot be counted, mail is still taken.
 */
static int session_admit(session *s)
{
  uint64_t most;
  int said, exempt, r;
  if (!conf_concurrencyclient(s->conf, &most, &said)) return session_broken(s);
  if (!most || s->client.local || (!said && session_this_host(s))) return 1;
  s->slots = (unsigned int)most;
  r = session_queue(s) ? clients_slot_take(s->queue, &s->client.address, s->slots) : -1;
  if (r == -1)
    log_line("warning: unable to count connections from ", s->who, ": ", strerror(errno));
  s->has_slot = r == 1;
  if (r) return 1;
  if (!conf_relayclient(s->conf, &s->lists->relayclients, &s->client.address, &exempt))
    return session_broken(s);
  return exempt || crowded(s);
}

/*
 * Take one of the slots of all sessions.  Local users come through a socket with a limit of its
 * own.
 */
static int session_count_all(session *s)
{
  uint64_t all;
  if (!conf_concurrencyincoming(s->conf, &all)) return session_broken(s);
  s->concurrency = (unsigned int)all;
  if (s->client.local) return 1;
  if (session_queue(s) && clients_session_take(&s->slot, s->queue, (unsigned int)all) != -1)
    wire_hurry(&s->wire, &hurried, s);
  return 1;
}

typedef struct session_farewell
{
  char const *code;    /* NULL: the client is told nothing */
  char const *text;
  char const *why;     /* for the log; NULL: no line */
} session_farewell;

static session_farewell const wire_farewells[] =
{
  [WIRE_OPEN] = { 0, 0, 0 },
  [WIRE_LOST] = { 0, 0, "lost connection" },
  [WIRE_TIMEOUT] = { "421 4.4.2 ", " Error: timeout exceeded", "timeout" },
  [WIRE_STOPPED] = { "421 4.3.2 ", " Service shutting down", "told to stop" }
};

static session_farewell const farewells[] =
{
  [SESSION_QUIT] = { 0, 0, 0 },
  [SESSION_ERRORS] = { "421 4.7.0 ", " Error: too many errors", "too many errors" },
  [SESSION_CROWDED] = { 0, 0, 0 },
  [SESSION_CROWDED_UNLOGGED] = { 0, 0, 0 },
  [SESSION_OUT_OF_SYNC] = { "421 4.7.0 ", " Error: lost track of the dialogue",
    "size too large to follow" },
  [SESSION_NON_SMTP] = { "421 4.7.0 ", " Error: this is SMTP", "other protocol" },
  [SESSION_NO_TLS] = { 0, 0, 0 },
  [SESSION_HANDSHAKE] = { 0, 0, "lost connection" },
  [SESSION_REVERSED] = { 0, 0, 0 },
  [SESSION_SHORT] = { "421 4.3.0 ", " Error: temporary lack of resources", 0 },
  [SESSION_BROKEN] = { "421 4.3.5 ", " Error: server configuration error", 0 }
};

/* How often a verb was said; "done/said" where some were refused. */
static char *count_put(char *out, char const *name, session_count const *count)
{
  out = stpcpy(stpcpy(stpcpy(out, " "), name), "=");
  if (count->done < count->said || !count->said)
  {
    out += uint_fmt(out, count->done);
    *out++ = '/';
  }
  out += uint_fmt(out, count->said);
  *out = 0;
  return out;
}

static void disconnect_log(session const *s)
{
  char counts[(SMTP_UNKNOWN + 2) * (sizeof " commands=/" + 2 * UINT_FMT)], *end = counts;
  session_count all = { 0, 0 };
  unsigned int i;
  *end = 0;
  for (i = 0; i <= SMTP_UNKNOWN; i++)
  {
    if (s->counts[i].said) end = count_put(end, verb_of[i].counted, s->counts + i);
    all.said += s->counts[i].said;
    all.done += s->counts[i].done;
  }
  count_put(end, "commands", &all);
  log_line("disconnect from ", s->who, counts);
}

static void session_close(session *s)
{
  session_farewell const *farewell = s->end == SESSION_WIRE
    ? wire_farewells + s->wire.state : farewells + s->end;
  message_abort(&s->writer);
  if (farewell->code && !mute(s))
    session_reply(s, farewell->code, *s->me.s ? s->me.s : "localhost", farewell->text);
  if (farewell->why) log_line(farewell->why, " after ", s->verb, " from ", s->who);
  /* nobody waits for a client that has too many connections to close this one */
  if (s->end == SESSION_CROWDED || s->end == SESSION_CROWDED_UNLOGGED || s->end == SESSION_REVERSED)
    wire_drop(&s->wire);
  else wire_close(&s->wire);
  if (s->end == SESSION_CROWDED_UNLOGGED) return;
  unlogged_log(s);
  disconnect_log(s);
}

/* Lines in the log that keep the client's slot taken for a while. */
static unsigned int linger_lines(session const *s)
{
  if (!s->fruitful) return s->lines + LINGER_LINES_OWN;
  return s->lines > LINGER_LINES_FREE ? s->lines - LINGER_LINES_FREE : 0;
}

/*
 * The more slots a client has taken, the longer each stays taken.  So a client that comes now and
 * then is not held up, and one that fills all its slots gets no more lines into the log than with
 * one.
 */
static unsigned int linger_ms(session const *s)
{
  unsigned int lines = linger_lines(s);
  unsigned int ms = lines * LINGER_LINE_MS;
  if (ms) ms *= clients_count(s->queue, &s->client.address, s->slots);
  ms += (unsigned int)s->subdomains_used * LINGER_NAME_MS;
  if (ms > LINGER_MOST_MS) return LINGER_MOST_MS;
  return s->fruitful || ms > LINGER_MS ? ms : LINGER_MS;
}

/*
 * After the connection is closed, the slot of a client that got nothing done, filled the log, or
 * may have made up subdomains stays taken for a while.  This bounds how often such a client can
 * come, how much it has logged, and how many lists it has made.  A signal ends the wait.
 */
static void session_linger(session const *s)
{
  unsigned int ms = s->has_slot ? linger_ms(s) : 0;
  struct pollfd x = { .fd = s->stop, .events = POLLIN };
  if (!ms) return;
  fd_close(0);
  fd_close(1);
  poll(&x, 1, (int)ms);
}

/* A client with too many connections has its "connect" logged by crowded(), or not at all. */
static int session_enter(session *s, char const *instance)
{
  int in = session_begin(s, instance) && session_admit(s);
  if (s->end == SESSION_CROWDED || s->end == SESSION_CROWDED_UNLOGGED) return 0;
  connect_log(s);
  return in && session_count_all(s);
}

int dialogue_run(session *s, char const *instance)
{
  who_make(s);
  if (session_enter(s, instance) && (!s->tls_first || starttls_first(s))
   && session_reply(s, "220 ", s->me.s, " ESMTP sluice"))
    session_talk(s);
  session_close(s);
  session_linger(s);
  return s->end == SESSION_BROKEN || s->end == SESSION_SHORT ? 111 : 0;
}
