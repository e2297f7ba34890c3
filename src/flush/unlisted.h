#ifndef FLUSH_UNLISTED_H
#define FLUSH_UNLISTED_H

/*
 * Messages of cur/ that wait for a domain and stand in neither of its lists: nobody would ever find
 * them.
 */

#include "flush/lists.h"
#include "queue/message.h"

/*
 * Does a message owe the domain something?  What cannot be read owes nothing that we could see to.
 *   *place  where it was found
 *   m       its memory is used
 */
extern int unlisted_owes(int queue, char const *id, char const *domain, message *m,
                         enum queue_place *place);

/*
 * Of the ids in l, messages that were in cur/ and owed the domain something at some moment before,
 * keep those that still are, still do, and stand in neither flush/ nor claim/ DOMAIN; sorted.
 * Returns 1, or 0 with errno: ENOMEM, or the lists cannot be read.
 */
extern int unlisted_keep(list *l, int queue, char const *domain, message *m);

#endif
