#ifndef COMPAT_ASK_H
#define COMPAT_ASK_H

/*
 * Have mail tried now, by ETRN over run/local.  For programs alone.
 *   instance  its directory
 * They return when the request is noted.  They die 77 when it is not for this user to ask, else 69, in
 * the words of Postfix's postqueue.
 */

/* Everything. */
extern void ask_everything(char const *instance);

/*
 * What waits for a site: a domain, "@domain" with all below it, "#name" of conf/queues.  A domain may stand
 * in brackets; an address in brackets has nothing that could wait for it.
 */
extern void ask_site(char const *instance, char const *site);

/* A message.  That there is none with this id, since it is gone perhaps, gets a warning. */
extern void ask_message(char const *instance, char const *id);

#endif
