/* What all of qmgr stands on: settings, what is said how often, pauses, sockets, small files. */

#include "qmgr/core.h"

#include <sys/resource.h>

#include "qmgr.h"

char const *PROG = "qmgr-core";

#define THING "site/thing"

static void begin(char const *name)
{
  instance_make(name);
  log_forget();
}

static void test_settings(void)
{
  unsigned int before;
  begin("settings");
  before = q.settings.generation;
  conf_put("backoff", "60 300\n");
  CHECK("settings: changed", settings_changed(&q.settings, q.conf));
  CHECK("settings", core_settings(&q) && q.sched.backoff_min_us == 60 * SECOND_US
        && q.sched.backoff_max_us == 300 * SECOND_US && q.settings.generation == before + 1
        && q.sched.quota.total == q.settings.concurrency.total && q.sched.quota.total);
  CHECK("settings: the site line", !strncmp(q.settings.session.s, " me=relay.tld listen=", 21)
        && strstr(q.settings.session.s, " timeouts=") && strstr(q.settings.session.s, " reach="));
  conf_put("backoff", "never\n");
  conf_put("me", "other.tld\n");
  CHECK("settings: a mistake", !core_settings(&q) && strstr(conf_error(), "backoff"));
  CHECK("settings: what was there before", q.sched.backoff_max_us == 300 * SECOND_US
        && q.settings.generation == before + 1 && strstr(q.settings.session.s, "relay.tld"));
  conf_put("backoff", "60 300\n");
  conf_put("listen", "192.0.2.1:25\n0:587\n");
  CHECK("settings: all addresses of ours", core_settings(&q)
        && strstr(q.settings.session.s, " listen=192.0.2.1:25,[::]:587 "));
}

static void test_say(void)
{
  begin("say");
  core_complain(&q, "open ", "x", "no");
  CHECK("complain", logged("qmgr-core: warning: unable to open x: no\n") == 1);
  core_complain(&q, "open ", "y", "no");
  core_complain(&q, "open ", "z", "no");
  CHECK("complain: once a minute", !logged(" y:") && !logged(" z:"));
  core_obstacle(&q, "flush", "a.tld", EISDIR);
  CHECK("another kind", logged("warning: passed over flush/a.tld: ") == 1);
  at(AFTER(59));
  core_complain(&q, "open ", "y", "no");
  CHECK("complain: not yet", !logged(" y:"));
  at(AFTER(60));
  core_complain(&q, "open ", "y", "no");
  CHECK("complain: and how many more", logged("unable to open y: no (and 3 more)\n") == 1);
  at(AFTER(120));
  core_complain(&q, "open ", "z", "no");
  CHECK("complain: none more", logged("unable to open z: no\n") == 1);
  core_set_back(&q, 90 * SECOND_US);
  at(AFTER(30));
  core_complain(&q, "open ", "v", "no");
  CHECK("set back: said a moment ago", !logged(" v:"));
  at(AFTER(90));
  core_complain(&q, "open ", "v", "no");
  CHECK("set back: a minute is a minute", logged("unable to open v: no (and 1 more)\n") == 1);
  q.sched.now_us = AFTER(20);
  core_complain(&q, "open ", "u", "no");
  CHECK("said in the future: under another clock", logged("unable to open u") == 1);
}

static void test_pause(void)
{
  begin("pause");
  q.pause.kind = CORE_PAUSE;
  errno = ENOSPC;
  core_pause(&q, "record ", "x");
  CHECK("pause", q.sched.paused && timers_next(&q.timers) == AFTER(1)
        && logged("unable to record x: No space left") == 1);
  at(NOW_US + SECOND_US / 2);
  core_pause(&q, "record ", "y");
  CHECK("pause: it does not grow", timers_next(&q.timers) == AFTER(1));
  core_pause_until(&q, NOW_US + SECOND_US * 3 / 4);
  core_pause_until(&q, AFTER(5));
  CHECK("pause: sooner, not later", timers_next(&q.timers) == NOW_US + SECOND_US * 3 / 4);
  core_set_back(&q, SECOND_US / 4);
  CHECK("pause: set back", timers_next(&q.timers) == NOW_US + SECOND_US / 2);
  at(AFTER(3));
  CHECK("pause: over", timers_take(&q.timers, core_now_us(&q)) == &q.pause);
  sched_resume(&q.sched);
  core_pause(&q, "record ", "z");
  CHECK("pause: the next one", timers_next(&q.timers) == AFTER(4));
  CHECK("lately", core_lately(&q, AFTER(1), 3 * SECOND_US) && !core_lately(&q, AFTER(1), 2 * SECOND_US)
        && !core_lately(&q, AFTER(4), 2 * SECOND_US));
}

static void test_connect(void)
{
  int listener, fd, i;
  char deep[60];
  begin("connect");
  CHECK("connect: no socket", core_connect(&q, "send") == -1 && errno == ENOENT);
  memset(deep, 'd', sizeof deep);
  deep[sizeof deep - 1] = 0;
  /* a path longer than an address can be */
  for (i = 0; i < 5; i++)
  {
    int below = directory_make(q.run, deep);
    close(q.run);
    q.run = below;
  }
  listener = listener_make("send", 5);
  fd = core_connect(&q, "send");
  CHECK("connect", fd != -1 && peer_accept(listener) != -1);
  CHECK("connect: it keeps nobody waiting", (fcntl(fd, F_GETFL) & O_NONBLOCK)
        && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
  close(fd);
  close(listener);
  CHECK("connect: nobody listens", core_connect(&q, "send") == -1 && errno == ECONNREFUSED);
}

static void test_replace(void)
{
  static char const old[] = "what was there before";
  struct rlimit limit, small;
  int reader;
  char have[100];
  begin("replace");
  CHECK("replace: nothing", core_file_replace(&q, THING, "one\n", 4) && holds(THING, "one\n"));
  reader = openat(q.queue, THING, O_RDONLY);
  CHECK("replace", core_file_replace(&q, THING, "two\n", 4) && holds(THING, "two\n")
        && !there("site/+new"));
  CHECK("replace: who reads still has the other", read(reader, have, sizeof have) == 4
        && !memcmp(have, "one\n", 4));
  put("site/+new", "a longer one, left over by one who was killed\n");
  CHECK("replace: what was left over", core_file_replace(&q, THING, "x", 1) && holds(THING, "x"));

  obstruct("site/+new");
  CHECK("replace: a directory in the way", core_file_replace(&q, THING, "y", 1) && holds(THING, "y")
        && !there("site/+new"));
  put("elsewhere", old);
  if (symlinkat("../elsewhere", q.queue, "site/+new") == -1) exit(111);
  CHECK("replace: a link in the way", core_file_replace(&q, THING, "z", 1) && holds(THING, "z")
        && holds("elsewhere", old));
  obstruct("site/+new");
  put("site/+new/full", "");
  CHECK("replace: a directory that is not empty", !core_file_replace(&q, THING, "1", 1)
        && holds(THING, "z"));
  unlinkat(q.queue, "site/+new/full", 0);
  obstruct("site/dir");
  CHECK("replace: a directory of that name", !core_file_replace(&q, "site/dir", "1", 1)
        && there("site/dir"));

  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &limit);
  small = limit;
  small.rlim_cur = 3;
  setrlimit(RLIMIT_FSIZE, &small);
  CHECK("replace: a full disk", !core_file_replace(&q, THING, "12345", 5) && holds(THING, "z"));
  setrlimit(RLIMIT_FSIZE, &limit);
}

static void test_number(void)
{
  CHECK("number", core_line_number("seen=17 jumped=23\n", "seen=") == 17
        && core_line_number("seen=17 jumped=23\n", " jumped=") == 23);
  CHECK("number: none", !core_line_number("", "seen=") && !core_line_number("seen=", "seen=")
        && !core_line_number("seen=x", "seen=") && !core_line_number("see=1", "seen="));
}

int main(void)
{
  qmgr_begin();
  test_settings();
  test_say();
  test_pause();
  test_connect();
  test_replace();
  test_number();
  qmgr_end();
  return 0;
}
