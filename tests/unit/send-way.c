#include "send/way.h"

#include "base/wallclock.h"

#include "check.h"
#include "base/log.h"

char const *PROG = "send-way";

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

/* Is it so many seconds from now, or a little less? */
static int in(int64_t until_ms, int64_t seconds)
{
  int64_t left = until_ms - wallclock_steady_ms();
  return left <= seconds * 1000 && left > seconds * 1000 - 900;
}

static void test_reach(void)
{
  way w = with(4);
  CHECK("nothing begun", !way_late(&w));
  way_begin(&w, 120);
  CHECK("equal parts to connect", in(way_until_ms(&w, 0), 30) && in(way_until_ms(&w, 1), 60));
  way_silence(&w);
  w.at = 1;
  way_begin(&w, 1000);
  CHECK("the same time for those that are left", in(way_until_ms(&w, 0), 40));
  way_silence(&w);
  w.at = 2;
  CHECK("half of it", in(way_until_ms(&w, 0), 60) && in(way_until_ms(&w, 1), 60));
  way_silence(&w);
  w.at = 3;
  CHECK("all for the last", in(way_until_ms(&w, 0), 120) && in(way_until_ms(&w, 1), 120));
  way_answered(&w);
  way_begin(&w, 7);
  CHECK("anew", in(way_until_ms(&w, 1), 7) && !way_late(&w));
  w.reach_ms = wallclock_steady_ms();
  CHECK("over", way_late(&w));
}

int main(void)
{
  test_one_after_the_other();
  test_silent();
  test_another_message();
  test_cut_short();
  test_reach();
  return CHECK_END();
}
