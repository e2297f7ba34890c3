#ifndef JOB_TURN_H
#define JOB_TURN_H

/*
 * The datagram by which qmgr is handed a connection that a customer has turned round for his mail
 * (ATRN, RFC 2645), through run/turn; the connection's descriptor travels with it, and no other.
 *
 *   turn USER NAME[ADDRESS]:PORT tls|clear DOMAIN...
 *        USER     as whom the customer is known
 *        ADDRESS  and PORT of the customer's end
 *        tls      what is written there goes out over TLS
 *
 * Fields are parted by one space, without control characters, and no end of line.
 */

#include <stddef.h>

#include "job/job.h"

/* Octets of a datagram. */
#define JOB_TURN_MAX 65536
/* Octets of USER; of "NAME[ADDRESS]:PORT", which is a relay's name later. */
#define JOB_TURN_USER_MAX 255
#define JOB_TURN_PEER_MAX 79

typedef struct job_turn
{
  job_field user;
  job_field peer;
  job_field how;         /* "tls" or "clear" */
  job_field domains;     /* the rest, at least one; nothing is known of them yet */
} job_turn;

/*
 * Write the beginning of one, up to the word in front of the domains, which the caller adds, each
 * behind a space.  What no field may hold becomes "_".
 *   out   of JOB_TURN_HEAD_MAX
 *   peer  for which job_turn_peer_ok() says yes
 * Returns its length; a string.
 */
#define JOB_TURN_HEAD_MAX (JOB_TURN_USER_MAX + JOB_TURN_PEER_MAX + 16)
extern size_t job_turn_begin(char *out, char const *user, char const *peer, int tls);

/* Read it; the fields point into the text.  1 or 0. */
extern int job_turn_scan(job_turn *turn, char const *s, size_t len);

/* Is this "NAME[ADDRESS]:PORT", no longer than JOB_TURN_PEER_MAX? */
extern int job_turn_peer_ok(char const *s, size_t len);

#endif
