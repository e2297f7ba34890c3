#ifndef QMGR_OUTCOME_H
#define QMGR_OUTCOME_H

/* What became of a job. */

#include "qmgr/delivery.h"

/* An agent's word about one recipient of a job. */
extern void delivery_result(delivery *d, job *j, job_result const *result);
/*
 * The job is back; whatever was not answered for is still owed.
 *   why  "CODE TEXT" for the log, with CAME_UNDONE
 */
extern void delivery_back(delivery *d, job *j, enum came came, char const *why);
/* Its sender was told: remove it, if nothing is left to do. */
extern void delivery_told(delivery *d, char const *id);

#endif
