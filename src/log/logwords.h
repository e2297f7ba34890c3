#ifndef LOG_LOGWORDS_H
#define LOG_LOGWORDS_H

/* Our lines and Postfix's: which of its programs would have said this? */

#include <stddef.h>

/*
 * Where a line belongs among those of its message that other programs wrote at about the same time.
 * Each logger puts a time on a line when it gets round to reading it.
 */
enum logwords_place
{
  LOGWORDS_FIRST = -2,    /* it came: all that smtpd-etrn says */
  LOGWORDS_EARLY = -1,    /* it is active: its size */
  LOGWORDS_BETWEEN = 0,
  LOGWORDS_LAST = 1       /* it is gone */
};

typedef struct logwords
{
  char const *service;    /* of Postfix; NULL: a line that Postfix has not */
  char const *total;      /* NULL, or what its program says of all that it did, on a line of its own */
  enum logwords_place place;
} logwords;

/*
 * Look at what a program of ours said.  The ids of ours in a line that Postfix has too become
 * upper case: analysers know no others.
 */
extern void logwords_scan(logwords *w, char const *program, char *text, size_t len);

#endif
