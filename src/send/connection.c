#include "send/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wallclock.h"
#include "send/auth.h"
#include "send/secure.h"
#include "send/transaction.h"
#include "smtp/reply.h"

/* The octets that must move in each "data block" timeout: a slow link is not given up. */
#define BLOCK_OCTETS 16384
/*
 * The time that a message takes at a server besides its round trips; and how long other messages
 * may wait for that.
 */
#define SERVER_MS 5
#define WORTH_MS 80
/* Descriptors that belong to no message. */
#define DESCRIPTORS_OWN 16
/*
 * The most reads and writes in one step before the clock and SIGTERM are looked at: a peer can keep
 * us busy with either.
 */
#define STEP_TURNS 16
/* How long to wait for the reply to QUIT. */
#define QUIT_WAIT_MS 2000

/* --- the end -------------------------------------------------------------------------- */

static void connection_lost(smtp_connection *s)
{
  if (s->state == CONNECTION_QUITTING
   || !(pipeline_head(&s->owed) || s->writing || outbox_ready(s->jobs)))
  {
    exchange_end(s, CONNECTION_END_QUIT);
    return;
  }
  if (s->state == CONNECTION_SECURING)
  {
    secure_failed(s, "lost connection");
    return;
  }
  s->loss = CONNECTION_LOSS_CLOSED;
  text_join(s->text, sizeof s->text, JOB_TEXT_LOST, s->peer, " while ", exchange_during(s));
  exchange_fail(s, "4.4.2");
}

static void connect_failed(smtp_connection *s, char const *why)
{
  text_join(s->text, sizeof s->text, "connect to ", s->out->relay, ": ", why);
  exchange_fail(s, "4.4.1");
}

static void timed_out(smtp_connection *s)
{
  if (s->state == CONNECTION_CONNECTING) connect_failed(s, strerror(ETIMEDOUT));
  else if (s->state == CONNECTION_SECURING) secure_failed(s, strerror(ETIMEDOUT));
  else if (s->state == CONNECTION_QUITTING) exchange_end(s, CONNECTION_END_QUIT);
  else
  {
    s->loss = CONNECTION_LOSS_SILENT;
    text_join(s->text, sizeof s->text, JOB_TEXT_SILENT, s->peer, " timed out while ",
              exchange_during(s));
    exchange_fail(s, "4.4.2");
  }
}

/*
 * The connection was refused; the caller judges what that means for the message whose reply was
 * due.
 */
static void connection_refused(smtp_connection *s, enum pipeline_kind kind)
{
  char const *command = exchange_command(kind);
  if (s->reply.code == 421) s->loss = CONNECTION_LOSS_REFUSED;
  if (kind == PIPELINE_GREETING)
    text_join(s->text, sizeof s->text, "host ", s->peer, " refused to talk to me: ", s->reply.text);
  else if (!*command)
    text_join(s->text, sizeof s->text, "host ", s->peer, JOB_TEXT_SAID, s->reply.text);
  else
    text_join(s->text, sizeof s->text, "host ", s->peer, JOB_TEXT_SAID, s->reply.text,
              JOB_TEXT_IN_REPLY, command, JOB_TEXT_COMMAND);
  exchange_fail(s, exchange_code(s->code_text, s, '4'));
}

/* --- writing -------------------------------------------------------------------------- */

/* Put commands while there is room and the protocol allows it. */
static void connection_fill(smtp_connection *s)
{
  enum channel_result r;
  do r = s->state == CONNECTION_OPEN && !s->broken ? channel_ready(&s->channel) : CHANNEL_BLOCKED;
  while (r == CHANNEL_OK && transaction_write(s));
  if (r == CHANNEL_FILE) transaction_break(s);
}

static void progress(smtp_connection *s, size_t sent)
{
  if (sent) s->moved_ms = wallclock_steady_ms();
  s->since_sent += sent;
  if (s->since_sent >= BLOCK_OCTETS || !channel_pending(&s->channel)) exchange_step_begins(s);
}

/* Fill and write in turns; connection_fill() is last, so that what is left cannot be put yet. */
static void connection_write(smtp_connection *s)
{
  unsigned int turns = STEP_TURNS;
  for (;;)
  {
    enum channel_result r;
    size_t sent;
    connection_fill(s);
    if (s->state == CONNECTION_ENDED || !turns--) return;
    r = channel_write(&s->channel, &sent);
    if (r == CHANNEL_FILE) transaction_break(s);
    if (r != CHANNEL_OK) return; /* reading to the end of the input shows a broken connection */
    progress(s, sent);
  }
}

/* --- greeting and EHLO ----------------------------------------------------------------- */

static void hello_write(smtp_connection *s, enum pipeline_kind kind)
{
  channel_puts(&s->channel, exchange_command(kind));
  channel_puts(&s->channel, " ");
  channel_puts(&s->channel, s->where->me);
  channel_puts(&s->channel, "\r\n");
  s->hello_ms = wallclock_steady_ms();
  s->extensions = s->mechanisms = 0;
  s->size_max = 0;
  exchange_expect(s, kind, 0, 0);
}

/* The limit of descriptors bounds the window: each message has one. */
static int64_t window_most(void)
{
  long files = sysconf(_SC_OPEN_MAX);
  if (files == -1 || files > OUTBOX_WINDOW + DESCRIPTORS_OWN) return OUTBOX_WINDOW;
  return files - DESCRIPTORS_OWN;
}

/*
 * The window: the messages that can be sent within WORTH_MS and two round trips, since no other
 * connection would be ready sooner; and as many again, so that none is missing.  Over a long link
 * it is large where nothing waits for a reply, and tiny where each message takes round trips of its
 * own.
 */
static size_t window_worth(smtp_connection const *s)
{
  int64_t most = window_most();
  int pipelining = (s->extensions & SMTP_EXT_PIPELINING) != 0;
  int64_t trips = !pipelining ? 4 : !(s->extensions & SMTP_EXT_CHUNKING);
  int64_t worth = 2 * (WORTH_MS + 2 * s->trip_ms) / (trips * s->trip_ms + SERVER_MS);
  if (worth > most) worth = most;
  return worth < 1 ? 1 : (size_t)worth;
}

static void connection_opens(smtp_connection *s)
{
  s->state = CONNECTION_OPEN;
  s->out->open_us = wallclock_us();
  s->window = window_worth(s);
  report_window(s->out, s->window);
  report_up(s->out, s->reply.text);
}

/* Is the peer's name our own?  Then mail for it would only come back (RFC 5321 section 6.3). */
static int peer_is_us(smtp_connection const *s)
{
  char const *name = s->reply.text + 4;
  size_t len = s->reply.len > 4 ? strcspn(name, " ") : 0;
  return s->where->exchangers && len && len == strlen(s->where->me)
    && !strncasecmp(name, s->where->me, len);
}

static void end_at_ourselves(smtp_connection *s)
{
  s->code = "4.4.6";
  text_join(s->text, sizeof s->text, "host ", s->peer, " goes by our own name");
  exchange_end(s, CONNECTION_END_OURSELVES);
}

/* It is in TLS, or goes without. */
static void connection_settled(smtp_connection *s)
{
  if (auth_wanted(s)) auth_begin(s);
  else connection_opens(s);
}

static void hello_accepted(smtp_connection *s)
{
  s->trip_ms = wallclock_steady_ms() - s->hello_ms;
  if (!secure_wanted(s)) connection_settled(s);
  else if (s->extensions & SMTP_EXT_STARTTLS) secure_begin(s);
  else if (secure_dispensable(s)) connection_settled(s);
  else secure_not_offered(s);
}

static void hello_replied(smtp_connection *s, enum pipeline_kind kind)
{
  if (exchange_positive(s) && peer_is_us(s)) end_at_ourselves(s);
  else if (exchange_positive(s)) hello_accepted(s);
  else if (kind == PIPELINE_EHLO && s->reply.code / 100 == 5) hello_write(s, PIPELINE_HELO);
  else connection_refused(s, kind);
}

static void greeting_replied(smtp_connection *s)
{
  if (exchange_positive(s) && peer_is_us(s)) end_at_ourselves(s);
  else if (exchange_positive(s)) hello_write(s, PIPELINE_EHLO);
  else connection_refused(s, PIPELINE_GREETING);
}

/* --- TLS ------------------------------------------------------------------------------- */

/* TLS has begun, or it was left out. */
static void secured(smtp_connection *s, enum secure_outcome outcome)
{
  if (outcome == SECURE_PLAIN) connection_settled(s);
  if (outcome != SECURE_READY) return;
  s->state = CONNECTION_GREETING;
  if (s->where->tlswrap) exchange_expect(s, PIPELINE_GREETING, 0, 0);
  else hello_write(s, PIPELINE_EHLO);
}

int connection_asks(smtp_connection *s)
{
  return s->state == CONNECTION_SECURING && secure_asks(s);
}

/* Without an engine the connection may be open now: what is at hand has to go out, and nothing else would have it go. */
void connection_secure(smtp_connection *s, int fd, char const *why)
{
  secured(s, secure_take(s, fd, why));
  if (s->state != CONNECTION_ENDED) connection_write(s);
}

/* --- reading --------------------------------------------------------------------------- */

static void nonsense(smtp_connection *s, char const *line, size_t len)
{
  char said[200];
  size_t n = len < sizeof said - 1 ? len : sizeof said - 1;
  memcpy(said, line, n);
  said[n] = 0;
  smtp_text_clean(said, n);
  auth_hide(s, said, n);
  text_join(s->text, sizeof s->text, "host ", s->peer, JOB_TEXT_NONSENSE, said);
  if (s->state == CONNECTION_SECURING) secure_failed(s, s->text);
  else exchange_fail(s, "4.5.0");
}

/*
 * The peer cannot have received what was not sent: the rest would be read as other commands, and
 * replies would be shifted.
 */
static int too_early(smtp_connection const *s, pipeline_reply const *head)
{
  return (head->kind == PIPELINE_BDAT || head->kind == PIPELINE_CONTENT)
    && head->job == s->begun_last
    && channel_file_pending(&s->channel) && exchange_positive(s);
}

/*
 * The peer does not know an extension that it offered: messages that are not settled go by another
 * connection.
 */
static void break_off(smtp_connection *s)
{
  s->loss = CONNECTION_LOSS_LIED;
  exchange_end(s, CONNECTION_END_LOST);
}

static void reply_take(smtp_connection *s)
{
  pipeline_reply const *head = pipeline_head(&s->owed);
  pipeline_reply e;
  if (!head)
  {
    /*
     * A reply out of turn: 421 before the peer closes, or nonsense.  No message is affected: none
     * is unanswered.
     */
    connection_refused(s, PIPELINE_NOTHING);
    return;
  }
  if (s->reply.code == 421 && head->kind != PIPELINE_QUIT && head->kind != PIPELINE_STARTTLS
   && head->kind != PIPELINE_AUTH)
  {
    connection_refused(s, head->kind);
    return;
  }
  if (too_early(s, head))
  {
    nonsense(s, s->reply.text, s->reply.len);
    return;
  }
  e = pipeline_pop(&s->owed);
  if (e.job) e.job->replies--;
  exchange_step_begins(s);
  switch (e.kind)
  {
    case PIPELINE_GREETING: greeting_replied(s); break;
    case PIPELINE_EHLO: case PIPELINE_HELO: hello_replied(s, e.kind); break;
    case PIPELINE_STARTTLS: secured(s, secure_replied(s)); break;
    case PIPELINE_AUTH: if (auth_replied(s)) connection_opens(s); break;
    case PIPELINE_RSET: if (!exchange_positive(s)) connection_refused(s, e.kind); break;
    case PIPELINE_QUIT: exchange_end(s, CONNECTION_END_QUIT); break;
    default: if (!transaction_replied(s, &e)) break_off(s);
  }
}

static void reply_begin(smtp_connection *s)
{
  s->reply.lines = 0;
  s->reply.len = 0;
  s->reply.text[0] = 0;
}

static void reply_add(smtp_connection *s, char const *line, size_t len,
                      smtp_reply_line const *parsed)
{
  connection_reply *reply = &s->reply;
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
  reply->last = parsed->text;
  reply->lastlen = parsed->textlen;
  smtp_status_scan(reply->status, parsed->code, parsed->text, parsed->textlen);
}

static void extension_take(smtp_connection *s, smtp_reply_line const *line)
{
  unsigned long long size = s->size_max;
  unsigned int offered = smtp_extension_scan(line->text, line->textlen, &size) & ~s->where->without;
  if (offered & SMTP_EXT_SIZE) s->size_max = size;
  s->extensions |= offered;
  s->mechanisms |= sasl_offer_scan(line->text, line->textlen);
}

static void line_take(smtp_connection *s, char const *line, size_t len)
{
  smtp_reply_line parsed;
  pipeline_reply const *e = pipeline_head(&s->owed);
  if (s->secure.step == SECURE_HANDSHAKE)
  {
    secured(s, secure_answer(s, line, len));
    return;
  }
  if (!smtp_reply_scan(line, len, &parsed) || s->reply.lines == SMTP_REPLY_LINES_MAX)
  {
    nonsense(s, line, len);
    return;
  }
  if (e && e->kind == PIPELINE_EHLO && s->reply.lines) extension_take(s, &parsed);
  reply_add(s, line, len, &parsed);
  s->reply.lines++;
  if (!parsed.last) return;
  reply_take(s);
  reply_begin(s);
}

/*
 * Is all that is left on the wire a message that cannot be ended, or one that belongs to another
 * connection?
 */
static int nothing_to_wait_for(smtp_connection const *s)
{
  pipeline_reply const *e = pipeline_head(&s->owed);
  return (s->broken && (!e || e->job == s->broken)) || (s->sealed && !e && !s->writing);
}

static void lines_take(smtp_connection *s)
{
  char const *line;
  size_t len;
  while (s->state != CONNECTION_ENDED && !nothing_to_wait_for(s)
   && channel_line(&s->channel, &line, &len))
    line_take(s, line, len);
}

/* Read once, and again only while the buffer was too small for what had come. */
static void connection_read(smtp_connection *s)
{
  unsigned int turns = STEP_TURNS;
  enum channel_result r;
  do
  {
    r = channel_read(&s->channel);
    if (r == CHANNEL_OK)
    {
      s->moved_ms = wallclock_steady_ms();
      lines_take(s);
    }
    else if (r == CHANNEL_END) connection_lost(s);
  }
  while (s->state != CONNECTION_ENDED && r == CHANNEL_OK && channel_full(&s->channel) && --turns);
}

/* --- the connection -------------------------------------------------------------------- */

void connection_init(smtp_connection *s, destination const *where, candidates const *to,
                     outbox *jobs, report *out)
{
  memset(s, 0, offsetof(smtp_connection, channel));
  s->where = where;
  s->candidates = to;
  s->jobs = jobs;
  s->out = out;
  s->state = CONNECTION_ENDED;
  s->secure.fd = s->secure.wire = -1;
  channel_init(&s->channel, -1);
}

void connection_free(smtp_connection *s)
{
  if (s->state != CONNECTION_ENDED) exchange_end(s, CONNECTION_END_QUIT);
  pipeline_free(&s->owed);
}

static void names_make(smtp_connection *s, host_address const *to)
{
  char address[DESTINATION_ADDRESS_MAX];
  char port[TEXT_NUMBER_MAX];
  destination_address_format(address, &to->address);
  text_join(s->peer, sizeof s->peer, to->name, "[", address, "]");
  text_join(s->out->relay, sizeof s->out->relay, s->peer, ":",
            text_number(port, destination_address_port(&to->address)));
}

static void connection_anew(smtp_connection *s, enum connection_state state)
{
  pipeline owed = s->owed;
  connection_init(s, s->where, s->candidates, s->jobs, s->out);
  s->owed = owed;
  pipeline_clear(&s->owed);
  s->state = state;
  s->stop_ms = -1;
  s->out->connect_us = wallclock_us();
  s->out->open_us = 0;
  reply_begin(s);
  exchange_step_begins(s);
  s->moved_ms = s->since_ms;
}

/* Writes are as large as can be: to wait for more gains nothing. */
static void delay_not(smtp_connection const *s)
{
  int one = 1;
  setsockopt(s->channel.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void connection_begin(smtp_connection *s, int plain)
{
  host_address const *to = &s->candidates->hosts.address[s->candidates->at];
  connection_anew(s, CONNECTION_CONNECTING);
  s->secure.plain = plain;
  names_make(s, to);
  s->until_ms = candidates_until_ms(s->candidates, 0);
  s->channel.fd = socket(to->address.socket.ss_family,
                         SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (s->channel.fd == -1)
  {
    connect_failed(s, strerror(errno));
    return;
  }
  delay_not(s);
  if (connect(s->channel.fd, (struct sockaddr const *)&to->address.socket, to->address.size) == -1
   && errno != EINPROGRESS)
    connect_failed(s, strerror(errno));
}

/* The address is known as it was told us. */
static void names_turned(smtp_connection *s)
{
  text_join(s->out->relay, sizeof s->out->relay, s->where->turned);
  text_join(s->peer, sizeof s->peer, s->where->turned);
  *strrchr(s->peer, ':') = 0;
}

void connection_begin_turned(smtp_connection *s, int fd)
{
  connection_anew(s, CONNECTION_GREETING);
  s->secure.plain = 1;       /* STARTTLS would be its server's, not the peer's */
  names_turned(s);
  s->until_ms = INT64_MAX;
  s->channel.fd = fd;
  delay_not(s);
  exchange_expect(s, PIPELINE_GREETING, 0, 0);
}

static void connect_finish(smtp_connection *s)
{
  int error = 0;
  socklen_t len = sizeof error;
  if (getsockopt(s->channel.fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1) error = errno;
  if (error)
  {
    connect_failed(s, strerror(error));
    return;
  }
  s->state = CONNECTION_GREETING;
  s->until_ms = candidates_until_ms(s->candidates, 1);
  if (s->where->tlswrap) secure_begin(s);
  else exchange_expect(s, PIPELINE_GREETING, 0, 0);
}

/* Has the peer not answered the last EHLO yet? */
static int reaching(smtp_connection const *s)
{
  return s->state == CONNECTION_CONNECTING || s->state == CONNECTION_GREETING
    || s->state == CONNECTION_SECURING;
}

/* --- stopping, waiting ------------------------------------------------------------------ */

void connection_stop(smtp_connection *s, int64_t ms)
{
  int64_t at = wallclock_steady_ms() + ms;
  if (!s->stopping || at < s->stop_ms) s->stop_ms = at;
  s->stopping = 1;
}

static void quit_write(smtp_connection *s)
{
  s->state = CONNECTION_QUITTING;
  channel_puts(&s->channel, "QUIT\r\n");
  exchange_expect(s, PIPELINE_QUIT, 0, 0);
}

static int quit_wanted(smtp_connection const *s)
{
  return s->state != CONNECTION_ENDED
    && (s->stopping || (s->state == CONNECTION_OPEN && transaction_none_here(s)));
}

/*
 * Send QUIT once nothing is on the wire; when stopping, do not wait for a peer that has not even
 * sent its greeting, unless it was that who made the connection.
 */
static void quit_continue(smtp_connection *s)
{
  if (s->stopping && reaching(s) && !*s->where->turned) exchange_end(s, CONNECTION_END_QUIT);
  else if (s->state == CONNECTION_OPEN && !pipeline_head(&s->owed) && !s->writing) quit_write(s);
}

static int64_t step_deadline(smtp_connection const *s)
{
  enum smtp_timeout which = s->state == CONNECTION_CONNECTING ? SMTP_TIMEOUT_CONNECT
    : s->state == CONNECTION_SECURING ? SMTP_TIMEOUT_TLS
    : channel_pending(&s->channel) ? SMTP_TIMEOUT_DATABLOCK
    : exchange_timeout(s);
  int64_t ms = (int64_t)s->where->timeout_s[which] * 1000;
  if (s->state == CONNECTION_QUITTING && ms > QUIT_WAIT_MS) ms = QUIT_WAIT_MS;
  if (reaching(s) && s->until_ms < s->since_ms + ms) return s->until_ms;
  return s->since_ms + ms;
}

static int resting(smtp_connection const *s)
{
  return s->state == CONNECTION_OPEN && !pipeline_head(&s->owed) && !channel_pending(&s->channel)
    && !s->writing;
}

int64_t connection_deadline(smtp_connection const *s)
{
  int64_t deadline;
  if (s->state == CONNECTION_ENDED) return -1;
  if (resting(s)) return s->stopping ? 0 : -1;
  deadline = step_deadline(s);
  if (!s->stopping || s->state == CONNECTION_QUITTING || s->stop_ms >= deadline) return deadline;
  return s->stop_ms;
}

void connection_poll(smtp_connection const *s, struct pollfd *p)
{
  p->fd = secure_talks(s) ? s->secure.fd : s->channel.fd;
  p->revents = 0;
  if (s->state == CONNECTION_CONNECTING) p->events = POLLOUT;
  else p->events = (short)(POLLIN | (channel_pending(&s->channel) ? POLLOUT : 0));
}

/* --- silence ------------------------------------------------------------------------------ */

static int waiting(smtp_connection const *s)
{
  return reaching(s) || (s->state == CONNECTION_OPEN && !resting(s));
}

/* Octets that a kernel's buffer holds: on their way to tls-io, or to the peer. */
static int octets_unsent(int fd)
{
  int unsent = 0;
  return fd != -1 && ioctl(fd, TIOCOUTQ, &unsent) == 0 ? unsent : 0;
}

int64_t connection_silent_ms(smtp_connection *s)
{
  int unsent = 0;
  if (!waiting(s)) return 0;
  if (s->state != CONNECTION_CONNECTING)
    unsent = octets_unsent(s->channel.fd) + octets_unsent(s->secure.wire);
  if (s->state != CONNECTION_CONNECTING && unsent != s->unsent)
    s->moved_ms = wallclock_steady_ms();
  s->unsent = unsent;
  return wallclock_steady_ms() - s->moved_ms;
}

int connection_sealable(smtp_connection const *s)
{
  return s->state == CONNECTION_OPEN && !s->sealed && !channel_pending(&s->channel)
    && exchange_head(s);
}

void connection_seal(smtp_connection *s)
{
  outbox_job const *head = exchange_head(s);
  s->sealed = 1;
  pipeline_end_with(&s->owed, head);
  if (s->writing != head) s->writing = 0;
}

/* --- time ---------------------------------------------------------------------------------- */

static void engine_unanswered(smtp_connection *s)
{
  secured(s, secure_unanswered(s));
  if (s->state == CONNECTION_OPEN) connection_write(s);
}

static void deadline_check(smtp_connection *s)
{
  int64_t deadline = connection_deadline(s);
  if (deadline == -1 || wallclock_steady_ms() < deadline) return;
  if (s->stopping && s->stop_ms <= deadline && s->state != CONNECTION_QUITTING)
    exchange_end(s, CONNECTION_END_QUIT);
  else if (secure_talks(s)) engine_unanswered(s);
  else timed_out(s);
}

void connection_step(smtp_connection *s, short revents)
{
  if (s->state == CONNECTION_CONNECTING && revents) connect_finish(s);
  if (s->state != CONNECTION_CONNECTING && s->state != CONNECTION_ENDED)
  {
    if (secure_talks(s) && revents) secured(s, secure_read(s));
    else if (revents & (POLLIN | POLLHUP | POLLERR)) connection_read(s);
    if (s->state != CONNECTION_ENDED) connection_write(s);
  }
  if (quit_wanted(s)) quit_continue(s);
  if (s->state == CONNECTION_QUITTING) connection_write(s);
  if (s->state != CONNECTION_ENDED && nothing_to_wait_for(s))
    exchange_end(s, CONNECTION_END_QUIT);
  if (s->state != CONNECTION_ENDED) deadline_check(s);
}
