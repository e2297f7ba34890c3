/* The reserve for requests: its lines, its end, damage, and many processes at once, some of them killed. */

#include "flush/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

char const *PROG = "reserve";

static char top[200];

static int queue_make(char const *name)
{
  char path[300];
  int queue;
  snprintf(path, sizeof path, "%s/%s", top, name);
  if (mkdir(path, 0700) == -1) exit(111);
  queue = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (queue == -1 || mkdirat(queue, "asked", 0700) == -1) exit(111);
  return queue;
}

static off_t size_of(int queue)
{
  struct stat st;
  return fstatat(queue, "reserve", &st, 0) == -1 ? -1 : st.st_size;
}

static void overwrite(int queue, off_t at, char const *s, size_t len)
{
  int fd = openat(queue, "reserve", O_WRONLY);
  if (fd == -1 || pwrite(fd, s, len, at) != (ssize_t)len) exit(111);
  close(fd);
}

static void cut(int queue, off_t len)
{
  int fd = openat(queue, "reserve", O_WRONLY);
  if (fd == -1 || ftruncate(fd, len) == -1) exit(111);
  close(fd);
}

/* The names, each with a space behind it. */
static int collect(char const *name, void *data)
{
  strcat(strcat(data, name), " ");
  return strcmp(name, "stop.tld") != 0;
}

static int all_are(int queue, char const *names)
{
  char have[1000] = "";
  return reserve_each(queue, collect, have) == 1 && !strcmp(have, names);
}

static int count(char const *name, void *data)
{
  size_t *n = data;
  (void)name;
  return ++*n != 0;
}

static size_t how_many(int queue)
{
  size_t n = 0;
  return reserve_each(queue, count, &n) == 1 ? n : 0;
}

static void test_lines(void)
{
  int queue = queue_make("lines");
  char have[100] = "";
  CHECK("none: nothing there", reserve_has(queue, "a.tld") == 0 && all_are(queue, ""));
  CHECK("none: nothing to remove", reserve_remove(queue, "a.tld") == 1);
  CHECK("none: no room", !reserve_add(queue, "a.tld") && errno == ENOSPC);
  CHECK("make", reserve_make(queue) == 1 && size_of(queue) == RESERVE_LEN && all_are(queue, ""));
  CHECK("add", reserve_add(queue, "a.tld") && reserve_add(queue, "@a.tld") && reserve_add(queue, "=1h8qabcde00001"));
  CHECK("all", all_are(queue, "a.tld @a.tld =1h8qabcde00001 "));
  CHECK("has", reserve_has(queue, "a.tld") == 1 && reserve_has(queue, "=1h8qabcde00001") == 1);
  CHECK("has not", !reserve_has(queue, ".tld") && !reserve_has(queue, "a.tl") && !reserve_has(queue, "b.a.tld"));
  CHECK("add again", reserve_add(queue, "a.tld") && all_are(queue, "a.tld @a.tld =1h8qabcde00001 "));
  CHECK("remove a part", reserve_remove(queue, ".tld") && how_many(queue) == 3);
  CHECK("remove", reserve_remove(queue, "a.tld") && all_are(queue, "@a.tld =1h8qabcde00001 "));
  CHECK("in its place", reserve_add(queue, "stop.tld") && how_many(queue) == 3);
  CHECK("each, stopped", reserve_each(queue, collect, have) == 0);
  CHECK("make again", reserve_make(queue) == 1 && size_of(queue) == RESERVE_LEN && how_many(queue) == 3);
  close(queue);
}

static void name_of(char name[256], size_t len, unsigned int n)
{
  memset(name, 'a', len);
  name[len] = 0;
  name[0] = (char)('a' + n % 26);
  name[1] = (char)('a' + n / 26 % 26);
  name[2] = (char)('a' + n / 676 % 26);
}

/* How many of a length find room; whether they are there then, and gone when they were removed. */
static size_t fill(int queue, size_t len, int *good)
{
  char name[256];
  unsigned int n = 0, i;
  for (name_of(name, len, n); reserve_add(queue, name); name_of(name, len, n)) n++;
  *good = errno == ENOSPC && how_many(queue) == n;
  for (i = 0; i < n; i++)
  {
    name_of(name, len, i);
    *good &= reserve_has(queue, name) == 1 && reserve_remove(queue, name);
  }
  *good &= how_many(queue) == 0 && size_of(queue) == RESERVE_LEN;
  return n;
}

static void test_full(void)
{
  int queue = queue_make("full"), good;
  CHECK("make", reserve_make(queue));
  CHECK("the longest", fill(queue, 255, &good) >= 60);
  CHECK("the longest: there, and gone", good);
  CHECK("usual ones", fill(queue, 20, &good) >= 760);
  CHECK("usual ones: there, and gone", good);
  close(queue);
}

static void test_damaged(void)
{
  int queue = queue_make("damaged");
  static char const zeros[5000];
  CHECK("make", reserve_make(queue) && reserve_add(queue, "a.tld"));
  overwrite(queue, 6, zeros, sizeof zeros);
  overwrite(queue, 6000, "b.tld", 5);
  CHECK("zeros", all_are(queue, "a.tld b.tld ") && reserve_add(queue, "c.tld") && all_are(queue, "a.tld c.tld b.tld "));
  cut(queue, RESERVE_LEN / 2);
  CHECK("cut short", reserve_add(queue, "d.tld") && all_are(queue, "a.tld c.tld d.tld b.tld "));
  CHECK("made whole", reserve_make(queue) && size_of(queue) == RESERVE_LEN && how_many(queue) == 4);
  unlinkat(queue, "reserve", 0);
  CHECK("a link", symlinkat("elsewhere", queue, "reserve") == 0);
  CHECK("a link", !reserve_make(queue) && !reserve_add(queue, "a.tld") && reserve_has(queue, "a.tld") == 0);
  close(queue);
}

/* Adds and removes a name of its own until it is killed; names are long enough to meet the edges of pages. */
static void busy(int queue, unsigned int n)
{
  char name[256];
  for (;;)
  {
    name_of(name, 200, n);
    if (!reserve_add(queue, name) || !reserve_remove(queue, name)) _exit(111);
  }
}

static int whole(char const *name, void *data)
{
  int *good = data;
  *good &= strlen(name) == 200;
  return 1;
}

#define PROCESSES 8

/* Kills the nth, and takes away what it may have left.  Returns whether it had come to no end by itself. */
static int killed(int queue, pid_t pid, unsigned int n)
{
  char name[256];
  int status;
  kill(pid, SIGKILL);
  if (waitpid(pid, &status, 0) == -1) exit(111);
  name_of(name, 200, n);
  return WIFSIGNALED(status) && reserve_remove(queue, name);
}

static void test_killed(void)
{
  int queue = queue_make("killed"), good = 1;
  unsigned int n;
  pid_t pids[PROCESSES];
  char name[256];
  if (!reserve_make(queue)) exit(111);
  for (n = 0; n < 60; n++) /* little room is left: processes take each other's places */
  {
    name_of(name, 200, 1000 + n);
    if (!reserve_add(queue, name)) exit(111);
  }
  for (n = 0; n < 30 * PROCESSES; n++)
  {
    if (n >= PROCESSES) good &= killed(queue, pids[n % PROCESSES], n - PROCESSES);
    pids[n % PROCESSES] = fork();
    if (!pids[n % PROCESSES]) busy(queue, n);
    reserve_each(queue, whole, &good);
  }
  for (n = 0; n < PROCESSES; n++) good &= killed(queue, pids[n], 29 * PROCESSES + n);
  CHECK("killed: nobody fails, no half names", reserve_each(queue, whole, &good) == 1 && good);
  CHECK("killed: what was there is there", how_many(queue) == 60);
  close(queue);
}

int main(void)
{
  char command[300];
  snprintf(top, sizeof top, "%s/reserve.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  if (!mkdtemp(top)) return 111;
  test_lines();
  test_full();
  test_damaged();
  test_killed();
  snprintf(command, sizeof command, "rm -rf %s", top);
  if (system(command)) return 111;
  CHECK_END();
}
