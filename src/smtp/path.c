#include "smtp/path.h"

#include <string.h>

#include "smtp/chars.h"
#include "smtp/domain.h"

/*
 * Each *_length() below gives the octets its thing takes at the head of s, 0 when it is not there.
 */

static size_t utf8_length(char const *s, size_t len, int flags)
{
  return flags & SMTP_PATH_UTF8 ? smtp_utf8_scan(s, len) : 0;
}

/* Is this a character of an atom (RFC 5322 section 3.2.3, RFC 6531 section 3.3)? */
static size_t atext_length(char const *s, size_t len, int flags)
{
  if (!len) return 0;
  if (smtp_high(*s)) return utf8_length(s, len, flags);
  return smtp_atext(*s) ? 1 : 0;
}

static size_t atom_length(char const *s, size_t len, int flags)
{
  size_t i = 0, n;
  while ((n = atext_length(s + i, len - i, flags))) i += n;
  return i;
}

static size_t dotstring_length(char const *s, size_t len, int flags)
{
  size_t i = 0, n;
  for (;;)
  {
    n = atom_length(s + i, len - i, flags);
    if (!n) return 0;
    i += n;
    if (i == len || s[i] != '.') return i;
    i++;
  }
}

/*
 * The length of one character between quotes: ASCII from space on; the quote and the backslash only
 * after a backslash.
 */
static size_t qcontent_length(char const *s, size_t len, int flags)
{
  if (!len || *s == '"') return 0;
  if (smtp_high(*s)) return utf8_length(s, len, flags);
  if (*s == '\\') return len > 1 && s[1] >= ' ' && s[1] <= '~' ? 2 : 0;
  return *s == ' ' || smtp_visible(*s);
}

static size_t quotedstring_length(char const *s, size_t len, int flags)
{
  size_t i = 1, n;
  while ((n = qcontent_length(s + i, len - i, flags))) i += n;
  return i < len && s[i] == '"' ? i + 1 : 0;
}

/* The length of atoms and dots in any order. */
static size_t dots_length(char const *s, size_t len, int flags)
{
  size_t i = 0, n;
  while ((n = i < len && s[i] == '.' ? 1 : atext_length(s + i, len - i, flags))) i += n;
  return i;
}

static size_t local_length(char const *s, size_t len, int flags, int *loose)
{
  size_t n;
  *loose = 0;
  if (len && *s == '"') return quotedstring_length(s, len, flags);
  n = dotstring_length(s, len, flags);
  if (n || !(flags & SMTP_PATH_LENIENT)) return n;
  *loose = 1;
  return dots_length(s, len, flags);
}

/* The length of a name with U-labels, which are checked when the name is folded. */
static int ulabels_ok(char const *s, size_t len)
{
  return s[0] != '.' && s[len - 1] != '.' && !memmem(s, len, "..", 2);
}

static size_t name_length(char const *s, size_t len, int flags)
{
  size_t i = 0, n;
  while (i < len)
  {
    n = smtp_high(s[i]) ? utf8_length(s + i, len - i, flags)
      : smtp_letter(s[i]) || smtp_digit(s[i]) || s[i] == '-' || s[i] == '_' || s[i] == '.';
    if (!n) break;
    i += n;
  }
  if (!i) return 0;
  return (smtp_domain_utf8(s, i) ? ulabels_ok(s, i) : smtp_domain_ok(s, i)) ? i : 0;
}

static size_t literal_length(char const *s, size_t len)
{
  char const *end = memchr(s, ']', len);
  size_t n = end ? (size_t)(end - s) + 1 : 0;
  return n && smtp_literal_ok(s, n) ? n : 0;
}

static size_t domain_length(char const *s, size_t len, int flags)
{
  if (len && *s == '[') return literal_length(s, len);
  return name_length(s, len, flags);
}

/* The length of a source route, "@a,@b:". */
static size_t route_length(char const *s, size_t len, int flags)
{
  size_t i = 0, n;
  while (i < len && s[i] == '@')
  {
    i++;
    n = name_length(s + i, len - i, flags);
    if (!n) return 0;
    i += n;
    if (i == len) return 0;
    if (s[i] == ':') return i + 1;
    if (s[i] != ',') return 0;
    i++;
  }
  return 0;
}

/* The length of "local@domain", or of "postmaster" where it may stand alone. */
static size_t mailbox_length(char const *s, size_t len, int flags, smtp_path *path)
{
  size_t locallen = local_length(s, len, flags, &path->loose);
  size_t const quotes = path->loose ? 2 : 0;
  size_t domainlen;
  path->local = s;
  path->locallen = locallen;
  path->domain = s + locallen;
  path->domainlen = 0;
  if (!locallen) return 0;
  if (locallen == len || s[locallen] != '@')
    return flags & SMTP_PATH_BARELOCAL && smtp_word_is(s, locallen, "POSTMASTER") ? locallen : 0;
  path->domain++;
  domainlen = domain_length(path->domain, len - locallen - 1, flags);
  path->domainlen = domainlen;
  if (!domainlen || locallen + quotes + 1 + domainlen + 2 > SMTP_PATH_MAX) return 0;
  return locallen + 1 + domainlen;
}

static void path_clear(smtp_path *path, char const *s)
{
  path->local = path->domain = s;
  path->locallen = path->domainlen = 0;
  path->loose = 0;
}

static size_t bare_length(char const *s, size_t len, int flags, smtp_path *path)
{
  size_t n = mailbox_length(s, len, flags, path);
  return n == len || s[n] == ' ' ? n : 0;
}

size_t smtp_path_scan(char const *s, size_t len, int flags, smtp_path *path)
{
  size_t i = 1, n;
  if (flags & SMTP_PATH_LENIENT && len && *s != '<') return bare_length(s, len, flags, path);
  if (len < 2 || *s != '<') return 0;
  if (flags & SMTP_PATH_NULL && s[1] == '>')
  {
    path_clear(path, s + 1);
    return 2;
  }
  i += route_length(s + i, len - i, flags);
  n = mailbox_length(s + i, len - i, i > 1 ? flags & ~SMTP_PATH_BARELOCAL : flags, path);
  if (!n) return 0;
  i += n;
  return i < len && s[i] == '>' ? i + 1 : 0;
}

int smtp_mailbox_scan(char const *s, size_t len, int flags, smtp_path *path)
{
  if (!len)
  {
    path_clear(path, s);
    return !!(flags & SMTP_PATH_NULL);
  }
  return mailbox_length(s, len, flags, path) == len;
}
