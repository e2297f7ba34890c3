#include "compat/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>

#define PIECE_LEN 65536

static void file_open(spool *s)
{
  stralloc path = STRALLOC_ZERO;
  char const *directory = getenv("TMPDIR");
  if (!directory || !*directory) directory = "/tmp";
  if (!stralloc_cats(&path, directory) || !stralloc_cats(&path, "/sendmail.XXXXXX")
   || !stralloc_0(&path))
    strerr_diefusys(EX_TEMPFAIL, "put the message aside");
  s->fd = mkostemp(path.s, O_CLOEXEC);
  if (s->fd == -1) strerr_diefusys(EX_TEMPFAIL, "put the message aside: ", path.s);
  unlink(path.s);
  stralloc_free(&path);
}

static void file_write(spool *s)
{
  if (s->fd == -1) file_open(s);
  if (allwrite(s->fd, s->memory.s, s->memory.len) < s->memory.len)
    strerr_diefusys(EX_TEMPFAIL, "put the message aside");
  s->memory.len = 0;
}

void spool_put(spool *s, char const *octets, size_t len)
{
  if (!stralloc_catb(&s->memory, octets, len))
    strerr_diefusys(EX_TEMPFAIL, "put the message aside");
  s->size += len;
  if (s->memory.len >= SPOOL_MEMORY) file_write(s);
}

void spool_each(spool *s, void (*fn)(void *data, char const *octets, size_t len), void *data)
{
  static char piece[PIECE_LEN];
  uint64_t at = 0, filed = s->size - s->memory.len;
  while (at < filed)
  {
    ssize_t r = pread(s->fd, piece, sizeof piece, (off_t)at);
    if (r == -1 && errno == EINTR) continue;
    if (r <= 0) strerr_diefusys(EX_TEMPFAIL, "read the message that was put aside");
    fn(data, piece, (size_t)r);
    at += (uint64_t)r;
  }
  fn(data, s->memory.s, s->memory.len);
}
