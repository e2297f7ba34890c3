/* Lines between qmgr and an agent, and of the journal: what scans is written as a line that scans the same. */

#include "job/job.h"

#include <string.h>

#include "fuzz.h"

static int same(job_field const *a, job_field const *b)
{
  return a->len == b->len && !memcmp(a->s, b->s, a->len);
}

/* One line: the LF at its end is the only one. */
static void one_line(char const *out, size_t len)
{
  HOLDS(memchr(out, '\n', len) == out + len - 1);
}

static void read_mail(char const *s, size_t len)
{
  char out[JOB_LINE_MAX];
  job_mail first, second;
  size_t n;
  if (!job_mail_scan(s, len, &first)) return;
  n = job_mail_format(out, sizeof out, &first);
  HOLDS(n || len > JOB_LINE_MAX - 10 - JOB_FLAGS_MAX);
  if (!n) return;
  one_line(out, n);
  HOLDS(job_mail_scan(out + 5, n - 6, &second));
  HOLDS(same(&first.id, &second.id) && same(&first.sender, &second.sender) && same(&first.parameters, &second.parameters));
  HOLDS(first.arrival_us == second.arrival_us && first.offset == second.offset);
  HOLDS(first.length == second.length && first.flags == second.flags);
}

static void read_rcpt(char const *s, size_t len)
{
  char out[JOB_LINE_MAX];
  job_rcpt first, second;
  size_t n;
  if (!job_rcpt_scan(s, len, &first)) return;
  n = job_rcpt_format(out, sizeof out, &first);
  HOLDS(n || len > JOB_LINE_MAX - 10);
  if (!n) return;
  one_line(out, n);
  HOLDS(job_rcpt_scan(out + 5, n - 6, &second));
  HOLDS(first.number == second.number);
  HOLDS(same(&first.address, &second.address) && same(&first.parameters, &second.parameters));
}

static void read_journal(char const *s, size_t len)
{
  char out[JOB_LINE_MAX];
  job_result first, second;
  uint64_t first_us, second_us;
  size_t n;
  if (!job_journal_scan(s, len, &first_us, &first)) return;
  n = job_journal_format(out, sizeof out, first_us, &first);
  HOLDS(n || len > JOB_LINE_MAX - 10);
  if (!n) return;
  one_line(out, n);
  HOLDS(job_journal_scan(out, n - 1, &second_us, &second));
  HOLDS(first_us == second_us && first.recipient == second.recipient && first.status == second.status);
  HOLDS(same(&first.code, &second.code) && same(&first.relay, &second.relay));
  HOLDS(same(&first.text, &second.text) || first.text.len > JOB_TEXT_MAX);
}

static void read_fields(char const *s, size_t len)
{
  char const *start = s;
  size_t all = len;
  job_field f, inside;
  while (job_field_next(&s, &len, &f))
  {
    HOLDS(fuzz_within(f.s, f.len, start, all) && s + len == start + all);
    if (job_field_path(&f, &inside)) HOLDS(inside.len == f.len - 2);
  }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char const *s = (char const *)data;
  read_fields(s, size);
  read_mail(s, size);
  read_rcpt(s, size);
  read_journal(s, size);
  return 0;
}
