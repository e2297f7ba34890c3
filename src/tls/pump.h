#ifndef TLS_PUMP_H
#define TLS_PUMP_H

#include <openssl/ssl.h>

/*
 * Carry octets both ways between a clear socket and a connection whose hands are shaken; both
 * descriptors do not block.  No more is read than there is room for, and nothing has a time limit,
 * until the clear side is closed: what is held then has 60 seconds to get to the peer.
 *
 * An end of file of one side becomes one for the other: close_notify, or the end of writing.  The
 * end of the TCP connection without close_notify is such an end, too.
 *   lines   no record holds more than one line, or over 4096 octets
 */
extern void pump_run(SSL *ssl, int clear, int lines);

#endif
