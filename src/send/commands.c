#include "send/commands.h"

#include <string.h>

#include "base/text.h"
#include "smtp/chars.h"
#include "smtp/command.h"
#include "smtp/reply.h"

/*
 * The extension that a server must offer to be sent a parameter of MAIL or RCPT; 0: none gets it.
 */
static unsigned int parameter_needs(smtp_parameter const *p)
{
  static struct { char const *key; unsigned int extension; } const known[] =
  {
    { "BODY", SMTP_EXT_8BITMIME },
    { "RET", SMTP_EXT_DSN },
    { "ENVID", SMTP_EXT_DSN },
    { "NOTIFY", SMTP_EXT_DSN },
    { "ORCPT", SMTP_EXT_DSN },
  };
  size_t i;
  for (i = 0; i < sizeof known / sizeof known[0]; i++)
    if (smtp_parameter_is(p, known[i].key)) return known[i].extension;
  return 0;
}

/* Pass on the parameters that the peer knows.  Returns 1 when BODY was among them. */
static int parameters_put(channel *w, char const *parameters, unsigned int extensions)
{
  size_t len = strlen(parameters);
  smtp_parameter p;
  int body = 0;
  while (smtp_parameter_next(&parameters, &len, &p) == 1)
  {
    if (!(parameter_needs(&p) & extensions)) continue;
    if (smtp_parameter_is(&p, "BODY")) body = 1;
    channel_puts(w, " ");
    channel_put(w, p.key, p.keylen);
    if (!p.value) continue;
    channel_puts(w, "=");
    channel_put(w, p.value, p.valuelen);
  }
  return body;
}

uint64_t commands_size(outbox_job const *job, unsigned int extensions)
{
  int add = (job->flags & JOB_UNENDED) && !(extensions & SMTP_EXT_CHUNKING);
  return job->length + (add ? 2 : 0);
}

/* SIZE and SMTPUTF8 are about this message as it is now, whatever the client said. */
void commands_mail(channel *w, outbox_job const *job, unsigned int extensions)
{
  char number[TEXT_NUMBER_MAX];
  int body;
  channel_puts(w, "MAIL FROM:<");
  channel_puts(w, outbox_string(job, job->sender));
  channel_puts(w, ">");
  if (extensions & SMTP_EXT_SIZE)
  {
    channel_puts(w, " SIZE=");
    channel_puts(w, text_number(number, commands_size(job, extensions)));
  }
  body = parameters_put(w, outbox_string(job, job->parameters), extensions);
  if (!body && (job->flags & JOB_8BIT) && (extensions & SMTP_EXT_8BITMIME))
    channel_puts(w, " BODY=8BITMIME");
  if (job->flags & JOB_UTF8) channel_puts(w, " SMTPUTF8");
  channel_puts(w, "\r\n");
}

void commands_rcpt(channel *w, outbox_job const *job, outbox_rcpt const *rcpt,
                   unsigned int extensions)
{
  channel_puts(w, "RCPT TO:<");
  channel_puts(w, outbox_string(job, rcpt->address));
  channel_puts(w, ">");
  parameters_put(w, outbox_string(job, rcpt->parameters), extensions);
  channel_puts(w, "\r\n");
}

/* Is the word in a list parted by commas? */
static int among(char const *s, size_t len, char const *word)
{
  for (;;)
  {
    char const *comma = memchr(s, ',', len);
    size_t n = comma ? (size_t)(comma - s) : len;
    if (smtp_word_is(s, n, word)) return 1;
    if (!comma) return 0;
    s += n + 1;
    len -= n + 1;
  }
}

int commands_success_wanted(outbox_job const *job, outbox_rcpt const *rcpt)
{
  char const *parameters = outbox_string(job, rcpt->parameters);
  size_t len = strlen(parameters);
  smtp_parameter p;
  while (smtp_parameter_next(&parameters, &len, &p) == 1)
    if (smtp_parameter_is(&p, "NOTIFY") && p.value) return among(p.value, p.valuelen, "SUCCESS");
  return 0;
}

void commands_bdat(channel *w, outbox_job const *job)
{
  char number[TEXT_NUMBER_MAX];
  channel_puts(w, "BDAT ");
  channel_puts(w, text_number(number, job->length));
  channel_puts(w, " LAST\r\n");
}
