#include "send/accountfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/close.h"
#include "base/log.h"

/* Room for an account and some lines of comment. */
#define FILE_OCTETS_MAX 4096

#define SENSELESS "not USER PASSWORD"

/* Read all of it.  Octets, or -1 with errno. */
static ssize_t all_read(int fd, char *out, size_t max)
{
  size_t len = 0;
  while (len < max)
  {
    ssize_t n = read(fd, out + len, max - len);
    if (n == -1 && errno == EINTR) continue;
    if (n == -1) return -1;
    if (n == 0) return (ssize_t)len;
    len += (size_t)n;
  }
  return errno = EFBIG, -1;
}

static int is_space(char c)
{
  return c == ' ' || c == '\t' || c == '\r';
}

/* Take the next word of a line.  Its length, 0 at the end. */
static size_t word_next(char const **s, char const *end, char const **word)
{
  while (*s < end && is_space(**s)) ++*s;
  *word = *s;
  while (*s < end && !is_space(**s)) ++*s;
  return (size_t)(*s - *word);
}

/* 1; 0: not of this form; -1: the line does not count. */
static int line_scan(smtp_account *account, char const *s, size_t len)
{
  char const *end = s + len, *user, *password, *more;
  size_t const userlen = word_next(&s, end, &user);
  size_t const passwordlen = word_next(&s, end, &password);
  if (!userlen || *user == '#') return -1;
  return !word_next(&s, end, &more) && smtp_account_set(account, user, userlen, password, passwordlen);
}

/* One line, and no more. */
static char const *text_scan(smtp_account *account, char const *s, size_t len)
{
  char const *end = s + len;
  int found = 0;
  while (s < end)
  {
    char const *lf = memchr(s, '\n', (size_t)(end - s));
    size_t const n = (size_t)((lf ? lf : end) - s);
    int const r = line_scan(account, s, n);
    if (!r || (r > 0 && found)) return SENSELESS;
    found |= r > 0;
    s += n + !!lf;
  }
  return found ? 0 : SENSELESS;
}

static char const *file_scan(smtp_account *account, int fd)
{
  char text[FILE_OCTETS_MAX];
  struct stat st;
  char const *why;
  ssize_t n;
  if (fstat(fd, &st) == -1) return strerror(errno);
  if (S_ISREG(st.st_mode) && st.st_mode & S_IROTH) return "everybody may read it: chmod 600";
  n = all_read(fd, text, sizeof text);
  why = n == -1 ? strerror(errno) : text_scan(account, text, (size_t)n);
  explicit_bzero(text, sizeof text);
  return why;
}

/* NULL, or why there is no account. */
static char const *account_find(smtp_account *account, char const *file)
{
  int const fd = open(file, O_RDONLY | O_CLOEXEC);
  char const *why;
  memset(account, 0, sizeof *account);
  if (fd == -1) return strerror(errno);
  why = file_scan(account, fd);
  if (why) explicit_bzero(account, sizeof *account);
  close_keep(fd);
  return why;
}

int accountfile_read(smtp_account *account, char const *file)
{
  char const *why = account_find(account, file);
  if (!why) return 1;
  log_line("fatal: ", file, ": ", why);
  exit(100);
}
