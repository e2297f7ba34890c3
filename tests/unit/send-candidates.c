#include "send/candidates.h"

#include "base/wallclock.h"

#include "check.h"
#include "base/log.h"

char const *PROG = "send-candidates";

/* A site with so many addresses, none of them tried. */
static candidates with(size_t addresses)
{
  return (candidates){ .hosts = { .count = addresses } };
}

static void test_one_after_the_other(void)
{
  candidates w = with(4);
  outbox_job job = { .tried = 0 };
  CHECK("the best first", candidates_for(&w, &job) == 0 && candidates_elsewhere(&w, &job));
  candidates_tried(&w, &job);
  CHECK("then the next", candidates_for(&w, &job) == 1);
  w.at = 1;
  CHECK("two that answered are enough", !candidates_elsewhere(&w, &job));
  candidates_tried(&w, &job);
  CHECK("then none", candidates_for(&w, &job) == CANDIDATES_NONE);
  candidates_untried(&w, &job);
  CHECK("unless once more", candidates_for(&w, &job) == 1);
}

static void test_silent(void)
{
  candidates w = with(3);
  outbox_job job = { .tried = 0 };
  candidates_silence(&w);
  CHECK("who is silent is passed over", candidates_for(&w, &job) == 1);
  w.at = 1;
  candidates_silence(&w);
  w.at = 2;
  CHECK("and is no answer", candidates_for(&w, &job) == 2 && !candidates_elsewhere(&w, &job));
  candidates_silence(&w);
  CHECK("nobody answers", candidates_for(&w, &job) == CANDIDATES_NONE);
}

static void test_another_message(void)
{
  candidates w = with(2);
  outbox_job job = { .tried = 0 };
  outbox_job other = { .tried = 0 };
  candidates_tried(&w, &job);
  CHECK("another message begins with the best", candidates_for(&w, &job) == 1 && candidates_for(&w, &other) == 0);
}

static void test_plain(void)
{
  candidates w = with(2);
  CHECK("TLS is tried", !candidates_plain_take(&w));
  candidates_plain(&w);
  w.at = 1;
  CHECK("at another address too", !candidates_plain_take(&w));
  w.at = 0;
  CHECK("where it failed not", candidates_plain_take(&w));
  CHECK("but that once", !candidates_plain_take(&w));
}

static void test_cut_short(void)
{
  candidates w = with(3);
  outbox_job job = { .tried = 0 };
  w.at = 1;
  CHECK("those before it are left", candidates_cut_short(&w) && candidates_for(&w, &job) == 0);
  candidates_silence(&w);
  w.at = 0;
  CHECK("none before the best", !candidates_cut_short(&w) && candidates_for(&w, &job) == CANDIDATES_NONE);
}

/* Is it so many seconds from now, or a little less? */
static int in(int64_t until_ms, int64_t seconds)
{
  int64_t left = until_ms - wallclock_steady_ms();
  return left <= seconds * 1000 && left > seconds * 1000 - 900;
}

static void test_reach(void)
{
  candidates w = with(4);
  CHECK("nothing begun", !candidates_late(&w));
  candidates_begin(&w, 120);
  CHECK("equal parts to connect", in(candidates_until_ms(&w, 0), 30) && in(candidates_until_ms(&w, 1), 60));
  candidates_silence(&w);
  w.at = 1;
  candidates_begin(&w, 1000);
  CHECK("the same time for those that are left", in(candidates_until_ms(&w, 0), 40));
  candidates_silence(&w);
  w.at = 2;
  CHECK("half of it", in(candidates_until_ms(&w, 0), 60) && in(candidates_until_ms(&w, 1), 60));
  candidates_silence(&w);
  w.at = 3;
  CHECK("all for the last", in(candidates_until_ms(&w, 0), 120) && in(candidates_until_ms(&w, 1), 120));
  candidates_answered(&w);
  candidates_begin(&w, 7);
  CHECK("anew", in(candidates_until_ms(&w, 1), 7) && !candidates_late(&w));
  w.reach_ms = wallclock_steady_ms();
  CHECK("over", candidates_late(&w));
}

int main(void)
{
  test_one_after_the_other();
  test_silent();
  test_another_message();
  test_cut_short();
  test_plain();
  test_reach();
  return CHECK_END();
}
