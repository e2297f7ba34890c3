/* The small helpers: lengths of time, dates, the instance's path, log lines. */

#include "base/duration.h"
#include "base/instance.h"
#include "base/log.h"
#include "base/wallclock.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

char const *PROG = "base";

typedef struct duration_case
{
  char const *text;
  int good;
  uint64_t seconds;
} duration_case;

static duration_case const durations[] =
{
  { "0", 1, 0 }, { "300", 1, 300 }, { "300s", 1, 300 }, { "5m", 1, 300 }, { "12h", 1, 43200 },
  { "5d", 1, 432000 }, { "2w", 1, 1209600 }, { "3650d", 1, 315360000 }, { "007", 1, 7 },
  { "3651d", 0, 0 }, { "521w", 1, 315100800 }, { "522w", 0, 0 }, { "99999999999999999999", 0, 0 },
  { "18446744073709551617", 0, 0 }, { "", 0, 0 }, { "d", 0, 0 }, { "5 d", 0, 0 }, { "5dd", 0, 0 },
  { "5D", 0, 0 }, { "-5", 0, 0 }, { "+5", 0, 0 }, { "5y", 0, 0 }, { "1h30m", 0, 0 }, { " 5", 0, 0 }
};

static void check_durations(void)
{
  size_t i = 0;
  for (; i < sizeof durations / sizeof *durations; i++)
  {
    duration_case const *c = durations + i;
    uint64_t seconds = 0;
    int r = duration_scan(c->text, strlen(c->text), &seconds);
    CHECK(c->text, r == c->good && seconds == c->seconds);
  }
}

static int date_is(uint64_t us, char const *date)
{
  char out[WALLCLOCK_DATE_MAX];
  return wallclock_date(out, us) == strlen(date) && !strcmp(out, date);
}

static void check_dates(void)
{
  CHECK("date of the epoch", date_is(0, "Thu, 01 Jan 1970 00:00:00 +0000"));
  CHECK("date of today", date_is(1795247153999999, "Sat, 21 Nov 2026 07:45:53 +0000"));
  CHECK("date of a leap day", date_is(1709164800000000, "Thu, 29 Feb 2024 00:00:00 +0000"));
  CHECK("date after 2038", date_is(4102444799000000, "Thu, 31 Dec 2099 23:59:59 +0000"));
  CHECK("the clock runs", wallclock_us() > 1700000000000000);
}

static void check_instance(void)
{
  int fd, below;
  setenv("SLUICE", "/from/environment", 1);
  CHECK("-C comes first", !strcmp(instance_path("/from/option"), "/from/option"));
  CHECK("then SLUICE", !strcmp(instance_path(0), "/from/environment"));
  setenv("SLUICE", "", 1);
  CHECK("an empty SLUICE is none", !strcmp(instance_path(0), SLUICE_DIR));
  unsetenv("SLUICE");
  CHECK("then what was built in", !strcmp(instance_path(0), SLUICE_DIR));
  fd = instance_open("/");
  below = instance_openat(fd, "dev");
  CHECK("opens a directory", fd >= 0);
  CHECK("opens one below", below >= 0);
  CHECK("closes it on exec", fcntl(below, F_GETFD) & FD_CLOEXEC);
  CHECK("opens no file", instance_openat(fd, "dev/null") == -1);
  close(below);
  close(fd);
}

/* While stderr is a pipe of ours. */
static int log_pipe[2];
static int log_err;

static void log_begin(void)
{
  log_err = dup(2);
  if (pipe(log_pipe) == -1 || dup2(log_pipe[1], 2) == -1) perror("pipe");
  fcntl(log_pipe[0], F_SETFL, O_NONBLOCK);
}

/* What was written since, as a string. */
static char const *log_written(void)
{
  static char text[3 * LOG_LINE_MAX];
  ssize_t r = read(log_pipe[0], text, sizeof text - 1);
  text[r > 0 ? r : 0] = 0;
  return text;
}

static void log_end(void)
{
  dup2(log_err, 2);
  close(log_err);
  close(log_pipe[0]);
  close(log_pipe[1]);
}

static char const *logged(char const *const *pieces)
{
  char const *text;
  log_begin();
  log_pieces(pieces);
  text = log_written();
  log_end();
  return text;
}

#define LOGGED(...) logged((char const *const []){ __VA_ARGS__, 0 })

static void check_log(void)
{
  static char large[LOG_LINE_MAX + 1000];
  char out[8];
  char const *line;
  CHECK("pieces make a line", !strcmp(LOGGED("a", "", "b=", "c"), "base: ab=c\n"));
  CHECK("control characters are cleaned", !strcmp(LOGGED("a\nb\rc\033[1m"), "base: a?b?c?[1m\n"));
  memset(large, 'x', sizeof large - 1);
  line = LOGGED("a", large, "b");
  CHECK("a long line is cut", strlen(line) == LOG_LINE_MAX && line[LOG_LINE_MAX - 1] == '\n');
  CHECK("a piece is cleaned", !strcmp(log_clean(out, sizeof out, "a\tb", 3), "a?b"));
  CHECK("a piece is cut", !strcmp(log_clean(out, sizeof out, "123456789", 9), "1234567"));
}

static void check_log_later(void)
{
  static char large[LOG_LINE_MAX + 1000];
  char const *text;
  memset(large, 'x', sizeof large - 1);
  log_begin();
  log_later("one");
  CHECK("it waits", !strcmp(log_written(), ""));
  log_line("two");
  CHECK("for the next line, which comes behind it", !strcmp(log_written(), "base: one\nbase: two\n"));
  log_later("three");
  log_flush();
  CHECK("or to be asked for", !strcmp(log_written(), "base: three\n"));
  log_flush();
  CHECK("once", !strcmp(log_written(), ""));
  log_later(large);
  log_later(large);
  text = log_written();
  CHECK("no more waits than a pipe takes in one", strlen(text) == LOG_LINE_MAX && text[LOG_LINE_MAX - 1] == '\n');
  log_flush();
  CHECK("the rest, whole", strlen(log_written()) == LOG_LINE_MAX);
  log_end();
}

int main(void)
{
  check_durations();
  check_dates();
  check_instance();
  check_log();
  check_log_later();
  CHECK_END();
}
