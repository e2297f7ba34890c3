#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

/*
 * The scheduler: which message goes to which site when.
 *
 *     now and then:    sched_now(); while (sched_tick(s, &t)) ...
 *     mail came:       domain_recorded(), domain_waits(); or at once, over what sched_choose() says
 *     requested:       domain_request(), domain_try()
 *     the site's word: sched_answered(), sched_served(), sched_vain(), sched_refused()
 *     after each:      while (sched_order(s, &o)) ...
 *     then:            sched_turns(); while (sched_turn(s, &o)) ...
 */

#include "sched/attempt.h"
#include "sched/pass.h"
#include "sched/reversal.h"

/*
 * What the user is to do.
 *
 *     ORDER_DROP          messages are not tried at once: domain_dropped() names them
 *     ORDER_GIVE_BACK     make the claim a list again; domain_given_back()
 *     ORDER_SETTLE        record what the pass has kept and domain_given_up() names, and remove the
 *                         claim; or give it back, where the pass is damaged; domain_settled()
 *     ORDER_CLAIM         make the list a claim, for d->claim; domain_claimed()
 *     ORDER_REQUEST_OVER  the request was carried out
 *     ORDER_LEARN         look whose mail waits for the domain: this message's, or the first one's
 *                         in its list; site_learn(), if it can be told
 *     ORDER_CONNECT       connection_add(), on this account; or sched_not_connected()
 *     ORDER_READ          read the next id of the claim; domain_read(), and try it as in ORDER_TRY;
 *                         or domain_read_through()
 *     ORDER_TRY           try the message over the connection, for the cause
 */
typedef struct order
{
  enum order_kind kind;
  domain *domain;
  site *site;
  connection *connection;
  source *account;
  enum cause cause;
  char id[SCHED_ID_MAX];
} order;

/* All zero but for the settings before.  random: a seed. */
extern void sched_init(sched *s, uint64_t now_us, uint64_t random);

/* --- orders and turns ------------------------------------------------------------------------ */

/* What is to be done before anything else is told.  1, or 0: nothing. */
extern int sched_order(sched *s, order *o);

/*
 * Every site that is runnable now, and some of those that have waited for a connection, has its
 * turn...
 */
extern void sched_turns(sched *s);
/*
 * ...and hands out some messages in it.  1, or 0: all have had their turns, or everything is
 * paused.
 */
extern int sched_turn(sched *s, order *o);
/* Is there more to hand out, after that? */
extern int sched_more(sched const *s);

/*
 * Which connection takes a message for the domain that may go now.
 *   account  on whose it is, see site_account()
 *   urgent   it was requested
 *   alone    it is to be alone on it
 * Where there is none, the site waits for one.
 */
extern enum choice sched_choose(sched *s, domain *d, source *account, int urgent, int alone,
                                connection **c);
/*
 * No connection can be had: not this moment, or for something that everybody needs
 * (CONNECTING_GOES: paused is set).
 */
extern void sched_not_connected(sched *s, enum connecting why);
/* Something is short: nothing is handed out until sched_resume(). */
extern void sched_pause(sched *s);
extern void sched_resume(sched *s);

/* --- time ------------------------------------------------------------------------------------ */

/* It is now; how many microseconds was the clock set back? */
extern uint64_t sched_now(sched *s, uint64_t now_us);
/* Time has passed unseen: the clock was set forward, or the machine was off. */
extern void sched_jumped(sched *s);
/* When sched_tick() is to be called again; NEVER_US: when something else has happened. */
extern uint64_t sched_next_us(sched const *s);

/* What has to end since its time has come. */
typedef struct tick
{
  connection *idle;          /* it has had nothing to do for a moment; or NULL */
  connection *hanging;       /* it hangs, and others wait: sched_given_up(); or NULL */
} tick;
/* What is due is seen to.  1 with something that has to end; 0: that was all. */
extern int sched_tick(sched *s, tick *t);

/* --- the word of a site ---------------------------------------------------------------------- */

/* It answered.  1: it was not up before; *was_down: and down. */
extern int sched_answered(sched *s, connection *c, int *was_down);
/* It took a message, or refused it for good.  1: its failures are over. */
extern int sched_served(sched *s, connection *c, int took);
/* A connection ended; "drop": without a word. */
extern void sched_lost(sched *s, connection *c, int drop);

enum vain
{
  VAIN_GO_ON,
  VAIN_LEAVE,                /* the site takes fewer: this one is given nothing more, and ends */
  VAIN_FAILED                /* the site has failed: all its connections end */
};
/*
 * A connection ended and had settled nothing.
 *   id       of the message at its head, or "-"
 *   drop     it just ended, without a word
 *   too_many the site said 421
 */
extern enum vain sched_vain(sched *s, connection *c, char const *id, int drop, int too_many);
/*
 * The site refused the connection; or it hangs, and is given up.  1: the site has failed, for
 * whoever still tries would only find the same: all its connections end; 0: this one does, others
 * work.
 */
extern int sched_refused(sched *s, connection *c);

/* --- looks ----------------------------------------------------------------------------------- */

/* Which domain is looked through for expired mail next; for senders to be warned.  NULL: none. */
extern domain *sched_sweep(sched const *s);
extern domain *sched_warning(sched const *s);

/* A round through all that is known begins: what nobody has asked for lately is to be forgotten. */
extern void sched_forget_begin(sched *s);
/*
 * One bounded piece of that: what is to be forgotten next, domain_leave() or site_leave().  1, or 0
 * at the end of the piece.
 */
extern int sched_forget(sched *s, unsigned int *left, domain **d, site **x);
extern int sched_forget_more(sched const *s);

#endif
