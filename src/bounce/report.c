#include "bounce/report.h"

#include <string.h>

#include "base/wallclock.h"
#include "bounce/fields.h"

/* Begins the second line of a field, and those after it. */
#define INDENT " "
/* Digits of the code that a reply begins with. */
#define CODE_LEN 3

/* --- fields ---------------------------------------------------------------------------------- */

static void field_put(notice *n, char const *name, char const *value)
{
  lines_line(&n->lines, name, ": ", value);
}

static void date_put(notice *n, char const *name, uint64_t us)
{
  char date[WALLCLOCK_DATE_MAX];
  wallclock_date(date, us);
  field_put(n, name, date);
}

/* --- of the message: RFC 3464 section 2.2 ------------------------------------------------- */

static void message_fields_put(notice *n)
{
  message const *m = &n->original->message;
  char value[FIELDS_MAX];
  lines_line(&n->lines, "Reporting-MTA: dns; ", n->me);
  if (fields_envelope_id(value, message_string(m, m->parameters)))
    field_put(n, "Original-Envelope-Id", value);
  if (fields_received_from(value, message_string(m, m->client)))
    field_put(n, "Received-From-MTA", value);
  date_put(n, "Arrival-Date", m->arrival_us);
}

/* --- of a recipient: section 2.3 ---------------------------------------------------------- */

/* Put a remote reply; only its code when the texts so far were too long. */
static void reply_put(notice *n, job_field const *reply)
{
  char const *words = notice_words(n, reply->s, reply->len);
  char code[CODE_LEN + 1] = "";
  memcpy(code, reply->s, CODE_LEN);
  lines_fill(&n->lines, "Diagnostic-Code: ", INDENT, "smtp; ", words ? words : code);
}

static void diagnostic_put(notice *n, char const *text)
{
  job_field reply;
  char const *words;
  if (fields_reply(&reply, text)) return reply_put(n, &reply);
  words = notice_words(n, text, strlen(text));
  if (words && *words) lines_fill(&n->lines, "Diagnostic-Code: ", INDENT, "X-Sluice; ", words);
}

/* named: with all fields, not only the required ones. */
static void recipient_fields_put(notice *n, message_recipient const *r, int named)
{
  message const *m = &n->original->message;
  int const delayed = n->event == JOB_EVENT_DELAYED;
  char const *code = message_string(m, r->code), *text = message_string(m, r->reason);
  char value[FIELDS_MAX];
  delay d;
  if (delayed && !notice_delay(n, r, &d)) return;
  if (delayed && !r->attempts) code = d.code, text = d.why;
  lines_line(&n->lines, "");
  if (fields_original_recipient(value, message_string(m, r->parameters), n->utf8))
    field_put(n, "Original-Recipient", value);
  fields_final_recipient(value, message_string(m, r->address), n->utf8);
  field_put(n, "Final-Recipient", value);
  field_put(n, "Action", job_event_name(n->event));
  field_put(n, "Status", fields_status(code, n->event));
  if (named && fields_remote_mta(value, message_string(m, r->relay)))
    field_put(n, "Remote-MTA", value);
  diagnostic_put(n, text);
  if (named && r->attempts) date_put(n, "Last-Attempt-Date", r->last_us);
  if (named && delayed) date_put(n, "Will-Retry-Until", d.until_us);
}

void report_put(notice *n)
{
  message const *m = &n->original->message;
  size_t const end = message_rcpts(m);
  size_t told = 0, i;
  n->words_left = NOTICE_REPORT_WORDS_MAX(n->count);
  message_fields_put(n);
  for (i = notice_next(n, 0); i < end; i = notice_next(n, i + 1))
    recipient_fields_put(n, message_rcptp(m, i), told++ < NOTICE_NAMED_MAX);
  lines_line(&n->lines, "");
}
