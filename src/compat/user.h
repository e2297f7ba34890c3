#ifndef COMPAT_USER_H
#define COMPAT_USER_H

/* The user that runs this program. */

#include <skalibs/stralloc.h>

/*
 * The login name as a local part, quoted where it must be; the user id where there is none.  A
 * string.  Returns 1, or 0 with errno ENOMEM.
 */
extern int user_local(stralloc *local);

/*
 * The same for the full name: $NAME, else what the password file has ("&" there is the login name);
 * "" for none.
 */
extern int user_name(stralloc *name);

#endif
