#ifndef LOG_LOGJSON_H
#define LOG_LOGJSON_H

/*
 * What is wanted of an entry of "journalctl -o json": an object on one line, its values strings
 * or lists of octets.
 */

#include <stddef.h>

typedef struct logjson_field
{
  char const *name;
  char *out;      /* where its octets go */
  size_t max;     /* so many; what is beyond them is lost */
  size_t len;     /* that were there; 0 also when there is no such field */
} logjson_field;

/* 1, or 0 when it is no such object. */
extern int logjson_scan(char const *s, size_t len, logjson_field *fields, size_t n);

#endif
