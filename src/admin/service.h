#ifndef ADMIN_SERVICE_H
#define ADMIN_SERVICE_H

/* service/ of an instance, made from templates.  For the files of sluice-init alone. */

#include <stddef.h>
#include <skalibs/stralloc.h>

#include "admin/maker.h"

typedef struct service_kind
{
  char const *name;
  int down;   /* for who wants it: its file "down" keeps supervisors from starting it */
} service_kind;

#define SERVICES 10
extern service_kind const service_kinds[SERVICES];

/* Logs name senders and recipients: the logger's own group may read them, and nobody else. */
#define SERVICE_LOG_MODE 02750

/*
 * Find the programs and the templates: sets m->bin and m->templates.  Dies 100 without templates.
 */
extern void service_find(maker *m);

/* Make all of service/. */
extern void service_make(maker *m);

/* "service/SERVICE/NAME" in m->name; name begins with its slash, or is "". */
extern char const *service_path(maker *m, char const *service, char const *name);

/* Append the text of service/SERVICE/env, which is the same for each service. */
extern void service_env(maker *m, stralloc *text);
/* Append the template of a file of the service. */
extern void service_template(maker *m, char const *service, char const *name, stralloc *text);

#endif
