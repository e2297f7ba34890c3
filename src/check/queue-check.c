/*
 * queue-check: find what is not as it should be in a queue directory, and mend it.
 *
 * Root mends owners and modes first, by descriptors (check-layout.c), and checks all the rest as
 * the user who has the queue.
 */

#include "check/check.h"

#include <sys/stat.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "base/log.h"
#include "base/wallclock.h"
#include "flush/trigger.h"
#include "start/options.h"
#include "start/program.h"

#define USAGE "queue-check [-C dir] [-n] [-v]"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "queue-check";

static void options_read(int argc, char const *const *argv, check *c)
{
  program_option const all[] = {
    { .letter = 'C', .text = &c->dir }, { .letter = 'n', .flag = &c->look_only },
    { .letter = 'v', .flag = &c->verbose }
  };
  if (program_options_read(argc, argv, all, sizeof all / sizeof *all, USAGE) != argc) dieusage();
}

static void say(check const *c)
{
  char messages[UINT64_FMT], found[UINT64_FMT], left[UINT64_FMT];
  messages[uint64_fmt(messages, c->messages)] = 0;
  found[uint64_fmt(found, c->found)] = 0;
  left[uint64_fmt(left, c->left)] = 0;
  log_line("messages: ", messages, ", findings: ", found, ", left: ", left);
}

static int code_of(check const *c)
{
  if (c->trouble) return 111;
  return c->left || (c->look_only && c->found) ? 1 : 0;
}

static void check_free(check *c)
{
  message_free(&c->message);
  message_free(&c->other);
  id_lists_free(&c->owed);
  id_list_free(&c->suspects);
  out_free(&c->out);
}

int main(int argc, char const *const *argv)
{
  static check c =
  {
    .below = "queue/", .message = MESSAGE_ZERO, .other = MESSAGE_ZERO, .owed = ID_LISTS_ZERO,
    .suspects = { .ids = STRALLOC_ZERO }, .out = OUT_ZERO
  };
  options_read(argc, argv, &c);
  umask(007);
  c.instance = program_instance(&c.dir);
  c.now_us = wallclock_us();
  id_lists_init(&c.owed);

  check_layout_open(&c);
  check_layout_beside(&c);
  check_layout(&c);
  check_become_owner(&c);
  check_failed(&c);
  check_messages(&c);
  check_names(&c);
  check_lists(&c);
  check_suspects(&c);

  if (c.mended) trigger_hint(c.queue, TRIGGER_SCAN, "");
  say(&c);
  check_free(&c);
  return code_of(&c);
}
