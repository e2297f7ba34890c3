#include "smtpd/receive.h"

#include <errno.h>
#include <string.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "base/wallclock.h"
#include "flush/trigger.h"
#include "queue/trace.h"
#include "smtp/chars.h"
#include "smtp/domain.h"

/* The most Received fields of a message: RFC 5321 section 6.3. */
#define HOPS_MAX 100
/* --- what is wrong with a message; the first fault rules --- */

enum { FAULT_NONE, FAULT_SIZE, FAULT_BARE, FAULT_NUL, FAULT_HOPS, FAULT_FULL, FAULT_QUEUE };

/* Replies in words that log analysers know. */
static char const *const fault_replies[] =
{
  [FAULT_SIZE] = SESSION_SAYS_TOO_LARGE,
  [FAULT_BARE] = "550 5.5.2 <DATA>: Data command rejected: bare <CR> or <LF> received",
  [FAULT_NUL] = "550 5.5.2 <DATA>: Data command rejected: NUL received",
  [FAULT_HOPS] = "554 5.4.6 <DATA>: Data command rejected: too many hops",
  [FAULT_FULL] = SESSION_SAYS_NO_ROOM,
  [FAULT_QUEUE] = "451 4.3.0 <DATA>: Data command rejected: queue file write error"
};

/* A message has a fault: remove what was written of it, though the rest of it is still to come. */
static void fault(session *s, unsigned int what)
{
  if (s->fault) return;
  s->fault = what;
  message_abort(&s->writer);
}

static void fault_queue(session *s)
{
  int e = errno;
  if (session_may_log(s)) strerr_warnwusys("write message into queue");
  fault(s, e == ENOSPC || e == EDQUOT || e == EFBIG ? FAULT_FULL : FAULT_QUEUE);
}

/* A reply of 5xx counts as an error of the client's; 4xx is no fault of the client's. */
static int fault_reply(session *s)
{
  char const *text = fault_replies[s->fault];
  int r = *text == '5' ? session_refuse(s, text) : session_reply(s, text);
  session_log_reject(s, s->writer.id, "DATA", 0);
  return r;
}

/* --- the head of the queue file --- */

static char const *string_next(char const *s)
{
  return s + strlen(s) + 1;
}

/* Room for the client line of the envelope. */
#define CLIENT_MAX (SESSION_HELO_MAX + PEER_LITERAL_MAX + 16)

static char const *uid_text(session const *s, char out[UINT_FMT])
{
  out[uint_fmt(out, s->client.uid)] = 0;
  return out;
}

static void client_line(session const *s, char client[CLIENT_MAX])
{
  char ip[PEER_LITERAL_MAX], uid[UINT_FMT];
  peer_literal(&s->client, ip);
  if (s->client.local) stpcpy(stpcpy(client, "uid "), uid_text(s, uid));
  else stpcpy(stpcpy(stpcpy(stpcpy(stpcpy(client, s->helo), " "), ip), " "), session_transport(s));
}

static int envelope_write(session *s)
{
  char client[CLIENT_MAX];
  char const *rcpt = s->rcpts.s;
  unsigned int i;
  client_line(s, client);
  if (!message_begin(&s->writer, s->queue, s->sender.s, s->sender.len, s->parameters.s, client))
    return 0;
  for (i = 0; i < s->nrcpts; i++)
  {
    char const *address = string_next(rcpt), *parameters = string_next(address);
    if (!message_rcpt(&s->writer, rcpt, address, strlen(address), parameters)) return 0;
    rcpt = string_next(parameters);
  }
  return 1;
}

static int put_pieces(session *s, char const *const *text)
{
  for (; *text; text++)
    if (!message_put(&s->writer, *text, strlen(*text))) return 0;
  return 1;
}

/*
 * Write the trace header of RFC 5321 section 4.4, which is all that we add.  With several
 * recipients it names none, so that none learns of the others.
 */
static int trace_write(session *s)
{
  char ip[PEER_LITERAL_MAX];
  char date[WALLCLOCK_DATE_MAX];
  char const *rcpt = s->nrcpts == 1 ? string_next(s->rcpts.s) : 0;
  if (s->client.local) return trace_put(&s->writer, s->me.s, s->client.uid, "");
  peer_literal(&s->client, ip);
  wallclock_date(date, s->writer.arrival_us);
  return put_pieces(s, pieces("Received: from ", s->helo, " (", ip, ")\r\n\t"))
    && (!*s->secured || put_pieces(s, pieces("(using ", s->secured, ")\r\n\t")))
    && put_pieces(s, pieces("by ", s->me.s, " with ", session_transport(s), " id ", s->writer.id))
    && (rcpt ? put_pieces(s, pieces("\r\n\tfor <", rcpt, ">; ", date, "\r\n"))
             : put_pieces(s, pieces(";\r\n\t", date, "\r\n")));
}

/* --- content, whichever way it comes --- */

static int fsyncdir_read(session *s)
{
  return s->fsyncdir != -1 || conf_switch(s->conf, "fsyncdir", &s->fsyncdir) || session_broken(s);
}

/*
 * Begin the time for the next 64 KiB.  A client has to send at some pace, and cannot keep us by an
 * octet now and then; nor for days, at the slowest pace: the time for the message limits it.
 */
static void pace_begin(session *s)
{
  unsigned int receive_s = s->timeout[CONF_TIMEOUT_RECEIVE];
  s->pace_end_ms = wallclock_steady_ms() + (int64_t)receive_s * 1000;
  if (s->message_end_ms < s->pace_end_ms) s->pace_end_ms = s->message_end_ms;
  wire_step_on(&s->wire, s->pace_end_ms, receive_s);
  s->pace = s->tenth = 0;
}

/* Begin the time for a message. */
static void message_pace_begin(session *s)
{
  s->came_since_ms = wallclock_steady_ms();
  s->message_end_ms = s->came_since_ms + (int64_t)s->timeout[CONF_TIMEOUT_MESSAGE] * 1000;
  s->came = 0;
  pace_begin(s);
}

int receive_slow(session const *s)
{
  uint64_t took_s = (uint64_t)(wallclock_steady_ms() - s->came_since_ms) / 1000;
  return took_s >= s->timeout[CONF_TIMEOUT_MESSAGE] / 10 && s->came / RECEIVE_RATE_LEAST < took_s;
}

/*
 * Begin the content.  1, and s->fault is set where no message can be written; 0: the session is
 * over.
 */
static int content_begin(session *s)
{
  static smtp_content const fresh;
  s->scan = fresh;
  s->octets = 0;
  s->fault = FAULT_NONE;
  message_pace_begin(s);
  if (!session_databytes(s) || !fsyncdir_read(s)) return 0;
  if (!session_queue(s) || !envelope_write(s) || !trace_write(s)) fault_queue(s);
  s->unlooked = s->writer.envelope.len;
  return 1;
}

/*
 * Check the disk while content comes in.  A message whose size was not announced, in many sessions
 * at once, must leave as much room as those that announced it.
 */
static void room_look(session *s)
{
  if (!s->fault && !session_room(s, s->unlooked)) fault(s, FAULT_FULL);
  s->unlooked = 0;
}

static void content_put(session *s, char const *text, size_t len)
{
  s->octets += len;
  s->unlooked += len;
  if (s->databytes && s->octets > s->databytes) fault(s, FAULT_SIZE);
  if (s->unlooked >= QUEUE_ROOM_STEP) room_look(s);
  if (!s->fault && !message_put(&s->writer, text, len)) fault_queue(s);
}

static int envelope_utf8(session const *s)
{
  return smtp_domain_utf8(s->sender.s, s->sender.len) || smtp_domain_utf8(s->rcpts.s, s->rcpts.len);
}

/*
 * The flags for the agent that sends the message on.  A client may use SMTPUTF8 with every message;
 * the next site must offer it only where the envelope or a header needs it (RFC 6531 section 3.2).
 */
static unsigned int content_flags(session const *s)
{
  unsigned int seen = s->scan.flags, flags = 0;
  /* the trace header names the recipient */
  if (s->nrcpts == 1 && !s->client.local && smtp_domain_utf8(s->rcpts.s, s->rcpts.len))
    seen |= SMTP_CONTENT_8BIT;
  if (seen & SMTP_CONTENT_8BIT) flags |= JOB_8BIT;
  if (seen & SMTP_CONTENT_DOT) flags |= JOB_DOT;
  if (seen & SMTP_CONTENT_UNENDED) flags |= JOB_UNENDED;
  if (s->smtputf8 && (seen & SMTP_CONTENT_HEADER || envelope_utf8(s))) flags |= JOB_UTF8;
  return flags;
}

/*
 * Log the client and the Message-ID: before qmgr can know the message, and so before all other
 * lines about it.
 */
static void content_log(session const *s)
{
  char const *id = s->scan.idlen ? s->scan.id : "<>";
  char uid[UINT64_FMT];
  uid[uint64_fmt(uid, s->client.uid)] = 0;
  if (s->client.local) log_later(s->writer.id, ": uid=", uid, " from=<", s->sender.s, ">");
  else if (s->identity.method)
    log_later(s->writer.id, ": client=", s->who, ", sasl_method=", s->identity.method,
              ", sasl_username=", s->identity.name);
  else if (s->identity.certified)
    log_later(s->writer.id, ": client=", s->who, ", ccert_user=", s->identity.name);
  else log_later(s->writer.id, ": client=", s->who);
  log_line(s->writer.id, ": message-id=", id);
}

/*
 * The message is in the queue.  Send the hint before the reply, which fails if the client has hung
 * up in the meantime; the client does not care when qmgr learns of the message.
 */
static int content_queued(session *s)
{
  session_forgive(s);
  trigger_say(s->queue, &s->trigger, TRIGGER_NEW, s->writer.id);
  return session_reply(s, "250 2.0.0 Ok: queued as ", s->writer.id);
}

/* All of the content was read: commit the message or refuse it, and end the transaction. */
static int content_end(session *s)
{
  int r;
  if (s->scan.flags & SMTP_CONTENT_BARE) fault(s, FAULT_BARE);
  if (s->scan.flags & SMTP_CONTENT_NUL) fault(s, FAULT_NUL);
  if (s->scan.hops > HOPS_MAX) fault(s, FAULT_HOPS);
  if (!s->fault)
  {
    s->writer.flags |= content_flags(s);
    content_log(s);
    if (!message_commit(&s->writer, s->fsyncdir)) fault_queue(s);
  }
  r = s->fault ? fault_reply(s) : content_queued(s);
  session_reset(s);
  return r;
}

/* Wait for the next octets of content; NULL: the session is over. */
static char const *content_peek(session *s, size_t *len)
{
  if (!wire_fill(&s->wire)) return 0;
  return wire_peek(&s->wire, len);
}

static void content_taken(session *s, size_t len)
{
  wire_taken(&s->wire, len);
  s->pace += len;
  s->tenth += len;
  s->came += len;
  if (s->pace >= RECEIVE_STEP) pace_begin(s);
}

/* --- DATA --- */

/* The refusal of DATA or BDAT; NULL: content may come. */
static char const *content_refusal(session const *s)
{
  if (!s->mail) return SESSION_SAYS_NO_MAIL;
  if (s->nrcpts) return 0;
  if (s->rcpt_tried) return "554 5.5.1 Error: no valid recipients";
  return "503 5.5.1 Error: need RCPT command";
}

static int data_read(session *s)
{
  char out[WIRE_IN_MAX + 4];
  size_t len, taken, outlen;
  int ended = 0;
  while (!ended)
  {
    char const *in = content_peek(s, &len);
    if (!in) return 0;
    ended = smtp_content_data(&s->scan, in, len, &taken, out, &outlen);
    content_put(s, out, outlen);
    content_taken(s, taken);
  }
  return 1;
}

int receive_data(session *s, smtp_command const *command)
{
  char const *refusal = content_refusal(s);
  if (command->argumentlen) return session_refuse(s, "501 5.5.4 Syntax: DATA");
  if (s->content != CONTENT_NONE) return session_refuse(s, "503 5.5.1 Error: DATA after BDAT");
  if (refusal) return session_refuse(s, refusal);
  if (!content_begin(s)) return 0;
  if (s->fault) return content_end(s);
  return session_reply(s, "354 End data with <CR><LF>.<CR><LF>") && data_read(s) && content_end(s);
}

/* --- BDAT, RFC 3030 --- */

/* The least octets of a chunk, unless it is the last: a smaller one is junk. */
#define CHUNK_LEAST 64

/*
 * Read a chunk; it becomes content unless it is refused.  The time for 64 KiB goes on from chunk to
 * chunk, or a client would get it anew for each octet.  All refused chunks together, of whatever
 * size, have the time of one message.
 */
static int chunk_read(session *s, uint64_t left, int refused)
{
  size_t len;
  if (refused && !s->chunk_refused) message_pace_begin(s);
  else if (refused) pace_begin(s);
  else wire_step_on(&s->wire, s->pace_end_ms, s->timeout[CONF_TIMEOUT_RECEIVE]);
  while (left)
  {
    char const *in = content_peek(s, &len);
    if (!in) return 0;
    if (len > left) len = (size_t)left;
    if (!refused)
    {
      smtp_content_chunk(&s->scan, in, len);
      content_put(s, in, len);
    }
    content_taken(s, len);
    left -= len;
  }
  return 1;
}

/* Count a chunk that is too small to be useful as junk. 0: the session is over. */
static int chunk_useful(session *s, smtp_chunk const *chunk)
{
  return chunk->size >= CHUNK_LEAST || chunk->last || session_junk(s);
}

/*
 * Refuse a chunk whose octets were thrown away: no chunk after it can be part of the same message.
 * A client that had sent several of them at once makes only one error.
 */
static int chunk_refuse(session *s, smtp_chunk const *chunk, char const *text)
{
  int again = s->chunk_refused;
  if (chunk->last) session_reset(s);
  else if (s->mail) s->content = CONTENT_REFUSED;
  s->chunk_refused = 1;
  if (!again) return session_refuse(s, text);
  return chunk_useful(s, chunk) && session_reply(s, text);
}

static char const *chunk_refusal(session const *s, enum smtp_chunk_verdict verdict)
{
  if (verdict == SMTP_CHUNK_ODD) return "501 5.5.4 Syntax: BDAT count [LAST]";
  if (s->content == CONTENT_REFUSED) return "503 5.5.1 Error: an earlier BDAT was refused";
  return content_refusal(s);
}

/* The message has a fault; its other chunks may still come, and are refused. */
static int chunk_fault(session *s)
{
  int r = fault_reply(s);
  s->content = CONTENT_REFUSED;
  s->chunk_refused = 1;
  return r;
}

static int chunk_take(session *s, smtp_chunk const *chunk)
{
  char size[UINT64_FMT];
  if (s->content == CONTENT_NONE && !content_begin(s)) return 0;
  s->content = CONTENT_CHUNKS;
  if (!chunk_read(s, chunk->size, 0)) return 0;
  if (chunk->last) return content_end(s);
  if (s->fault) return chunk_fault(s);
  if (!chunk_useful(s, chunk)) return 0;
  size[uint64_fmt(size, chunk->size)] = 0;
  return session_reply(s, "250 2.0.0 Ok: ", size, " octets received");
}

int receive_bdat(session *s, smtp_command const *command)
{
  smtp_chunk chunk;
  enum smtp_chunk_verdict verdict = smtp_chunk_scan(&chunk, command);
  char const *refusal;
  if (verdict == SMTP_CHUNK_HUGE) s->end = SESSION_OUT_OF_SYNC;
  if (verdict == SMTP_CHUNK_HUGE || verdict == SMTP_CHUNK_UNSIZED)
    return session_refuse(s, "501 5.5.4 Syntax: BDAT count [LAST]")
      && verdict == SMTP_CHUNK_UNSIZED;
  refusal = chunk_refusal(s, verdict);
  if (!refusal) return chunk_take(s, &chunk);
  return chunk_read(s, chunk.size, 1) && chunk_refuse(s, &chunk, refusal);
}
