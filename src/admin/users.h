#ifndef ADMIN_USERS_H
#define ADMIN_USERS_H

/* The users and groups of an instance that has its own.  For the files of sluice-init alone. */

#include "admin/maker.h"

/*
 * Set m->uids, m->gids, m->groups and m->users.
 * Dies 100 when root does not run the program, when a user or group is missing, or when a user is
 * in a group that it must not be in.
 */
extern void users_find(maker *m);

#endif
