#ifndef SEND_COMMANDS_H
#define SEND_COMMANDS_H

/*
 * The commands that name a message's sender, recipients and length, as a server with these
 * extensions (smtp_extension) understands them.  A parameter is passed on only to a server that
 * offers its extension.  There must be room on the wire, see channel_ready().
 */

#include <stdint.h>

#include "send/channel.h"
#include "send/outbox.h"

extern void commands_mail(channel *w, outbox_job const *job, unsigned int extensions);
extern void commands_rcpt(channel *w, outbox_job const *job, outbox_rcpt const *rcpt,
                          unsigned int extensions);
extern void commands_bdat(channel *w, outbox_job const *job);

/* Did the sender ask to be told of the delivery itself (NOTIFY=SUCCESS, RFC 3461 section 4.1)? */
extern int commands_success_wanted(outbox_job const *job, outbox_rcpt const *rcpt);

/* Octets of the content, with the CRLF at its end that DATA needs and BDAT does not. */
extern uint64_t commands_size(outbox_job const *job, unsigned int extensions);

#endif
