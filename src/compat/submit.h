#ifndef COMPAT_SUBMIT_H
#define COMPAT_SUBMIT_H

/* A letter's way to the relay: the transactions.  For programs alone. */

#include "compat/client.h"
#include "compat/letter.h"
#include "compat/recipients.h"

typedef struct envelope
{
  char const *sender;     /* "" for none */
  recipients recipients;
  char const *notify;     /* values of NOTIFY, RET, ENVID as they are sent; "" for none */
  char const *ret;
  char const *envid;
  int eightbit;           /* BODY=8BITMIME */
  int utf8;               /* SMTPUTF8 */
} envelope;

/*
 * Send.  When this returns the letter is in the queue, and the reply says its id.  Where the relay
 * takes fewer recipients at a time than there are, there are several transactions, and all
 * recipients are asked for before the first of them.
 * Dies when any recipient, the sender or the letter is refused, and then nobody gets it: 75 when
 * that may change, else 67 (no such user), 65 (the letter, or an address) or 69.
 */
extern void submit(client *c, envelope const *e, letter *l);

/*
 * Ask for each recipient alone what comes of it: a line on standard output for each.  Returns 0, or
 * a code as above.
 */
extern int submit_verify(client *c, envelope const *e);

#endif
