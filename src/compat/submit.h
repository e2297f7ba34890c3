#ifndef COMPAT_SUBMIT_H
#define COMPAT_SUBMIT_H

/* Submit a letter to the relay: the transactions of SMTP.  For programs alone. */

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
 * Send the letter.  When this returns, the letter is in the queue, and the reply has its id.  Where
 * the relay accepts fewer recipients at a time than there are, there are several transactions, and
 * RCPT is sent for all recipients before the content of the first one.
 * Dies when a recipient, the sender or the letter is refused, and then no recipient gets the
 * letter: 75 when the refusal is for the moment, else 67 (no such user), 65 (the letter, or an
 * address) or 69.
 */
extern void submit(client *c, envelope const *e, letter *l);

/*
 * Send RCPT for each recipient, without content, and write a line with the reply to standard
 * output.  Returns 0, or a code as above.
 */
extern int submit_verify(client *c, envelope const *e);

#endif
