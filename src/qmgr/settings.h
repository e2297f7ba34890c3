#ifndef QMGR_SETTINGS_H
#define QMGR_SETTINGS_H

/* What qmgr reads of conf/, as it was at one moment. */

#include <stdint.h>
#include <skalibs/stralloc.h>

#include "conf/conf.h"

typedef struct settings
{
  conf_backoff backoff;
  conf_concurrency concurrency;
  conf_routes routes;
  uint64_t stamp;            /* of the files as they were read */
  stralloc policy;           /* the server of policies, "" where there is none, a string */
  stralloc session;          /* the KEY=VALUE part of a job's site line, a string */
  unsigned int generation;   /* counts the readings: a domain whose route is older looks again */
} settings;

/* Read all of them.  1, or 0 with conf_error(); then what was read before still holds. */
extern int settings_read(settings *now, int conf);
/* Was any of the files changed since? */
extern int settings_changed(settings const *now, int conf);

#endif
