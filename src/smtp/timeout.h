#ifndef SMTP_TIMEOUT_H
#define SMTP_TIMEOUT_H

/*
 * How long a client waits at each step of a dialogue (RFC 5321 section 4.5.3.2), in seconds.  The
 * order, names and defaults of the steps are those of conf/timeouts, of the job line that tells an
 * agent, and of the agent.
 */

#include <stddef.h>

enum smtp_timeout
{
  SMTP_TIMEOUT_CONNECT,    /* a connection to one address */
  SMTP_TIMEOUT_GREETING,   /* the 220 of a server */
  SMTP_TIMEOUT_HELO,       /* the reply to EHLO, HELO */
  SMTP_TIMEOUT_MAIL,       /* the reply to MAIL */
  SMTP_TIMEOUT_RCPT,       /* the reply to RCPT */
  SMTP_TIMEOUT_DATAINIT,   /* the 354 of DATA */
  SMTP_TIMEOUT_DATABLOCK,  /* a block of content to be received by the server */
  SMTP_TIMEOUT_DATADONE,   /* the reply to the end of the content */
  SMTP_TIMEOUT_QUIT,       /* the reply to QUIT */
  SMTP_TIMEOUT_TLS,        /* a handshake of TLS; not in RFC 5321 */
  SMTP_TIMEOUTS
};

typedef struct smtp_timeout_kind
{
  char const *name;
  unsigned int seconds;    /* the default */
} smtp_timeout_kind;

extern smtp_timeout_kind const smtp_timeouts[SMTP_TIMEOUTS];

/* Not in RFC 5321: finding a host, and all addresses of it until the reply to EHLO. */
#define SMTP_LOOKUP_S 30
#define SMTP_REACH_S 120

/* The longest timeout: more than anybody waits. */
#define SMTP_TIMEOUT_MAX 1000000

/*
 * All timeouts as text, in their order, parted by commas: "30,300,300,300,300,120,180,600,30,60".
 * Returns the length.
 *   seconds  none over SMTP_TIMEOUT_MAX
 */
#define SMTP_TIMEOUTS_MAX (SMTP_TIMEOUTS * sizeof "1000000")
extern size_t smtp_timeouts_format(char out[SMTP_TIMEOUTS_MAX],
                                   unsigned int const seconds[SMTP_TIMEOUTS]);

/*
 * Read that text; where it has fewer numbers, the last one is used for the rest.
 * 1, or 0: no such text, a number that is 0, or one over SMTP_TIMEOUT_MAX.
 */
extern int smtp_timeouts_scan(unsigned int seconds[SMTP_TIMEOUTS], char const *s, size_t len);

/* Read all of s as one such number. */
extern int smtp_timeout_scan(unsigned int *seconds, char const *s, size_t len);

#endif
