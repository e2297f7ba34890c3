/* Flush lists, claims and requests: alone, damaged, and with many processes at once. */

#include "flush/flush.h"
#include "flush/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

char const *PROG = "flush";

#define ID1 "1h8qabcde00001"
#define ID2 "1h8qabcde00002"
#define ID3 "1h8qabcde00003"

static char top[200];

/* A queue directory of its own for each case. */
static int queue_make(char const *name)
{
  static char const *const places[] = { "flush", "claim", "asked" };
  char path[300];
  size_t i;
  int queue;
  snprintf(path, sizeof path, "%s/%s", top, name);
  if (mkdir(path, 0700) == -1) exit(111);
  queue = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (queue == -1) exit(111);
  for (i = 0; i < 3; i++)
    if (mkdirat(queue, places[i], 0700) == -1) exit(111);
  return queue;
}

static void put(int queue, char const *path, char const *s, size_t len)
{
  int fd = openat(queue, path, O_WRONLY | O_CREAT | O_TRUNC, 0660);
  if (fd == -1 || write(fd, s, len) != (ssize_t)len) exit(111);
  close(fd);
}

static int holds(int queue, char const *path, char const *s)
{
  char have[4096];
  int fd = openat(queue, path, O_RDONLY);
  ssize_t r;
  if (fd == -1) return 0;
  r = read(fd, have, sizeof have);
  close(fd);
  return r == (ssize_t)strlen(s) && !memcmp(have, s, (size_t)r);
}

static int missing(int queue, char const *path)
{
  struct stat st;
  return fstatat(queue, path, &st, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT;
}

/* What a reader finds in a list, ids joined by spaces. */
static char const *ids_of(int fd)
{
  static char text[4096];
  char id[ID_LEN + 1];
  flush_reader reader;
  size_t len = 0;
  int r;
  text[0] = 0;
  if (fd == -1) return "cannot open";
  flush_reader_init(&reader, fd);
  while ((r = flush_reader_next(&reader, id)) == 1 && len < sizeof text - 2 * ID_LEN)
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? " " : "", id);
  close(fd);
  return r == -1 ? "cannot read" : text;
}

static char const *ids_at(int queue, char const *path)
{
  return ids_of(openat(queue, path, O_RDONLY));
}

static char const *ids_in(char const *s, size_t len)
{
  int queue = open(top, O_RDONLY | O_DIRECTORY);
  char const *found;
  put(queue, "list", s, len);
  found = ids_at(queue, "list");
  close(queue);
  return found;
}
#define ids_in_text(s) ids_in((s), sizeof (s) - 1)

static void id_make(char id[ID_LEN + 1], int who, int n)
{
  char text[40];
  snprintf(text, sizeof text, "1h8q%04d%06d", who, n);
  memcpy(id, text, ID_LEN);
  id[ID_LEN] = 0;
}

/* --- one process --------------------------------------------------------------------- */

static void test_record(void)
{
  static char const ids[] = ID1 ID2;
  int queue = queue_make("record");
  CHECK("record", flush_record(queue, "customer.tld", ids, 2) == 1);
  CHECK("record: a line each", holds(queue, "flush/customer.tld", ID1 "\n" ID2 "\n"));
  CHECK("record appends", flush_record(queue, "customer.tld", ID3, 1) == 1
        && holds(queue, "flush/customer.tld", ID1 "\n" ID2 "\n" ID3 "\n"));
  CHECK("record nothing", flush_record(queue, "none.tld", "", 0) == 1 && missing(queue, "flush/none.tld"));
  CHECK("record: two domains, two files", flush_record(queue, "a-b.tld", ID1, 1)
        && flush_record(queue, "a.b.tld", ID2, 1)
        && holds(queue, "flush/a-b.tld", ID1 "\n") && holds(queue, "flush/a.b.tld", ID2 "\n"));
  CHECK("count", flush_count(queue, "customer.tld") == 3);
  CHECK("count nothing", flush_count(queue, "none.tld") == 0);
  CHECK("count no domain", flush_count(queue, "../asked") == 0);
  close(queue);
}

static void test_names(void)
{
  static char const *const bad[] = { "", ".", "..", "a..b", "a/b", "../x", "Customer.tld", "a b", "@a.b", "+rebuild", 0 };
  int queue = queue_make("names"), i;
  for (i = 0; bad[i]; i++)
  {
    CHECK("name refused: record", !flush_record(queue, bad[i], ID1, 1) && errno == EINVAL);
    CHECK("name refused: claim", flush_claim(queue, bad[i]) == -1 && errno == EINVAL);
    CHECK("name refused: unclaim", flush_unclaim(queue, bad[i]) == -1 && errno == EINVAL);
    CHECK("name refused: settle", flush_settle(queue, bad[i]) == -1 && errno == EINVAL);
  }
  CHECK("id refused", !flush_record(queue, "a.tld", "1h8qabcde0000/", 1) && errno == EINVAL);
  CHECK("id refused: nothing made", missing(queue, "flush/a.tld"));
  close(queue);
}

static int collect(char const *name, void *data)
{
  char *text = data;
  strcat(strcat(text, name), " ");
  return strcmp(name, "stop.tld") != 0;
}

static int pass(char const *name, void *data)
{
  (void)name;
  (void)data;
  return 1;
}

static void stray(char const *name, void *data)
{
  char *text = data;
  (void)name;
  strcat(text, "x");
}

/* A piece at a time, from one end to the other: 1, or -1. */
static int requests_each(int queue, int (*fn)(char const *name, void *data), void *data)
{
  flush_walker walker;
  int r = flush_walker_open(&walker, queue, "asked");
  if (!r) return -1;
  while (r == 1) r = flush_walker_next(&walker, fn, 0, 0, data);
  return r == 0 && !walker.dir ? 1 : -1;
}

static void test_strange_files(void)
{
  int queue = queue_make("strange"), fds[2];
  char names[100];
  put(queue, "elsewhere", "", 0);
  CHECK("strange: set up", symlinkat("../elsewhere", queue, "flush/link.tld") == 0
        && mkfifoat(queue, "flush/fifo.tld", 0660) == 0 && mkdirat(queue, "flush/dir.tld", 0700) == 0
        && symlinkat("../nowhere", queue, "flush/dangling.tld") == 0
        && symlinkat("../nowhere", queue, "asked/dangling.tld") == 0
        && mkdirat(queue, "asked/dir.tld", 0700) == 0);
  CHECK("symlink refused: record", !flush_record(queue, "link.tld", ID1, 1) && errno == ELOOP);
  CHECK("dangling symlink refused: record", !flush_record(queue, "dangling.tld", ID1, 1) && errno == ELOOP);
  CHECK("symlink refused: claim", flush_claim(queue, "link.tld") == -1 && errno == ELOOP);
  CHECK("FIFO refused: record", !flush_record(queue, "fifo.tld", ID1, 1));
  CHECK("FIFO refused: claim", flush_claim(queue, "fifo.tld") == -1);
  CHECK("directory refused: record", !flush_record(queue, "dir.tld", ID1, 1));
  CHECK("directory refused: claim", flush_claim(queue, "dir.tld") == -1);
  CHECK("directory not counted", flush_count(queue, "dir.tld") == 0);
  CHECK("a request is its name: symlink", flush_ask(queue, "dangling.tld") && flush_unask(queue, "dangling.tld") == 0
        && missing(queue, "asked/dangling.tld"));
  CHECK("directory refused: ask", !flush_ask(queue, "dir.tld") && flush_obstructed(errno));
  CHECK("open: no list", flush_open(queue, "link.tld", fds) && fds[0] == -1 && fds[1] == -1);
  CHECK("open: no list, a FIFO", flush_open(queue, "fifo.tld", fds) && fds[0] == -1 && fds[1] == -1);
  flush_record(queue, "list.tld", ID1, 1);
  names[0] = 0;
  CHECK("each: lists alone", flush_each(queue, "flush", collect, names) == 1 && !strcmp(names, "list.tld "));
  names[0] = 0;
  CHECK("each: the others", flush_walk(queue, "flush", pass, stray, names) == 1 && strlen(names) == 4);
  CHECK("each: requests", requests_each(queue, pass, names) == 1);
  CHECK("sync: the others are passed over", flush_sync(queue) == 0);
  CHECK("claim: what is no file", mkfifoat(queue, "claim/fifo.tld", 0660) == 0
        && flush_claim_open(queue, "fifo.tld") == -1 && flush_obstructed(errno));
  CHECK("nothing made elsewhere", missing(queue, "nowhere") && holds(queue, "elsewhere", ""));
  close(queue);
}

static void test_claim(void)
{
  int queue = queue_make("claim"), fd;
  CHECK("claim nothing", flush_claim(queue, "c.tld") == -1 && errno == ENOENT);
  put(queue, "flush/c.tld", "", 0);
  CHECK("claim an empty list", flush_claim(queue, "c.tld") == -1 && errno == ENOENT && missing(queue, "flush/c.tld"));
  flush_record(queue, "c.tld", ID1, 1);
  fd = flush_claim(queue, "c.tld");
  CHECK("claim", fd != -1 && missing(queue, "flush/c.tld"));
  CHECK("claim: count", flush_count(queue, "c.tld") == 1);
  CHECK("claim: read", !strcmp(ids_of(fd), ID1));
  CHECK("claim: recording goes on", flush_record(queue, "c.tld", ID2, 1) && holds(queue, "flush/c.tld", ID2 "\n"));
  CHECK("claim: count both", flush_count(queue, "c.tld") == 2);
  CHECK("claim twice", flush_claim(queue, "c.tld") == -1 && errno == EEXIST);
  CHECK("claim twice: nothing changed", holds(queue, "flush/c.tld", ID2 "\n") && holds(queue, "claim/c.tld", ID1 "\n"));
  CHECK("settle", flush_settle(queue, "c.tld") == 0 && missing(queue, "claim/c.tld"));
  CHECK("settle: the list stays", holds(queue, "flush/c.tld", ID2 "\n"));
  CHECK("settle nothing", flush_settle(queue, "c.tld") == -1 && errno == ENOENT);
  close(queue);
}

static void test_unclaim(void)
{
  int queue = queue_make("unclaim");
  CHECK("unclaim nothing", flush_unclaim(queue, "c.tld") == -1 && errno == ENOENT);
  flush_record(queue, "c.tld", ID1, 1);
  close(flush_claim(queue, "c.tld"));
  CHECK("unclaim", flush_unclaim(queue, "c.tld") == 0 && holds(queue, "flush/c.tld", ID1 "\n")
        && missing(queue, "claim/c.tld"));
  close(flush_claim(queue, "c.tld"));
  flush_record(queue, "c.tld", ID2, 1);
  CHECK("unclaim: later ones go behind", flush_unclaim(queue, "c.tld") == 0
        && holds(queue, "flush/c.tld", ID1 "\n" ID2 "\n") && missing(queue, "claim/c.tld"));
  put(queue, "claim/d.tld", ID1 "\n1h8q", 19);
  put(queue, "flush/d.tld", ID2 "\n1h", 17);
  CHECK("unclaim: half lines in both", flush_unclaim(queue, "d.tld") == 0 && flush_record(queue, "d.tld", ID3, 1)
        && !strcmp(ids_at(queue, "flush/d.tld"), ID1 " " ID2 " " ID3));
  /* Killed between the link and the unlink of a file system that has no other way. */
  put(queue, "flush/e.tld", ID1 "\n", 15);
  CHECK("unclaim: one file under both names", linkat(queue, "flush/e.tld", queue, "claim/e.tld", 0) == 0
        && flush_unclaim(queue, "e.tld") == 0 && missing(queue, "claim/e.tld")
        && holds(queue, "flush/e.tld", ID1 "\n"));
  close(queue);
}

static void test_half_line(void)
{
  int queue = queue_make("half");
  size_t cut;
  char list[] = ID1 "\n" ID2 "\n";
  for (cut = 16; cut < 29; cut++)
  {
    put(queue, "flush/c.tld", list, cut);
    CHECK("half line: record", flush_record(queue, "c.tld", ID3, 1) == 1);
    CHECK("half line: passed over", !strcmp(ids_at(queue, "flush/c.tld"), ID1 " " ID3));
    CHECK("half line: whole lines from there on", flush_count(queue, "c.tld") == 3);
  }
  put(queue, "flush/c.tld", list, 29);
  CHECK("only the LF was missing", flush_record(queue, "c.tld", ID3, 1)
        && holds(queue, "flush/c.tld", ID1 "\n" ID2 "\n" ID3 "\n"));
  close(queue);
}

static void test_reader(void)
{
  static char big[3 * FLUSH_READ_IDS * (ID_LEN + 1)];
  char want[40];
  size_t gap;
  CHECK("read nothing", !strcmp(ids_in_text(""), ""));
  CHECK("read empty lines", !strcmp(ids_in_text("\n\n" ID1 "\n\n"), ID1));
  CHECK("read: no LF at the end", !strcmp(ids_in_text(ID1 "\n" ID2), ID1 " " ID2));
  CHECK("read: half a line at the end", !strcmp(ids_in_text(ID1 "\n1h8q"), ID1));
  CHECK("read: an id that no LF ends", !strcmp(ids_in_text(ID1 "x\n" ID2 "\n"), ID1 " " ID2));
  CHECK("read: an id behind something else", !strcmp(ids_in_text("xyz" ID1 "\n" ID2), ID1 " " ID2));
  CHECK("read: no id", !strcmp(ids_in_text("1h8qabcde0000/\n../../../../../\n1H8QABCDE00001\n" ID2 "\n"), ID2));
  CHECK("read: zeros", !strcmp(ids_in_text(ID1 "\n\0\0\0\0\0\0" ID2 "\n"), ID1 " " ID2));
  snprintf(want, sizeof want, "%s %s", ID1, ID2);
  for (gap = 3 * FLUSH_READ_IDS; gap < sizeof big - 2 * (ID_LEN + 1); gap += 101)
  {
    /* One long line between two ids, its ends anywhere in the buffer. */
    memset(big, 'x', sizeof big);
    memcpy(big, ID1 "\n", ID_LEN + 1);
    memcpy(big + ID_LEN + 1 + gap - 1, "\n" ID2 "\n", ID_LEN + 2);
    if (strcmp(ids_in(big, gap + 2 * (ID_LEN + 1)), want)) break;
  }
  CHECK("read: lines longer than the buffer", gap >= sizeof big - 2 * (ID_LEN + 1));
}

/* --- damage -------------------------------------------------------------------------- */

static uint64_t dice_state;
static unsigned int dice(unsigned int sides)
{
  dice_state ^= dice_state << 13;
  dice_state ^= dice_state >> 7;
  dice_state ^= dice_state << 17;
  return (unsigned int)(dice_state % sides);
}

/* Whatever id stands whole in a file of the queue, a reader finds it. */
static int all_found(int queue, char const *path, char ids[][ID_LEN + 1], size_t n, char const *must)
{
  static char text[65536];
  static char found[65536][ID_LEN + 1];
  flush_reader reader;
  size_t i, j, count = 0;
  int fd = openat(queue, path, O_RDONLY);
  ssize_t len = fd == -1 ? -1 : pread(fd, text, sizeof text, 0);
  if (len == -1) return 0;
  flush_reader_init(&reader, fd);
  while (count < 65536 && flush_reader_next(&reader, found[count]) == 1) count++;
  close(fd);
  for (i = 0; i < n; i++)
  {
    if (strcmp(ids[i], must) && !memmem(text, (size_t)len, ids[i], ID_LEN)) continue;
    for (j = 0; j < count && strcmp(found[j], ids[i]); j++) ;
    if (j == count) return 0;
  }
  return 1;
}

/* One piece of damage to the end of a list: cut off anywhere, or more behind it that nobody has recorded. */
static void damage(int queue, char const *path, char ids[][ID_LEN + 1], size_t n)
{
  char junk[100];
  struct stat st;
  unsigned int len = dice(60), i;
  int fd = openat(queue, path, O_RDWR | O_CREAT | O_APPEND, 0660);
  if (fd == -1 || fstat(fd, &st) == -1) exit(111);
  for (i = 0; i < len; i++) junk[i] = "0123456789abcdefghijklmnopqrstuv\n\0xyz/"[dice(38)];
  switch (dice(5))
  {
    case 0: if (st.st_size && ftruncate(fd, st.st_size - dice(40) % st.st_size)) exit(111); break;
    case 1: if (write(fd, junk, len) == -1) exit(111); break;
    case 2: if (n && write(fd, ids[dice((unsigned int)n)], ID_LEN) == -1) exit(111); break;
    case 3: memset(junk, 'a', sizeof junk); if (write(fd, junk, 15 * (len % 4)) == -1) exit(111); break;
    default: break;
  }
  close(fd);
}

/* No id that was recorded is lost for what stands before or behind it. */
static void test_damage(void)
{
  static char ids[300][ID_LEN + 1];
  char const *seed = getenv("SEED");
  int queue = queue_make("damage"), good = 1, round;
  size_t n = 0;
  dice_state = seed ? strtoull(seed, 0, 10) : 20261129;
  for (round = 0; good && round < 3000; round++)
  {
    char const *path = dice(8) ? "flush/c.tld" : "claim/c.tld";
    if (n == 300 || !dice(40))
    {
      unlinkat(queue, "flush/c.tld", 0);
      unlinkat(queue, "claim/c.tld", 0);
      n = 0;
    }
    damage(queue, path, ids, n);
    if (n == 300) continue;
    id_make(ids[n], round % 9000, (int)dice(1000000));
    good = flush_record(queue, "c.tld", ids[n], 1);
    n++;
    good = good && all_found(queue, "flush/c.tld", ids, n, ids[n - 1]);
    if (!dice(5))
    {
      int fd = flush_claim(queue, "c.tld");
      if (fd != -1) close(fd);
      if (!dice(2)) continue;
      id_make(ids[n < 300 ? n++ : 299], round % 9000, (int)dice(1000000));
      good = good && flush_record(queue, "c.tld", ids[n - 1], 1) && flush_unclaim(queue, "c.tld") == 0
        && all_found(queue, "flush/c.tld", ids, n, ids[n - 1]);
    }
  }
  if (!good) printf("# damage: round %d, SEED=%s\n", round, seed ? seed : "20261129");
  CHECK("damage: no id is lost", good);
  put(queue, "flush/d.tld", "1h8qabcde000021h8qabcde00003xx", 30);
  CHECK("damage: whole lines by their length, no LF at the end", flush_record(queue, "d.tld", ID1, 1)
        && strstr(ids_at(queue, "flush/d.tld"), ID1) && strstr(ids_at(queue, "flush/d.tld"), ID2)
        && strstr(ids_at(queue, "flush/d.tld"), ID3));
  put(queue, "flush/e.tld", "1h8qabcde000020", 15);
  CHECK("damage: one line of an octet too many", flush_record(queue, "e.tld", ID1, 1)
        && strstr(ids_at(queue, "flush/e.tld"), " " ID1) && flush_count(queue, "e.tld") == 3);
  close(queue);
}

static void test_many(void)
{
  enum { MANY = 3 * FLUSH_READ_IDS + 7 };
  static char ids[MANY * ID_LEN];
  int queue = queue_make("many"), i, good = 1, fd;
  char id[ID_LEN + 1];
  flush_reader reader;
  for (i = 0; i < MANY; i++)
  {
    id_make(id, 0, i);
    memcpy(ids + i * ID_LEN, id, ID_LEN);
  }
  CHECK("many", flush_record(queue, "c.tld", ids, MANY) && flush_count(queue, "c.tld") == MANY);
  fd = flush_claim(queue, "c.tld");
  flush_reader_init(&reader, fd);
  for (i = 0; good && i < MANY; i++)
    good = flush_reader_next(&reader, id) == 1 && !memcmp(id, ids + i * ID_LEN, ID_LEN);
  CHECK("many: in order", good && flush_reader_next(&reader, id) == 0);
  close(fd);
  close(queue);
}

/* A full disk, played by a limit on the size of files. */
static void test_full(void)
{
  int queue = queue_make("full"), status;
  pid_t pid;
  flush_record(queue, "c.tld", ID1, 1);
  pid = fork();
  if (pid == 0)
  {
    struct rlimit limit = { 20, 20 };
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    _exit(!flush_record(queue, "c.tld", ID2, 1) && errno == EFBIG ? 0 : 1);
  }
  waitpid(pid, &status, 0);
  CHECK("full disk", status == 0);
  CHECK("full disk: no half line", holds(queue, "flush/c.tld", ID1 "\n"));
  close(queue);
}

/* --- asking -------------------------------------------------------------------------- */

static void test_ask(void)
{
  char names[200] = "", label[300];
  char const *directory;
  int queue = queue_make("ask");
  CHECK("ask", flush_ask(queue, "c.tld") == 1 && holds(queue, "asked/c.tld", ""));
  CHECK("ask again", flush_ask(queue, "c.tld") == 1);
  CHECK("unask", flush_unask(queue, "c.tld") == 0 && missing(queue, "asked/c.tld"));
  CHECK("unask what is not asked", flush_unask(queue, "c.tld") == 0);
  CHECK("ask: all below", flush_ask(queue, "@c.tld") == 1 && holds(queue, "asked/@c.tld", ""));
  CHECK("ask: everything", flush_ask(queue, "@") == 1 && holds(queue, "asked/@", ""));
  CHECK("ask: a message", flush_ask(queue, "=" ID1) == 1 && holds(queue, "asked/=" ID1, ""));
  CHECK("ask: no name", !flush_ask(queue, "../x") && errno == EINVAL);
  memset(label, 'a', sizeof label);
  CHECK("asked_ok", flush_asked_ok("c.tld", 5) && flush_asked_ok("@", 1) && flush_asked_ok("@c.tld", 6)
        && flush_asked_ok("=" ID1, 1 + ID_LEN));
  CHECK("asked_ok: not", !flush_asked_ok("", 0) && !flush_asked_ok("=", 1) && !flush_asked_ok("=c.tld", 6)
        && !flush_asked_ok("#q", 2) && !flush_asked_ok("@@", 2) && !flush_asked_ok("C.tld", 5)
        && !flush_asked_ok(".", 1) && !flush_asked_ok("..", 2) && !flush_asked_ok(label, sizeof label));

  flush_unask(queue, "@");
  flush_unask(queue, "=" ID1);
  put(queue, "asked/.hidden", "", 0);
  put(queue, "asked/+rebuild", "", 0);
  CHECK("each: asked", requests_each(queue, collect, names) == 1 && !strcmp(names, "@c.tld "));
  names[0] = 0;
  put(queue, "flush/+rebuild", "", 0);
  put(queue, "flush/@c.tld", "", 0);
  put(queue, "flush/stop.tld", "", 0);
  CHECK("each: flush, stopped", flush_each(queue, "flush", collect, names) == 0 && !strcmp(names, "stop.tld "));
  unlinkat(queue, "flush/stop.tld", 0);
  names[0] = 0;
  put(queue, "flush/list.tld", "", 0);
  put(queue, "claim/claim.tld", "", 0);
  CHECK("domains: lists and claims", flush_domains_each(queue, collect, names, &directory) == 1
        && !strcmp(names, "list.tld claim.tld list.tld "));
  put(queue, "claim/stop.tld", "", 0);
  CHECK("domains: stopped", flush_domains_each(queue, collect, names, &directory) == 0
        && !strcmp(directory, "claim"));
  CHECK("each: no directory", flush_each(queue, "none", collect, names) == -1 && errno == ENOENT);
  close(queue);
}

/* --- making a list anew --------------------------------------------------------------- */

static void test_replace(void)
{
  int queue = queue_make("replace"), fd;
  flush_seen seen;
  CHECK("look: nothing", flush_look(queue, "c.tld", &seen) == -1 && errno == ENOENT);
  CHECK("replace nothing", flush_replace(queue, "c.tld", ID1 ID2, 2, 0) == 0
        && holds(queue, "flush/c.tld", ID1 "\n" ID2 "\n") && missing(queue, "flush/" FLUSH_REBUILD));
  CHECK("replace what was not seen", flush_replace(queue, "c.tld", ID3, 1, 0) == 0
        && holds(queue, "flush/c.tld", ID3 "\n" ID1 "\n" ID2 "\n"));
  fd = flush_look(queue, "c.tld", &seen);
  CHECK("look", fd != -1 && seen.size == 45 && !strcmp(ids_of(dup(fd)), ID3 " " ID1 " " ID2));
  CHECK("replace what was seen", flush_replace(queue, "c.tld", ID2, 1, &seen) == 0
        && holds(queue, "flush/c.tld", ID2 "\n"));
  close(fd);
  fd = flush_look(queue, "c.tld", &seen);
  flush_record(queue, "c.tld", ID3, 1);
  CHECK("replace what was seen: the rest stays", flush_replace(queue, "c.tld", ID1, 1, &seen) == 0
        && holds(queue, "flush/c.tld", ID1 "\n" ID3 "\n"));
  close(fd);
  fd = flush_look(queue, "c.tld", &seen);
  flush_record(queue, "c.tld", ID2, 1);
  CHECK("discard: not when more came", flush_discard(queue, "c.tld", &seen) == 0
        && holds(queue, "flush/c.tld", ID1 "\n" ID3 "\n" ID2 "\n"));
  close(fd);
  fd = flush_look(queue, "c.tld", &seen);
  CHECK("discard", flush_discard(queue, "c.tld", &seen) == 0 && missing(queue, "flush/c.tld"));
  CHECK("discard nothing", flush_discard(queue, "c.tld", &seen) == 0);
  close(fd);
  put(queue, "flush/" FLUSH_REBUILD, "left over", 9);
  CHECK("replace: left over by one who was killed", flush_replace(queue, "c.tld", ID1, 1, 0) == 0
        && holds(queue, "flush/c.tld", ID1 "\n"));
  close(queue);
}

/* --- many processes ------------------------------------------------------------------ */

enum { APPENDERS = 8, EACH = 500, PACE = 25 };

/* Turns taken so far, shared by all processes. */
static volatile unsigned int *turns;

/* Let the claimer have a turn: else, on a busy machine, all is appended before it has had any. */
static void pace_keep(void)
{
  unsigned int before = *turns;
  unsigned int tries;
  for (tries = 0; *turns == before && tries < 1000000; tries++) sched_yield();
}

static pid_t appender_start(int queue, int who)
{
  pid_t pid = fork();
  char id[ID_LEN + 1];
  int n;
  if (pid) return pid;
  for (n = 0; n < EACH; n++)
  {
    if (n % PACE == 0) pace_keep();
    id_make(id, who, n);
    if (!flush_record(queue, "c.tld", id, 1)) _exit(1);
  }
  _exit(0);
}

static void mark(int fd, unsigned char *seen, unsigned int *strange)
{
  char id[ID_LEN + 1];
  flush_reader reader;
  int r;
  if (fd == -1) return;
  flush_reader_init(&reader, fd);
  while ((r = flush_reader_next(&reader, id)) == 1)
  {
    int who = 0, n = 0;
    if (sscanf(id, "1h8q%4d%6d", &who, &n) == 2 && who < APPENDERS && n < EACH) seen[who * EACH + n] = 1;
    else ++*strange;
  }
  close(fd);
}

/* As flush-rebuild does: what is in the list now, sorted or not, and what comes meanwhile. */
static int rebuild(int queue)
{
  static char ids[APPENDERS * EACH * 4 * ID_LEN];
  char id[ID_LEN + 1];
  flush_reader reader;
  flush_seen seen;
  size_t n = 0;
  int fd = flush_look(queue, "c.tld", &seen), r;
  if (fd == -1) return errno == ENOENT;
  flush_reader_init(&reader, fd);
  while (n < sizeof ids / ID_LEN && flush_reader_next(&reader, id) == 1) memcpy(ids + ID_LEN * n++, id, ID_LEN);
  r = flush_replace(queue, "c.tld", ids, n, &seen);
  close(fd);
  return r == 0;
}

/* One of claimer, rebuilder: goes on until it is told to stop. */
static pid_t rebuilder_start(int queue)
{
  pid_t pid = fork();
  if (pid) return pid;
  while (!missing(queue, "go"))
    if (!rebuild(queue)) _exit(1);
  _exit(0);
}

/*
 * A turn of qmgr's: claim, then settle (what was read counts as delivered), give back, or
 * record again and settle.  Returns 0 when something failed.
 */
static int turn(int queue, unsigned int count, unsigned char *seen, unsigned int *strange)
{
  int fd = flush_claim(queue, "c.tld");
  if (fd == -1) return errno == ENOENT;
  if (count % 3)
  {
    close(fd);
    return flush_unclaim(queue, "c.tld") == 0;
  }
  mark(fd, seen, strange);
  return flush_settle(queue, "c.tld") == 0;
}

static void race(char const *name, int rebuilding)
{
  static unsigned char seen[APPENDERS * EACH];
  int queue = queue_make(name), status, good = 1, running = APPENDERS, i, found = 0;
  unsigned int strange = 0;
  pid_t pid, rebuilder = 0;

  *turns = 0;
  memset(seen, 0, sizeof seen);
  put(queue, "go", "", 0);
  if (rebuilding) rebuilder = rebuilder_start(queue);
  for (i = 0; i < APPENDERS; i++) appender_start(queue, i);
  while (running)
  {
    if (!turn(queue, *turns, seen, &strange)) good = 0;
    ++*turns;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    {
      if (status) good = 0;
      if (pid == rebuilder) rebuilder = 0;
      else running--;
    }
  }
  unlinkat(queue, "go", 0);
  if (rebuilder && (waitpid(rebuilder, &status, 0) == -1 || status)) good = 0;
  mark(openat(queue, "flush/c.tld", O_RDONLY), seen, &strange);
  for (i = 0; i < APPENDERS * EACH; i++) found += seen[i];
  CHECK(name, good);
  CHECK("race: no claim is left", missing(queue, "claim/c.tld"));
  CHECK("race: turns were taken", *turns > 10);
  CHECK("race: nothing strange", !strange);
  CHECK("race: no id lost", found == APPENDERS * EACH);
  close(queue);
}

int main(void)
{
  char const *tmp = getenv("TMPDIR");
  char command[300];
  umask(007);
  turns = mmap(0, sizeof *turns, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (turns == MAP_FAILED) return 111;
  snprintf(top, sizeof top, "%s/flush.XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp(top)) return 111;
  test_record();
  test_names();
  test_strange_files();
  test_claim();
  test_unclaim();
  test_half_line();
  test_reader();
  test_damage();
  test_many();
  test_full();
  test_ask();
  test_replace();
  race("race: append, claim, unclaim, settle", 0);
  race("race: and making anew", 1);
  snprintf(command, sizeof command, "rm -rf '%s'", top);
  if (system(command)) return 111;
  CHECK_END();
  return 0;
}
