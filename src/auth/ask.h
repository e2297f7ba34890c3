#ifndef AUTH_ASK_H
#define AUTH_ASK_H

/*
 * What a server asks of auth-check, over a UNIX stream socket, and what it is answered: is this the
 * proof of that user?  Pieces end with a NUL.
 *
 *   -> plain USER\0PASSWORD\0[CLIENT\0OWN\0]    and the end of the file
 *   -> cram USER\0DIGEST\0CHALLENGE\0
 *   <- yes                                      each a line that ends with LF
 *   <- no
 *   <- later REASON
 *
 * CLIENT and OWN are the addresses of a connection's ends, which a checkpassword is told.  DIGEST is
 * HMAC-MD5 of the challenge in 32 hexadecimal digits, lower case (RFC 2195).
 */

#include <stddef.h>

/* Octets of a request: what a line of SMTP holds, and a challenge. */
#define AUTH_REQUEST_MAX 4096
/* Octets of an answer, its line end included. */
#define AUTH_ANSWER_MAX 256
/* The socket below an instance. */
#define AUTH_SOCKET "run/auth"

/* Octets that are no string. */
typedef struct auth_field
{
  char const *s;
  size_t len;
} auth_field;

enum auth_proof { AUTH_PLAIN, AUTH_CRAM };

/* A request in its pieces, none of which holds a NUL. */
typedef struct auth_claim
{
  enum auth_proof kind;
  auth_field user;
  auth_field proof;            /* the password, or the digest */
  auth_field challenge;        /* of AUTH_CRAM */
  auth_field client;           /* of AUTH_PLAIN; len 0: not told */
  auth_field own;
} auth_claim;

/* Write a request.  Its length; 0: it does not fit, or a piece holds a NUL. */
extern size_t auth_request_format(char out[AUTH_REQUEST_MAX], auth_claim const *claim);
/* Read one; the pieces point into s.  1; 0 where it makes no sense. */
extern int auth_request_scan(char const *s, size_t len, auth_claim *claim);

enum auth_verdict { AUTH_YES, AUTH_NO, AUTH_LATER };

/* Write an answer; reason, a string, is that of AUTH_LATER.  Its length. */
extern size_t auth_answer_format(char out[AUTH_ANSWER_MAX], enum auth_verdict verdict,
                                 char const *reason);
/*
 * Read an answer, all of it, up to the end of the file.  reason, a string, is set for AUTH_LATER,
 * which is also what an answer means that is not whole.
 */
extern enum auth_verdict auth_answer_scan(char const *s, size_t len, char reason[AUTH_ANSWER_MAX]);

/*
 * Ask the auth-check behind a socket, and wait for its answer.
 *   instance   the directory that AUTH_SOCKET is below
 *   seconds    for all of it
 *   stop       becomes readable when the wait should end; -1: nothing ends it before its time
 *   reason     of AUTH_LATER, for the log: what auth-check said, or why it said nothing
 */
extern enum auth_verdict auth_ask(int instance, auth_claim const *claim, unsigned int seconds,
                                  int stop, char reason[AUTH_ANSWER_MAX]);

#endif
