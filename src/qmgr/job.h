#ifndef QMGR_JOB_H
#define QMGR_JOB_H

/* A job is one message, some of its recipients, and the agent it was given to. */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/genalloc.h>

#include "job/job.h"
#include "queue/message.h"
#include "sched/pass.h"

typedef struct job_recipient
{
  uint64_t number;
  domain *domain;
  load *load;                /* its domain's on the connection, while the job is out */
  unsigned int attempts;     /* before this one */
  unsigned int requests;     /* of the domain, when the job was made */
  int answered;
  enum job_status status;
} job_recipient;

typedef struct job
{
  struct job *next;
  struct active *active;     /* its message */
  pass *from;                /* that handed it out, or NULL */
  domain *through;           /* whose turn handed it out, or NULL */
  enum cause cause;
  uint64_t bytes;
  genalloc recipients;       /* of job_recipient */
} job;

#define job_recipients(j) genalloc_s(job_recipient, &(j)->recipients)
#define job_count(j) genalloc_len(job_recipient, &(j)->recipients)

/* All zero; NULL without memory. */
extern job *job_new(void);
extern void job_free(job *j);

/*
 * Take the recipient's lock, and it, into the job.  1; 0 when it is in other hands; -1 with errno.
 */
extern int job_add(job *j, int fd, message const *m, uint64_t number, domain *d);
/*
 * Recipients that somebody else has seen to, since the message was read, are no business of the
 * job.
 */
extern void job_sift(job *j, int fd, message const *m);

/* Does it hold this recipient; are all of its recipients answered for? */
extern int job_holds(job const *j, uint64_t recipient);
extern int job_answered(job const *j);
/* How often the recipient of it that was tried most was tried before. */
extern unsigned int job_attempts(job const *j);
/* The recipient that a result is about, not answered for yet; NULL: none. */
extern job_recipient *job_answer(job *j, job_result const *result);
/* The job's last recipients behind the same domain speak for it: an id stands in a list once. */
extern int job_last_of(job const *j, size_t i);

/* What it holds goes out over the connection; it is back. */
extern void job_out(job *j, connection *c);
extern void job_in(job *j);

#endif
