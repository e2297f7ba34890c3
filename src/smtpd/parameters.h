#ifndef SMTPD_PARAMETERS_H
#define SMTPD_PARAMETERS_H

/* The parameters of MAIL and RCPT. */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/stralloc.h>

/* Values of MAIL's parameters that the session needs; their text is kept besides. */
typedef struct parameters_mail
{
  uint64_t size;
  int smtputf8;
} parameters_mail;

enum parameters_verdict
{
  PARAMETERS_GOOD,
  PARAMETERS_SYNTAX,    /* 501 */
  PARAMETERS_UNKNOWN,   /* 555 */
  PARAMETERS_MEMORY
};

/*
 * Read the parameters of MAIL or of RCPT.  *text is set to the parameters as the queue keeps them,
 * a string: keys and fixed words in upper case, single spaces between them, in the client's order.
 *   auth  AUTH was offered: its parameter is taken, and not kept (RFC 4954 section 5)
 */
extern enum parameters_verdict parameters_mail_read(parameters_mail *mail, stralloc *text,
                                                    char const *s, size_t len, int auth);
extern enum parameters_verdict parameters_rcpt_read(stralloc *text, char const *s, size_t len);

#endif
