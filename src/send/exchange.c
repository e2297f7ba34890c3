#include "send/exchange.h"

#include <unistd.h>

#include "base/text.h"
#include "base/wallclock.h"

/* --- steps ----------------------------------------------------------------------------- */

/* The name of each step in log lines (Postfix's words), and its timeout. */
static struct step
{
  char const *during;   /* "lost connection with HOST while ..." */
  char const *command;  /* "in reply to ..." */
  enum smtp_timeout timeout;
} const steps[] =
{
  [PIPELINE_GREETING] = { "receiving the initial server greeting", "",
                          SMTP_TIMEOUT_GREETING },
  [PIPELINE_EHLO] = { "performing the EHLO handshake", "EHLO", SMTP_TIMEOUT_HELO },
  [PIPELINE_HELO] = { "performing the HELO handshake", "HELO", SMTP_TIMEOUT_HELO },
  [PIPELINE_STARTTLS] = { "sending STARTTLS", "STARTTLS", SMTP_TIMEOUT_TLS },
  [PIPELINE_AUTH] = { "performing SASL authentication", "AUTH", SMTP_TIMEOUT_HELO },
  [PIPELINE_MAIL] = { "sending MAIL FROM", "MAIL FROM", SMTP_TIMEOUT_MAIL },
  [PIPELINE_RCPT] = { "sending RCPT TO", "RCPT TO", SMTP_TIMEOUT_RCPT },
  [PIPELINE_DATA] = { "sending DATA command", "DATA", SMTP_TIMEOUT_DATAINIT },
  [PIPELINE_CONTENT] = { "sending end of data -- message may be sent more than once", "end of DATA",
                         SMTP_TIMEOUT_DATADONE },
  [PIPELINE_BDAT] = { "sending BDAT -- message may be sent more than once", "BDAT",
                      SMTP_TIMEOUT_DATADONE },
  [PIPELINE_RSET] = { "sending RSET", "RSET", SMTP_TIMEOUT_MAIL },
  [PIPELINE_QUIT] = { "sending QUIT", "QUIT", SMTP_TIMEOUT_QUIT },
  [PIPELINE_NOTHING] = { "sending message body", "", SMTP_TIMEOUT_DATABLOCK },
};

/* The reply that is waited for: nothing's while octets of content are to be sent first. */
static enum pipeline_kind step_at_present(smtp_connection const *s)
{
  pipeline_reply const *e = pipeline_head(&s->owed);
  if (!e || (e->kind == PIPELINE_BDAT && channel_pending(&s->channel))) return PIPELINE_NOTHING;
  return e->kind;
}

char const *exchange_during(smtp_connection const *s)
{
  return steps[step_at_present(s)].during;
}

enum smtp_timeout exchange_timeout(smtp_connection const *s)
{
  return steps[step_at_present(s)].timeout;
}

char const *exchange_command(enum pipeline_kind kind)
{
  return steps[kind].command;
}

void exchange_step_begins(smtp_connection *s)
{
  s->since_ms = wallclock_steady_ms();
  s->since_sent = 0;
}

outbox_job *exchange_head(smtp_connection const *s)
{
  outbox_job *job = pipeline_job(&s->owed);
  return job ? job : s->writing;
}

/* --- the end -------------------------------------------------------------------------- */

static void fd_end(int *fd)
{
  if (*fd != -1) close(*fd);
  *fd = -1;
}

void exchange_end(smtp_connection *s, enum connection_end end)
{
  channel_close(&s->channel);
  fd_end(&s->secure.fd);
  fd_end(&s->secure.wire);
  sasl_end(&s->sasl);
  s->state = CONNECTION_ENDED;
  s->end = end;
  s->writing = 0;
}

void exchange_fail(smtp_connection *s, char const *code)
{
  s->code = code;
  s->head = exchange_head(s);
  s->lost_at = step_at_present(s);
  if (s->state == CONNECTION_QUITTING) exchange_end(s, CONNECTION_END_QUIT);
  else exchange_end(s, s->state == CONNECTION_OPEN ? CONNECTION_END_LOST : CONNECTION_END_SITE);
}

/* --- commands and replies ------------------------------------------------------------- */

int exchange_expect(smtp_connection *s, enum pipeline_kind kind, outbox_job *job, size_t rcpt)
{
  pipeline_reply entry = { kind, job, rcpt };
  if (!pipeline_head(&s->owed)) exchange_step_begins(s);
  if (!pipeline_push(&s->owed, &entry))
  {
    text_join(s->text, sizeof s->text, "out of memory");
    exchange_fail(s, "4.3.0");
    return 0;
  }
  if (job) job->replies++;
  return 1;
}

char const *exchange_code(char out[SMTP_STATUS_MAX], smtp_connection const *s, char class)
{
  text_join(out, SMTP_STATUS_MAX, s->reply.status);
  out[0] = class;
  return out;
}

int exchange_positive(smtp_connection const *s)
{
  return s->reply.code / 100 == 2;
}
