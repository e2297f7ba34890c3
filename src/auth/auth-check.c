/* auth-check: is this the proof of that user?  Says yes, no, or later. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/stralloc.h>
#include <skalibs/strerr.h>

#include "auth/ask.h"
#include "auth/checkpassword.h"
#include "base/log.h"
#include "base/wallclock.h"
#include "conf/conf.h"
#include "smtp/hmac.h"
#include "start/program.h"

#define USAGE "auth-check [-C dir]"
#define dieusage() strerr_dieusage(100, USAGE)

char const *PROG = "auth-check";

/* How long a request may take to come. */
#define REQUEST_S 30

/* --- the request --- */

/* Read what comes within the time.  As read(2); -1 with ETIMEDOUT. */
static ssize_t read_until(char *s, size_t max, int64_t end_ms)
{
  struct pollfd x = { .fd = 0, .events = POLLIN };
  int r = poll(&x, 1, wallclock_left_ms(end_ms));
  if (!r) errno = ETIMEDOUT;
  return r < 1 ? -1 : read(0, s, max);
}

static size_t request_read(char s[AUTH_REQUEST_MAX])
{
  int64_t end_ms = wallclock_steady_ms() + REQUEST_S * 1000;
  size_t len = 0;
  for (;;)
  {
    ssize_t n = read_until(s + len, AUTH_REQUEST_MAX - len, end_ms);
    if (!n) return len;
    if (n > 0) len += (size_t)n;
    else if (errno != EINTR) strerr_diefusys(111, "read a request");
    if (len == AUTH_REQUEST_MAX) strerr_dief(100, "too long a request");
  }
}

/* --- the judgement --- */

static int proof_right(char const *secret, auth_claim const *claim)
{
  char digest[HMAC_MD5_LEN];
  auth_field const *proof = &claim->proof;
  size_t len = strlen(secret);
  if (claim->kind == AUTH_PLAIN) return hmac_same(secret, len, proof->s, proof->len);
  hmac_md5(digest, secret, len, claim->challenge.s, claim->challenge.len);
  return hmac_same(digest, sizeof digest, proof->s, proof->len);
}

static enum auth_verdict later(char reason[AUTH_ANSWER_MAX], char const *what)
{
  snprintf(reason, AUTH_ANSWER_MAX, "%s", what);
  return AUTH_LATER;
}

/* A user whom nobody knows is compared as well, with no secret: that takes as long. */
static enum auth_verdict secret_judge(int conf, auth_claim const *claim,
                                      char reason[AUTH_ANSWER_MAX])
{
  char secret[CONF_SECRET_MAX + 1];
  int known, right;
  if (!conf_secret(conf, claim->user.s, claim->user.len, secret, &known))
    return later(reason, conf_error());
  right = proof_right(secret, claim);
  explicit_bzero(secret, sizeof secret);
  return known & right ? AUTH_YES : AUTH_NO;
}

static enum auth_verdict command_judge(int conf, auth_claim const *claim,
                                       char reason[AUTH_ANSWER_MAX])
{
  stralloc command = STRALLOC_ZERO;
  enum auth_verdict verdict;
  if (claim->kind == AUTH_CRAM) return later(reason, "no conf/authsecrets");
  if (!conf_checkpassword(conf, &command)) return later(reason, conf_error());
  verdict = command.len ? checkpassword_run(command.s, claim, reason)
    : later(reason, "neither conf/authsecrets nor conf/checkpassword");
  stralloc_free(&command);
  return verdict;
}

static enum auth_verdict judge(int conf, auth_claim const *claim, char reason[AUTH_ANSWER_MAX])
{
  if (!claim->user.len || !claim->proof.len) return AUTH_NO;
  return conf_exists(conf, "authsecrets") ? secret_judge(conf, claim, reason)
    : command_judge(conf, claim, reason);
}

static enum auth_verdict request_judge(int conf, char const *s, size_t len,
                                       char reason[AUTH_ANSWER_MAX])
{
  auth_claim claim;
  return auth_request_scan(s, len, &claim) ? judge(conf, &claim, reason)
    : later(reason, "a request that makes no sense");
}

/* --- main --- */

static void answer(enum auth_verdict verdict, char const *reason)
{
  char line[AUTH_ANSWER_MAX];
  size_t len = auth_answer_format(line, verdict, reason);
  if (allwrite(1, line, len) != len) strerr_diefusys(111, "answer");
}

int main(int argc, char const *const *argv)
{
  static char request[AUTH_REQUEST_MAX];
  char reason[AUTH_ANSWER_MAX] = "";
  char const *dir = 0;
  enum auth_verdict verdict;
  size_t len;
  int conf;
  if (program_options(argc, argv, &dir, USAGE) != argc) dieusage();
  /* no other process of this user, and no file of a crash, gets to see what is asked */
  prctl(PR_SET_DUMPABLE, 0);
  conf = conf_find(dir);
  len = request_read(request);
  verdict = request_judge(conf, request, len, reason);
  explicit_bzero(request, sizeof request);
  if (verdict == AUTH_LATER) log_line("warning: ", reason);
  answer(verdict, reason);
  return verdict == AUTH_LATER ? 111 : 0;
}
