#ifndef BOUNCE_FIELDS_H
#define BOUNCE_FIELDS_H

/*
 * Values of the fields of a delivery report (RFC 3464), made of the text in a queue file.  All of
 * that text came from outside: malformed text is left out, and values hold no control characters
 * and are ASCII unless the report is one of RFC 6533 (utf8).
 *   parameters  those of MAIL or of a RCPT, as they came, a string
 */

#include <stddef.h>

#include "job/job.h"

/* Room for any value, a string, and for any address in its longest form; what is longer is cut. */
#define FIELDS_MAX 950

/* Clean text, in place. */
extern void fields_clean(char *s, size_t len, int utf8);

/* --- the sender's requests (RFC 3461 section 4) ------------------------------------------- */

/* Does the sender want to be told of this event?  Without NOTIFY: of failures and delays. */
extern int fields_wanted(char const *parameters, enum job_event event);

enum fields_ret { FIELDS_RET_UNSAID, FIELDS_RET_FULL, FIELDS_RET_HDRS };
extern enum fields_ret fields_ret(char const *parameters);

/* --- values: 1, or 0 without a value --------------------------------------------------- */

/* Original-Envelope-Id, of ENVID. */
extern int fields_envelope_id(char out[FIELDS_MAX], char const *parameters);

/*
 * Original-Recipient, "TYPE; ADDRESS", of ORCPT.  In a report of ASCII, an address beyond ASCII has
 * the form that RFC 6533 section 3 calls utf-8-addr-xtext: "b\x{FC}cher".
 */
extern int fields_original_recipient(char out[FIELDS_MAX], char const *parameters, int utf8);

/* Final-Recipient, "TYPE; ADDRESS", in the same form; there always is one. */
extern void fields_final_recipient(char out[FIELDS_MAX], char const *address, int utf8);

/* Received-From-MTA, "dns; NAME", of the client line "NAME [ADDRESS] PROTOCOL". */
extern int fields_received_from(char out[FIELDS_MAX], char const *client);

/* Remote-MTA, "dns; NAME" or "dns; [ADDRESS]", of a relay "NAME[ADDRESS]:PORT". */
extern int fields_remote_mta(char out[FIELDS_MAX], char const *relay);

/* Status: the code, where it is one (RFC 3463) that fits the event, else the event's own. */
extern char const *fields_status(char const *code, enum job_event event);

/*
 * The remote's own words in a result's text: "host NAME said: REPLY (in reply to ... command)", or
 * a reply alone.  0: the text is ours.
 */
extern int fields_reply(job_field *reply, char const *text);

#endif
