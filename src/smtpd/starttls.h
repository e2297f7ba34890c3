#ifndef SMTPD_STARTTLS_H
#define SMTPD_STARTTLS_H

/*
 * TLS with the client: STARTTLS (RFC 3207), or from the first octet (RFC 8314 section 3).  tls-io,
 * which listens at run/tls, makes the handshake and has the connection from then on; descriptors 0
 * and 1 become the socket by which it hands us the clear text.
 */

#include "smtp/command.h"
#include "smtpd/session.h"

/* Is STARTTLS offered at this moment?  1 or 0; -1: session_broken(). */
extern int starttls_offered(session *s);

extern int starttls_verb(session *s, smtp_command const *command);

/*
 * Begin with TLS, before a word is said.  1; 0: there is none, and the session is over: session.end
 * says why.
 */
extern int starttls_first(session *s);

#endif
