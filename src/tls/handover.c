#include "tls/handover.h"

#include <errno.h>
#include <string.h>

#include "job/job.h"

/* tls-io is on this host, and answers at once or not at all. */
#define READY_S 5

/* Why a wait for tls-io came to nothing. */
static char const *const wire_reasons[] =
{
  [WIRE_OPEN] = "tls-io says what makes no sense", [WIRE_LOST] = "tls-io has ended",
  [WIRE_TIMEOUT] = "timed out", [WIRE_STOPPED] = "told to stop"
};

static int unable(handover *h, char const *why)
{
  h->answer.reason = tls_field_of(why);
  return 0;
}

/*
 * Read the next answer.  1 when it is of this kind, and not a refusal; 0 with the reason in the
 * answer.
 */
static int answered(handover *h, enum tls_answer_kind kind)
{
  size_t len;
  if (wire_reply_read(&h->wire, h->line, &len) && tls_answer_scan(h->line, len, &h->answer))
  {
    if (h->answer.kind == kind) return 1;
    if (h->answer.kind == TLS_NO || h->answer.kind == TLS_FAILED) return 0;
  }
  return unable(h, wire_reasons[h->wire.state]);
}

int handover_ask(handover *h, int fd, int stop, tls_request const *request)
{
  if (!wire_init(&h->wire, fd, fd, stop)) return unable(h, strerror(errno));
  wire_step(&h->wire, READY_S);
  return wire_put(&h->wire, request->s, request->len) ? answered(h, TLS_READY)
    : unable(h, wire_reasons[h->wire.state]);
}

int handover_make(handover *h, int connection)
{
  if (job_send(h->wire.out_fd, TLS_GO, sizeof TLS_GO - 1, &connection, 1) == sizeof TLS_GO - 1)
    return answered(h, TLS_DONE);
  return unable(h, strerror(errno));
}
