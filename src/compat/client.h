#ifndef COMPAT_CLIENT_H
#define COMPAT_CLIENT_H

/*
 * A user's end of run/local: SMTP with the smtpd-etrn behind it.  These functions are for programs
 * alone: where the mail system cannot be reached, falls silent, goes away or says 421, the program
 * ends.
 */

#include <stddef.h>
#include <skalibs/gccattributes.h>

#include "base/wire.h"
#include "smtp/domain.h"
#include "smtp/reply.h"

typedef struct client
{
  char const *purpose;            /* what cannot be done then: "Cannot flush mail queue" */
  int down;                       /* exit code then; without permission it is 77 */
  char me[SMTP_DOMAIN_MAX + 1];   /* what the relay calls itself, a string */
  unsigned int code;              /* of the last reply */
  char reply[SMTP_COMMAND_MAX];   /* its last line, with the code, cleaned; a string */
  int fd;
  wire wire;
  wire_line line;
} client;

/* Connect; no word is said yet.  purpose and down are there. */
extern void client_connect(client *c, char const *instance);

/* Hear the greeting, say EHLO. */
extern void client_greet(client *c);

/* Say a command, hear the reply.  Returns its code. */
extern unsigned int client_say_pieces(client *c, char const *const *pieces);
#define client_say(c, ...) client_say_pieces((c), (char const *const []){ __VA_ARGS__, 0 })

/*
 * Content: octets that are dot-stuffed already; and the end of it, with the reply.
 */
extern void client_put(client *c, char const *s, size_t len);
extern unsigned int client_end(client *c);

/* Say good-bye.  Whatever comes of that does not matter any more. */
extern void client_quit(client *c);

/* Die as where the mail system is down. */
extern void client_die(client const *c, char const *why) gccattr_noreturn;

#endif
