#include "compat/submit.h"

#include <string.h>
#include <sysexits.h>

#include <skalibs/buffer.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "smtp/content.h"

/* The most refused recipients to report: the relay closes the connection after too many errors. */
#define REFUSED_MAX 10
#define STUFF_LEN 32768

/* --- replies that are a no --- */

/* The exit code for a recipient that the last reply refused. */
static int refusal_code(client const *c)
{
  char status[SMTP_STATUS_MAX];
  char const *text = c->reply + sizeof "550 " - 1;
  if (c->code < 500 || strlen(c->reply) < sizeof "550 " - 1) return EX_TEMPFAIL;
  if (!smtp_status_scan(status, c->code, text, strlen(text))) return EX_UNAVAILABLE;
  if (!strcmp(status, "5.1.1")) return EX_NOUSER;
  return strncmp(status, "5.1.", 4) ? EX_UNAVAILABLE : EX_DATAERR;
}

static void die_refused(client *c, char const *what) gccattr_noreturn;
static void die_refused(client *c, char const *what)
{
  client_quit(c);
  strerr_dief(c->code >= 500 ? EX_DATAERR : EX_TEMPFAIL, what, " refused: ", c->reply);
}

/* --- the envelope --- */

static void mail(client *c, envelope const *e, uint64_t size)
{
  char octets[UINT64_FMT];
  octets[uint64_fmt(octets, size)] = 0;
  client_say(c, "MAIL FROM:<", e->sender, "> SIZE=", octets, e->eightbit ? " BODY=8BITMIME" : "",
             e->utf8 ? " SMTPUTF8" : "", *e->ret ? " RET=" : "", e->ret, *e->envid ? " ENVID=" : "",
             e->envid);
  if (c->code != 250) die_refused(c, "sender");
}

static unsigned int rcpt(client *c, envelope const *e, size_t n)
{
  return client_say(c, "RCPT TO:<", recipients_get(&e->recipients, n), ">",
                    *e->notify ? " NOTIFY=" : "", e->notify);
}

/* Does the relay have as many recipients as it accepts at a time? */
static int is_full(client const *c, size_t taken)
{
  return c->code == 452 && taken;
}

typedef struct refusals
{
  unsigned int count;
  int code;      /* the exit code: the first permanent one, else temporary */
} refusals;

static void refusal_count(refusals *r, client const *c)
{
  if (!r->count || r->code == EX_TEMPFAIL) r->code = refusal_code(c);
  r->count++;
}

static void refusal_tell(client const *c, char const *address)
{
  char clean[2 * SMTP_DOMAIN_MAX];
  strerr_warnw("recipient ", log_clean(clean, sizeof clean, address, strlen(address)), " refused: ",
               c->reply);
}

/*
 * Begin a transaction with the recipients from one on.  Returns the first one that the relay has no
 * room for.
 */
static size_t offer(client *c, envelope const *e, uint64_t size, size_t from, refusals *refused)
{
  size_t n = from, end = recipients_len(&e->recipients), taken = 0;
  mail(c, e, size);
  for (; n < end && refused->count < REFUSED_MAX; n++)
  {
    rcpt(c, e, n);
    if (is_full(c, taken)) break;
    if (c->code == 250)
    {
      taken++;
      continue;
    }
    refusal_tell(c, recipients_get(&e->recipients, n));
    refusal_count(refused, c);
  }
  return n;
}

/* Die where a recipient was refused: then none gets the letter. */
static void die_if_refused(client *c, refusals const *refused, char const *whom)
{
  if (!refused->count) return;
  client_quit(c);
  strerr_dief(refused->code, "the message was not sent to ", whom);
}

/*
 * Send RCPT for all recipients, in several transactions where one has no room; then begin the first
 * one again.  Returns the first recipient that it has no room for.
 */
static size_t offer_first(client *c, envelope const *e, uint64_t size)
{
  refusals refused = { .count = 0 };
  size_t end = recipients_len(&e->recipients), first = offer(c, e, size, 0, &refused), at = first;
  while (at < end && refused.count < REFUSED_MAX)
  {
    client_say(c, "RSET");
    at = offer(c, e, size, at, &refused);
  }
  die_if_refused(c, &refused, "anybody");
  if (first == end) return end;
  client_say(c, "RSET");
  return offer(c, e, size, 0, &refused);
}

/* --- the content --- */

typedef struct content
{
  client *client;
  unsigned int state;  /* of smtp_content_stuff() */
} content;

static void content_put(void *data, char const *s, size_t len)
{
  static char out[2 * STUFF_LEN];
  content *to = data;
  while (len)
  {
    size_t n = len < STUFF_LEN ? len : STUFF_LEN;
    client_put(to->client, out, smtp_content_stuff(out, s, n, &to->state));
    s += n;
    len -= n;
  }
}

static void letter_send(client *c, letter *l)
{
  content to = { .client = c };
  if (client_say(c, "DATA") != 354) die_refused(c, "message");
  content_put(&to, l->header.s, l->header.len);
  content_put(&to, "\r\n", 2);
  spool_each(&l->body, &content_put, &to);
  if (client_end(c) != 250) die_refused(c, "message");
}

void submit(client *c, envelope const *e, letter *l)
{
  refusals refused = { .count = 0 };
  uint64_t size = l->header.len + 2 + l->body.size;
  size_t end = recipients_len(&e->recipients), at = offer_first(c, e, size);
  letter_send(c, l);
  while (at < end)
  {
    at = offer(c, e, size, at, &refused);
    die_if_refused(c, &refused, "the rest of the recipients");
    letter_send(c, l);
  }
}

/* --- -bv --- */

static void out(char const *s)
{
  if (buffer_puts(buffer_1, s) == -1) strerr_diefusys(EX_IOERR, "write to standard output");
}

/* Send RCPT for one recipient, in a new transaction where the old one has no room. */
static void ask(client *c, envelope const *e, size_t n, size_t *taken)
{
  rcpt(c, e, n);
  if (is_full(c, *taken))
  {
    client_say(c, "RSET");
    mail(c, e, 0);
    rcpt(c, e, n);
    *taken = 0;
  }
  *taken += c->code == 250;
}

static void tell(client const *c, char const *address)
{
  char clean[2 * SMTP_DOMAIN_MAX];
  out(log_clean(clean, sizeof clean, address, strlen(address)));
  out("... ");
  out(c->reply);
  out("\n");
}

int submit_verify(client *c, envelope const *e)
{
  refusals refused = { .count = 0 };
  size_t n, end = recipients_len(&e->recipients), taken = 0;
  mail(c, e, 0);
  for (n = 0; n < end && refused.count < REFUSED_MAX; n++)
  {
    ask(c, e, n, &taken);
    tell(c, recipients_get(&e->recipients, n));
    if (c->code != 250) refusal_count(&refused, c);
  }
  if (!buffer_flush(buffer_1)) strerr_diefusys(EX_IOERR, "write to standard output");
  if (n < end) strerr_warnw("too many recipients are refused: the rest was not asked for");
  return refused.count ? refused.code : 0;
}
