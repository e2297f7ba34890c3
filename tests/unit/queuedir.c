/* The queue directory: paths, opening, moving, walking. */

#include "queue/queuedir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "check.h"

char const *PROG = "queuedir";

#define ID1 "1h8qabcde00001"
#define ID2 "1h8qabcde00002"
#define ID3 "1h9rabcde00003"

static int queue_make(void)
{
  static char const *const places[] = { "tmp", "new", "cur", "hold", "corrupt", "notice" };
  char const *tmp = getenv("TMPDIR");
  char path[300];
  size_t i;
  int queue;
  snprintf(path, sizeof path, "%s/queuedir.XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp(path)) exit(111);
  queue = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (queue == -1) exit(111);
  for (i = 0; i < sizeof places / sizeof *places; i++)
    if (mkdirat(queue, places[i], 0700) == -1) exit(111);
  return queue;
}

static void put(int queue, enum queue_place place, char const *id)
{
  char path[QUEUE_PATH_MAX];
  int fd;
  queuedir_path(path, place, id);
  fd = openat(queue, path, O_WRONLY | O_CREAT | O_TRUNC, 0660);
  if (fd == -1) exit(111);
  close(fd);
}

static int there(int queue, char const *path)
{
  return faccessat(queue, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void paths(void)
{
  char path[QUEUE_PATH_MAX];
  queuedir_path(path, QUEUE_TMP, ID1);
  CHECK("path in tmp", !strcmp(path, "tmp/" ID1));
  queuedir_path(path, QUEUE_CUR, ID1);
  CHECK("path in cur", !strcmp(path, "cur/1h8qa/" ID1));
  queuedir_path(path, QUEUE_CORRUPT, ID1);
  CHECK("path in corrupt", !strcmp(path, "corrupt/" ID1));
}

static void notices(int queue)
{
  CHECK("no notice", queuedir_unnotice(queue, ID1) == 0);
  CHECK("a notice", queuedir_notice(queue, ID1) == 0 && faccessat(queue, "notice/" ID1, F_OK, 0) == 0);
  CHECK("noted twice", queuedir_notice(queue, ID1) == 0);
  CHECK("told", queuedir_unnotice(queue, ID1) == 0 && faccessat(queue, "notice/" ID1, F_OK, 0) == -1);
}

static void opening(int queue)
{
  enum queue_place place = QUEUE_TMP;
  int fd;

  CHECK("none", queuedir_open_message(queue, ID1, O_RDONLY, &place) == -1 && errno == ENOENT);
  put(queue, QUEUE_NEW, ID1);
  fd = queuedir_open_message(queue, ID1, O_RDONLY, &place);
  CHECK("in new", fd != -1 && place == QUEUE_NEW);
  CHECK("closed on exec", fcntl(fd, F_GETFD) & FD_CLOEXEC);
  close(fd);
  put(queue, QUEUE_CORRUPT, ID2);
  CHECK("corrupt is not looked at", queuedir_open_message(queue, ID2, O_RDONLY, &place) == -1 && errno == ENOENT);
  unlinkat(queue, "corrupt/" ID2, 0);
  fd = queuedir_open_message(queue, ID1, O_RDWR | O_APPEND, &place);
  CHECK("with its flags", (fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_RDWR | O_APPEND));
  close(fd);

  CHECK("a link", symlinkat("../new/" ID1, queue, "hold/" ID2) == 0);
  CHECK("symbolic link", queuedir_open_message(queue, ID2, O_RDONLY, &place) == -1 && errno == EINVAL);
  unlinkat(queue, "hold/" ID2, 0);
  mkfifoat(queue, "hold/" ID2, 0600);
  CHECK("FIFO", queuedir_open_message(queue, ID2, O_RDONLY, &place) == -1 && errno == EINVAL);
  unlinkat(queue, "hold/" ID2, 0);
  mkdirat(queue, "hold/" ID2, 0700);
  CHECK("directory", queuedir_open_message(queue, ID2, O_RDONLY, &place) == -1 && errno == EINVAL);
  unlinkat(queue, "hold/" ID2, AT_REMOVEDIR);
  mkfifoat(queue, "new/" ID2, 0600);
  CHECK("FIFO in new", queuedir_open_message(queue, ID2, O_RDONLY, &place) == -1 && errno == EINVAL);
  unlinkat(queue, "new/" ID2, 0);
}

/* ID1 is in new. */
static void moving(int queue)
{
  enum queue_place place;
  int fd;

  CHECK("missing message", queuedir_move(queue, ID3, QUEUE_NEW, QUEUE_CUR) == -1 && errno == ENOENT);
  CHECK("leaves no slice", !there(queue, "cur/1h9ra"));
  CHECK("to cur", queuedir_move(queue, ID1, QUEUE_NEW, QUEUE_CUR) == 0);
  fd = queuedir_open_message(queue, ID1, O_RDONLY, &place);
  CHECK("is in cur", fd != -1 && place == QUEUE_CUR && !there(queue, "new/" ID1));
  close(fd);
  put(queue, QUEUE_NEW, ID1);
  CHECK("never overwrites", queuedir_move(queue, ID1, QUEUE_NEW, QUEUE_CUR) == -1 && errno == EEXIST);
  CHECK("keeps both", there(queue, "new/" ID1) && there(queue, "cur/1h8qa/" ID1));
  unlinkat(queue, "new/" ID1, 0);
  CHECK("to hold", queuedir_move(queue, ID1, QUEUE_CUR, QUEUE_HOLD) == 0 && there(queue, "hold/" ID1));
  CHECK("and back", queuedir_move(queue, ID1, QUEUE_HOLD, QUEUE_CUR) == 0);
  put(queue, QUEUE_NEW, ID2);
  CHECK("second of a slice", queuedir_move(queue, ID2, QUEUE_NEW, QUEUE_CUR) == 0);
  CHECK("remove one", queuedir_remove(queue, ID1, QUEUE_CUR) == 0 && there(queue, "cur/1h8qa"));
  CHECK("remove the last", queuedir_remove(queue, ID2, QUEUE_CUR) == 0 && !there(queue, "cur/1h8qa"));
  CHECK("remove what is gone", queuedir_remove(queue, ID2, QUEUE_CUR) == -1 && errno == ENOENT);
}

static void slice_of_now(int queue)
{
  char id[ID_LEN + 1], path[QUEUE_PATH_MAX];
  id_format(id, wallclock_us() + 60000000, 1);
  put(queue, QUEUE_NEW, id);
  queuedir_path(path, QUEUE_CUR, id);
  path[strlen(path) - ID_LEN - 1] = 0;
  CHECK("moved to the slice of now", queuedir_move(queue, id, QUEUE_NEW, QUEUE_CUR) == 0);
  CHECK("which stays", queuedir_remove(queue, id, QUEUE_CUR) == 0 && there(queue, path));
  unlinkat(queue, path, AT_REMOVEDIR);
}

typedef struct seen
{
  unsigned int n;
  unsigned int stop;      /* after so many; 0: never */
  int sorted;
  int queue;
  char last[ID_LEN + 1];
} seen;

/* What it finds it can open there, until it has gone. */
static int note_open(int dir, char const *id, void *data)
{
  seen *s = data;
  int flags = O_RDONLY | O_NOATIME, fd = queuedir_open_walked(dir, id, &flags);
  CHECK("opened where it was found", fd != -1 && flags == (O_RDONLY | O_NOATIME));
  close(fd);
  unlinkat(dir, id, 0);
  CHECK("gone from there", queuedir_open_walked(dir, id, &flags) == -1 && errno == ENOENT);
  CHECK("a link", symlinkat("/etc/passwd", dir, id) == 0);
  CHECK("a symbolic link there", queuedir_open_walked(dir, id, &flags) == -1 && errno == EINVAL);
  return ++s->n != s->stop;
}

/* With the first message of a slice goes all of it. */
static int remove_slice(int dir, char const *id, void *data)
{
  seen *s = data;
  int flags = O_RDONLY, fd = queuedir_open_walked(dir, id, &flags);
  if (fd != -1)
  {
    close(fd);
    unlinkat(dir, ID1, 0);
    unlinkat(dir, ID2, 0);
    s->n++;
  }
  unlinkat(s->queue, "cur/1h8qa", AT_REMOVEDIR);
  return 1;
}

static int note(char const *id, void *data)
{
  seen *s = data;
  if (strcmp(s->last, id) >= 0) s->sorted = 0;
  strcpy(s->last, id);
  return ++s->n != s->stop;
}

static void walking(int queue)
{
  seen s = { .sorted = 1 };
  char id[ID_LEN + 1];
  uint32_t i;

  CHECK("empty", queuedir_each(queue, QUEUE_CUR, &note, &s) == 1 && s.n == 0);
  for (i = 0; i < 300; i++)
  {
    id_format(id, (uint64_t)(i * 7919 % 300) << 25, i);
    put(queue, QUEUE_NEW, id);
    if (queuedir_move(queue, id, QUEUE_NEW, QUEUE_CUR) == -1) exit(111);
    put(queue, QUEUE_HOLD, id);
  }
  mkdirat(queue, "cur/other", 0700);
  mkdirat(queue, "cur/UPPER", 0700);
  close(openat(queue, "cur/plain", O_WRONLY | O_CREAT, 0600));
  close(openat(queue, "hold/README", O_WRONLY | O_CREAT, 0600));
  CHECK("all of cur", queuedir_each(queue, QUEUE_CUR, &note, &s) == 1 && s.n == 300);
  CHECK("in order", s.sorted);
  s = (seen){ .stop = 17, .sorted = 1 };
  CHECK("stopped", queuedir_each(queue, QUEUE_CUR, &note, &s) == 0 && s.n == 17);
  s = (seen){ .sorted = 1 };
  CHECK("all of hold", queuedir_each(queue, QUEUE_HOLD, &note, &s) == 1 && s.n == 300);
  s = (seen){ .stop = 1, .sorted = 1 };
  CHECK("hold, stopped", queuedir_each(queue, QUEUE_HOLD, &note, &s) == 0 && s.n == 1);
  unlinkat(queue, "corrupt", AT_REMOVEDIR);
  CHECK("no such place", queuedir_each(queue, QUEUE_CORRUPT, &note, &s) == -1 && errno == ENOENT);
}

static void walking_open(int queue)
{
  seen s = { .queue = queue };

  put(queue, QUEUE_NEW, ID3);
  CHECK("new", queuedir_walk(queue, QUEUE_NEW, &note_open, &s) == 1 && s.n == 1);
  unlinkat(queue, "new/" ID3, 0);
  mkdirat(queue, "cur/1h8qa", 0700);
  put(queue, QUEUE_CUR, ID1);
  put(queue, QUEUE_CUR, ID2);
  s.n = 0;
  CHECK("what vanishes is passed over", queuedir_walk(queue, QUEUE_CUR, &remove_slice, &s) == 1);
  CHECK("all of it", s.n == 301 && !there(queue, "cur/1h8qa"));
}

int main(void)
{
  int queue = queue_make();
  paths();
  opening(queue);
  notices(queue);
  moving(queue);
  slice_of_now(queue);
  walking(queue);
  walking_open(queue);
  return CHECK_END();
}
