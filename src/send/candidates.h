#ifndef SEND_CANDIDATES_H
#define SEND_CANDIDATES_H

/*
 * The addresses of a site, what is known of them, and which of them a message is tried at next: one
 * address after the other, best first, until the message is accepted or refused for good (RFC 5321
 * section 5.1).
 */

#include "send/host.h"
#include "send/outbox.h"

/*
 * A message is tried at so many addresses that answer; those that do not answer are not counted.
 */
#define CANDIDATES_ANSWERS_MAX 2

typedef struct candidates
{
  host_list hosts;
  unsigned int silent;  /* addresses that cannot be talked to, a bit each */
  int64_t silent_ms;    /* when the last of those was found silent */
  size_t at;            /* the address of the present connection, or of the last one */
  unsigned int plain;   /* addresses whose next connection is to be without TLS, a bit each */
  int64_t reach_ms;     /* when one of the addresses must have answered; 0: nothing is tried */
  /* for each address: connections in a row that settled nothing */
  unsigned int in_vain[HOST_ADDRESSES_MAX];
} candidates;

#define CANDIDATES_NONE HOST_ADDRESSES_MAX

/* The address at which to try the message, or CANDIDATES_NONE. */
extern size_t candidates_for(candidates const *w, outbox_job const *job);

/* Would another address be left if the attempt at the present one failed? */
extern int candidates_elsewhere(candidates const *w, outbox_job const *job);

/* The present address cannot be talked to; some minutes later that is forgotten. */
extern void candidates_silence(candidates *w);
extern void candidates_forget_silent(candidates *w);

/*
 * TLS with the present address failed: the next connection to it is to be without.  Is the one that begins?  That
 * is asked once for each connection.
 */
extern void candidates_plain(candidates *w);
extern int candidates_plain_take(candidates *w);

/*
 * A site that hangs must not keep us: from the first connection until one address has answered, all
 * addresses together have so many seconds.  After candidates_begin() the seconds run, until
 * candidates_answered().
 */
extern void candidates_begin(candidates *w, unsigned int reach_s);
extern void candidates_answered(candidates *w);
/* Are those seconds over? */
extern int candidates_late(candidates const *w);
/*
 * The deadline of the present address: for the connection, or, once connected, for greeting and
 * reply to EHLO.  To connect, each address has an equal part of the seconds that are left; one that
 * is connected has half of what is left, since it is more likely to answer.
 */
extern int64_t candidates_until_ms(candidates const *w, int connected);

/*
 * A connection to the present address settled a recipient, or none.  After a second connection in a
 * row that settled none, where another address is left, the present one counts as silent for a
 * while.
 */
extern void candidates_settled(candidates *w);
extern void candidates_in_vain(candidates *w);

/* The attempt to send the message, or some recipients, failed at the present address. */
extern void candidates_tried(candidates const *w, outbox_job *job);

/* The message is to be tried at the present address once more. */
extern void candidates_untried(candidates const *w, outbox_job *job);

/*
 * Make a job ready again.  Its recipients that are to be tried elsewhere are tried once no other is
 * left to be tried at the present address.
 */
extern void candidates_again(candidates const *w, outbox *jobs, outbox_job *job);

/*
 * The present address is ourselves: remove it and those behind it (RFC 5321 section 5.1).  0: no
 * address is left.
 */
extern int candidates_cut_short(candidates *w);

#endif
