#include "send/policy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "base/log.h"
#include "base/wallclock.h"

char const *PROG = "send-policy";

#define NONSENSE "it talks nonsense"

static policy p;

/* Read an answer from the heap: a step beyond its end is seen. */
static char const *scan_octets(char const *s, size_t len)
{
  char *copy = malloc(len ? len : 1);
  char const *why;
  if (!copy) abort();
  memcpy(copy, s, len);
  why = policy_scan(&p, copy, len);
  free(copy);
  return why;
}

static char const *scan(char const *s)
{
  return scan_octets(s, strlen(s));
}

static int none(char const *s)
{
  return !scan(s) && !p.found;
}

static int senseless(char const *s)
{
  char const *why = scan(s);
  return why && !strcmp(why, NONSENSE) && !p.found;
}

static int found(char const *s)
{
  return !scan(s) && p.found;
}

static void check_answers(void)
{
  static char long_one[POLICY_REPLY_MAX + 100] = "OK secure match=";
  CHECK("found", found("OK secure match=mx.a.tld:.b.tld servername=hostname") && !strcmp(p.match, "mx.a.tld:.b.tld"));
  CHECK("found: behind other words", found("OK secure servername=hostname match=MX.a.TLD") && !strcmp(p.match, "mx.a.tld"));
  CHECK("not found", none("NOTFOUND ") && none("NOTFOUND"));
  CHECK("nothing demanded", none("OK may") && none("OK none") && none("OK dane"));
  CHECK("unknown for now", scan("TEMP try later") && scan("TIMEOUT ") && scan("PERM no") && !p.found);
  CHECK("other demands", senseless("OK encrypt") && senseless("OK verify match=a.tld") && senseless("OK dane-only"));
  CHECK("secure, and not whom", senseless("OK secure") && senseless("OK secure match=") && senseless("OK secure match= x"));
  CHECK("no answer", senseless("") && senseless("OK") && senseless("OK ") && senseless("ok may") && senseless(" OK may"));
  CHECK("a NUL", scan_octets("OK secure match=a.tld\0b", 23) && !p.found);
  memset(long_one + 16, 'a', POLICY_REPLY_MAX - 17);
  CHECK("as long as can be", found(long_one));
  memset(long_one + 16, 'a', POLICY_REPLY_MAX);
  CHECK("longer", senseless(long_one));
}

static void check_names(void)
{
  scan("OK secure match=mx.a.tld:.b.tld:c.tld");
  CHECK("the name", policy_names(&p, "mx.a.tld") && policy_names(&p, "c.tld"));
  CHECK("below a name", policy_names(&p, "x.b.tld") && policy_names(&p, "y.x.b.tld"));
  CHECK("not itself", !policy_names(&p, "b.tld"));
  CHECK("not below a whole name", !policy_names(&p, "x.c.tld"));
  CHECK("not at the end of a label", !policy_names(&p, "xb.tld") && !policy_names(&p, "ymx.a.tld"));
  CHECK("not a part", !policy_names(&p, "a.tld") && !policy_names(&p, "tld") && !policy_names(&p, ""));
  scan("OK secure match=.:::\x01:..:*.a.tld");
  CHECK("no names", p.found && !policy_names(&p, "mx.a.tld") && !policy_names(&p, "tld") && !policy_names(&p, ""));
}

/* Ask one who answers so, and is gone. */
static char const *ask(char const *answer)
{
  int pair[2];
  char asked[100];
  ssize_t n;
  char const *why;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == -1) abort();
  if (write(pair[1], answer, strlen(answer)) != (ssize_t)strlen(answer)) abort();
  shutdown(pair[1], SHUT_WR);
  why = policy_ask(&p, pair[0], "postfix", "a.tld", wallclock_steady_ms() + 20000);
  n = read(pair[1], asked, sizeof asked);
  if (n != 17 || memcmp(asked, "13:postfix a.tld,", 17)) why = "it was not asked";
  close(pair[0]);
  close(pair[1]);
  return why;
}

static void check_dialogue(void)
{
  int pair[2];
  CHECK("ask", !ask("26:OK secure match=mx.a.tld:x,") && p.found && policy_names(&p, "mx.a.tld"));
  CHECK("ask: none", !ask("9:NOTFOUND ,") && !p.found);
  CHECK("ask: leading zeros", !ask("00009:NOTFOUND ,"));
  CHECK("ask: no netstring", ask("NOTFOUND ") && ask("9:NOTFOUND .") && ask(":,") && ask("0:,") && ask("-1:,"));
  CHECK("ask: cut off", ask("") && ask("9") && ask("9:") && ask("9:NOTFOUND ") && ask("10:NOTFOUND "));
  CHECK("ask: too long", ask("16385:") && ask("99999:") && ask("999999999999999999999999:") && ask("000009:NOTFOUND ,"));
  CHECK("ask: none of these is a policy", !p.found);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == -1) abort();
  CHECK("ask: mute", !strcmp(policy_ask(&p, pair[0], "postfix", "a.tld", wallclock_steady_ms() + 100), "no answer"));
}

int main(void)
{
  check_answers();
  check_names();
  check_dialogue();
  CHECK_END();
}
