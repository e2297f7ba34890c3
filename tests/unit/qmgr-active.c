/* Active messages, and whatever else is known by its name. */

#include "qmgr/active.h"
#include "qmgr/named.h"

#include "qmgr.h"

char const *PROG = "qmgr-active";

static void test_active(void)
{
  void *all = 0, *others = 0;
  active *one, *two;
  CHECK("none", !active_find(&all, ID1));
  one = active_add(&all, ID1);
  two = active_add(&all, ID2 "\nand more behind it");
  CHECK("add", one && two && !strcmp(one->id, ID1) && !strcmp(two->id, ID2) && !one->jobs
        && !one->owed && !one->untold && !one->keep_new);
  CHECK("find", active_find(&all, ID1) == one && active_find(&all, ID2 " done") == two);
  CHECK("find: another", !active_find(&all, ID3) && !active_find(&others, ID1));
  active_take(&all, one);
  CHECK("take", !active_find(&all, ID1) && active_find(&all, ID2) == two);
  active_take(&all, two);
  CHECK("take: the last", !active_find(&all, ID2) && !all);
}

static void test_names(void)
{
  static struct { char const *name; int x; } one = { "a.tld", 1 }, two = { "b.tld", 2 };
  void *all = 0;
  CHECK("names: none", !named_find(&all, "a.tld"));
  CHECK("names: add", named_add(&all, &one) && named_add(&all, &two));
  CHECK("names: find", named_find(&all, "a.tld") == &one && named_find(&all, "b.tld") == &two
        && !named_find(&all, "a.tl") && !named_find(&all, "a.tldx") && !named_find(&all, ""));
  named_take(&all, &one);
  CHECK("names: take", !named_find(&all, "a.tld") && named_find(&all, "b.tld") == &two);
  named_take(&all, &two);
  CHECK("names: the last", !all);
}

int main(void)
{
  test_active();
  test_names();
  return CHECK_END();
}
