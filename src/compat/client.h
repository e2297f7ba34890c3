#ifndef COMPAT_CLIENT_H
#define COMPAT_CLIENT_H

/*
 * A user's end of run/local: a client of the smtpd-etrn there.  These functions are for programs
 * alone: the program ends when the mail system cannot be reached, does not answer, closes the
 * connection or replies 421.
 */

#include <stddef.h>
#include <skalibs/gccattributes.h>

#include "base/wire.h"
#include "smtp/domain.h"
#include "smtp/reply.h"

typedef struct client
{
  char const *purpose;            /* begins the error: "Cannot flush mail queue" */
  int down;                       /* the exit code then; without permission it is 77 */
  char me[SMTP_DOMAIN_MAX + 1];   /* the relay's name, from its greeting; a string */
  unsigned int code;              /* of the last reply */
  char reply[SMTP_COMMAND_MAX];   /* its last line, with the code, cleaned; a string */
  int fd;
  wire wire;
  wire_line line;
} client;

/* Connect; purpose and down are set before. */
extern void client_connect(client *c, char const *instance);

/* Read the greeting, send EHLO. */
extern void client_greet(client *c);

/* Send a command, read the reply.  Returns its code. */
extern unsigned int client_say_pieces(client *c, char const *const *pieces);
#define client_say(c, ...) client_say_pieces((c), (char const *const []){ __VA_ARGS__, 0 })

/* Send content, which is dot-stuffed already; and its end, and read the reply. */
extern void client_put(client *c, char const *s, size_t len);
extern unsigned int client_end(client *c);

/* Send QUIT; errors do not matter any more. */
extern void client_quit(client *c);

/* Die as when the mail system is down. */
extern void client_die(client const *c, char const *why) gccattr_noreturn;

#endif
