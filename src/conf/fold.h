#ifndef CONF_FOLD_H
#define CONF_FOLD_H

/*
 * The one form in which each name of a setting is compared and kept; that of a domain is
 * conf_domain_fold().  All return 1, or 0 with conf_fail().
 */

#include <stddef.h>
#include <skalibs/stralloc.h>

/* A pattern of a list of domains: a domain or ".domain". */
extern int conf_pattern_fold(stralloc *out, char const *s, size_t len);

/*
 * A line of recipients as it is compared and compiled, in *out: the mailbox in lower case, its
 * quotes left out, its domain folded; "@domain" for all of a domain.
 *   *at  the offset in *out of the '@' before the domain
 */
extern int conf_recipient_fold(stralloc *out, size_t *at, char const *s, size_t len);

/*
 * ADDRESS:PORT, a string.
 *   any   ADDRESS may be empty or "0" for all: "[::]:PORT"
 *   port  the port where PORT is left out; 0: it must not be
 */
extern int conf_endpoint_fold(stralloc *out, char const *s, size_t len, int any, unsigned int port);

/* A next hop, no string: "[HOST]" and "[HOST]:25" are one, so are "DOMAIN" and "DOMAIN:25". */
extern int conf_site_fold(stralloc *out, char const *s, size_t len);

#endif
