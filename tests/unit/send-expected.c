#include "send/expected.h"

#include "check.h"

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

int main(void)
{
  expected_list list = { .first = 0 };
  expected mail = { EXPECTED_MAIL, 0, 0 };
  expected rcpt = { EXPECTED_RCPT, 0, 7 };
  CHECK("empty", !expected_head(&list));
  CHECK("push", expected_push(&list, &mail) && expected_push(&list, &rcpt));
  CHECK("in order", expected_head(&list)->kind == EXPECTED_MAIL && expected_pop(&list).kind == EXPECTED_MAIL
    && expected_pop(&list).rcpt == 7 && !expected_head(&list));
  CHECK("window", window_keeps_order(&list));
  CHECK("its memory", array_bytes(&list.entries) < 100000);
  expected_clear(&list);
  CHECK("clear", !expected_head(&list));
  array_reset(&list.entries);
  return CHECK_END();
}
