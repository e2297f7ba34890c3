#include "send/auth.h"

#include <string.h>

#include "base/text.h"

/* RFC 3463: a security feature is not supported; security, and no more is known. */
#define CODE_MISSING "4.7.4"
#define CODE_SECURITY "4.7.0"

int auth_wanted(smtp_connection const *s)
{
  return *s->where->auth || *s->where->account.user;
}

/* --- the ways it fails --------------------------------------------------------------------- */

static void impossible(smtp_connection *s, char const *code, char const *why)
{
  text_join(s->text, sizeof s->text, "SASL authentication failed; cannot authenticate to server ", s->peer, ": ", why);
  exchange_fail(s, code);
}

static void not_offered(smtp_connection *s)
{
  text_join(s->text, sizeof s->text, "SASL authentication is required, but was not offered by host ", s->peer);
  exchange_fail(s, CODE_MISSING);
}

static void refused(smtp_connection *s)
{
  char const *code = exchange_code(s->code_text, s, '4');
  text_join(s->text, sizeof s->text, "SASL authentication failed; server ", s->peer, JOB_TEXT_SAID, s->reply.text);
  exchange_fail(s, strcmp(code, "4.0.0") ? code : CODE_SECURITY);
}

/* --- the exchange -------------------------------------------------------------------------- */

static void line_write(smtp_connection *s)
{
  channel_puts(&s->channel, s->sasl.line);
  channel_puts(&s->channel, "\r\n");
  exchange_expect(s, PIPELINE_AUTH, 0, 0);
}

/* Outside TLS nothing is said, whatever the site line says. */
void auth_begin(smtp_connection *s)
{
  smtp_account const *account = &s->where->account;
  if (s->secure.step != SECURE_DONE) impossible(s, CODE_MISSING, "there is no TLS");
  else if (!*account->user) impossible(s, CODE_SECURITY, "conf/authout has no line for it");
  else if (!s->mechanisms && !(s->extensions & SMTP_EXT_AUTH)) not_offered(s);
  else if (!sasl_begin(&s->sasl, account, s->mechanisms, 1))
    impossible(s, CODE_MISSING, "no mechanism available");
  else line_write(s);
}

static void challenged(smtp_connection *s)
{
  if (sasl_answer(&s->sasl, s->reply.last, s->reply.lastlen)) line_write(s);
  else impossible(s, CODE_SECURITY, "it asks for what makes no sense");
}

static int accepted(smtp_connection *s)
{
  sasl_end(&s->sasl);
  channel_wipe(&s->channel);
  return 1;
}

int auth_replied(smtp_connection *s)
{
  auth_hide(s, s->reply.text, s->reply.len);
  if (exchange_positive(s)) return accepted(s);
  if (s->reply.code / 100 == 3) challenged(s);
  else refused(s);
  return 0;
}

void auth_hide(smtp_connection const *s, char *text, size_t len)
{
  if (s->sasl.account) sasl_hide(&s->sasl, text, len);
}
