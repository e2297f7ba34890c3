/* Next hops: known by name, their files, and files of those that nobody knows. */

#include "qmgr/hops.h"
#include "qmgr/named.h"

#include "qmgr.h"

char const *PROG = "qmgr-hops";

#define ONE "[192.0.2.1]:25"
#define NOW_S (NOW_US / SECOND_US)

static hops all;

static void begin(char const *name)
{
  instance_make(name);
  memset(&all, 0, sizeof all);
  all.core = &q;
  log_forget();
}

/* Its file, of a moment; seconds are in relation to now. */
static void file_put(char const *name, char const *state, int since, int next, int written)
{
  char path[300], line[200];
  struct timespec t[2] = { { .tv_sec = (time_t)NOW_S + written } };
  t[1] = t[0];
  snprintf(path, sizeof path, "site/%s", name);
  snprintf(line, sizeof line, "%s since=%llu failures=3 next=%llu 4.4.1 why\n", state,
           (unsigned long long)NOW_S + (unsigned long long)since,
           (unsigned long long)NOW_S + (unsigned long long)next);
  put(path, line);
  if (utimensat(q.queue, path, t, 0) == -1) exit(111);
}

static void test_known(void)
{
  char name[400];
  hop *h;
  begin("known");
  h = hops_get(&all, ONE, "");
  CHECK("get", h && !strcmp(h->name, ONE) && hop_of(&h->site) == h && q.sched.sites.row.count == 1);
  CHECK("get: again", hops_get(&all, ONE, "") == h && q.sched.sites.row.count == 1);
  at(AFTER(5));
  hops_get(&all, ONE, "");
  CHECK("get: it was asked for", h->site.known.used_us == AFTER(5));
  CHECK("get: another", hops_get(&all, "b.tld", "") != h && q.sched.sites.row.count == 2);
  CHECK("get: nothing is known", h->site.health.state == HEALTH_UNKNOWN && !h->without && !h->lied
        && !there("site/" ONE));
  CHECK("get: no name", (errno = 0, !hops_get(&all, "../x", "")) && errno == EINVAL
        && !hops_get(&all, "", "") && !hops_get(&all, "a/b", ""));
  memset(name, 'a', sizeof name);
  name[300] = 0;
  CHECK("get: a name too long", (errno = 0, !hops_get(&all, name, "")) && errno == EINVAL
        && q.sched.sites.row.count == 2);
}

/* Routes that demand different things of one next hop. */
static void test_demands(void)
{
  hop *one, *two, *three;
  begin("demands");
  file_put(ONE, "down", -100, 50, -100);
  one = hops_get(&all, ONE, "tls=may");
  two = hops_get(&all, ONE, "tls=verify");
  three = hops_get(&all, ONE, "tls=encrypt");
  CHECK("demands: a hop each", one && two && three && one != two && two != three && one != three
        && q.sched.sites.row.count == 3);
  CHECK("demands: the file is the first one's", one->site.health.state == HEALTH_DOWN
        && two->site.health.state == HEALTH_UNKNOWN);
  CHECK("demands: who we are there", !one->auth && !strcmp(hops_get(&all, ONE, "tls=encrypt auth=us")->auth, "us")
        && hops_get(&all, ONE, "tls=encrypt auth=them") != hops_get(&all, ONE, "tls=encrypt auth=us")
        && hops_get(&all, ONE, "tls=encrypt") == three);
  hops_forget(&all, hops_get(&all, ONE, "tls=encrypt auth=us"));
  hops_forget(&all, hops_get(&all, ONE, "tls=encrypt auth=them"));
  CHECK("demands: of one name", !strcmp(two->name, ONE) && !strcmp(two->tls, "tls=verify"));
  CHECK("demands: again", hops_get(&all, ONE, "tls=may") == one
        && hops_get(&all, ONE, "tls=verify") == two && hops_get(&all, ONE, "tls=encrypt") == three);
  hop_write(&all, two, SITEFILE_UP, "");
  hops_forget(&all, three);
  CHECK("demands: one behind the first is forgotten", hops_get(&all, ONE, "tls=verify") == two
        && q.sched.sites.row.count == 2);
  hops_forget(&all, one);
  CHECK("demands: the first is forgotten", hops_get(&all, ONE, "tls=verify") == two
        && q.sched.sites.row.count == 1);
  CHECK("demands: the file is the others'", there("site/" ONE));
  hops_forget(&all, two);
  CHECK("demands: and goes with the last", !there("site/" ONE) && !named_find(&all.tree, ONE));
}

static void test_restored(void)
{
  hop *h;
  begin("restored");
  file_put("down.tld", "down", -100, 50, -100);
  file_put("up.tld", "up", -100, 50, -100);
  file_put("parked.tld", "parked", -100, 50, -100);
  file_put("future.tld", "down", 100, 150, -100);
  put("site/torn.tld", "down since=17");
  obstruct("site/dir.tld");
  h = hops_get(&all, "down.tld", "");
  CHECK("down: its back-off goes on", h->site.health.state == HEALTH_DOWN
        && h->site.health.failures == 3 && h->site.health.since_us / SECOND_US == NOW_S - 100
        && h->site.health.next_us / SECOND_US == NOW_S + 50 && !site_open(&q.sched, &h->site));
  CHECK("down: it is tried then", timers_next(&q.sched.timers) == h->site.health.next_us);
  h = hops_get(&all, "up.tld", "");
  CHECK("up: that says nothing", h->site.health.state == HEALTH_UNKNOWN && !h->site.health.failures);
  h = hops_get(&all, "parked.tld", "");
  CHECK("parked: nor that", h->site.health.state == HEALTH_UNKNOWN && !h->site.health.failures);
  h = hops_get(&all, "future.tld", "");
  CHECK("under another clock: it is due", site_open(&q.sched, &h->site));
  CHECK("no such file", hops_get(&all, "torn.tld", "")->site.health.state == HEALTH_UNKNOWN
        && hops_get(&all, "dir.tld", "")->site.health.state == HEALTH_UNKNOWN);
}

static void test_write(void)
{
  char want[200];
  hop *h;
  begin("write");
  h = hops_get(&all, ONE, "");
  h->site.health.since_us = NOW_US;
  h->site.health.failures = 7;
  h->site.health.next_us = AFTER(60);
  hop_write(&all, h, SITEFILE_DOWN, "4.4.1 no");
  snprintf(want, sizeof want, "down since=%llu failures=7 next=%llu 4.4.1 no\n",
           (unsigned long long)NOW_S, (unsigned long long)NOW_S + 60);
  CHECK("write", holds("site/" ONE, want));
  hop_write(&all, h, SITEFILE_UP, "");
  snprintf(want, sizeof want, "up since=%llu failures=7 next=%llu\n",
           (unsigned long long)NOW_S, (unsigned long long)NOW_S + 60);
  CHECK("write: anew", holds("site/" ONE, want) && !there("site/+new"));
  unlinkat(q.queue, "site/" ONE, 0);
  obstruct("site/" ONE);
  hop_write(&all, h, SITEFILE_UP, "");
  CHECK("write: that cannot be", logged("unable to write site/" ONE ": ") == 1);
}

static void test_forget(void)
{
  hop *h;
  begin("forget");
  file_put("down.tld", "down", -100, 50, -100);
  hops_forget(&all, hops_get(&all, "down.tld", ""));
  CHECK("forget", !there("site/down.tld") && !named_find(&all.tree, "down.tld")
        && !q.sched.sites.row.count && timers_next(&q.sched.timers) == NEVER_US);
  h = hops_get(&all, "down.tld", "");
  CHECK("forget: known anew", h->site.health.state == HEALTH_UNKNOWN);
  hops_forget(&all, h);
  CHECK("forget: it had no file", !logged("site/"));
  obstruct("site/" ONE);
  hops_forget(&all, hops_get(&all, ONE, ""));
  CHECK("forget: what cannot be removed", logged("unable to remove site/" ONE ": ") == 1
        && !named_find(&all.tree, ONE));
}

static void test_clean(void)
{
  int keep, many = 0, i;
  char name[50];
  begin("clean");
  keep = (int)q.settings.backoff.max;
  hops_get(&all, "known.tld", "");
  file_put("known.tld", "up", -9 * keep, 0, -9 * keep);
  file_put("old.tld", "up", -9 * keep, 0, -keep - 1);
  file_put("young.tld", "up", -9 * keep, 0, -keep + 1);
  file_put("down.tld", "down", -9 * keep, -keep + 1, -keep - 1);
  file_put("long.tld", "down", -9 * keep, -keep - 1, -keep - 1);
  file_put("future.tld", "down", 1, 60, -keep - 1);
  file_put("ahead.tld", "up", -9 * keep, 0, 10);
  file_put("+new", "up", -9 * keep, 0, -keep - 1);
  obstruct("site/dir.tld");
  CHECK("clean: not before all is known", !hops_clean(&all, 0) && there("site/old.tld"));
  CHECK("clean: what nobody needs", !hops_clean(&all, 1) && !there("site/old.tld"));
  CHECK("clean: one that is known", there("site/known.tld"));
  CHECK("clean: written lately", there("site/young.tld"));
  CHECK("clean: down, and when it is tried again", there("site/down.tld"));
  CHECK("clean: down, and long past that", !there("site/long.tld"));
  CHECK("clean: under another clock", !there("site/future.tld") && !there("site/ahead.tld"));
  CHECK("clean: what is no site's", there("site/+new") && there("site/dir.tld"));

  for (i = 0; i < 200; i++)
  {
    snprintf(name, sizeof name, "x%d.tld", i);
    file_put(name, "up", -9 * keep, 0, -9 * keep);
  }
  at(AFTER(3599));
  CHECK("clean: not again", !hops_clean(&all, 1) && there("site/x7.tld"));
  at(AFTER(3600));
  CHECK("clean: after an hour, in pieces", hops_clean(&all, 1) == 1);
  for (i = 0; i < 200; i++)
  {
    snprintf(name, sizeof name, "site/x%d.tld", i);
    many += there(name);
  }
  CHECK("clean: a piece", many >= 200 - 64 && many < 200);
  for (i = 0; i < 10 && hops_clean(&all, 0); i++) ;
  CHECK("clean: and the rest", i < 10 && !there("site/x7.tld") && !all.directory);
}

int main(void)
{
  qmgr_begin();
  test_known();
  test_demands();
  test_restored();
  test_write();
  test_forget();
  test_clean();
  qmgr_end();
  return 0;
}
