#include "qmgr/job.h"

#include <string.h>

#include <skalibs/alloc.h>

job *job_new(void)
{
  job *j = alloc(sizeof *j);
  if (j) memset(j, 0, sizeof *j);
  return j;
}

void job_free(job *j)
{
  genalloc_free(job_recipient, &j->recipients);
  alloc_free(j);
}

int job_add(job *j, int fd, message const *m, uint64_t number, domain *d)
{
  job_recipient r = {
    .number = number, .domain = d, .attempts = message_rcptp(m, number)->attempts,
    .requests = d->requests
  };
  int locked = message_lock_rcpt(fd, number);
  if (locked < 1) return locked;
  return genalloc_append(job_recipient, &j->recipients, &r) ? 1 : -1;
}

void job_sift(job *j, int fd, message const *m)
{
  job_recipient *all = job_recipients(j);
  size_t n = job_count(j);
  size_t from, to = 0;
  for (from = 0; from < n; from++)
    if (message_rcptp(m, all[from].number)->settled) message_unlock_rcpt(fd, all[from].number);
    else all[to++] = all[from];
  genalloc_setlen(job_recipient, &j->recipients, to);
}

int job_holds(job const *j, uint64_t recipient)
{
  size_t i;
  for (i = 0; i < job_count(j); i++)
    if (job_recipients(j)[i].number == recipient) return 1;
  return 0;
}

int job_answered(job const *j)
{
  size_t i;
  for (i = 0; i < job_count(j); i++)
    if (!job_recipients(j)[i].answered) return 0;
  return 1;
}

unsigned int job_attempts(job const *j)
{
  unsigned int most = 0;
  size_t i;
  for (i = 0; i < job_count(j); i++)
    if (job_recipients(j)[i].attempts > most) most = job_recipients(j)[i].attempts;
  return most;
}

job_recipient *job_answer(job *j, job_result const *result)
{
  size_t i;
  for (i = 0; i < job_count(j); i++)
  {
    job_recipient *r = job_recipients(j) + i;
    if (r->number != result->recipient || r->answered) continue;
    r->answered = 1;
    r->status = result->status;
    return r;
  }
  return 0;
}

int job_last_of(job const *j, size_t i)
{
  size_t later;
  for (later = i + 1; later < job_count(j); later++)
    if (job_recipients(j)[later].domain == job_recipients(j)[i].domain) return 0;
  return 1;
}

void job_out(job *j, connection *c)
{
  size_t i;
  for (i = 0; i < job_count(j); i++)
    job_recipients(j)[i].load = domain_job_out(job_recipients(j)[i].domain, c);
  if (j->through) domain_job_out(j->through, 0);
  pass_job_out(j->from);
}

void job_in(job *j)
{
  size_t i;
  for (i = 0; i < job_count(j); i++)
    domain_job_in(job_recipients(j)[i].domain, job_recipients(j)[i].load);
  if (j->through) domain_job_in(j->through, 0);
}
