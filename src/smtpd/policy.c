#include "smtpd/policy.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static char const postmaster[] = "postmaster";

static int is_postmaster(smtp_path const *path)
{
  return path->locallen == sizeof postmaster - 1
    && !strncasecmp(path->local, postmaster, path->locallen);
}

/* local@domain, a string. */
static int address_put(stralloc *address, smtp_path const *path, char const *domain, size_t len)
{
  if (stralloc_copyb(address, path->local, path->locallen) && stralloc_append(address, '@')
    && stralloc_catb(address, domain, len) && stralloc_0(address))
  {
    address->len--;
    return 1;
  }
  errno = ENOMEM;
  return 0;
}

void policy_own(policy *p)
{
  static peer const nobody = { .ip = "" };
  if (p->socket == -1) return;
  if (!peer_own(&p->own, p->socket)) p->own = nobody;
  p->socket = -1;
}

/* Is the path at this host: with no domain, our name, or our address? */
static int at_this_host(policy *p, smtp_path const *path, stralloc const *domain)
{
  if (!path->domainlen) return 1;
  if (*path->domain != '[') return !strcmp(domain->s, p->me);
  policy_own(p);
  return peer_is(&p->own, path->domain, path->domainlen);
}

int policy_trusted(policy *p, int *ours)
{
  *ours = p->client->local;
  if (*ours) return 1;
  if (!identity_relays(p->identity, p->conf, ours)) return 0;
  return *ours || conf_relayclient(p->conf, &p->lists->relayclients, &p->client->address, ours);
}

/*
 * Judge a recipient in none of our relay domains.  Our clients may send to any domain, but to no
 * address literal.
 */
static int other_domain_rcpt(policy *p, smtp_path const *path, enum policy_verdict *verdict)
{
  int ours;
  if (!policy_trusted(p, &ours)) return 0;
  *verdict = !ours ? POLICY_NO_RELAY : *path->domain == '[' ? POLICY_LITERAL : POLICY_YES;
  return 1;
}

/*
 * Is the local part a source route that is not allowed: "user%elsewhere", "elsewhere!user", or
 * "user@elsewhere" in quotes?  The customer's server may send such mail elsewhere, since it trusts
 * us; so a client that may not relay through us could relay through that server.
 */
static int source_routed(policy *p, smtp_path const *path, int *yes)
{
  size_t i = 0;
  int allowed;
  while (i < path->locallen && !memchr("@%!", path->local[i], 3)) i++;
  *yes = i < path->locallen;
  if (!*yes) return 1;
  if (!conf_switch(p->conf, "percenthack", &allowed)) return 0;
  if (!allowed && !policy_trusted(p, &allowed)) return 0;
  *yes = !allowed;
  return 1;
}

/*
 * Judge a recipient in one of our relay domains.  The domain's postmaster is accepted even if it is
 * not among conf/recipients (RFC 5321 section 4.5.1).  The site may well refuse such mail; the
 * sender, which may be forged, is sent no notice then.
 */
static int relay_domain_rcpt(policy *p, smtp_path const *path, stralloc const *domain,
                             stralloc *address, enum policy_verdict *verdict)
{
  int known, elsewhere;
  if (!source_routed(p, path, &elsewhere)) return 0;
  if (elsewhere)
  {
    *verdict = POLICY_SOURCE_ROUTE;
    return 1;
  }
  if (!address_put(address, path, domain->s, domain->len)) return 0;
  if (!conf_recipient(p->conf, &p->lists->recipients, address->s, address->len, &known)) return 0;
  *verdict = known ? POLICY_YES : is_postmaster(path) ? POLICY_NO_NOTICE : POLICY_UNKNOWN;
  return 1;
}

int policy_mail(policy *p, smtp_path const *path, stralloc *domain, int *yes)
{
  int ours, elsewhere;
  *yes = 1;
  if (!path->domainlen || *path->domain == '[') return 1;
  if (!source_routed(p, path, &elsewhere)) return 0;
  if (!elsewhere) return 1;
  if (!conf_domain_fold(domain, path->domain, path->domainlen)) return errno != ENOMEM;
  if (!conf_relaydomain(p->conf, &p->lists->relaydomains, domain->s, domain->len, &ours)) return 0;
  *yes = !ours;
  return 1;
}

int policy_rcpt(policy *p, smtp_path const *path, stralloc *domain, stralloc *address,
                enum policy_verdict *verdict)
{
  int named = path->domainlen && *path->domain != '[';
  int ours = 0, held;
  p->subdomain = 0;
  *verdict = POLICY_NOT_A_DOMAIN;
  if (named && !conf_domain_fold(domain, path->domain, path->domainlen)) return errno != ENOMEM;
  if (named && !strcmp(domain->s, CONF_HELD)) return 1;
  *verdict = POLICY_YES;
  if (is_postmaster(path) && at_this_host(p, path, domain))
  {
    if (!conf_postmaster_domain(p->conf, address, domain, &held)) return 0;
    if (held) *verdict = POLICY_NO_NOTICE;
    return 1;
  }

  if (named && !conf_relaydomain_below(p->conf, &p->lists->relaydomains, domain->s, domain->len,
                                       &ours, &p->subdomain)) return 0;
  if (ours)
  {
    if (!relay_domain_rcpt(p, path, domain, address, verdict)) return 0;
  }
  else if (!other_domain_rcpt(p, path, verdict)) return 0;
  if (*verdict != POLICY_YES && *verdict != POLICY_NO_NOTICE) return 1;
  return address_put(address, path, path->domain, path->domainlen);
}

static int user_flush(policy const *p, int *yes)
{
  uid_t uid = p->client->uid;
  *yes = !uid || uid == geteuid() || uid == p->owner;
  return *yes || conf_flushuser(p->conf, uid, yes);
}

int policy_flush(policy const *p, stralloc const *domains, int below, int *yes)
{
  size_t i, len;
  if (p->client->local) return user_flush(p, yes);
  if (!identity_owns(p->identity, p->conf, domains, below, yes)) return 0;
  if (*yes) return 1;
  if (!conf_flushclient(p->conf, &p->client->address, yes)) return 0;
  for (i = 0; *yes && i < domains->len; i += len + 1)
  {
    len = strlen(domains->s + i);
    if (!conf_flushdomain(p->conf, domains->s + i, len, yes)) return 0;
  }
  return 1;
}
