#ifndef SEND_POLICY_H
#define SEND_POLICY_H

/*
 * What a site's MTA-STS policy demands (RFC 8461), as a server says it that fetches such policies
 * and speaks Postfix's socketmap protocol (socketmap_table(5), smtp_tls_policy_maps):
 * postfix-mta-sts-resolver is one.
 *
 *   asked     "MAP DOMAIN", as a netstring
 *   answered  "OK secure match=NAME:.NAME...", "NOTFOUND ", "TEMP REASON", "TIMEOUT REASON",
 *             "PERM REASON", as one
 */

#include <stddef.h>
#include <stdint.h>

/* Octets of an answer. */
#define POLICY_REPLY_MAX 16384
/* Octets of the name of a map. */
#define POLICY_MAP_MAX 64

typedef struct policy
{
  int found;                   /* the site has one */
  /* its hosts' names, parted by colons; ".NAME" is any below it */
  char match[POLICY_REPLY_MAX];
} policy;

/*
 * Ask for the policy of a domain, until a moment (wallclock_steady_ms()).
 *   fd  a socket that does not block, connected or about to be; stays the caller's
 * Returns NULL, or why nothing is known: then none counts as found.
 */
extern char const *policy_ask(policy *out, int fd, char const *map, char const *domain,
                              int64_t deadline_ms);

/*
 * Read an answer.  Levels of Postfix's that demand nothing (none, may, dane) are no policy.  The
 * same.
 */
extern char const *policy_scan(policy *out, char const *s, size_t len);

/* Is this host one that the policy names? */
extern int policy_names(policy const *p, char const *host);

#endif
