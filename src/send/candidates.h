#ifndef SEND_CANDIDATES_H
#define SEND_CANDIDATES_H

/*
 * The addresses of a site, what is known of them, and where a message goes next: one address after
 * the other, best first, until it is taken or refused for good (RFC 5321 section 5.1).
 */

#include "send/host.h"
#include "send/outbox.h"

/*
 * A message is tried at so many addresses that answered; those that do not answer are not counted.
 */
#define CANDIDATES_ANSWERS_MAX 2

typedef struct candidates
{
  host_list hosts;
  unsigned int silent;  /* addresses that cannot be talked to, a bit each */
  int64_t silent_ms;    /* when the last of them was found so */
  size_t at;            /* the address of the present connection, or of the last one */
  int64_t reach_ms;     /* when one of the addresses must have answered; 0: nothing is tried */
  /* for each address: connections in a row that settled nothing */
  unsigned int in_vain[HOST_ADDRESSES_MAX];
} candidates;

#define CANDIDATES_NONE HOST_ADDRESSES_MAX

/* The address at which to try the message, or CANDIDATES_NONE. */
extern size_t candidates_for(candidates const *w, outbox_job const *job);

/* Would there be one, were it tried in vain at the present one? */
extern int candidates_elsewhere(candidates const *w, outbox_job const *job);

/* The present address cannot be talked to.  After some minutes it is forgotten. */
extern void candidates_silence(candidates *w);
extern void candidates_forget_silent(candidates *w);

/*
 * A site that hangs must not hold on to us: from the first connection until one address has
 * answered, all of them have so many seconds.  candidates_begin() goes on with those that are left,
 * until candidates_answered().
 */
extern void candidates_begin(candidates *w, unsigned int reach_s);
extern void candidates_answered(candidates *w);
/* Are they over? */
extern int candidates_late(candidates const *w);
/*
 * Until when the present address may take, for its connection, or then for its greeting and its
 * reply to EHLO.  To connect each has an equal part of what is left; one that is connected has half
 * of that, since it is more likely to be there.
 */
extern int64_t candidates_until_ms(candidates const *w, int connected);

/*
 * A connection to the present address settled something, or nothing.  Where the second in a row
 * settled nothing, and another address is left, nothing more is tried there for a while, as if it
 * did not answer.
 */
extern void candidates_settled(candidates *w);
extern void candidates_in_vain(candidates *w);

/* The message, or some of its recipients, did not go at the present address. */
extern void candidates_tried(candidates const *w, outbox_job *job);

/* It is to be tried there once more. */
extern void candidates_untried(candidates const *w, outbox_job *job);

/*
 * Make a job ready again.  Recipients that are to be tried elsewhere are, once nothing else is left
 * of it to be tried at the present address.
 */
extern void candidates_again(candidates const *w, outbox *jobs, outbox_job *job);

/*
 * The present address is ourselves: it and those behind it are none (RFC 5321 section 5.1).  0: no
 * other is left.
 */
extern int candidates_cut_short(candidates *w);

#endif
