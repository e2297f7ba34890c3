#ifndef QMGR_TOTALS_H
#define QMGR_TOTALS_H

/* How many were sent, deferred, failed: queue/totals, one line "sent=N deferred=N failed=N". */

#include "job/job.h"
#include "qmgr/core.h"

typedef struct totals
{
  uint64_t sent;             /* recipients */
  uint64_t deferred;         /* attempts that came to nothing for now */
  uint64_t failed;           /* recipients, expired ones too */
  timer timer;               /* to write them down */
} totals;

extern void totals_read(totals *t, core const *q);
extern void totals_count(totals *t, core *q, enum job_status status);
extern void totals_write(totals const *t, core const *q);

#endif
