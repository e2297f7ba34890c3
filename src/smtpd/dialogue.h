#ifndef SMTPD_DIALOGUE_H
#define SMTPD_DIALOGUE_H

/* A session from its beginning to its end. */

#include "smtpd/session.h"

/*
 * Serve one client; wire and client of s are set, all else is zero.
 *   instance  path of its directory
 * Returns the exit code.
 */
extern int dialogue_run(session *s, char const *instance);

#endif
