#ifndef CONF_ERROR_H
#define CONF_ERROR_H

/* Errors of a reader: what conf_error() and conf_exit_code() report. */

#include <stddef.h>

/* "WHAT" or "WHAT: TEXT", the text (of a file) cleaned and cut.  Returns 0 with errno EINVAL. */
extern int conf_fail(char const *what, char const *text, size_t len);

/* Put "conf/NAME: " or "conf/NAME: line N: " before the error.  Returns 0, errno as it was. */
extern int conf_fail_where(char const *name, unsigned int line);

/* "conf/NAME: " and strerror(errno).  Returns 0, errno as it was. */
extern int conf_fail_system(char const *name);

#endif
