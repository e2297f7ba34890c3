#ifndef SMTP_DOMAIN_H
#define SMTP_DOMAIN_H

#include <stddef.h>

/* Octets of a domain name in text form (RFC 1035 section 2.3.4: 255 on the wire). */
#define SMTP_DOMAIN_MAX 253

/*
 * Is this a domain name that may go into a DNS question and become a file name?
 * Labels of 1 to 63 letters, digits, '-' and '_', no '-' at either end of a label,
 * at most SMTP_DOMAIN_MAX octets, no trailing dot, last label not all digits
 * (RFC 1123 section 2.1).  U-labels are refused: fold them to A-labels first.
 */
extern int smtp_domain_ok(char const *domain, size_t len);

/*
 * Fold ASCII letters to lower case and leave out one trailing dot.
 *   out  room for len octets; may be the same memory as domain
 * Returns the folded length.
 */
extern size_t smtp_domain_fold(char *out, char const *domain, size_t len);

/*
 * Is domain the same as parent, or below it on a label boundary?  Both folded.
 * a.customer.tld is below customer.tld, acustomer.tld is not.  Everything is below
 * the root, which is written as a parent of length 0.
 */
extern int smtp_domain_below(char const *domain, size_t len, char const *parent, size_t parentlen);

/* Does the name hold octets beyond ASCII, that is, U-labels (RFC 5890 section 2.3.2.1)? */
extern int smtp_domain_utf8(char const *domain, size_t len);

/*
 * Is this an address literal, "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3),
 * brackets included?
 */
extern int smtp_literal_ok(char const *literal, size_t len);

#endif
