#ifndef TLS_HANDOVER_H
#define TLS_HANDOVER_H

/* A connection is given to tls-io, by a program that waits for each of its answers. */

#include "base/wire.h"
#include "tls/ask.h"

typedef struct handover
{
  wire wire;                 /* to tls-io; once the handshake is made, the clear text */
  char line[WIRE_REPLY_MAX];
  tls_answer answer;         /* the last one, which points into line; or its reason says why there is none */
} handover;

/*
 * Can tls-io do this?
 *   fd    a connection to it, which stays the caller's
 *   stop  see wire_init()
 * It is on this host, and has some seconds.  1; 0 with a reason.
 */
extern int handover_ask(handover *h, int fd, int stop, tls_request const *request);

/*
 * Give it the connection; the handshake has until the end of the step of h->wire.  1, and behind h->wire is the
 * peer; 0 with a reason, and nobody can use the connection any more.
 */
extern int handover_make(handover *h, int connection);

#endif
