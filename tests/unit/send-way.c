#include "send/way.h"

#include "check.h"

/* A site with so many addresses, none of them tried. */
static way with(size_t addresses)
{
  return (way){ .hosts = { .count = addresses } };
}

static void test_one_after_the_other(void)
{
  way w = with(4);
  work_job job = { .tried = 0 };
  CHECK("the best first", way_for(&w, &job) == 0 && way_elsewhere(&w, &job));
  way_tried(&w, &job);
  CHECK("then the next", way_for(&w, &job) == 1);
  w.at = 1;
  CHECK("two that answered are enough", !way_elsewhere(&w, &job));
  way_tried(&w, &job);
  CHECK("then none", way_for(&w, &job) == WAY_NONE);
  way_untried(&w, &job);
  CHECK("unless once more", way_for(&w, &job) == 1);
}

static void test_silent(void)
{
  way w = with(3);
  work_job job = { .tried = 0 };
  way_silence(&w);
  CHECK("who is silent is passed over", way_for(&w, &job) == 1);
  w.at = 1;
  way_silence(&w);
  w.at = 2;
  CHECK("and is no answer", way_for(&w, &job) == 2 && !way_elsewhere(&w, &job));
  way_silence(&w);
  CHECK("nobody answers", way_for(&w, &job) == WAY_NONE);
}

static void test_another_message(void)
{
  way w = with(2);
  work_job job = { .tried = 0 };
  work_job other = { .tried = 0 };
  way_tried(&w, &job);
  CHECK("another message begins with the best", way_for(&w, &job) == 1 && way_for(&w, &other) == 0);
}

static void test_cut_short(void)
{
  way w = with(3);
  work_job job = { .tried = 0 };
  w.at = 1;
  CHECK("those before it are left", way_cut_short(&w) && way_for(&w, &job) == 0);
  way_silence(&w);
  w.at = 0;
  CHECK("none before the best", !way_cut_short(&w) && way_for(&w, &job) == WAY_NONE);
}

int main(void)
{
  test_one_after_the_other();
  test_silent();
  test_another_message();
  test_cut_short();
  return CHECK_END();
}
