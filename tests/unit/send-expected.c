#include "send/expected.h"

#include "check.h"
#include "base/log.h"

char const *PROG = "send-expected";

/* A window of replies that moves on for ever must keep its order, and its memory. */
static int window_keeps_order(expected_list *list)
{
  size_t pushed = 0;
  size_t popped = 0;
  while (popped < 100000)
  {
    while (pushed < popped + 150)
    {
      expected e = { EXPECTED_RCPT, 0, pushed++ };
      if (!expected_push(list, &e)) return 0;
    }
    if (expected_head(list)->rcpt != popped) return 0;
    if (expected_pop(list).rcpt != popped++) return 0;
  }
  return 1;
}

/* What is expected of one message comes together; what belongs to none may be before it. */
static void test_jobs(expected_list *list)
{
  work_job one, two;
  expected const all[] =
    { { EXPECTED_RSET, 0, 0 }, { EXPECTED_MAIL, &one, 0 }, { EXPECTED_RCPT, &one, 1 }, { EXPECTED_RSET, 0, 0 }, { EXPECTED_MAIL, &two, 0 } };
  size_t i;
  CHECK("no job", !expected_job(list));
  for (i = 0; i < sizeof all / sizeof *all; i++) expected_push(list, &all[i]);
  CHECK("the first job", expected_job(list) == &one);
  expected_end_with(list, &one);
  for (i = 0; i < 3; i++) CHECK("its replies are kept", expected_pop(list).kind == all[i].kind);
  CHECK("and no others", !expected_head(list));
}

int main(void)
{
  expected_list list = { .first = 0 };
  expected mail = { EXPECTED_MAIL, 0, 0 };
  expected rcpt = { EXPECTED_RCPT, 0, 7 };
  CHECK("empty", !expected_head(&list));
  CHECK("push", expected_push(&list, &mail) && expected_push(&list, &rcpt));
  CHECK("in order", expected_head(&list)->kind == EXPECTED_MAIL && expected_pop(&list).kind == EXPECTED_MAIL
    && expected_pop(&list).rcpt == 7 && !expected_head(&list));
  test_jobs(&list);
  CHECK("window", window_keeps_order(&list));
  CHECK("its memory", array_bytes(&list.entries) < 100000);
  expected_clear(&list);
  CHECK("clear", !expected_head(&list));
  array_reset(&list.entries);
  return CHECK_END();
}
