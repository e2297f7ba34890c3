#ifndef SMTPD_POLICY_H
#define SMTPD_POLICY_H

/*
 * Who may do what.  Every question is put to the settings when it comes up, so a changed
 * file counts at once.  Functions return 1, or 0 with errno when a setting cannot be read or
 * makes no sense (conf_error() says it), or memory is short (ENOMEM).
 */

#include <stddef.h>
#include <skalibs/stralloc.h>

#include "conf/conf.h"
#include "smtp/path.h"
#include "smtpd/peer.h"

typedef struct policy
{
  int conf;
  int socket;          /* to learn our own address from, see peer_own() */
  peer const *client;
  uid_t owner;         /* of the instance */
  char const *me;
  conf_list relaydomains; /* kept from recipient to recipient */
  conf_list relayclients;
  conf_list recipients;
  int below;           /* the last recipient's domain is ours only as one below a domain of ours: perhaps it was made up */
} policy;

enum policy_verdict
{
  POLICY_YES,
  POLICY_UNTOLD,       /* yes, but its sender, who may be anybody, is never told what became of it */
  POLICY_NOT_A_DOMAIN, /* the domain's name makes no sense */
  POLICY_NO_RELAY,     /* not a domain of ours, not a client of ours */
  POLICY_LITERAL,      /* an address literal: no mail waits for those */
  POLICY_ROUTED,       /* of ours, but the local part may be read as an address elsewhere; not a client of ours */
  POLICY_UNKNOWN       /* a domain of ours, but it has no such mailbox */
};

/*
 * Is this sender taken?  None in one of our domains whose local part may be read as an address
 * elsewhere, from who is no client of ours: a notice would be sent there by way of the domain's
 * server.
 *   *domain  memory for its domain
 */
extern int policy_mail(policy *p, smtp_path const *path, stralloc *domain, int *yes);

/*
 * Is this recipient taken?
 *   path      as the client sent it
 *   *domain   with POLICY_YES and POLICY_UNTOLD: its domain, folded, a string: the list it waits in
 *   *address  with these: the mailbox, a string; another than was sent for postmaster at this host
 */
extern int policy_rcpt(policy *p, smtp_path const *path, stralloc *domain, stralloc *address,
                       enum policy_verdict *verdict);

/* Is it a local user, or a client of ours? */
extern int policy_trusted(policy *p, int *ours);

/*
 * May this client have these domains flushed?  All of them, or none.  A local user who may
 * flush may flush anything.
 *   domains  folded, each a string, one after the other
 */
extern int policy_flush(policy const *p, stralloc const *domains, int *yes);

#endif
