#include "conf/error.h"

#include <errno.h>
#include <string.h>

#include <skalibs/types.h>

#include "base/log.h"
#include "conf/conf.h"

static char why[1024];

char const *conf_error(void)
{
  return why;
}

int conf_exit_code(void)
{
  return errno == EINVAL ? 102 : 111;
}

/* Append a string to why[]; what has no room is left out. */
static void why_add(char const *s)
{
  size_t len = strlen(why), n = strlen(s), room = sizeof why - 1 - len;
  if (n > room) n = room;
  memcpy(why + len, s, n);
  why[len + n] = 0;
}

int conf_fail(char const *what, char const *text, size_t len)
{
  char clean[200];
  why[0] = 0;
  why_add(what);
  if (text)
  {
    why_add(": ");
    why_add(log_clean(clean, sizeof clean, text, len));
  }
  errno = EINVAL;
  return 0;
}

int conf_fail_where(char const *name, unsigned int line)
{
  char said[sizeof why], number[UINT_FMT];
  memcpy(said, why, sizeof said);
  why[0] = 0;
  why_add("conf/");
  why_add(name);
  if (line)
  {
    number[uint_fmt(number, line)] = 0;
    why_add(": line ");
    why_add(number);
  }
  why_add(": ");
  why_add(said);
  return 0;
}

int conf_fail_system(char const *name)
{
  int e = errno;
  conf_fail(strerror(e), 0, 0);
  errno = e;
  return conf_fail_where(name, 0);
}
