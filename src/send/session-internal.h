#ifndef SEND_SESSION_INTERNAL_H
#define SEND_SESSION_INTERNAL_H

/* What session.c, the connection, and transaction.c, the messages on it, know of each other. */

#include "send/session.h"

/* --- session.c ------------------------------------------------------------------------ */

/* A command was put: its reply is owed.  0 when the session has ended instead, for want of memory. */
extern int session_expect(session *s, enum expected_kind kind, work_job *job, size_t rcpt);

/* Say "done", and forget the job. */
extern void session_job_close(session *s, work_job *job);

/* Is the reply that was just read a 2xx? */
extern int session_reply_positive(session const *s);

/* Its enhanced status code, with the first digit changed for what we make of it; returns out. */
extern char const *session_code(char out[SMTP_STATUS_MAX], session const *s, char class);

/* What the command is called in "in reply to ... command". */
extern char const *session_command(enum expected_kind kind);

/* The peer does not know what it offered (s->lied): end here, and all that is not answered for goes by another connection. */
extern void session_break_off(session *s);

/* --- transaction.c -------------------------------------------------------------------- */

/*
 * Put the next command, of the message that is being written or of the next one; there is room
 * for it.  1; 0 when there is none, or when a reply must come first.
 */
extern int transaction_write(session *s);

/* Do messages wait, and all of them for another address, or another connection? */
extern int transaction_none_here(session const *s);

/* Take the reply s->reply, to a command of a message. */
extern void transaction_replied(session *s, expected const *e);

/*
 * A message whose content cannot be read to its end (errno, 0: too short) cannot be ended on the
 * wire either.  What is before it in the pipe gets its replies; then the connection is dropped.
 */
extern void transaction_break(session *s);

#endif
