#include "send/policy.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "job/job.h"
#include "send/timed.h"
#include "smtp/domain.h"

#define NONSENSE "it talks nonsense"
/* Digits of a length. */
#define DIGITS_MAX 5

/* --- words -------------------------------------------------------------------------------- */

/* Take what is before the next such octet, or all that is left.  0 when nothing is. */
static int part_next(job_field *rest, char end, job_field *out)
{
  char const *at = rest->len ? memchr(rest->s, end, rest->len) : 0;
  if (!rest->len) return 0;
  out->s = rest->s;
  out->len = at ? (size_t)(at - rest->s) : rest->len;
  rest->s += out->len + !!at;
  rest->len -= out->len + !!at;
  return 1;
}

/* --- an answer ---------------------------------------------------------------------------- */

/* A name that makes no sense is no host's: what is demanded is not less for it. */
static char const *match_take(policy *out, job_field match)
{
  if (match.len >= sizeof out->match || memchr(match.s, 0, match.len)) return NONSENSE;
  out->match[smtp_domain_fold(out->match, match.s, match.len)] = 0;
  out->found = 1;
  return 0;
}

/* What stands beside the names is for Postfix's own certificates, log and report. */
static char const *secure_take(policy *out, job_field rest)
{
  static char const key[] = "match=";
  size_t const len = sizeof key - 1;
  job_field word;
  while (part_next(&rest, ' ', &word))
    if (word.len > len && !memcmp(word.s, key, len))
      return match_take(out, (job_field){ word.s + len, word.len - len });
  return NONSENSE;
}

static char const *found_take(policy *out, job_field rest)
{
  job_field level;
  if (!part_next(&rest, ' ', &level)) return NONSENSE;
  if (job_field_is(&level, "none") || job_field_is(&level, "may") || job_field_is(&level, "dane"))
    return 0;
  return job_field_is(&level, "secure") ? secure_take(out, rest) : NONSENSE;
}

char const *policy_scan(policy *out, char const *s, size_t len)
{
  job_field rest = { s, len }, word;
  out->found = 0;
  if (!part_next(&rest, ' ', &word)) return NONSENSE;
  if (job_field_is(&word, "NOTFOUND")) return 0;
  if (job_field_is(&word, "OK")) return found_take(out, rest);
  if (job_field_is(&word, "TEMP") || job_field_is(&word, "TIMEOUT") || job_field_is(&word, "PERM"))
    return "it does not know at the moment";
  return NONSENSE;
}

static int name_matches(job_field const *name, char const *host, size_t len)
{
  if (name->len < 2) return 0;
  if (*name->s != '.') return name->len == len && !memcmp(name->s, host, len);
  /* it is not the parent itself */
  return len >= name->len && smtp_domain_below(host, len, name->s + 1, name->len - 1);
}

int policy_names(policy const *p, char const *host)
{
  job_field rest = { p->match, strlen(p->match) }, name;
  size_t const len = strlen(host);
  while (part_next(&rest, ':', &name))
    if (name_matches(&name, host, len)) return 1;
  return 0;
}

/* --- the dialogue ------------------------------------------------------------------------- */

static int question_send(int fd, char const *map, char const *domain, int64_t deadline_ms)
{
  char text[POLICY_MAP_MAX + SMTP_DOMAIN_MAX + 2], number[TEXT_NUMBER_MAX];
  char line[sizeof text + TEXT_NUMBER_MAX + 2];
  size_t const len = text_join(text, sizeof text, map, " ", domain);
  size_t const all = text_join(line, sizeof line, text_number(number, len), ":", text, ",");
  return timed_write(fd, line, all, deadline_ms);
}

/* The length of a netstring and its colon, an octet at a time.  0: it is none, or too long. */
static size_t length_read(int fd, int64_t deadline_ms)
{
  size_t len = 0;
  unsigned int digits;
  char c;
  for (digits = 0; digits <= DIGITS_MAX; digits++)
  {
    if (!timed_read(fd, &c, 1, deadline_ms)) return 0;
    if (c == ':') return len <= POLICY_REPLY_MAX ? len : 0;
    if (c < '0' || c > '9') return 0;
    len = len * 10 + (size_t)(c - '0');
  }
  return 0;
}

static char const *answer_read(policy *out, int fd, int64_t deadline_ms)
{
  char s[POLICY_REPLY_MAX + 1];
  size_t len;
  errno = 0;
  len = length_read(fd, deadline_ms);
  if (!len || !timed_read(fd, s, len + 1, deadline_ms))
    return errno ? strerror(errno) : "no answer";
  return s[len] == ',' ? policy_scan(out, s, len) : NONSENSE;
}

char const *policy_ask(policy *out, int fd, char const *map, char const *domain,
                       int64_t deadline_ms)
{
  out->found = 0;
  if (!timed_connected(fd, deadline_ms) || !question_send(fd, map, domain, deadline_ms))
    return errno ? strerror(errno) : "no answer";
  return answer_read(out, fd, deadline_ms);
}
