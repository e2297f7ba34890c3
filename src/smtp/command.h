#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "smtp/path.h"

/*
 * Octets of a command line, its CRLF included: RFC 5321's 512 and room for the parameters of all
 * extensions offered (section 4.5.3.1.4).
 */
#define SMTP_COMMAND_MAX 2048

enum smtp_verb
{
  SMTP_HELO, SMTP_EHLO, SMTP_MAIL, SMTP_RCPT, SMTP_DATA, SMTP_BDAT, SMTP_RSET,
  SMTP_NOOP, SMTP_VRFY, SMTP_EXPN, SMTP_HELP, SMTP_QUIT, SMTP_ETRN, SMTP_STARTTLS, SMTP_AUTH,
  SMTP_ATRN, SMTP_UNKNOWN
};

/* Points into the line that was scanned. */
typedef struct smtp_command
{
  enum smtp_verb verb;
  char const *argument;  /* after the verb, white space at both ends left out */
  size_t argumentlen;
} smtp_command;

/* Split a command line (without CRLF) into its verb, in any case, and its argument. */
extern void smtp_command_scan(char const *line, size_t len, smtp_command *command);

/*
 * Is a line, or the beginning of one, of another protocol: a request of HTTP, the field of a
 * header, a handshake of TLS?  A browser can be made to send any text here, behind such lines.
 */
extern int smtp_command_non_smtp(char const *line, size_t len);

/* Does s begin with a handshake of TLS?  A handshake has no line end to wait for. */
extern int smtp_command_handshake(char const *s, size_t len);

/* The argument of MAIL or RCPT: a path, and what follows it. */
typedef struct smtp_argument
{
  char text[SMTP_PATH_MAX + 1];  /* the mailbox, a string; valid however leniently it was read */
  smtp_path path;                /* points into text */
  char const *parameters;        /* points into the command */
  size_t parameterslen;
} smtp_argument;

enum smtp_argument_verdict
{
  SMTP_ARGUMENT_GOOD,
  SMTP_ARGUMENT_SYNTAX,   /* "FROM:" or "TO:" is missing */
  SMTP_ARGUMENT_PATH      /* the path is missing or malformed */
};

/*
 * Scan an argument "FROM:<path>" of MAIL, or "TO:<path>" of RCPT; the command is one of these.
 * Spaces behind the colon are accepted, for clients send them, though the grammar has none.
 *   flags  enum smtp_path_flag
 */
extern enum smtp_argument_verdict smtp_argument_scan(smtp_argument *argument,
                                                     smtp_command const *command, int flags);

/* The argument of BDAT (RFC 3030 section 2): the octets of a chunk, and whether it is the last. */
typedef struct smtp_chunk
{
  uint64_t size;
  int last;
} smtp_chunk;

enum smtp_chunk_verdict
{
  SMTP_CHUNK_GOOD,
  SMTP_CHUNK_ODD,      /* a size, and behind it something else than LAST */
  SMTP_CHUNK_UNSIZED,  /* no size: the client can mean no octets to follow */
  SMTP_CHUNK_HUGE      /* a size that does not fit: nobody can tell where the chunk ends */
};

extern enum smtp_chunk_verdict smtp_chunk_scan(smtp_chunk *chunk, smtp_command const *command);

/*
 * Next parameter of MAIL or RCPT (RFC 5321 section 4.1.2, esmtp-param): " KEY" or " KEY=VALUE".
 *   s, len  moved past what was read
 * Returns 1 with the parameter (valuelen 0 and value NULL where there is no '='), 0 at the
 * end, -1 on a syntax error.  A value may hold well-formed UTF-8 (RFC 6531 section 3.3); the caller
 * checks whether SMTPUTF8 allows that.
 */
typedef struct smtp_parameter
{
  char const *key;
  size_t keylen;
  char const *value;
  size_t valuelen;
} smtp_parameter;
extern int smtp_parameter_next(char const **s, size_t *len, smtp_parameter *parameter);

/* Is the parameter's key this keyword (upper case), in any case? */
extern int smtp_parameter_is(smtp_parameter const *parameter, char const *keyword);

/* A value of AUTH (RFC 4954 section 5): xtext, or "<>". */
extern int smtp_auth_ok(char const *s, size_t len);

/* xtext of RFC 3461 section 4: printable ASCII but '+', '=' and space, and +HH. */
extern int smtp_xtext_ok(char const *s, size_t len);

/*
 * A value of ORCPT (RFC 3461 section 4.2, RFC 6533 section 3): addr-type ";" xtext or utf-8-addr.
 */
extern int smtp_orcpt_ok(char const *s, size_t len);

/* A value of NOTIFY (RFC 3461 section 4.1): NEVER, or a list of SUCCESS, FAILURE, DELAY. */
extern int smtp_notify_ok(char const *s, size_t len);

#endif
