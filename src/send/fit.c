#include "send/fit.h"

#include <string.h>
#include <unistd.h>

#include "smtp/content.h"

#define PIECE 65536

static unsigned int job_flags(unsigned int seen)
{
  return (seen & SMTP_CONTENT_8BIT ? JOB_8BIT : 0u)
    | (seen & SMTP_CONTENT_DOT ? JOB_DOT : 0u)
    | (seen & SMTP_CONTENT_UNENDED ? JOB_UNENDED : 0u);
}

int fit_read(outbox_job *job)
{
  static char piece[PIECE];
  smtp_content content = { 0 };
  uint64_t left = job->length;
  while (left && !(content.flags & SMTP_CONTENT_NUL))
  {
    ssize_t n = pread(job->fd, piece, left < PIECE ? (size_t)left : PIECE,
                      (off_t)(job->offset + job->length - left));
    if (n <= 0) return 1;
    smtp_content_lines(&content, piece, (size_t)n);
    explicit_bzero(piece, (size_t)n);
    left -= (uint64_t)n;
  }
  job->flags = (job->flags & ~(unsigned int)(JOB_DOT | JOB_UNENDED)) | job_flags(content.flags);
  return !(content.flags & SMTP_CONTENT_UNFIT);
}
