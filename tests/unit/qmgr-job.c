/* A job: its recipients and their locks, what is answered, and what it counts for while it is out. */

#include "qmgr/job.h"

#include "qmgr.h"

char const *PROG = "qmgr-job";

static site x;
static domain one, two;
static message m = MESSAGE_ZERO;

static int mail_open(int flags)
{
  enum queue_place place;
  int fd = queuedir_open_message(q.queue, ID1, flags, &place);
  if (fd == -1 || !message_read(&m, fd)) exit(111);
  return fd;
}

static int begin(char const *name)
{
  static domain_route const plain = { .lifetime_us = 432000 * SECOND_US, .concurrency = 20 };
  instance_make(name);
  site_add(&q.sched, &x, &x);
  domain_add(&q.sched, &one, &one, &x, &plain);
  domain_add(&q.sched, &two, &two, &x, &plain);
  mail_make(ID1, "customer.tld", "a.tld");
  return mail_open(O_RDWR | O_APPEND);
}

static job_result answer(uint64_t recipient, enum job_status status)
{
  return (job_result){ .recipient = recipient, .status = status };
}

static void test_add(void)
{
  int fd, other, reader;
  job *j = job_new(), *k = job_new();
  fd = begin("add");
  mail_result(ID1, NOW_US, "1 deferred 4.2.0 mx.tld 450 later");
  mail_result(ID1, NOW_US, "1 deferred 4.2.0 mx.tld 450 later");
  other = mail_open(O_RDWR | O_APPEND);
  reader = mail_open(O_RDONLY);
  two.requests = 7;
  CHECK("new", j && !job_count(j) && !j->active && !j->from && !j->through && !j->next);
  CHECK("add", job_add(j, fd, &m, 0, &one) == 1 && job_add(j, fd, &m, 1, &two) == 1
        && job_count(j) == 2);
  CHECK("add: as they are", job_recipients(j)[0].number == 0 && job_recipients(j)[0].domain == &one
        && job_recipients(j)[0].attempts == 0 && job_recipients(j)[1].attempts == 2
        && job_recipients(j)[1].requests == 7 && !job_recipients(j)[1].answered);
  CHECK("add: in other hands", job_add(k, other, &m, 0, &one) == 0 && !job_count(k));
  CHECK("add: cannot be locked", job_add(k, reader, &m, 1, &two) == -1 && errno && !job_count(k));
  CHECK("holds", job_holds(j, 0) && job_holds(j, 1) && !job_holds(j, 2) && !job_holds(k, 0));
  close(fd);
  CHECK("add: in nobody's", job_add(k, other, &m, 1, &two) == 1 && job_count(k) == 1);
  job_free(j);
  job_free(k);
}

static void test_sift(void)
{
  int fd, other;
  job *j = job_new();
  fd = begin("sift");
  other = mail_open(O_RDWR | O_APPEND);
  job_add(j, fd, &m, 0, &one);
  job_add(j, fd, &m, 1, &two);
  job_sift(j, fd, &m);
  CHECK("sift: nothing has changed", job_count(j) == 2);
  mail_result(ID1, NOW_US, "0 sent 2.0.0 mx.tld 250 ok");
  mail_result(ID1, NOW_US, "1 deferred 4.2.0 mx.tld 450 later");
  message_read(&m, fd);
  job_sift(j, fd, &m);
  CHECK("sift", job_count(j) == 1 && job_recipients(j)[0].number == 1
        && job_recipients(j)[0].domain == &two);
  CHECK("sift: it lets go of it", message_lock_rcpt(other, 0) == 1 && message_lock_rcpt(other, 1) == 0);
  mail_result(ID1, NOW_US, "1 failed 5.1.1 mx.tld 550 no");
  message_read(&m, fd);
  job_sift(j, fd, &m);
  CHECK("sift: nothing is left", !job_count(j) && message_lock_rcpt(other, 1) == 1);
  job_free(j);
}

static void test_answer(void)
{
  int fd = begin("answer");
  job *j = job_new();
  job_result r = answer(1, JOB_DEFERRED);
  CHECK("answered: there is none", job_answered(j));
  job_add(j, fd, &m, 0, &one);
  job_add(j, fd, &m, 1, &two);
  CHECK("answered: not yet", !job_answered(j));
  CHECK("answer", job_answer(j, &r) == job_recipients(j) + 1
        && job_recipients(j)[1].answered && job_recipients(j)[1].status == JOB_DEFERRED
        && !job_recipients(j)[0].answered && !job_answered(j));
  r = answer(1, JOB_SENT);
  CHECK("answer: once", !job_answer(j, &r) && job_recipients(j)[1].status == JOB_DEFERRED);
  r = answer(2, JOB_SENT);
  CHECK("answer: another's", !job_answer(j, &r));
  r = answer(0, JOB_FAILED);
  CHECK("answer: the last", job_answer(j, &r) == job_recipients(j)
        && job_recipients(j)[0].status == JOB_FAILED && job_answered(j));
  job_free(j);
}

static void test_last_of(void)
{
  static domain *const of[] = { &one, &two, &one, &one, &two };
  static int const last[] = { 0, 0, 0, 1, 1 };
  job *j = job_new();
  size_t i, good = 0;
  begin("last");
  for (i = 0; i < 5; i++)
  {
    job_recipient r = { .number = i, .domain = of[i] };
    if (!genalloc_append(job_recipient, &j->recipients, &r)) exit(111);
  }
  for (i = 0; i < 5; i++) good += job_last_of(j, i) == last[i];
  CHECK("the last of each domain", good == 5);
  job_free(j);
}

static void test_out(void)
{
  static connection c;
  job *j = job_new();
  int fd = begin("out");
  put("flush/x", "");
  one.waiting = 1;
  one.claim = PASS_RETRY;
  if (!domain_claimed(&q.sched, &one, CLAIMED)) exit(111);
  connection_add(&q.sched, &c, &c, &x, site_account(&q.sched, &x, 0));
  job_add(j, fd, &m, 0, &one);
  job_add(j, fd, &m, 1, &two);
  j->through = &one;
  j->from = one.pass;
  job_out(j, &c);
  CHECK("out", one.jobs == 2 && two.jobs == 1 && one.pass->jobs == 1);
  CHECK("out: over the connection", one.loads.count == 1 && two.loads.count == 1 && c.loads.count == 2
        && job_recipients(j)[0].load && job_recipients(j)[1].load);
  job_in(j);
  CHECK("in", !one.jobs && !two.jobs && !one.loads.count && !two.loads.count && !c.loads.count);
  job_free(j);

  j = job_new();
  job_add(j, fd, &m, 1, &two);
  job_out(j, &c);
  CHECK("out: of no pass", two.jobs == 1 && !one.jobs && one.pass->jobs == 1);
  job_in(j);
  CHECK("in: of no pass", !two.jobs);
  job_free(j);
}

int main(void)
{
  qmgr_begin();
  test_add();
  test_sift();
  test_answer();
  test_last_of();
  test_out();
  qmgr_end();
  return 0;
}
