#include "send/envelope.h"

#include <string.h>

#include "base/text.h"
#include "smtp/chars.h"
#include "smtp/command.h"
#include "smtp/reply.h"

/* Which extension must be there for a parameter of MAIL or RCPT to be passed on; 0: it never is. */
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
  for (i = 0; i < sizeof known / sizeof known[0]; i++) if (smtp_parameter_is(p, known[i].key)) return known[i].extension;
  return 0;
}

/* Pass on what the peer knows.  Returns 1 when BODY was among it. */
static int parameters_put(wire *w, char const *parameters, unsigned int extensions)
{
  size_t len = strlen(parameters);
  smtp_parameter p;
  int body = 0;
  while (smtp_parameter_next(&parameters, &len, &p) == 1)
  {
    if (!(parameter_needs(&p) & extensions)) continue;
    if (smtp_parameter_is(&p, "BODY")) body = 1;
    wire_puts(w, " ");
    wire_put(w, p.key, p.keylen);
    if (!p.value) continue;
    wire_puts(w, "=");
    wire_put(w, p.value, p.valuelen);
  }
  return body;
}

uint64_t envelope_size(work_job const *job, unsigned int extensions)
{
  int add = (job->flags & JOB_UNENDED) && !(extensions & SMTP_EXT_CHUNKING);
  return job->length + (add ? 2 : 0);
}

/* SIZE and SMTPUTF8 are ours to say, whatever the client said: they are about this message as it is now. */
void envelope_mail(wire *w, work_job const *job, unsigned int extensions)
{
  char number[TEXT_NUMBER_MAX];
  int body;
  wire_puts(w, "MAIL FROM:<");
  wire_puts(w, work_string(job, job->sender));
  wire_puts(w, ">");
  if (extensions & SMTP_EXT_SIZE)
  {
    wire_puts(w, " SIZE=");
    wire_puts(w, text_number(number, envelope_size(job, extensions)));
  }
  body = parameters_put(w, work_string(job, job->parameters), extensions);
  if (!body && (job->flags & JOB_8BIT) && (extensions & SMTP_EXT_8BITMIME)) wire_puts(w, " BODY=8BITMIME");
  if (job->flags & JOB_UTF8) wire_puts(w, " SMTPUTF8");
  wire_puts(w, "\r\n");
}

void envelope_rcpt(wire *w, work_job const *job, work_rcpt const *rcpt, unsigned int extensions)
{
  wire_puts(w, "RCPT TO:<");
  wire_puts(w, work_string(job, rcpt->address));
  wire_puts(w, ">");
  parameters_put(w, work_string(job, rcpt->parameters), extensions);
  wire_puts(w, "\r\n");
}

/* Is a word among those parted by commas? */
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

int envelope_success_wanted(work_job const *job, work_rcpt const *rcpt)
{
  char const *parameters = work_string(job, rcpt->parameters);
  size_t len = strlen(parameters);
  smtp_parameter p;
  while (smtp_parameter_next(&parameters, &len, &p) == 1)
    if (smtp_parameter_is(&p, "NOTIFY") && p.value) return among(p.value, p.valuelen, "SUCCESS");
  return 0;
}

void envelope_bdat(wire *w, work_job const *job)
{
  char number[TEXT_NUMBER_MAX];
  wire_puts(w, "BDAT ");
  wire_puts(w, text_number(number, job->length));
  wire_puts(w, " LAST\r\n");
}
