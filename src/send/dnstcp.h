#ifndef SEND_DNSTCP_H
#define SEND_DNSTCP_H

/*
 * A question to a name server over TCP (RFC 7766), with a deadline: the C library's resolver has
 * none there.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The longest answer: its length is sent in two octets. */
#define DNSTCP_ANSWER_MAX 65535

/*
 * Connect, ask, and read the answer.
 *   question     a whole message, as res_nmkquery(3) makes it
 *   answer       room for DNSTCP_ANSWER_MAX octets
 *   deadline_ms  when to give up (wallclock_steady_ms())
 * Returns the length of the answer, which belongs to the question and is not cut short; or -1, also
 * when the server did not send all of it in time.
 */
extern int dnstcp_ask(struct sockaddr const *server, socklen_t server_len,
                      unsigned char const *question, size_t len,
                      unsigned char *answer, int64_t deadline_ms);

#endif
