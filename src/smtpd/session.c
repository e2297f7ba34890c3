#include "smtpd/smtpd-internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/instance.h"
#include "base/log.h"
#include "base/wallclock.h"
#include "smtp/chars.h"
#include "smtp/reply.h"
#include "smtpd/clients.h"
#include "start/program.h"

/* So much of what is no SMTP is logged. */
#define FOREIGN_SHOWN 100

/* --- replies --- */

static void reply_build(session *s, char const *const *text)
{
  size_t room = sizeof s->reply - 1;
  s->replylen = 0;
  for (; *text; text++)
  {
    size_t len = strnlen(*text, room - s->replylen);
    memcpy(s->reply + s->replylen, *text, len);
    s->replylen += len;
  }
  smtp_text_clean(s->reply, s->replylen);
  s->reply[s->replylen] = 0;
}

static int reply_put(session *s)
{
  return wire_put(&s->wire, s->reply, s->replylen) && wire_put(&s->wire, "\r\n", 2);
}

int session_reply_pieces(session *s, char const *const *text)
{
  reply_build(s, text);
  return reply_put(s);
}

static int error_count(session *s)
{
  return ++s->errors <= SESSION_ERRORS_SOFT || wire_pause(&s->wire, SESSION_TARPIT_S);
}

int session_refuse_pieces(session *s, char const *const *text)
{
  reply_build(s, text);
  return error_count(s) && reply_put(s);
}

int session_junk(session *s)
{
  return ++s->junk <= SESSION_JUNK_MAX || error_count(s);
}

void session_forgive(session *s)
{
  s->errors = s->junk = s->rcpts_over = 0;
  s->fruitful = 1;
  s->since_ms = wallclock_steady_ms();
}

/* Looked up nowhere, a client has no name. */
static void who_make(session *s)
{
  char uid[UINT64_FMT];
  char const *name = s->client.local ? "local[uid=" : "unknown[";
  uid[uint64_fmt(uid, s->client.uid)] = 0;
  stpcpy(stpcpy(stpcpy(s->who, name), s->client.local ? uid : s->client.ip), "]");
}

int session_may_log(session *s)
{
  if (s->lines == SESSION_LINES_MAX) return s->unlogged++, 0;
  s->lines++;
  return 1;
}

/* In the end, of the lines that were too many. */
static void unlogged_log(session const *s)
{
  char count[UINT64_FMT];
  if (!s->unlogged) return;
  count[uint64_fmt(count, s->unlogged)] = 0;
  log_line("warning: ", count, " more refusals and requests of ", s->who, " are not in the log");
}

void session_log_reject(session *s, char const *id, char const *stage, char const *to)
{
  if (!session_may_log(s)) return;
  log_line(*id ? id : "NOQUEUE", ": reject: ", stage, " from ", s->who, ": ", s->reply, "; from=<", s->sender.s,
           to ? "> to=<" : "", to ? to : "", "> proto=", session_protocol(s), " helo=<", s->helo, ">");
}

/* --- state --- */

/* 127.0.0.1, as it is kept, or ::1: programs of ours, and proxies. */
int session_this_host(session const *s)
{
  conf_address const *address = &s->client.address;
  static conf_address const hosts[] =
    { { { [10] = 255, [11] = 255, [12] = 127, [15] = 1 } }, { { [15] = 1 } } };
  return !memcmp(address, &hosts[0], sizeof *address) || !memcmp(address, &hosts[1], sizeof *address);
}

void session_reset(session *s)
{
  message_abort(&s->writer);
  s->mail = 0;
  s->smtputf8 = 0;
  s->rcpts.len = 0;
  s->nrcpts = 0;
  s->full = 0;
  s->rcpt_tried = 0;
  s->content = CONTENT_NONE;
  s->chunk_refused = 0;
  if (!session_this_host(s)) return;
  s->subdomains_used = 0;
  s->subdomains_names.len = 0;
}

/* Is it the host that is short of something, rather than a setting that is wrong? */
static int shortage(int e)
{
  return e == ENOMEM || e == EMFILE || e == ENFILE || e == EIO;
}

int session_broken(session *s)
{
  int e = errno;
  char const *why = conf_why();
  s->end = shortage(e) ? SESSION_SHORT : SESSION_BROKEN;
  strerr_warn(PROG, ": fatal: ", e != ENOMEM && *why ? why : strerror(e));
  return 0;
}

char const *session_protocol(session const *s)
{
  return s->smtputf8 ? "UTF8SMTP" : s->esmtp ? "ESMTP" : "SMTP";
}

int session_databytes(session *s)
{
  if (!s->databytes_known && !conf_databytes(s->conf, &s->databytes)) return session_broken(s);
  s->databytes_known = 1;
  return 1;
}

int session_minfree(session *s)
{
  if (!s->minfree_known && !conf_minfree(s->conf, &s->minfree, &s->minfree_said)) return session_broken(s);
  s->minfree_known = 1;
  return 1;
}

int session_room(session *s, uint64_t octets)
{
  return !session_queue(s) || queue_room(s->queue, s->minfree, s->minfree_said, octets);
}

int session_queue(session *s)
{
  if (s->queue == -1) s->queue = instance_openat(s->instance, "queue");
  return s->queue != -1;
}

/* --- HELO and EHLO --- */

/*
 * A domain name or an address literal, loosely: many a client says what its host happens to be
 * called.  It goes into the trace header: no white space, nothing that would end a comment.
 */
static int helo_ok(char const *s, size_t len)
{
  size_t i = 0;
  if (!len || len >= SESSION_HELO_MAX) return 0;
  if (s[0] == '[' && s[len - 1] == ']')
  {
    s++;
    len -= 2;
    if (!len) return 0;
  }
  while (i < len && (smtp_letter(s[i]) || smtp_digit(s[i]) || strchr("-._:", s[i]))) i++;
  return i == len;
}

static int ehlo_reply(session *s)
{
  static char const *const extensions[] =
  {
    "250-PIPELINING", "250-ETRN", "250-ENHANCEDSTATUSCODES", "250-8BITMIME", "250-DSN", "250-SMTPUTF8",
    "250-CHUNKING", "250 HELP"
  };
  char size[UINT64_FMT];
  unsigned int i;
  if (!session_databytes(s)) return 0;
  size[uint64_fmt(size, s->databytes)] = 0;
  if (!session_reply(s, "250-", s->me.s) || !session_reply(s, "250-SIZE ", size)) return 0;
  for (i = 0; i < sizeof extensions / sizeof *extensions; i++)
    if (!session_reply(s, extensions[i])) return 0;
  return 1;
}

static int helo(session *s, smtp_command const *command)
{
  int esmtp = command->verb == SMTP_EHLO;
  if (!helo_ok(command->argument, command->argumentlen))
    return session_refuse(s, "501 5.5.4 Syntax: ", esmtp ? "EHLO" : "HELO", " hostname");
  session_reset(s);
  memcpy(s->helo, command->argument, command->argumentlen);
  s->helo[command->argumentlen] = 0;
  s->esmtp = esmtp;
  return esmtp ? ehlo_reply(s) : session_reply(s, "250 ", s->me.s);
}

/* --- small verbs --- */

static int no_argument(session *s, char const *verb)
{
  return session_refuse(s, "501 5.5.4 Syntax: ", verb);
}

static int rset(session *s, smtp_command const *command)
{
  if (command->argumentlen) return no_argument(s, "RSET");
  session_reset(s);
  return session_reply(s, "250 2.0.0 Ok");
}

static int noop(session *s, smtp_command const *command)
{
  (void)command;
  return session_reply(s, "250 2.0.0 Ok");
}

static int vrfy(session *s, smtp_command const *command)
{
  if (!command->argumentlen) return session_refuse(s, "501 5.5.4 Syntax: VRFY address");
  return session_reply(s, "252 2.0.0 Cannot VRFY user, but will accept message and attempt delivery");
}

static int expn(session *s, smtp_command const *command)
{
  (void)command;
  return session_refuse(s, "502 5.5.1 Error: command not implemented");
}

static int help(session *s, smtp_command const *command)
{
  (void)command;
  return session_reply(s, "214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP ETRN QUIT");
}

static int quit(session *s, smtp_command const *command)
{
  if (command->argumentlen) return no_argument(s, "QUIT");
  s->end = SESSION_QUIT;
  session_reply(s, "221 2.0.0 Bye");
  return 0;
}

static int unknown(session *s, smtp_command const *command)
{
  (void)command;
  return session_refuse(s, "500 5.5.2 Error: command not recognized");
}

/* --- the dialogue --- */

typedef struct session_verb
{
  char const *name;
  char const *counted;
  int junk;            /* it brings no message nearer */
  int (*function)(session *s, smtp_command const *command);
} session_verb;

static session_verb const verbs[] =
{
  [SMTP_HELO] = { "HELO", "helo", 1, &helo },
  [SMTP_EHLO] = { "EHLO", "ehlo", 1, &helo },
  [SMTP_MAIL] = { "MAIL", "mail", 0, &envelope_mail },
  [SMTP_RCPT] = { "RCPT", "rcpt", 0, &envelope_rcpt },
  [SMTP_DATA] = { "DATA", "data", 0, &receive_data },
  [SMTP_BDAT] = { "BDAT", "bdat", 0, &receive_bdat },
  [SMTP_RSET] = { "RSET", "rset", 1, &rset },
  [SMTP_NOOP] = { "NOOP", "noop", 1, &noop },
  [SMTP_VRFY] = { "VRFY", "vrfy", 1, &vrfy },
  [SMTP_EXPN] = { "EXPN", "expn", 0, &expn },
  [SMTP_HELP] = { "HELP", "help", 1, &help },
  [SMTP_QUIT] = { "QUIT", "quit", 0, &quit },
  [SMTP_ETRN] = { "ETRN", "etrn", 0, &etrn_verb },
  [SMTP_UNKNOWN] = { "UNKNOWN", "unknown", 0, &unknown }
};

/*
 * Control characters have no place in any command; a NUL least of all.  A tab is white space:
 * tolerated at the end (RFC 5321 section 4.1.1), for the command's own syntax to refuse elsewhere.
 */
static int line_clean(wire_line const *line)
{
  size_t i = 0;
  while (i < line->len && ((unsigned char)line->s[i] >= ' ' || line->s[i] == '\t') && line->s[i] != 0x7f) i++;
  return i == line->len;
}

/* What is wrong with a line whatever it says; NULL: nothing. */
static char const *line_refusal(wire_line const *line)
{
  if (line->faults & WIRE_LONG) return "500 5.5.2 Error: line too long";
  if (line->faults & WIRE_BARE) return "500 5.5.2 Error: bare <CR> or <LF> received";
  return line_clean(line) ? 0 : "500 5.5.2 Error: control character in command";
}

/* A client of another protocol, with a command of ours in what follows, if somebody meant us to read it: nothing more of it is. */
static int foreign(session *s, char const *what)
{
  log_line("warning: non-SMTP command from ", s->who, ": ", what);
  s->verb = verbs[SMTP_UNKNOWN].name;
  s->counts[SMTP_UNKNOWN].said++;
  s->end = SESSION_FOREIGN;
  return 0;
}

static int foreign_line(session *s)
{
  char begin[FOREIGN_SHOWN + 1];
  size_t len = s->line.len < FOREIGN_SHOWN ? s->line.len : FOREIGN_SHOWN;
  memcpy(begin, s->line.s, len);
  begin[len] = 0;
  return foreign(s, begin);
}

/* Who begins with TLS waits for our part of that, while we would wait for the end of a line. */
static int handshake(session *s)
{
  size_t len;
  char const *in = wire_peek(&s->wire, &len);
  return smtp_command_handshake(in, len);
}

static int session_command(session *s)
{
  char const *refusal = line_refusal(&s->line);
  smtp_command command = { .verb = SMTP_UNKNOWN };
  session_count *count;
  int r;
  if (smtp_command_foreign(s->line.s, s->line.len)) return foreign_line(s);
  if (!refusal) smtp_command_scan(s->line.s, s->line.len, &command);
  s->verb = verbs[command.verb].name;
  count = s->counts + command.verb;
  count->said++;
  if (verbs[command.verb].junk && !session_junk(s)) return 0;
  r = refusal ? session_refuse(s, refusal) : verbs[command.verb].function(s, &command);
  if (s->end == SESSION_QUIT || (r && *s->reply < '4')) count->done++;
  return r;
}

/*
 * A step has taken a tenth of its time and is not done.  While few places are left, that has to do for a command;
 * of content something must have come, and more if there has been time for much.
 */
static int hurried(void *data)
{
  session *s = data;
  size_t came = s->tenth;
  s->tenth = 0;
  return (came < RECEIVE_TENTH_LEAST || receive_slow(s)) && clients_many(&s->seat);
}

/*
 * Has it been here for as long as a command may take, has brought nothing since, and are few places left?  Who says
 * something now and then would stay for days otherwise: there are many recipients to be named.  Chunks have their pace.
 */
static int outstayed(session *s)
{
  int64_t end_ms = s->since_ms + (int64_t)s->timeout[CONF_TIMEOUT_COMMAND] * 1000;
  if (s->content == CONTENT_CHUNKS) return 0;
  if (wallclock_steady_ms() < end_ms || !clients_many(&s->seat)) return 0;
  s->wire.state = WIRE_TIMEOUT;
  return 1;
}

/* A command has its time; between two chunks of a message, no more than is left for the next 64 KiB of content. */
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
    if (handshake(s)) return foreign(s, "a TLS handshake");
    if (!wire_line_read(&s->wire, &s->line)) return 0;
    wire_step(&s->wire, s->timeout[CONF_TIMEOUT_COMMAND]);
    if (outstayed(s) || !session_command(s)) return 0;
    if (s->errors < SESSION_ERRORS_HARD) continue;
    s->end = SESSION_ERRORS;
    return 0;
  }
}

/* --- beginning and end --- */

static int strings_empty(session *s)
{
  return stralloc_0(&s->sender) && stralloc_0(&s->parameters) && stralloc_0(&s->me);
}

static int instance_missing(session *s, char const *instance)
{
  s->end = shortage(errno) ? SESSION_SHORT : SESSION_BROKEN;
  strerr_warnsys(PROG, ": fatal: unable to open instance ", instance);
  return 0;
}

/* What every session needs of the settings. */
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
  if (s->conf == -1 || !conf_me(s->conf, &s->me) || !conf_timeouts(s->conf, s->timeout)) return session_broken(s);
  s->policy = (policy){ .conf = s->conf, .socket = s->wire.in_fd, .client = &s->client,
                         .owner = st.st_uid, .me = s->me.s };
  return 1;
}

static void connect_log(session const *s)
{
  log_line("connect from ", s->who);
}

/*
 * In the words of Postfix, which analysers of logs read: so many connections the client would have.  Of those that
 * are refused at the same time, and within some seconds, one is in the log: who has the word stays
 * that long.
 */
static int crowded(session *s)
{
  char count[UINT_FMT];
  count[uint_fmt(count, s->places + 1)] = 0;
  s->counted = clients_word(s->queue, &s->client.address) == 1;
  s->end = s->counted ? SESSION_CROWDED : SESSION_UNHEARD;
  if (s->counted)
  {
    connect_log(s);
    log_line("warning: Connection concurrency limit exceeded: ", count, " from ", s->who, " for service smtp");
  }
  session_reply(s, "421 4.7.0 ", s->me.s, " Error: too many connections from ", s->client.ip);
  return 0;
}

/*
 * Has the client as many connections as it may have?  Who is exempt is asked only then.  That they cannot be
 * counted is no reason to take no mail.
 */
static int session_admit(session *s)
{
  uint64_t most;
  int said, exempt, r;
  if (!conf_concurrencyclient(s->conf, &most, &said)) return session_broken(s);
  if (!most || s->client.local || (!said && session_this_host(s))) return 1;
  s->places = (unsigned int)most;
  r = session_queue(s) ? clients_enter(s->queue, &s->client.address, s->places) : -1;
  if (r == -1) log_line("warning: unable to count connections from ", s->who, ": ", strerror(errno));
  s->counted = r == 1;
  if (r) return 1;
  if (!conf_relayclient(s->conf, &s->policy.relayclients, &s->client.address, &exempt)) return session_broken(s);
  return exempt || crowded(s);
}

/* One more of all there may be.  Local users come another way, which has a limit of its own. */
static int session_sit(session *s)
{
  uint64_t all;
  if (s->client.local) return 1;
  if (!conf_concurrencyincoming(s->conf, &all)) return session_broken(s);
  if (session_queue(s) && clients_sit(&s->seat, s->queue, (unsigned int)all) != -1) wire_hurry(&s->wire, &hurried, s);
  return 1;
}

typedef struct session_parting
{
  char const *code;    /* NULL: nothing is left to say to the client */
  char const *text;
  char const *why;     /* for the log; NULL: nothing worth a line */
} session_parting;

static session_parting const wire_partings[] =
{
  [WIRE_OPEN] = { 0, 0, 0 },
  [WIRE_LOST] = { 0, 0, "lost connection" },
  [WIRE_TIMEOUT] = { "421 4.4.2 ", " Error: timeout exceeded", "timeout" },
  [WIRE_STOPPED] = { "421 4.3.2 ", " Service shutting down", "told to stop" }
};

static session_parting const partings[] =
{
  [SESSION_QUIT] = { 0, 0, 0 },
  [SESSION_ERRORS] = { "421 4.7.0 ", " Error: too many errors", "too many errors" },
  [SESSION_CROWDED] = { 0, 0, 0 },
  [SESSION_UNHEARD] = { 0, 0, 0 },
  [SESSION_ASTRAY] = { "421 4.7.0 ", " Error: lost track of the dialogue", "size too large to follow" },
  [SESSION_FOREIGN] = { "421 4.7.0 ", " Error: this is SMTP", "other protocol" },
  [SESSION_SHORT] = { "421 4.3.0 ", " Error: temporary lack of resources", 0 },
  [SESSION_BROKEN] = { "421 4.3.5 ", " Error: server configuration error", 0 }
};

/* How often a verb was said, "done/said" where it did not always help. */
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
    if (s->counts[i].said) end = count_put(end, verbs[i].counted, s->counts + i);
    all.said += s->counts[i].said;
    all.done += s->counts[i].done;
  }
  count_put(end, "commands", &all);
  log_line("disconnect from ", s->who, counts);
}

static void session_part(session *s)
{
  session_parting const *p = s->end == SESSION_WIRE ? wire_partings + s->wire.state : partings + s->end;
  message_abort(&s->writer);
  if (p->code) session_reply(s, p->code, *s->me.s ? s->me.s : "localhost", p->text);
  if (p->why) log_line(p->why, " after ", s->verb, " from ", s->who);
  /* one connection too many is not to be one that others wait for */
  if (s->end == SESSION_CROWDED || s->end == SESSION_UNHEARD) wire_drop(&s->wire);
  else wire_close(&s->wire);
  if (s->end == SESSION_UNHEARD) return;
  unlogged_log(s);
  disconnect_log(s);
}

/* Lines in the log that a client has to wait for. */
static unsigned int linger_lines(session const *s)
{
  if (!s->fruitful) return s->lines + SESSION_LINES_OWN;
  return s->lines > SESSION_LINES_FREE ? s->lines - SESSION_LINES_FREE : 0;
}

/*
 * The more places a client has taken the longer it keeps each: one that comes now and then is not
 * held up, and one that fills all of them has so many lines in the log as if it had one.
 */
static unsigned int linger_ms(session const *s)
{
  unsigned int lines = linger_lines(s);
  unsigned int ms = lines * SESSION_LINE_MS;
  if (ms) ms *= clients_count(s->queue, &s->client.address, s->places);
  ms += (unsigned int)s->subdomains_used * SESSION_NAME_MS;
  if (ms > SESSION_LINGER_MOST_MS) return SESSION_LINGER_MOST_MS;
  return s->fruitful || ms > SESSION_LINGER_MS ? ms : SESSION_LINGER_MS;
}

/*
 * A client that had nothing done, or much to be logged, or has perhaps made up names, keeps its
 * place for a while, though it is rid of us: so often can each come, and be in the log, and so many
 * names have lists, and not as many as processes can be started.  A signal ends that as well.
 */
static void session_linger(session const *s)
{
  unsigned int ms = s->counted ? linger_ms(s) : 0;
  struct pollfd x = { .fd = s->stop, .events = POLLIN };
  if (!ms) return;
  fd_close(0);
  fd_close(1);
  poll(&x, 1, (int)ms);
}

/* Who is told that there are too many connections has a line of its own, or none. */
static int session_enter(session *s, char const *instance)
{
  int in = session_begin(s, instance) && session_admit(s);
  if (s->end == SESSION_CROWDED || s->end == SESSION_UNHEARD) return 0;
  connect_log(s);
  return in && session_sit(s);
}

int session_run(session *s, char const *instance)
{
  who_make(s);
  if (session_enter(s, instance) && session_reply(s, "220 ", s->me.s, " ESMTP sluice")) session_talk(s);
  session_part(s);
  session_linger(s);
  return s->end == SESSION_BROKEN || s->end == SESSION_SHORT ? 111 : 0;
}
