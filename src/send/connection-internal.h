#ifndef SEND_CONNECTION_INTERNAL_H
#define SEND_CONNECTION_INTERNAL_H

/* What connection.c and transaction.c, the messages on a connection, use of each other. */

#include "send/connection.h"

/* --- connection.c ------------------------------------------------------------------------ */

/*
 * A command was put: expect its reply.  0: there is no memory, and the connection has ended.
 */
extern int connection_expect(smtp_connection *s, enum pipeline_kind kind, outbox_job *job,
                             size_t rcpt);

/* Report "done", and forget the job. */
extern void connection_job_close(smtp_connection *s, outbox_job *job);

/* Is the reply that was just read a 2xx? */
extern int connection_reply_positive(smtp_connection const *s);

/* Its enhanced status code, with class as its first digit; returns out. */
extern char const *connection_code(char out[SMTP_STATUS_MAX], smtp_connection const *s, char class);

/* The command's name in "in reply to ... command". */
extern char const *connection_command(enum pipeline_kind kind);

/*
 * The peer does not know an extension that it offered (s->lied): end the connection; messages that
 * are not settled go by another one.
 */
extern void connection_break_off(smtp_connection *s);

/* --- transaction.c -------------------------------------------------------------------- */

/*
 * Put the next command, of the message that is being written or of the next one; the channel has
 * room for it.  1; 0 when there is no command, or a reply must come first.
 */
extern int transaction_write(smtp_connection *s);

/* Do messages wait, all of them for another address or another connection? */
extern int transaction_none_here(smtp_connection const *s);

/* Act on s->reply, a reply to a command of a message. */
extern void transaction_replied(smtp_connection *s, pipeline_reply const *e);

/*
 * A message whose content cannot be read to its end (errno, 0: too short) cannot be ended on the
 * wire either.  What is before it in the pipe gets its replies; then the connection is dropped.
 */
extern void transaction_break(smtp_connection *s);

#endif
