#ifndef SMTP_SASL_H
#define SMTP_SASL_H

/*
 * The client's half of AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN and CRAM-MD5 (RFC 2195).  The
 * caller says what is made here, and hands over what the server says to it.
 */

#include <stddef.h>

#include "smtp/account.h"
#include "smtp/hmac.h"
#include "smtp/reply.h"

/* Mechanisms, or-ed. */
enum sasl_mechanism { SASL_PLAIN = 1, SASL_LOGIN = 2, SASL_CRAM_MD5 = 4 };

/*
 * The mechanisms that one text line of an EHLO reply offers, of those known here: "AUTH NAME NAME",
 * or "AUTH=NAME NAME" as old servers say it.  0: none, or the line is about something else.
 */
extern unsigned int sasl_offer_scan(char const *text, size_t len);

/*
 * Octets of a line that is made here, as a string, without its CRLF: the longest is the response of
 * PLAIN.
 */
#define SASL_LINE_MAX SMTP_BASE64_MAX(2 + SMTP_USER_MAX + SMTP_PASSWORD_MAX)
/*
 * Octets of a command, CRLF included (RFC 5321 section 4.5.3.1.4): what does not fit is said when
 * it is asked for.
 */
#define SASL_COMMAND_MAX 512

/* One AUTH; but for name and line private. */
typedef struct sasl
{
  char const *name;              /* of the mechanism, as servers know it: a string */
  enum sasl_mechanism mechanism;
  unsigned int answers;          /* so many were made */
  smtp_account const *account;   /* the caller's */
  size_t response;               /* where in line a response begins */
  char line[SASL_LINE_MAX];      /* what is to be said */
} sasl;

/*
 * Begin with the best mechanism that is offered: PLAIN, LOGIN, CRAM-MD5; where others may listen,
 * the last one alone.  x->line is the command then.
 *   account    in use until sasl_end()
 *   encrypted  nobody but the server hears what we say
 * 1; 0: there is no such mechanism.
 */
extern int sasl_begin(sasl *x, smtp_account const *account, unsigned int offered, int encrypted);

/*
 * The server asks for a response: text of its reply 334.  x->line is what to say.  1; 0: the
 * challenge makes no sense, or all was said.
 */
extern int sasl_answer(sasl *x, char const *text, size_t len);

/*
 * Make asterisks of what a reply repeats of the password, or of what was said last: some servers
 * tell which command they do not understand.
 */
extern void sasl_hide(sasl const *x, char *text, size_t len);

/* Wipe what was said. */
extern void sasl_end(sasl *x);

#endif
