/* What a delivery report says of parameters and results that came from outside. */

#include "bounce/fields.h"

#include <string.h>

#include "fuzz.h"
#include "smtp/chars.h"

/* A value fits into one line of a report, and is what it says it is. */
static void value_holds(char const *value, int utf8)
{
  size_t len = strnlen(value, FIELDS_MAX), i, n;
  HOLDS(len && len < FIELDS_MAX);
  for (i = 0; i < len; i += n)
  {
    n = smtp_high(value[i]) ? smtp_utf8_scan(value + i, len - i) : 1;
    HOLDS(n && (unsigned char)value[i] >= ' ' && value[i] != 127);
    HOLDS(utf8 || !smtp_high(value[i]));
  }
}

static void both_forms(char const *s, int utf8)
{
  char value[FIELDS_MAX];
  if (fields_original_recipient(value, s, utf8)) value_holds(value, utf8);
  fields_final_recipient(value, s, utf8);
  value_holds(value, utf8);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char value[FIELDS_MAX];
  char *s = malloc(size + 1);
  job_field reply;
  unsigned int event;
  if (!s) abort();
  memcpy(s, data, size);
  s[size] = 0;
  both_forms(s, 0);
  both_forms(s, 1);
  if (fields_envelope_id(value, s) && *value) value_holds(value, 0);
  if (fields_received_from(value, s)) value_holds(value, 0);
  if (fields_remote_mta(value, s)) value_holds(value, 0);
  if (fields_reply(&reply, s)) HOLDS(reply.len >= 3 && fuzz_within(reply.s, reply.len, s, size));
  for (event = JOB_EVENT_FAILED; event <= JOB_EVENT_RELAYED; event++)
  {
    HOLDS(strlen(fields_status(s, (enum job_event)event)) < 12 && *fields_status(s, (enum job_event)event));
    fields_wanted(s, (enum job_event)event);
  }
  fields_ret(s);
  free(s);
  return 0;
}
