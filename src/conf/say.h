#ifndef CONF_SAY_H
#define CONF_SAY_H

/* Why a setting could not be read: what conf_why() and conf_exit_code() say of it. */

#include <stddef.h>

/* "WHAT" or "WHAT: TEXT", the text (of a file) cleaned and cut.  Returns 0 with errno EINVAL. */
extern int conf_say(char const *what, char const *text, size_t len);

/* Put "conf/NAME: " or "conf/NAME: line N: " before what was said.  Returns 0, errno as it was. */
extern int conf_say_where(char const *name, unsigned int line);

/* "conf/NAME: " and the system's words for errno.  Returns 0, errno as it was. */
extern int conf_say_system(char const *name);

#endif
