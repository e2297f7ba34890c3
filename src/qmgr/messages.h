#ifndef QMGR_MESSAGES_H
#define QMGR_MESSAGES_H

/* Messages in the queue's directories: opened, read, moved, removed, put aside. */

#include "qmgr/lists.h"
#include "queue/message.h"

typedef struct messages
{
  core *core;
  lists *lists;
} messages;

/*
 * Open a message, wherever it is, and read it.  A journal whose last line was torn is mended before
 * an agent, which cannot know, appends to it.
 * Returns the descriptor; -1: nothing to do for it (errno 0) or no means to (errno set).
 */
extern int messages_take(messages *all, message *m, char const *id, enum queue_place *place);
/* The same of a message that should be in new/. */
extern int messages_take_new(messages *all, message *m, char const *id);

/* Nothing is left to do for it. */
extern void messages_finish(messages *all, char const *id, enum queue_place place);
/* All it owes is recorded. */
extern void messages_to_cur(messages *all, char const *id);
/* It is no message, or not the message of its id: it goes where it is in nobody's way. */
extern void messages_put_aside(messages *all, char const *id, enum queue_place place,
                               char const *why);

/* A recipient of it. */
#define messages_rcpt_domain(m, n) message_string(m, message_rcptp(m, n)->domain)

#endif
