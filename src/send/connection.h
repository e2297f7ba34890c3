#ifndef SEND_CONNECTION_H
#define SEND_CONNECTION_H

/*
 * One SMTP connection to one address, client's side (RFC 5321), shaped for long links.
 *
 * Commands are written as early as the peer's extensions allow, and every command written puts
 * an entry into the list of expected replies; replies are taken in that order.  Writing and
 * reading know of each other only through that list and the jobs' fields.
 *
 *   CHUNKING and PIPELINING  MAIL RCPT... BDAT LAST and content, of message after message,
 *                            nothing waits for anything; RSET parts those whose end is not known
 *   PIPELINING               MAIL RCPT... DATA in one go; after 354 the content, its last dot
 *                            together with the next message's MAIL RCPT... DATA
 *   neither                  a command, its reply, the next command
 *
 * The caller polls: connection_poll(), then connection_step() with what poll(2) said.
 */

#include <poll.h>
#include <stdint.h>

#include "send/candidates.h"
#include "send/destination.h"
#include "send/exchange.h"
#include "send/outbox.h"
#include "send/report.h"

extern void connection_init(smtp_connection *s, destination const *where,
                            candidates const *candidates,
                            outbox *jobs, report *out);

/* Close it, whatever its state, and give back the memory. */
extern void connection_free(smtp_connection *s);

/*
 * Begin to connect to the present address; plain: whatever TLS it offers is left alone.  Check
 * s->state afterwards: the connection may have ended already.
 */
extern void connection_begin(smtp_connection *s, int plain);

/*
 * Is a connection to tls-io wanted?  1 once for each.  connection_secure() gives it: its descriptor,
 * non-blocking, ours from then on; or -1 and why there is none.  Check s->state afterwards.
 */
extern int connection_asks(smtp_connection *s);
extern void connection_secure(smtp_connection *s, int fd, char const *why);

/*
 * The same over a connection that has been made, and was turned round (s->where->turned; ATRN, RFC
 * 2645): the peer's greeting comes next.  The descriptor is the connection's from now on.
 */
extern void connection_begin_turned(smtp_connection *s, int fd);

/* What to poll(2) for, and until when (wallclock_steady_ms(); -1: for ever). */
extern void connection_poll(smtp_connection const *s, struct pollfd *p);
extern int64_t connection_deadline(smtp_connection const *s);

/* Read and write what can be; revents of poll(2), 0 when only the time or the jobs have changed. */
extern void connection_step(smtp_connection *s, short revents);

/*
 * Begin no more messages, finish what is on the wire within ms, then QUIT.
 * A later call can only make it sooner.
 */
extern void connection_stop(smtp_connection *s, int64_t ms);

/*
 * For how long has no octet moved, while a reply is due or octets wait?  Octets that the kernel
 * still sends count as moving: a link may be slow.  0 where nothing is waited for.
 */
extern int64_t connection_silent_ms(smtp_connection *s);

/*
 * Seal the connection: it ends after the head's replies, and the messages on the wire behind the
 * head belong to other connections from now on.  Sealable: all that was put has been sent.
 */
extern int connection_sealable(smtp_connection const *s);
extern void connection_seal(smtp_connection *s);

#endif
