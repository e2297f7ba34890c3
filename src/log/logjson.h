#ifndef LOG_LOGJSON_H
#define LOG_LOGJSON_H

/*
 * Some fields of an entry of "journalctl -o json": an object on one line, its values strings or
 * lists of octets.
 */

#include <stddef.h>

typedef struct logjson_field
{
  char const *name;
  char *out;      /* room for its octets */
  size_t max;     /* how much room; octets beyond it are dropped */
  size_t len;     /* octets read; 0 also when there is no such field */
} logjson_field;

/* Read these fields of the object s.  1, or 0 when s is none. */
extern int logjson_scan(char const *s, size_t len, logjson_field *fields, size_t n);

#endif
