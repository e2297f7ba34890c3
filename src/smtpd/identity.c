#include "smtpd/identity.h"

#include <string.h>

#include "smtp/domain.h"

void identity_set(identity *id, char const *method, char const *name, size_t len)
{
  id->method = method;
  memmove(id->name, name, len);
  id->name[len] = 0;
}

void identity_certify(identity *id, char const *name)
{
  id->certified = 1;
  strcpy(id->name, name);
}

int identity_known(identity const *id)
{
  return id->method || id->certified;
}

void identity_forget(identity *id)
{
  id->method = 0;
  id->certified = 0;
}

void identity_free(identity *id)
{
  conf_list_close(&id->users);
  stralloc_free(&id->account.domains);
  identity_forget(id);
}

static int account_read(identity *id, int conf)
{
  return conf_account_read(conf, &id->users, id->name, strlen(id->name), &id->account);
}

int identity_relays(identity *id, int conf, int *yes)
{
  *yes = 0;
  if (!identity_known(id)) return 1;
  if (!account_read(id, conf)) return 0;
  *yes = !id->account.norelay;
  return 1;
}

/* Is the domain below that of a pattern ".parent", or that domain itself, where it may be? */
static int beneath(char const *domain, char const *pattern, int itself)
{
  return *pattern == '.' && (itself || strcmp(domain, pattern + 1))
    && smtp_domain_below(domain, strlen(domain), pattern + 1, strlen(pattern + 1));
}

/* Is one of the user's patterns for the domain (or for all below it)? */
static int listed(conf_account const *account, char const *domain, int below)
{
  char const *pattern = account->domains.s, *end = pattern + account->domains.len;
  int yes = 0;
  for (; pattern < end; pattern += strlen(pattern) + 1)
    yes |= beneath(domain, pattern, below) || (!below && !strcmp(domain, pattern));
  return yes;
}

int identity_domains(identity *id, int conf, stralloc const **patterns)
{
  *patterns = &id->account.domains;
  return account_read(id, conf);
}

int identity_owns(identity *id, int conf, stralloc const *domains, int below, int *yes)
{
  size_t i;
  *yes = 0;
  if (!identity_known(id)) return 1;
  if (!account_read(id, conf)) return 0;
  *yes = 1;
  for (i = 0; *yes && i < domains->len; i += strlen(domains->s + i) + 1)
    *yes = listed(&id->account, domains->s + i, 0)
      && (!below || listed(&id->account, domains->s + i, 1));
  return 1;
}
