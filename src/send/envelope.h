#ifndef SEND_ENVELOPE_H
#define SEND_ENVELOPE_H

/*
 * The commands that name a message's sender, recipients and length, as a server with these
 * extensions (smtp_extension) understands them.  A parameter is passed on only to a server that
 * offers its extension.  There must be room on the wire, see wire_ready().
 */

#include <stdint.h>

#include "send/wire.h"
#include "send/work.h"

extern void envelope_mail(wire *w, work_job const *job, unsigned int extensions);
extern void envelope_rcpt(wire *w, work_job const *job, work_rcpt const *rcpt, unsigned int extensions);
extern void envelope_bdat(wire *w, work_job const *job);

/* Did the sender ask to be told of the delivery itself (NOTIFY=SUCCESS, RFC 3461 section 4.1)? */
extern int envelope_success_wanted(work_job const *job, work_rcpt const *rcpt);

/* Octets of the content, with the CRLF that DATA, other than BDAT, cannot do without. */
extern uint64_t envelope_size(work_job const *job, unsigned int extensions);

#endif
