#ifndef SEND_WAY_H
#define SEND_WAY_H

/*
 * The addresses of a site, what is known of them, and where a message goes next: one address after the other, best
 * first, until it is taken or refused for good (RFC 5321 section 5.1).
 */

#include "send/host.h"
#include "send/work.h"

/* A message is tried at so many addresses that answered; those that do not answer are not counted. */
#define WAY_ANSWERS_MAX 2

typedef struct way
{
  host_list hosts;
  unsigned int silent;  /* addresses that cannot be talked to, a bit each */
  int64_t silent_ms;    /* when the last of them was found so */
  size_t at;            /* the address of the present connection, or of the last one */
  int64_t reach_ms;     /* the site is to have answered by then, at any of them; 0: nothing is tried */
  unsigned int in_vain[HOST_ADDRESSES_MAX]; /* connections in a row to that address which settled nothing */
} way;

#define WAY_NONE HOST_ADDRESSES_MAX

/* The address at which to try the message, or WAY_NONE. */
extern size_t way_for(way const *w, work_job const *job);

/* Would there be one, were it tried in vain at the present one? */
extern int way_elsewhere(way const *w, work_job const *job);

/* The present address cannot be talked to.  After some minutes it is forgotten. */
extern void way_silence(way *w);
extern void way_forget_silent(way *w);

/*
 * A site that hangs must not hold on to us: from the first connection until one address has answered, all of them have
 * so many seconds.  way_begin() goes on with those that are left, until way_answered().
 */
extern void way_begin(way *w, unsigned int reach_s);
extern void way_answered(way *w);
/* Are they over? */
extern int way_late(way const *w);
/*
 * Until when the present address may take, for its connection, or then for its greeting and its reply to EHLO.  To connect
 * each has an equal part of what is left; one that is connected has half of that, since it is more likely to be there.
 */
extern int64_t way_until_ms(way const *w, int connected);

/*
 * A connection to the present address settled something, or nothing.  Where the second in a row settled nothing, and
 * another address is left, nothing more is tried there for a while, as if it did not answer.
 */
extern void way_settled(way *w);
extern void way_in_vain(way *w);

/* The message, or some of its recipients, did not go at the present address. */
extern void way_tried(way const *w, work_job *job);

/* It is to be tried there once more. */
extern void way_untried(way const *w, work_job *job);

/*
 * Make a job ready again.  Recipients that are to be tried elsewhere are, once nothing else is left of it to be tried at
 * the present address.
 */
extern void way_again(way const *w, work *jobs, work_job *job);

/* The present address is ourselves: it and those behind it are none (RFC 5321 section 5.1).  0: no other is left. */
extern int way_cut_short(way *w);

#endif
