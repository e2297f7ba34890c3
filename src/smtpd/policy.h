#ifndef SMTPD_POLICY_H
#define SMTPD_POLICY_H

/*
 * Which senders, recipients and flushes a client is allowed.  Each function reads its settings
 * when it is called, so a changed file counts at once.  Functions return 1, or 0 with errno when a
 * setting cannot be read or makes no sense (conf_error() says it), or memory is short (ENOMEM).
 * "Our domains" are those of conf/relaydomains, "our clients" those of conf/relayclients, the
 * local users, and users known by AUTH whom conf/users lets relay.
 */

#include <stddef.h>
#include <skalibs/stralloc.h>

#include "conf/conf.h"
#include "smtp/path.h"
#include "smtpd/identity.h"
#include "smtpd/peer.h"

/* Lists that are read once and kept: from session to session where a process serves several. */
typedef struct policy_lists
{
  conf_list relaydomains;
  conf_list relayclients;
  conf_list recipients;
} policy_lists;
#define POLICY_LISTS_ZERO \
  { .relaydomains = CONF_LIST_ZERO, .relayclients = CONF_LIST_ZERO, .recipients = CONF_LIST_ZERO }

typedef struct policy
{
  int conf;
  int socket;          /* the client's, or -1: own is known, or cannot be */
  peer own;            /* our end of the connection, see policy_own() */
  peer const *client;
  identity *identity;
  uid_t owner;         /* of the instance */
  char const *me;
  policy_lists *lists;
  int subdomain;       /* the last recipient's domain is below one of ours: perhaps made up */
} policy;

/*
 * Learn our own address, which nobody needs in most sessions: before it is asked for, or the socket
 * becomes another one.  Once it is known, or cannot be, that is all.
 */
extern void policy_own(policy *p);

enum policy_verdict
{
  POLICY_YES,
  POLICY_NO_NOTICE,    /* yes, but its sender, who may be anybody, is never sent a notice */
  POLICY_NOT_A_DOMAIN, /* the domain's name makes no sense */
  POLICY_NO_RELAY,     /* neither a domain of ours nor a client of ours */
  POLICY_LITERAL,      /* an address literal: no mail waits for those */
  POLICY_SOURCE_ROUTE, /* ours, but the local part may be read as an address elsewhere */
  POLICY_UNKNOWN       /* a domain of ours, but it has no such mailbox */
};

/*
 * Is this sender accepted?  A sender in one of our domains whose local part is a source route is
 * accepted from our clients alone: the domain's server would send a notice on to where the route
 * leads.
 *   *domain  memory for its domain
 */
extern int policy_mail(policy *p, smtp_path const *path, stralloc *domain, int *yes);

/*
 * Is this recipient accepted?
 *   path      as the client sent it
 *   *domain   with POLICY_YES and POLICY_NO_NOTICE: its domain, folded, a string: the list that the
 *             message waits in
 *   *address  with these verdicts: the mailbox, a string; for postmaster at this host, the mailbox
 *             that conf/postmaster names
 */
extern int policy_rcpt(policy *p, smtp_path const *path, stralloc *domain, stralloc *address,
                       enum policy_verdict *verdict);

/* Is the client one of ours? */
extern int policy_trusted(policy *p, int *ours);

/*
 * May this client have these domains flushed?  All of them, or none.  A local user who may
 * flush may flush anything; a user known by AUTH, his own domains and what the client's address
 * may.
 *   domains  folded, each a string, one after the other
 *   below    each with every domain below it
 */
extern int policy_flush(policy const *p, stralloc const *domains, int below, int *yes);

#endif
