#ifndef FLUSH_UNLISTED_H
#define FLUSH_UNLISTED_H

/*
 * Messages of cur/ that wait for a domain and stand in neither of its lists, so that no flush would
 * find them.
 */

#include "flush/idlists.h"
#include "queue/message.h"

/*
 * Does a message wait for the domain?  A message that cannot be read does not.
 *   *place  where it was found
 *   m       memory to read it into
 */
extern int unlisted_owes(int queue, char const *id, char const *domain, message *m,
                         enum queue_place *place);

/*
 * l holds ids of messages that were in cur/ and waited for the domain at some moment before.  Keep
 * those that still are and still do, and stand in neither flush/ nor claim/ DOMAIN; sorted.
 * Returns 1, or 0 with errno: ENOMEM, or the lists cannot be read.
 */
extern int unlisted_keep(id_list *l, int queue, char const *domain, message *m);

#endif
