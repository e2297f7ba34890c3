#include "bounce/bounce-internal.h"

#include <string.h>

#include "base/wallclock.h"

/* What a field's second line, and those after it, begin with. */
#define INDENT " "

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

/* --- of the message: RFC 3464 section 2.2 ------------------------------------------------------- */

static void message_fields_put(notice *n)
{
  message const *m = &n->subject->message;
  char value[FIELDS_MAX];
  lines_line(&n->lines, "Reporting-MTA: dns; ", n->me);
  if (fields_envelope_id(value, message_string(m, m->parameters))) field_put(n, "Original-Envelope-Id", value);
  if (fields_received_from(value, message_string(m, m->client))) field_put(n, "Received-From-MTA", value);
  date_put(n, "Arrival-Date", m->arrival_us);
}

/* --- of a recipient: section 2.3 ------------------------------------------------------------------ */

static void diagnostic_put(notice *n, char const *text)
{
  char reply[JOB_LINE_MAX];
  job_field words;
  if (fields_reply(&words, text) && words.len < sizeof reply)
  {
    memcpy(reply, words.s, words.len);
    reply[words.len] = 0;
    lines_fill(&n->lines, "Diagnostic-Code: ", INDENT, "smtp; ", reply);
  }
  else if (*text) lines_fill(&n->lines, "Diagnostic-Code: ", INDENT, "X-Sluice; ", text);
}

static void recipient_fields_put(notice *n, message_recipient const *r)
{
  message const *m = &n->subject->message;
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
  if (fields_remote_mta(value, message_string(m, r->relay))) field_put(n, "Remote-MTA", value);
  diagnostic_put(n, text);
  if (r->attempts) date_put(n, "Last-Attempt-Date", r->last_us);
  if (delayed) date_put(n, "Will-Retry-Until", d.until_us);
}

void report_put(notice *n)
{
  message const *m = &n->subject->message;
  size_t const end = message_rcpts(m);
  size_t i;
  message_fields_put(n);
  for (i = notice_next(n, 0); i < end; i = notice_next(n, i + 1)) recipient_fields_put(n, message_rcptp(m, i));
  lines_line(&n->lines, "");
}
