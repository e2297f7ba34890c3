#ifndef SMTP_TIMEOUT_H
#define SMTP_TIMEOUT_H

/*
 * How long a client waits at each step of a dialogue (RFC 5321 section 4.5.3.2), in seconds: their
 * order, names and defaults, for conf/timeouts, for the line that an agent is told them in, and for
 * the agent.
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
  SMTP_TIMEOUT_DATABLOCK,  /* a block of content to be taken */
  SMTP_TIMEOUT_DATADONE,   /* the reply to the end of the content */
  SMTP_TIMEOUT_QUIT,       /* the reply to QUIT */
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

/* As much as anybody waits, and more. */
#define SMTP_TIMEOUT_MAX 1000000

/*
 * All of them as text, in their order, parted by commas: "30,300,300,300,300,120,180,600,30".
 * Returns the length.
 *   seconds  none over SMTP_TIMEOUT_MAX
 */
#define SMTP_TIMEOUTS_MAX (SMTP_TIMEOUTS * sizeof "1000000")
extern size_t smtp_timeouts_format(char out[SMTP_TIMEOUTS_MAX],
                                   unsigned int const seconds[SMTP_TIMEOUTS]);

/*
 * Back again; where there are fewer numbers the last holds for the rest.
 * 1, or 0: not such a text, a 0 in it, or more than SMTP_TIMEOUT_MAX.
 */
extern int smtp_timeouts_scan(unsigned int seconds[SMTP_TIMEOUTS], char const *s, size_t len);

/* One such number that is all of s. */
extern int smtp_timeout_scan(unsigned int *seconds, char const *s, size_t len);

#endif
