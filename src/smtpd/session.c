#include "smtpd/session.h"

#include <errno.h>
#include <string.h>
#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include "base/instance.h"
#include "base/log.h"
#include "base/wallclock.h"
#include "smtp/reply.h"

/* Commands that achieve nothing, until session_forgive(); after these each is an error. */
#define SESSION_JUNK_MAX 100
/* Lines about refusals and requests in the log; more are only counted. */
#define SESSION_LINES_MAX 100
/* After so many errors, each one more costs the client time. */
#define SESSION_ERRORS_SOFT 10
#define SESSION_TARPIT_S 1

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

int session_may_log(session *s)
{
  if (s->lines == SESSION_LINES_MAX) return s->unlogged++, 0;
  s->lines++;
  return 1;
}

void session_log_reject(session *s, char const *id, char const *stage, char const *to)
{
  if (!session_may_log(s)) return;
  log_line(*id ? id : "NOQUEUE", ": reject: ", stage, " from ", s->who, ": ", s->reply,
           "; from=<", s->sender.s, to ? "> to=<" : "", to ? to : "",
           "> proto=", session_protocol(s), " helo=<", s->helo, ">");
}

/* --- state --- */

static void descriptor_close(int fd)
{
  if (fd > 0) fd_close(fd);
}

void session_forget(session *s)
{
  stralloc *const texts[] = { &s->me, &s->subdomains_names, &s->sender, &s->parameters, &s->rcpts,
                              &s->domain, &s->address, &s->parameters_rcpt, &s->writer.envelope };
  size_t i;
  for (i = 0; i < sizeof texts / sizeof *texts; i++) stralloc_free(texts[i]);
  identity_free(&s->identity);
  descriptor_close(s->trigger);
  descriptor_close(s->queue);
  descriptor_close(s->conf);
  descriptor_close(s->instance);
  explicit_bzero(s, sizeof *s);
}

/* 127.0.0.1, in its mapped form, and ::1: programs of ours, and proxies. */
int session_this_host(session const *s)
{
  conf_address const *address = &s->client.address;
  static conf_address const hosts[] =
    { { { [10] = 255, [11] = 255, [12] = 127, [15] = 1 } }, { { [15] = 1 } } };
  return !memcmp(address, &hosts[0], sizeof *address)
    || !memcmp(address, &hosts[1], sizeof *address);
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

enum session_end session_end_of(int e)
{
  return e == ENOMEM || e == EMFILE || e == ENFILE || e == EIO ? SESSION_SHORT : SESSION_BROKEN;
}

int session_broken(session *s)
{
  int e = errno;
  char const *why = conf_error();
  s->end = session_end_of(e);
  strerr_warn(PROG, ": fatal: ", e != ENOMEM && *why ? why : strerror(e));
  return 0;
}

char const *session_protocol(session const *s)
{
  return s->smtputf8 ? "UTF8SMTP" : s->esmtp ? "ESMTP" : "SMTP";
}

char const *session_transport(session const *s)
{
  static char const *const names[2][2][2] = /* of UTF-8, inside TLS, of a user who is known */
  {
    { { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
    { { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } }
  };
  if (!s->esmtp) return session_protocol(s);
  return names[!!s->smtputf8][!!*s->secured][s->identity.method != 0];
}

int session_tls(session *s)
{
  s->tls_known = s->tls_known || s->client.local;
  if (!s->tls_known && !conf_tls(s->conf, &s->tls)) return session_broken(s);
  s->tls_known = 1;
  return 1;
}

int session_databytes(session *s)
{
  if (!s->databytes_known && !conf_databytes(s->conf, &s->databytes)) return session_broken(s);
  s->databytes_known = 1;
  return 1;
}

int session_minfree(session *s)
{
  if (!s->minfree_known && !conf_minfree(s->conf, &s->minfree, &s->minfree_said))
    return session_broken(s);
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
