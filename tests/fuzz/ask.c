/* What tls-io is asked, and what it answers. */

#include "tls/ask.h"

#include <string.h>

#include "fuzz.h"

static char const *text(tls_field const *field)
{
  static char s[TLS_REQUEST_MAX];
  memcpy(s, field->s, field->len);
  s[field->len] = 0;
  return s;
}

/* What was understood can be asked for, in the same words. */
static void ask_again(tls_asked const *asked)
{
  static tls_request r;
  static tls_asked again;
  size_t i;
  if (asked->connect) tls_request_connect(&r, text(&asked->name), asked->timeout_s, asked->level);
  else tls_request_accept(&r, asked->timeout_s, asked->certificate, asked->lines);
  for (i = 0; i < asked->names; i++) HOLDS(tls_request_match(&r, text(&asked->match[i])));
  for (i = 0; i < asked->prints; i++) HOLDS(tls_request_print(&r, text(&asked->print[i])));
  tls_request_end(&r);
  HOLDS(tls_request_scan(r.s, r.len - 2, &again));
  HOLDS(again.connect == asked->connect && again.timeout_s == asked->timeout_s
        && again.level == asked->level && again.name.len == asked->name.len
        && again.certificate == asked->certificate && again.lines == asked->lines
        && again.names == asked->names && again.prints == asked->prints);
}

static void answer_again(tls_answer const *answer)
{
  static char out[TLS_ANSWER_MAX];
  tls_answer again;
  size_t const len = tls_answer_format(out, answer);
  HOLDS(len <= sizeof out && !memchr(out, '\r', len - 2) && !memchr(out, '\n', len - 2));
  HOLDS(tls_answer_scan(out, len - 2, &again) && again.kind == answer->kind
        && again.trust == answer->trust);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  static tls_asked asked;
  char *s = malloc(size ? size : 1);
  tls_answer answer;
  if (!s) abort();
  memcpy(s, data, size);
  if (size < TLS_REQUEST_MAX && tls_request_scan(s, size, &asked)) ask_again(&asked);
  if (size < TLS_ANSWER_MAX / 2 && tls_answer_scan(s, size, &answer)) answer_again(&answer);
  free(s);
  return 0;
}
