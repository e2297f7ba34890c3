#include "flush/trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/close.h"
#include "queue/id.h"

static char const trigger[] = "trigger";
static char const deeds[] = "deeds";

/* Only a FIFO will do: nobody would read what is written to another file. */
static int fifo_open(int queue, char const *fifo, int flags)
{
  struct stat st;
  int fd = openat(queue, fifo, flags | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd == -1) return -1;
  if (fstat(fd, &st) == 0)
  {
    if (S_ISFIFO(st.st_mode)) return fd;
    errno = EINVAL;
  }
  close_keep(fd);
  return -1;
}

/* --- lines -------------------------------------------------------------------------------- */

/* The kind of argument behind a word. */
enum argument { ARGUMENT_NONE, ARGUMENT_ID, ARGUMENT_NAME };

static struct { char const *text; enum argument argument; int deed; } const words[] =
{
  [TRIGGER_NEW] = { "new", ARGUMENT_ID, 0 },
  [TRIGGER_FLUSH] = { "flush", ARGUMENT_NAME, 0 },
  [TRIGGER_SCAN] = { "scan", ARGUMENT_NONE, 0 },
  [TRIGGER_DELETED] = { "deleted", ARGUMENT_ID, 1 },
  [TRIGGER_HELD] = { "held", ARGUMENT_ID, 1 },
  [TRIGGER_RELEASED] = { "released", ARGUMENT_ID, 1 },
  [TRIGGER_REQUEUED] = { "requeued", ARGUMENT_ID, 1 },
  [TRIGGER_RECORDED] = { "recorded", ARGUMENT_ID, 1 }
};
#define WORDS (sizeof words / sizeof *words)

int trigger_deed(enum trigger_word word)
{
  return words[word].deed;
}

static size_t word_find(char const *text, size_t len)
{
  size_t i = 0;
  while (i < WORDS && (strlen(words[i].text) != len || memcmp(words[i].text, text, len))) i++;
  return i;
}

static int argument_ok(enum argument kind, char const *s, size_t len)
{
  if (kind == ARGUMENT_ID) return id_ok(s, len);
  return kind == ARGUMENT_NAME && len;
}

void trigger_scan(trigger_line *read, char const *line, size_t len)
{
  char const *space = memchr(line, ' ', len);
  size_t const wordlen = space ? (size_t)(space - line) : len;
  size_t const word = word_find(line, wordlen);
  *read = (trigger_line){ .word = TRIGGER_SCAN };
  if (!space || word == WORDS || len >= TRIGGER_LINE_MAX) return;
  len -= wordlen + 1;
  if (!argument_ok(words[word].argument, space + 1, len)) return;
  read->word = (enum trigger_word)word;
  memcpy(read->argument, space + 1, len);
  read->len = len;
}

static int plain(char const *s, char first)
{
  for (; *s; s++)
    if ((unsigned char)*s < (unsigned char)first || *s == 127) return 0;
  return 1;
}

int trigger_line_ok(char const *word, char const *argument)
{
  size_t len = strlen(word), arglen = strlen(argument);
  return len && plain(word, '!') && plain(argument, ' ')
    && len + (arglen ? 1 + arglen : 0) < TRIGGER_LINE_MAX;
}

static size_t line_format(char out[TRIGGER_LINE_MAX], char const *word, char const *argument)
{
  char *end = stpcpy(out, word);
  if (*argument)
  {
    *end++ = ' ';
    end = mempcpy(end, argument, strlen(argument));
  }
  *end++ = '\n';
  return (size_t)(end - out);
}

/* --- the writers' end --------------------------------------------------------------------- */

/*
 * Open a FIFO for writing.  Returns a descriptor; -1 with errno 0 when nobody reads it, else -1
 * with errno.
 */
static int writer_open(int queue, int deed)
{
  int fd = fifo_open(queue, deed ? deeds : trigger, O_WRONLY);
  if (fd == -1 && deed && errno == ENOENT) fd = fifo_open(queue, trigger, O_WRONLY);
  if (fd == -1 && (errno == ENXIO || errno == ENOENT)) errno = 0;
  return fd;
}

/* Write a line.  1; 0 when the FIFO is full, or has no reader: then it is closed; -1 with errno. */
static int line_write(int *fd, char const *line, size_t len)
{
  ssize_t r;
  do r = write(*fd, line, len);
  while (r == -1 && errno == EINTR);
  if (r != -1) return 1; /* the whole line: it is shorter than PIPE_BUF */
  if (errno == EPIPE) trigger_close(fd);
  return errno == EPIPE || errno == EAGAIN ? 0 : -1;
}

/* Write through the kept descriptor; where its FIFO was replaced, through the new one. */
static int text_say(int queue, int *fd, int deed, char const *word, char const *argument)
{
  char line[TRIGGER_LINE_MAX];
  int before = *fd != -1, r;
  size_t len;

  if (!trigger_line_ok(word, argument)) return errno = EINVAL, -1;
  len = line_format(line, word, argument);
  r = before ? line_write(fd, line, len) : 0;
  if (r || *fd != -1) return r;
  *fd = writer_open(queue, deed);
  if (*fd == -1) return errno ? -1 : 0;
  return line_write(fd, line, len);
}

int trigger_say(int queue, int *fd, enum trigger_word word, char const *argument)
{
  return text_say(queue, fd, words[word].deed, words[word].text, argument);
}

void trigger_close(int *fd)
{
  if (*fd != -1) close_keep(*fd);
  *fd = -1;
}

/*
 * Block SIGPIPE: the reader may end between our open and our write, and write(2) has no
 * MSG_NOSIGNAL.
 */
static int text_say_nosignal(int queue, int *fd, int deed, char const *word, char const *argument)
{
  struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
  int r, e;
  if (sigaction(SIGPIPE, &ignore, &before) == -1) return -1;
  r = text_say(queue, fd, deed, word, argument);
  e = errno;
  sigaction(SIGPIPE, &before, 0);
  errno = e;
  return r;
}

int trigger_say_nosignal(int queue, int *fd, enum trigger_word word, char const *argument)
{
  return text_say_nosignal(queue, fd, words[word].deed, words[word].text, argument);
}

int trigger_hint(int queue, enum trigger_word word, char const *argument)
{
  int fd = -1, r = trigger_say_nosignal(queue, &fd, word, argument);
  trigger_close(&fd);
  return r;
}

int trigger_hint_text(int queue, char const *word, char const *argument)
{
  size_t const known = word_find(word, strlen(word));
  int const deed = known < WORDS && words[known].deed;
  int fd = -1, r = text_say_nosignal(queue, &fd, deed, word, argument);
  trigger_close(&fd);
  return r;
}

int trigger_listened(int queue)
{
  int fd = writer_open(queue, 0);
  if (fd == -1) return errno ? -1 : 0;
  close(fd);
  return 1;
}

/* --- the reader's end --------------------------------------------------------------------- */

/*
 * Give the FIFO the permissions of asked/, whatever our umask: who may add a request may also hint.
 */
static int trigger_make(int queue)
{
  struct stat st;
  if (mkfifoat(queue, trigger, 0660) == -1) return errno == EEXIST;
  if (fstatat(queue, "asked", &st, AT_SYMLINK_NOFOLLOW) == -1 || !(st.st_mode & S_IWOTH)) return 1;
  return fchmodat(queue, trigger, 0662, 0) == 0;
}

int trigger_open(int queue)
{
  if (!trigger_make(queue)) return -1;
  /*
   * open for writing as well: while we are a writer, the end of the last other one is no end of
   * file
   */
  return fifo_open(queue, trigger, O_RDWR);
}

int trigger_open_deeds(int queue)
{
  if (mkfifoat(queue, deeds, 0660) == -1 && errno != EEXIST) return -1;
  return fifo_open(queue, deeds, O_RDWR);
}
