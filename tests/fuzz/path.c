/* Paths; the first octet of the input gives the flags. */

#include "smtp/path.h"

#include <string.h>

#include "fuzz.h"
#include "smtp/domain.h"

static int clean(char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < len; i++)
    if ((unsigned char)s[i] < ' ' || s[i] == 127) return 0;
  return 1;
}

/* What a path was made of is a path again, and a mailbox; a loose one once it is quoted, and no leniency is needed. */
static void again(smtp_path const *path, int flags)
{
  char s[SMTP_PATH_MAX + 1];
  smtp_path second;
  size_t const quotes = path->loose ? 2 : 0;
  size_t len = 0;
  flags &= ~SMTP_PATH_LENIENT;
  s[len++] = '<';
  if (path->loose) s[len++] = '"';
  memcpy(s + len, path->local, path->locallen);
  len += path->locallen;
  if (path->loose) s[len++] = '"';
  if (path->domainlen) s[len++] = '@';
  memcpy(s + len, path->domain, path->domainlen);
  len += path->domainlen;
  s[len++] = '>';
  HOLDS(len <= SMTP_PATH_MAX);
  HOLDS(smtp_path_scan(s, len, flags, &second) == len);
  HOLDS(second.locallen == path->locallen + quotes && second.domainlen == path->domainlen && !second.loose);
  HOLDS(smtp_mailbox_scan(s + 1, len - 2, flags, &second));
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char const *s = (char const *)data + 1;
  smtp_path path;
  size_t n;
  int flags;
  if (!size) return 0;
  flags = *data & 15;
  size--;
  n = smtp_path_scan(s, size, flags, &path);
  HOLDS(n <= size);
  if (n)
  {
    HOLDS(*s == '<' ? s[n - 1] == '>' : n == size || s[n] == ' ');
    HOLDS(clean(s, n) && (flags & SMTP_PATH_LENIENT || (*s == '<' && !path.loose)));
    HOLDS(fuzz_within(path.local, path.locallen, s, n));
    HOLDS(fuzz_within(path.domain, path.domainlen, s, n));
    again(&path, flags);
  }
  if (smtp_mailbox_scan(s, size, flags, &path))
    HOLDS(clean(s, size) && path.locallen + path.domainlen <= size);
  if (smtp_literal_ok(s, size)) HOLDS(clean(s, size));
  if (smtp_domain_ok(s, size)) HOLDS(!memchr(s, '/', size) && s[0] != '.' && s[size - 1] != '.');
  return 0;
}
