#include "send/pipeline.h"

#include "check.h"
#include "base/log.h"

char const *PROG = "send-pipeline";

/* A window of replies that moves on for ever must keep its order, and its memory. */
static int window_keeps_order(pipeline *list)
{
  size_t pushed = 0;
  size_t popped = 0;
  while (popped < 100000)
  {
    while (pushed < popped + 150)
    {
      pipeline_reply e = { PIPELINE_RCPT, 0, pushed++ };
      if (!pipeline_push(list, &e)) return 0;
    }
    if (pipeline_head(list)->rcpt != popped) return 0;
    if (pipeline_pop(list).rcpt != popped++) return 0;
  }
  return 1;
}

/* What is expected of one message comes together; what belongs to none may be before it. */
static void test_jobs(pipeline *list)
{
  outbox_job one, two;
  pipeline_reply const all[] =
    { { PIPELINE_RSET, 0, 0 }, { PIPELINE_MAIL, &one, 0 }, { PIPELINE_RCPT, &one, 1 }, { PIPELINE_RSET, 0, 0 }, { PIPELINE_MAIL, &two, 0 } };
  size_t i;
  CHECK("no job", !pipeline_job(list));
  for (i = 0; i < sizeof all / sizeof *all; i++) pipeline_push(list, &all[i]);
  CHECK("the first job", pipeline_job(list) == &one);
  pipeline_end_with(list, &one);
  for (i = 0; i < 3; i++) CHECK("its replies are kept", pipeline_pop(list).kind == all[i].kind);
  CHECK("and no others", !pipeline_head(list));
}

int main(void)
{
  pipeline list = { .first = 0 };
  pipeline_reply mail = { PIPELINE_MAIL, 0, 0 };
  pipeline_reply rcpt = { PIPELINE_RCPT, 0, 7 };
  CHECK("empty", !pipeline_head(&list));
  CHECK("push", pipeline_push(&list, &mail) && pipeline_push(&list, &rcpt));
  CHECK("in order", pipeline_head(&list)->kind == PIPELINE_MAIL && pipeline_pop(&list).kind == PIPELINE_MAIL
    && pipeline_pop(&list).rcpt == 7 && !pipeline_head(&list));
  test_jobs(&list);
  CHECK("window", window_keeps_order(&list));
  CHECK("its memory", array_bytes(&list.entries) < 100000);
  pipeline_clear(&list);
  CHECK("clear", !pipeline_head(&list));
  array_reset(&list.entries);
  return CHECK_END();
}
