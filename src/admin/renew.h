#ifndef ADMIN_RENEW_H
#define ADMIN_RENEW_H

/* sluice-init -u: an instance of an earlier version becomes what this one would make. */

#include "admin/maker.h"

/*
 * Renew the instance that m->fd is open on; m->bin and m->templates are set.  May be cut short and
 * begun again.
 * Returns the code to exit with: 0; 1 when something was left as it is; 111.  Dies 1 when a qmgr
 * runs.
 */
extern int renew(maker *m);

#endif
