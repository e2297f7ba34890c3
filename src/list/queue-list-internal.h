#ifndef QUEUE_LIST_INTERNAL_H
#define QUEUE_LIST_INTERNAL_H

/*
 * What the files of queue-list share: an entry of the list, and the forms that entries are
 * printed in.
 */

#include <stdint.h>
#include <skalibs/stralloc.h>

#include "queue/message.h"
#include "print/out.h"
#include "list/delay.h"

enum listing_state { LISTING_INCOMING, LISTING_ACTIVE, LISTING_DEFERRED, LISTING_HOLD };

/* A message and its state at this moment. */
typedef struct listing_entry
{
  char const *id;
  enum listing_state state;
  message const *message;
} listing_entry;

typedef struct listing
{
  delays delays;
  out out;
  stralloc why;            /* a reason being put together */
  stralloc last;           /* the reason that was listed last */
  uint64_t count;          /* messages listed */
  uint64_t bytes;
} listing;

/* --- listing.c: what every form needs ------------------------------------------------- */

extern void listing_die_memory(void);

/* The sender's address, or FILTER_NULL_SENDER for the null sender. */
extern char const *listing_sender(message const *m);

/* The domain of a recipient.  Dies where its route cannot be found. */
extern delay_domain const *listing_domain(listing *l, message const *m,
                                            message_recipient const *r);

/*
 * The reason why the recipient's mail waits, "" where none is known.  Good until the next call.
 */
extern char const *listing_why(listing *l, delay_domain const *d, message const *m,
                               message_recipient const *r);

/* --- listing-text.c: as postqueue -p has it ------------------------------------------- */

extern void listing_text_entry(listing *l, listing_entry const *e);
extern void listing_text_end(listing *l);

/* --- listing-json.c: an object a line (RFC 8259) -------------------------------------- */

extern void listing_json_entry(listing *l, listing_entry const *e);

#endif
