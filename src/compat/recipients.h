#ifndef COMPAT_RECIPIENTS_H
#define COMPAT_RECIPIENTS_H

/* The recipients of a message. */

#include <stddef.h>
#include <skalibs/stralloc.h>
#include <skalibs/genalloc.h>

typedef struct recipients
{
  stralloc text;   /* strings */
  genalloc at;     /* size_t: where each begins in text */
} recipients;
#define RECIPIENTS_ZERO { .text = STRALLOC_ZERO, .at = GENALLOC_ZERO }
#define recipients_len(r) genalloc_len(size_t, &(r)->at)
#define recipients_get(r, n) ((r)->text.s + genalloc_s(size_t, &(r)->at)[n])

/*
 * Add the addresses of a list (smtp_address_next()); those without a domain are at me.
 * Returns 1, or 0 with errno: EINVAL when the text is no list, or an address is no mailbox; ENOMEM.
 */
extern int recipients_add(recipients *r, char const *list, size_t len, char const *me);

extern void recipients_free(recipients *r);

/* Remove duplicates, without regard to case; the order stays. */
extern void recipients_once(recipients *r);

#endif
