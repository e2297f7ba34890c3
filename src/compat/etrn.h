#ifndef COMPAT_ETRN_H
#define COMPAT_ETRN_H

/*
 * Ask for a flush by ETRN over run/local.  For programs alone.
 *   instance  its directory
 * These functions return when the relay has accepted the request.  They die 77 when this user may
 * not ask for it, else 69, in the words of Postfix's postqueue.
 */

/* Flush everything. */
extern void etrn_everything(char const *instance);

/*
 * Flush a site: a domain, "@domain" with all below it, or "#name" of conf/queues.  A domain may
 * stand in brackets; for an address in brackets no mail can wait.
 */
extern void etrn_site(char const *instance, char const *site);

/* Flush one message.  Where the queue has no message of this id, which may be gone, it warns. */
extern void etrn_message(char const *instance, char const *id);

#endif
