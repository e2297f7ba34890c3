#ifndef SMTPD_IDENTITY_H
#define SMTPD_IDENTITY_H

/*
 * Which user a client has proved to be, and what conf/users has that user do.  Functions that read
 * it return 1, or 0 with errno and conf_error(); a changed file counts at once.
 */

#include <stddef.h>

#include "conf/conf.h"

typedef struct identity
{
  char const *method;               /* of AUTH, for the log: "PLAIN"; NULL: there was none */
  int certified;                    /* there is a user whose certificate the client has */
  char name[CONF_ACCOUNT_MAX + 1];
  conf_list users;                  /* kept */
  conf_account account;             /* private */
} identity;

/*
 * The client is this user by AUTH, from now on.
 *   method  a string that stays
 *   name    up to CONF_ACCOUNT_MAX octets, without a NUL; may be the name that is there, by a certificate
 */
extern void identity_set(identity *id, char const *method, char const *name, size_t len);

/* The client has this user's certificate: that is who it is, until AUTH says otherwise. */
extern void identity_certify(identity *id, char const *name);

/* Is the client known, by whatever? */
extern int identity_known(identity const *id);

/* Nobody is known any more. */
extern void identity_forget(identity *id);

/* Give back the memory it has: it knows nobody, and may be used again. */
extern void identity_free(identity *id);

/* May the client send anywhere, for being this user? */
extern int identity_relays(identity *id, int conf, int *yes);

/*
 * The user's patterns, as conf/users has them: domains, and ".parent" for all below; each a string,
 * one after the other.  They stay until the next call with this identity.
 */
extern int identity_domains(identity *id, int conf, stralloc const **patterns);

/*
 * Are these domains the user's, all of them?
 *   domains  folded, each a string, one after the other
 *   below    each with every domain below it
 */
extern int identity_owns(identity *id, int conf, stralloc const *domains, int below, int *yes);

#endif
