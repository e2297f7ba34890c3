#include "compat/user.h"

#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/types.h>

#include "smtp/header.h"

int user_local(stralloc *local)
{
  char number[UINT_FMT];
  struct passwd const *user = getpwuid(getuid());
  char const *name = user ? user->pw_name : number;
  size_t len;
  number[uint_fmt(number, getuid())] = 0;
  len = strlen(name);
  if (!stralloc_ready(local, SMTP_LOCAL_QUOTED_MAX(len) + 1)) return 0;
  local->len = smtp_local_format(local->s, name, len);
  local->s[local->len] = 0;
  return 1;
}

static int login_cat(stralloc *name, char const *login)
{
  size_t begin = name->len;
  if (!stralloc_cats(name, login)) return 0;
  if (name->len > begin) name->s[begin] = (char)toupper((unsigned char)name->s[begin]);
  return 1;
}

/* Take the first part of the field, up to a comma. */
static int gecos_copy(stralloc *name, struct passwd const *user)
{
  char const *s = user->pw_gecos;
  name->len = 0;
  for (; *s && *s != ','; s++)
    if (*s == '&' ? !login_cat(name, user->pw_name) : !stralloc_append(name, *s)) return 0;
  return stralloc_0(name);
}

int user_name(stralloc *name)
{
  char const *given = getenv("NAME");
  struct passwd const *user;
  if (given && *given) return stralloc_copys(name, given) && stralloc_0(name);
  user = getpwuid(getuid());
  if (user) return gecos_copy(name, user);
  return stralloc_copys(name, "") && stralloc_0(name);
}
