#include "sched/cuts.h"

#include <string.h>

#include "check.h"

/* The id of the nth message of a test. */
static char const *id_of(int n)
{
  static char id[15];
  memset(id, 'a', 14);
  id[13] = (char)('a' + n);
  return id;
}

static int taken_is(cuts *c, int n)
{
  char id[SCHED_ID_MAX];
  cuts_take(c, id);
  return !strcmp(id, id_of(n));
}

/* How often a message that is always cut again is tried. */
static int tries(cuts *c, uint64_t drops)
{
  char id[SCHED_ID_MAX];
  int n;
  for (n = 0; n < 100 && cuts_left(c, drops); n++)
  {
    cuts_take(c, id);
    cuts_back(c, 1);
    cuts_add(c, id, 1, 1);
  }
  return n;
}

static void test_order(void)
{
  cuts c;
  cuts_init(&c, 0);
  CHECK("nothing", !cuts_left(&c, 0) && !cuts_ready(&c, 0));
  cuts_add(&c, id_of(0), 1, 300);
  cuts_add(&c, id_of(1), 1, 100);
  cuts_add(&c, id_of(2), 1, 200);
  CHECK("not before the round", !cuts_ready(&c, 0));
  CHECK("the round", cuts_left(&c, 0) && cuts_ready(&c, 0) && !cuts_ready(&c, 1));
  CHECK("smallest first", taken_is(&c, 1));
  cuts_back(&c, 0);
  CHECK("one more at once", cuts_ready(&c, 1) && !cuts_ready(&c, 2));
  CHECK("in order", taken_is(&c, 2) && taken_is(&c, 0));
  cuts_back(&c, 1);
  CHECK("one at a time again", c.most == 1 && !cuts_left(&c, 0));
  cuts_add(&c, id_of(0), 3, 1);
  cuts_add(&c, id_of(1), 2, 200);
  cuts_add(&c, id_of(2), 2, 100);
  CHECK("the least often tried first", cuts_left(&c, 0) && taken_is(&c, 2) && taken_is(&c, 1) && taken_is(&c, 0));
  cuts_free(&c);
}

static void test_rounds(void)
{
  cuts c;
  char id[SCHED_ID_MAX];
  cuts_init(&c, 7);
  cuts_add(&c, id_of(0), 1, 1);
  CHECK("a message that does harm", tries(&c, 7 + 2) == 2);
  CHECK("is given back", cuts_give_up(&c, id) && !strcmp(id, id_of(0)) && !cuts_give_up(&c, id));
  cuts_free(&c);
  cuts_init(&c, 7);
  cuts_add(&c, id_of(0), 1, 1);
  CHECK("a link that drops", tries(&c, 7 + 3) == 8);
  cuts_free(&c);
}

static void test_something_goes(void)
{
  cuts c;
  cuts_init(&c, 0);
  cuts_add(&c, id_of(0), 1, 1);
  cuts_add(&c, id_of(1), 1, 2);
  CHECK("the first goes", cuts_left(&c, 0) && taken_is(&c, 0));
  cuts_back(&c, 0);
  CHECK("the second does not", taken_is(&c, 1));
  cuts_back(&c, 1);
  cuts_add(&c, id_of(1), 1, 2);
  CHECK("then it is the link's doing", tries(&c, 0) == 7);
  cuts_free(&c);
}

int main(void)
{
  test_order();
  test_rounds();
  test_something_goes();
  return CHECK_END();
}
