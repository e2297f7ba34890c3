#ifndef LOG_LOGWORDS_H
#define LOG_LOGWORDS_H

/* Which service of Postfix would have logged a line of ours? */

#include <stddef.h>

/*
 * The order of a message's lines that several programs wrote at about the same time.  A logger
 * stamps a line when it reads it, so times alone may be in the wrong order.
 */
enum logwords_place
{
  LOGWORDS_FIRST = -2,    /* the message arrived: every line of smtpd-etrn */
  LOGWORDS_EARLY = -1,    /* the message became active: its size */
  LOGWORDS_BETWEEN = 0,
  LOGWORDS_LAST = 1       /* the message was removed */
};

typedef struct logwords
{
  char const *service;    /* of Postfix; NULL: Postfix has no such line */
  char const *total;      /* NULL, or the text of a line that Postfix writes besides */
  enum logwords_place place;
} logwords;

/*
 * Look up a line of a program of ours.  In a line that Postfix has too, our ids become upper
 * case: analysers know no others.
 */
extern void logwords_scan(logwords *w, char const *program, char *text, size_t len);

#endif
