#include "send/session-internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "send/clock.h"
#include "send/text.h"
#include "smtp/reply.h"

/* A slow link is no dead one: this much in each "data block" timeout is enough. */
#define BLOCK_OCTETS 16384
/* What a message takes at a server, next to its round trips; and how long others may wait, at their connection, for that. */
#define SERVER_MS 5
#define WORTH_MS 80
/* Descriptors that are no message's. */
#define DESCRIPTORS_OWN 16
/* Reads and writes in one step, before the clock and SIGTERM are looked at: a peer can keep us busy with either. */
#define STEP_TURNS 16
/* A peer that was told QUIT is owed no long wait for its goodbye. */
#define QUIT_WAIT_MS 2000

/* How each step is called in log lines (Postfix's words), and how long it may take. */
static struct step
{
  char const *during;   /* "lost connection with HOST while ..." */
  char const *command;  /* "in reply to ..." */
  enum smtp_timeout timeout;
} const steps[] =
{
  [EXPECTED_GREETING] = { "receiving the initial server greeting", "", SMTP_TIMEOUT_GREETING },
  [EXPECTED_EHLO] = { "performing the EHLO handshake", "EHLO", SMTP_TIMEOUT_HELO },
  [EXPECTED_HELO] = { "performing the HELO handshake", "HELO", SMTP_TIMEOUT_HELO },
  [EXPECTED_MAIL] = { "sending MAIL FROM", "MAIL FROM", SMTP_TIMEOUT_MAIL },
  [EXPECTED_RCPT] = { "sending RCPT TO", "RCPT TO", SMTP_TIMEOUT_RCPT },
  [EXPECTED_DATA] = { "sending DATA command", "DATA", SMTP_TIMEOUT_DATAINIT },
  [EXPECTED_CONTENT] = { "sending end of data -- message may be sent more than once",
    "end of DATA", SMTP_TIMEOUT_DATADONE },
  [EXPECTED_BDAT] = { "sending BDAT -- message may be sent more than once",
    "BDAT", SMTP_TIMEOUT_DATADONE },
  [EXPECTED_RSET] = { "sending RSET", "RSET", SMTP_TIMEOUT_MAIL },
  [EXPECTED_QUIT] = { "sending QUIT", "QUIT", SMTP_TIMEOUT_QUIT },
  [EXPECTED_NOTHING] = { "sending message body", "", SMTP_TIMEOUT_DATABLOCK },
};

char const *session_command(enum expected_kind kind)
{
  return steps[kind].command;
}

static void step_begins(session *s)
{
  s->since_ms = clock_ms();
  s->since_sent = 0;
}

/* --- the end -------------------------------------------------------------------------- */

void session_job_close(session *s, work_job *job)
{
  report_done(s->out, job);
  work_forget(s->jobs, job);
}

static void session_end(session *s, enum session_end end)
{
  wire_close(&s->wire);
  s->state = SESSION_ENDED;
  s->end = end;
  s->writing = 0;
}

work_job *session_head(session const *s)
{
  work_job *job = expected_job(&s->owed);
  return job ? job : s->writing;
}

static enum expected_kind kind_at_present(session const *s)
{
  expected const *e = expected_head(&s->owed);
  return e && !(e->kind == EXPECTED_BDAT && wire_pending(&s->wire)) ? e->kind : EXPECTED_NOTHING;
}

/* End with s->text as the reason.  Whose turn it was, the caller of session_step() has to judge. */
static void session_fail(session *s, char const *code)
{
  s->code = code;
  s->head = session_head(s);
  s->lost_at = kind_at_present(s);
  if (s->state == SESSION_QUITTING) session_end(s, SESSION_END_QUIT);
  else session_end(s, s->state == SESSION_OPEN ? SESSION_END_LOST : SESSION_END_SITE);
}

static char const *words_at_present(session const *s)
{
  return steps[kind_at_present(s)].during;
}

static void connection_lost(session *s)
{
  if (s->state == SESSION_QUITTING || !(expected_head(&s->owed) || s->writing || work_ready(s->jobs)))
  {
    session_end(s, SESSION_END_QUIT);
    return;
  }
  s->loss = SESSION_LOSS_CLOSED;
  text_join(s->text, sizeof s->text, JOB_TEXT_LOST, s->peer, " while ", words_at_present(s));
  session_fail(s, "4.4.2");
}

static void connect_failed(session *s, char const *why)
{
  text_join(s->text, sizeof s->text, "connect to ", s->out->relay, ": ", why);
  session_fail(s, "4.4.1");
}

static void timed_out(session *s)
{
  if (s->state == SESSION_CONNECTING) connect_failed(s, strerror(ETIMEDOUT));
  else if (s->state == SESSION_QUITTING) session_end(s, SESSION_END_QUIT);
  else
  {
    s->loss = SESSION_LOSS_SILENT;
    text_join(s->text, sizeof s->text, JOB_TEXT_SILENT, s->peer, " timed out while ", words_at_present(s));
    session_fail(s, "4.4.2");
  }
}

char const *session_code(char out[SMTP_STATUS_MAX], session const *s, char class)
{
  text_join(out, SMTP_STATUS_MAX, s->reply.status);
  out[0] = class;
  return out;
}

int session_reply_positive(session const *s)
{
  return s->reply.code / 100 == 2;
}

void session_break_off(session *s)
{
  s->loss = SESSION_LOSS_LIED;
  session_end(s, SESSION_END_LOST);
}

/* The connection was refused: what that means for the message whose turn it was, is another question. */
static void connection_refused(session *s, enum expected_kind kind)
{
  char const *command = session_command(kind);
  if (s->reply.code == 421) s->loss = SESSION_LOSS_REFUSED;
  if (kind == EXPECTED_GREETING)
    text_join(s->text, sizeof s->text, "host ", s->peer, " refused to talk to me: ", s->reply.text);
  else if (!*command)
    text_join(s->text, sizeof s->text, "host ", s->peer, JOB_TEXT_SAID, s->reply.text);
  else
    text_join(s->text, sizeof s->text, "host ", s->peer, JOB_TEXT_SAID, s->reply.text,
              JOB_TEXT_IN_REPLY, command, JOB_TEXT_COMMAND);
  session_fail(s, session_code(s->code_text, s, '4'));
}

/* --- writing -------------------------------------------------------------------------- */

int session_expect(session *s, enum expected_kind kind, work_job *job, size_t rcpt)
{
  expected entry = { kind, job, rcpt };
  if (!expected_head(&s->owed)) step_begins(s);
  if (!expected_push(&s->owed, &entry))
  {
    text_join(s->text, sizeof s->text, "out of memory");
    session_fail(s, "4.3.0");
    return 0;
  }
  if (job) job->replies++;
  return 1;
}

/* Put commands while they may be put. */
static void session_fill(session *s)
{
  enum wire_result r;
  do r = s->state == SESSION_OPEN && !s->broken ? wire_ready(&s->wire) : WIRE_BLOCKED;
  while (r == WIRE_OK && transaction_write(s));
  if (r == WIRE_FILE) transaction_break(s);
}

static void progress(session *s, size_t sent)
{
  if (sent) s->moved_ms = clock_ms();
  s->since_sent += sent;
  if (s->since_sent >= BLOCK_OCTETS || !wire_pending(&s->wire)) step_begins(s);
}

/* What is left then waits to go out, or cannot be put yet: session_fill() is last. */
static void session_write(session *s)
{
  unsigned int turns = STEP_TURNS;
  for (;;)
  {
    enum wire_result r;
    size_t sent;
    session_fill(s);
    if (s->state == SESSION_ENDED || !turns--) return;
    r = wire_write(&s->wire, &sent);
    if (r == WIRE_FILE) transaction_break(s);
    if (r != WIRE_OK) return; /* a broken connection is found out by reading it to its end */
    progress(s, sent);
  }
}

/* --- greeting and EHLO ----------------------------------------------------------------- */

static void hello_write(session *s, enum expected_kind kind)
{
  wire_puts(&s->wire, steps[kind].command);
  wire_puts(&s->wire, " ");
  wire_puts(&s->wire, s->where->me);
  wire_puts(&s->wire, "\r\n");
  s->hello_ms = clock_ms();
  session_expect(s, kind, 0, 0);
}

/* Each message brings a descriptor. */
static int64_t window_most(void)
{
  long files = sysconf(_SC_OPEN_MAX);
  return files == -1 || files > WORK_WINDOW + DESCRIPTORS_OWN ? WORK_WINDOW : files - DESCRIPTORS_OWN;
}

/*
 * How many messages are worth being here at once: those that go within WORTH_MS and two round trips, for in that
 * time no other connection would be ready; and as many again, so that none is missing.  Over a long link that is
 * many where nothing waits for a reply, and next to none where each message takes round trips of its own.
 */
static size_t window_worth(session const *s)
{
  int64_t most = window_most();
  int pipelining = (s->extensions & SMTP_EXT_PIPELINING) != 0;
  int64_t trips = !pipelining ? 4 : !(s->extensions & SMTP_EXT_CHUNKING);
  int64_t trip_ms = clock_ms() - s->hello_ms;
  int64_t worth = 2 * (WORTH_MS + 2 * trip_ms) / (trips * trip_ms + SERVER_MS);
  if (worth > most) worth = most;
  return worth < 1 ? 1 : (size_t)worth;
}

static void session_opens(session *s)
{
  s->state = SESSION_OPEN;
  s->out->open_us = clock_us();
  s->window = window_worth(s);
  report_window(s->out, s->window);
  report_up(s->out, s->reply.text);
}

/* Does the MX call itself what we call ourselves?  Then mail for it would only come back (RFC 5321 section 6.3). */
static int peer_is_us(session const *s)
{
  char const *name = s->reply.text + 4;
  size_t len = s->reply.len > 4 ? strcspn(name, " ") : 0;
  return s->where->exchangers && len && len == strlen(s->where->me) && !strncasecmp(name, s->where->me, len);
}

static void end_at_ourselves(session *s)
{
  s->code = "4.4.6";
  text_join(s->text, sizeof s->text, "host ", s->peer, " goes by our own name");
  session_end(s, SESSION_END_OURSELVES);
}

static void hello_replied(session *s, enum expected_kind kind)
{
  if (session_reply_positive(s) && peer_is_us(s)) end_at_ourselves(s);
  else if (session_reply_positive(s)) session_opens(s);
  else if (kind == EXPECTED_EHLO && s->reply.code / 100 == 5)
  {
    s->extensions = 0;
    hello_write(s, EXPECTED_HELO);
  }
  else connection_refused(s, kind);
}

static void greeting_replied(session *s)
{
  if (session_reply_positive(s) && peer_is_us(s)) end_at_ourselves(s);
  else if (session_reply_positive(s)) hello_write(s, EXPECTED_EHLO);
  else connection_refused(s, EXPECTED_GREETING);
}

/* --- reading --------------------------------------------------------------------------- */

static void nonsense(session *s, char const *line, size_t len)
{
  char said[200];
  size_t n = len < sizeof said - 1 ? len : sizeof said - 1;
  memcpy(said, line, n);
  said[n] = 0;
  smtp_text_clean(said, n);
  text_join(s->text, sizeof s->text, "host ", s->peer, JOB_TEXT_NONSENSE, said);
  session_fail(s, "4.5.0");
}

/*
 * Nobody can have taken what was not sent: what is left of it would be read for other commands, and
 * its replies shifted.
 */
static int too_early(session const *s, expected const *head)
{
  return (head->kind == EXPECTED_BDAT || head->kind == EXPECTED_CONTENT) && head->job == s->begun_last
    && wire_file_pending(&s->wire) && session_reply_positive(s);
}

static void reply_take(session *s)
{
  expected const *head = expected_head(&s->owed);
  expected e;
  if (!head)
  {
    /* Out of turn: 421 before it closes, or nonsense. Nobody is harmed while nothing is unanswered. */
    connection_refused(s, EXPECTED_NOTHING);
    return;
  }
  if (s->reply.code == 421 && head->kind != EXPECTED_QUIT)
  {
    connection_refused(s, head->kind);
    return;
  }
  if (too_early(s, head))
  {
    nonsense(s, s->reply.text, s->reply.len);
    return;
  }
  e = expected_pop(&s->owed);
  if (e.job) e.job->replies--;
  step_begins(s);
  switch (e.kind)
  {
    case EXPECTED_GREETING: greeting_replied(s); break;
    case EXPECTED_EHLO: case EXPECTED_HELO: hello_replied(s, e.kind); break;
    case EXPECTED_RSET: if (!session_reply_positive(s)) connection_refused(s, e.kind); break;
    case EXPECTED_QUIT: session_end(s, SESSION_END_QUIT); break;
    default: transaction_replied(s, &e); break;
  }
}

static void reply_begin(session *s)
{
  s->reply.lines = 0;
  s->reply.len = 0;
  s->reply.text[0] = 0;
}

static void reply_add(session *s, char const *line, size_t len, smtp_reply_line const *parsed)
{
  session_reply *reply = &s->reply;
  size_t room = sizeof reply->text - 1 - reply->len;
  if (reply->len && room)
  {
    reply->text[reply->len++] = ' ';
    room--;
  }
  if (len > room) len = room;
  memcpy(reply->text + reply->len, line, len);
  reply->len += len;
  smtp_text_clean(reply->text, reply->len);
  reply->text[reply->len] = 0;
  reply->code = parsed->code;
  smtp_status_scan(reply->status, parsed->code, parsed->text, parsed->textlen);
}

static void extension_take(session *s, smtp_reply_line const *line)
{
  unsigned long long size = s->size_max;
  unsigned int offered = smtp_extension_scan(line->text, line->textlen, &size) & ~s->where->without;
  if (offered & SMTP_EXT_SIZE) s->size_max = size;
  s->extensions |= offered;
}

static void line_take(session *s, char const *line, size_t len)
{
  smtp_reply_line parsed;
  expected const *e = expected_head(&s->owed);
  if (!smtp_reply_scan(line, len, &parsed) || s->reply.lines == SMTP_REPLY_LINES_MAX)
  {
    nonsense(s, line, len);
    return;
  }
  if (e && e->kind == EXPECTED_EHLO && s->reply.lines) extension_take(s, &parsed);
  reply_add(s, line, len, &parsed);
  s->reply.lines++;
  if (!parsed.last) return;
  reply_take(s);
  reply_begin(s);
}

/* The only thing left on the wire is a message that cannot be ended, or what nobody waits for. */
static int nothing_to_wait_for(session const *s)
{
  expected const *e = expected_head(&s->owed);
  return (s->broken && (!e || e->job == s->broken)) || (s->sealed && !e && !s->writing);
}

static void lines_take(session *s)
{
  char const *line;
  size_t len;
  while (s->state != SESSION_ENDED && !nothing_to_wait_for(s) && wire_line(&s->wire, &line, &len)) line_take(s, line, len);
}

/* Once, and again only where the buffer was too small for all there is. */
static void session_read(session *s)
{
  unsigned int turns = STEP_TURNS;
  enum wire_result r;
  do
  {
    r = wire_read(&s->wire);
    if (r == WIRE_OK)
    {
      s->moved_ms = clock_ms();
      lines_take(s);
    }
    else if (r == WIRE_END) connection_lost(s);
  }
  while (s->state != SESSION_ENDED && r == WIRE_OK && wire_full(&s->wire) && --turns);
}

/* --- the connection -------------------------------------------------------------------- */

void session_init(session *s, site const *where, way const *to, work *jobs, report *out)
{
  memset(s, 0, offsetof(session, wire));
  s->where = where;
  s->way = to;
  s->jobs = jobs;
  s->out = out;
  s->state = SESSION_ENDED;
  wire_init(&s->wire, -1);
}

static void names_make(session *s, host_address const *to)
{
  char address[SITE_ADDRESS_MAX];
  char port[TEXT_NUMBER_MAX];
  site_address_format(address, &to->address);
  text_join(s->peer, sizeof s->peer, to->name, "[", address, "]");
  text_join(s->out->relay, sizeof s->out->relay, s->peer, ":", text_number(port, site_address_port(&to->address)));
}

void session_begin(session *s)
{
  host_address const *to = &s->way->hosts.address[s->way->at];
  int one = 1;
  expected_list owed = s->owed;
  session_init(s, s->where, s->way, s->jobs, s->out);
  s->owed = owed;
  expected_clear(&s->owed);
  s->state = SESSION_CONNECTING;
  s->stop_ms = -1;
  s->out->connect_us = clock_us();
  s->out->open_us = 0;
  names_make(s, to);
  reply_begin(s);
  step_begins(s);
  s->moved_ms = s->since_ms;
  s->until_ms = way_until_ms(s->way, 0);
  s->wire.fd = socket(to->address.socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (s->wire.fd == -1)
  {
    connect_failed(s, strerror(errno));
    return;
  }
  /* Everything is written in pieces as large as can be: nothing is gained by waiting for more. */
  setsockopt(s->wire.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(s->wire.fd, (struct sockaddr const *)&to->address.socket, to->address.size) == -1 && errno != EINPROGRESS)
    connect_failed(s, strerror(errno));
}

static void connect_finish(session *s)
{
  int error = 0;
  socklen_t len = sizeof error;
  if (getsockopt(s->wire.fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1) error = errno;
  if (error)
  {
    connect_failed(s, strerror(error));
    return;
  }
  s->state = SESSION_GREETING;
  s->until_ms = way_until_ms(s->way, 1);
  session_expect(s, EXPECTED_GREETING, 0, 0);
}

/* It has not answered EHLO yet. */
static int reaching(session const *s)
{
  return s->state == SESSION_CONNECTING || s->state == SESSION_GREETING;
}

/* --- stopping, waiting ------------------------------------------------------------------ */

void session_stop(session *s, int64_t ms)
{
  int64_t at = clock_ms() + ms;
  if (!s->stopping || at < s->stop_ms) s->stop_ms = at;
  s->stopping = 1;
}

static void quit_write(session *s)
{
  s->state = SESSION_QUITTING;
  wire_puts(&s->wire, "QUIT\r\n");
  session_expect(s, EXPECTED_QUIT, 0, 0);
}

static int quit_wanted(session const *s)
{
  return s->state != SESSION_ENDED && (s->stopping || (s->state == SESSION_OPEN && transaction_none_here(s)));
}

/* QUIT once nothing is on the wire; do not wait, when stopping, for a peer that has not even said hello. */
static void quit_continue(session *s)
{
  if (s->stopping && reaching(s)) session_end(s, SESSION_END_QUIT);
  else if (s->state == SESSION_OPEN && !expected_head(&s->owed) && !s->writing) quit_write(s);
}

static int64_t step_deadline(session const *s)
{
  enum smtp_timeout which = s->state == SESSION_CONNECTING ? SMTP_TIMEOUT_CONNECT
    : wire_pending(&s->wire) ? SMTP_TIMEOUT_DATABLOCK
    : steps[kind_at_present(s)].timeout;
  int64_t ms = (int64_t)s->where->timeout_s[which] * 1000;
  if (s->state == SESSION_QUITTING && ms > QUIT_WAIT_MS) ms = QUIT_WAIT_MS;
  if (reaching(s) && s->until_ms < s->since_ms + ms) return s->until_ms;
  return s->since_ms + ms;
}

static int resting(session const *s)
{
  return s->state == SESSION_OPEN && !expected_head(&s->owed) && !wire_pending(&s->wire) && !s->writing;
}

int64_t session_deadline(session const *s)
{
  int64_t deadline;
  if (s->state == SESSION_ENDED) return -1;
  if (resting(s)) return s->stopping ? 0 : -1;
  deadline = step_deadline(s);
  return s->stopping && s->state != SESSION_QUITTING && s->stop_ms < deadline ? s->stop_ms : deadline;
}

void session_poll(session const *s, struct pollfd *p)
{
  p->fd = s->wire.fd;
  p->revents = 0;
  if (s->state == SESSION_CONNECTING) p->events = POLLOUT;
  else p->events = (short)(POLLIN | (wire_pending(&s->wire) ? POLLOUT : 0));
}

/* --- silence ------------------------------------------------------------------------------ */

static int waiting(session const *s)
{
  return reaching(s) || (s->state == SESSION_OPEN && !resting(s));
}

int64_t session_silent_ms(session *s)
{
  int unsent = 0;
  if (!waiting(s)) return 0;
  if (s->state != SESSION_CONNECTING && ioctl(s->wire.fd, TIOCOUTQ, &unsent) == 0 && unsent != s->unsent)
    s->moved_ms = clock_ms();
  s->unsent = unsent;
  return clock_ms() - s->moved_ms;
}

int session_sealable(session const *s)
{
  return s->state == SESSION_OPEN && !s->sealed && !wire_pending(&s->wire) && session_head(s);
}

void session_seal(session *s)
{
  work_job const *head = session_head(s);
  s->sealed = 1;
  expected_end_with(&s->owed, head);
  if (s->writing != head) s->writing = 0;
}

/* --- time ---------------------------------------------------------------------------------- */

static void deadline_check(session *s)
{
  int64_t deadline = session_deadline(s);
  if (deadline == -1 || clock_ms() < deadline) return;
  if (s->stopping && s->stop_ms <= deadline && s->state != SESSION_QUITTING) session_end(s, SESSION_END_QUIT);
  else timed_out(s);
}

void session_step(session *s, short revents)
{
  if (s->state == SESSION_CONNECTING && revents) connect_finish(s);
  if (s->state != SESSION_CONNECTING && s->state != SESSION_ENDED)
  {
    if (revents & (POLLIN | POLLHUP | POLLERR)) session_read(s);
    if (s->state != SESSION_ENDED) session_write(s);
  }
  if (quit_wanted(s)) quit_continue(s);
  if (s->state == SESSION_QUITTING) session_write(s);
  if (s->state != SESSION_ENDED && nothing_to_wait_for(s)) session_end(s, SESSION_END_QUIT);
  if (s->state != SESSION_ENDED) deadline_check(s);
}
