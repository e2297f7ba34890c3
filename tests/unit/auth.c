/* What auth-check is asked and answers, both ways; proofs; asking one that is slow, silent or not there. */

#include "auth/ask.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smtp/hmac.h"
#include "check.h"

char const *PROG = "auth";

static auth_field field(char const *s)
{
  return (auth_field){ s, strlen(s) };
}

static int is(auth_field const *f, char const *s)
{
  return f->len == strlen(s) && !memcmp(f->s, s, f->len);
}

/* --- requests --- */

static void check_requests(void)
{
  static char const said[] = "plain joe\0s3 cret\0" "192.0.2.1\0" "2001:db8::1";
  static char const cram[] = "cram joe b\0abc\0<1@x>";
  char out[AUTH_REQUEST_MAX];
  auth_claim claim = { .kind = AUTH_PLAIN, .user = field("joe"), .proof = field("s3 cret"),
    .client = field("192.0.2.1"), .own = field("2001:db8::1") }, read;
  size_t len = auth_request_format(out, &claim);
  CHECK("plain", len == sizeof said && !memcmp(out, said, len));
  CHECK("read again", auth_request_scan(out, len, &read) && read.kind == AUTH_PLAIN && is(&read.user, "joe")
    && is(&read.proof, "s3 cret") && is(&read.client, "192.0.2.1") && is(&read.own, "2001:db8::1"));
  claim.client.len = 0;
  len = auth_request_format(out, &claim);
  CHECK("without addresses", auth_request_scan(out, len, &read) && is(&read.proof, "s3 cret") && !read.client.len);
  claim = (auth_claim){ .kind = AUTH_CRAM, .user = field("joe b"), .proof = field("abc"), .challenge = field("<1@x>") };
  len = auth_request_format(out, &claim);
  CHECK("cram", len == sizeof cram && !memcmp(out, cram, len));
  CHECK("read again", auth_request_scan(out, len, &read) && read.kind == AUTH_CRAM && is(&read.user, "joe b")
    && is(&read.challenge, "<1@x>"));
}

static void check_fit(void)
{
  static char long_one[AUTH_REQUEST_MAX];
  char out[AUTH_REQUEST_MAX];
  auth_claim claim = { .kind = AUTH_PLAIN, .user = { "a", 1 }, .proof = { long_one, 0 } }, read;
  size_t const head = strlen("plain ") + 2;
  memset(long_one, 'x', sizeof long_one);
  claim.proof.len = sizeof long_one - head - 1;
  CHECK("the longest", auth_request_format(out, &claim) == AUTH_REQUEST_MAX);
  CHECK("read again", auth_request_scan(out, sizeof out, &read) && read.proof.len == claim.proof.len);
  claim.proof.len++;
  CHECK("one octet more", !auth_request_format(out, &claim));
  claim.proof = (auth_field){ "a\0b", 3 };
  CHECK("a NUL", !auth_request_format(out, &claim));
}

static void check_nonsense(void)
{
#define NONE(s) CHECK("none: " s, !auth_request_scan(s, sizeof s - 1, &claim))
  auth_claim claim;
  NONE("");
  NONE("plain");
  NONE("plain ");
  NONE("plain a");
  NONE("plain a\0b");
  NONE("plain a\0b\0c\0");
  NONE("plain a\0b\0c\0d");
  NONE("plain a\0b\0c\0d\0e\0");
  NONE("cram a\0b\0");
  NONE("cram a\0b\0c");
  NONE("cram a\0b\0c\0d\0");
  NONE("PLAIN a\0b\0");
  NONE("login a\0b\0");
}

/* --- answers --- */

static enum auth_verdict read_as(char const *s, char reason[AUTH_ANSWER_MAX])
{
  return auth_answer_scan(s, strlen(s), reason);
}

static void check_answers(void)
{
  char out[AUTH_ANSWER_MAX], reason[AUTH_ANSWER_MAX], words[2 * AUTH_ANSWER_MAX];
  CHECK("yes", auth_answer_format(out, AUTH_YES, "") == 4 && !strcmp(out, "yes\n") && read_as(out, reason) == AUTH_YES);
  CHECK("no", auth_answer_format(out, AUTH_NO, "") == 3 && !strcmp(out, "no\n") && read_as(out, reason) == AUTH_NO);
  CHECK("later", auth_answer_format(out, AUTH_LATER, "so it is") == 15 && !strcmp(out, "later so it is\n"));
  CHECK("read again", read_as(out, reason) == AUTH_LATER && !strcmp(reason, "so it is"));
  memset(words, 'x', sizeof words);
  words[sizeof words - 1] = 0;
  CHECK("a long reason is cut", auth_answer_format(out, AUTH_LATER, words) == AUTH_ANSWER_MAX - 1
    && out[AUTH_ANSWER_MAX - 2] == '\n');
  CHECK("and read", read_as(out, reason) == AUTH_LATER && strlen(reason) > 200);
  CHECK("nothing", read_as("", reason) == AUTH_LATER && !strcmp(reason, "no answer"));
  CHECK("half a yes", read_as("yes", reason) == AUTH_LATER);
  CHECK("yes and more", read_as("yes\nno\n", reason) == AUTH_LATER);
  CHECK("another word", read_as("maybe\n", reason) == AUTH_LATER && !strcmp(reason, "an answer that makes no sense"));
}

/* --- proofs: RFC 2202 section 2 --- */

static int digest_is(char const *key, size_t keylen, char const *text, size_t len, char const *digest)
{
  char out[HMAC_MD5_LEN];
  hmac_md5(out, key, keylen, text, len);
  return !memcmp(out, digest, sizeof out);
}

static void check_proofs(void)
{
  char key[80], text[50];
  memset(key, 0x0b, 16);
  CHECK("case 1", digest_is(key, 16, "Hi There", 8, "9294727a3638bb1c13f48ef8158bfc9d"));
  CHECK("case 2", digest_is("Jefe", 4, "what do ya want for nothing?", 28, "750c783e6ab0b503eaa86e310a5db738"));
  memset(key, 0xaa, sizeof key);
  memset(text, 0xdd, sizeof text);
  CHECK("case 3", digest_is(key, 16, text, sizeof text, "56be34521d144c88dbb8c733f0e8b3f6"));
  CHECK("a key over 64 octets", digest_is(key, 80, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
    "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"));
  CHECK("RFC 2195", digest_is("tanstaaftanstaaf", 16, "<1896.697170952@postoffice.reston.mci.net>", 42,
    "b913a602c7eda7a495b4e6e7334d3890"));
}

static void check_same(void)
{
  char a[HMAC_SAME_MAX + 1], b[HMAC_SAME_MAX + 1];
  memset(a, 'a', sizeof a);
  memset(b, 'a', sizeof b);
  CHECK("the same", hmac_same(a, HMAC_SAME_MAX, b, HMAC_SAME_MAX) && hmac_same("", 0, "", 0));
  CHECK("too long", !hmac_same(a, sizeof a, b, sizeof b) && !hmac_same(a, 1, b, sizeof b));
  CHECK("shorter", !hmac_same(a, 5, b, 4) && !hmac_same("", 0, "\0", 1));
  b[HMAC_SAME_MAX - 1] = 'b';
  CHECK("the last one differs", !hmac_same(a, HMAC_SAME_MAX, b, HMAC_SAME_MAX));
}

/* --- asking --- */

static char dir[] = "/tmp/auth.XXXXXX";
static int instance;

static int listens(void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "%s/run/auth", dir);
  unlink(address.sun_path);
  if (bind(s, (struct sockaddr *)&address, sizeof address) == -1 || listen(s, 0) == -1) exit(111);
  return s;
}

/* Take one connection and answer it once its request is whole; NULL: never. */
static pid_t answers(int s, char const *answer)
{
  pid_t pid = fork();
  char octets[AUTH_REQUEST_MAX];
  int c;
  if (pid) return pid;
  c = accept(s, 0, 0);
  while (answer && read(c, octets, sizeof octets) > 0) continue;
  if (answer && write(c, answer, strlen(answer)) >= 0) _exit(0);
  for (;;) pause();
}

static enum auth_verdict asked(unsigned int seconds, int stop, char reason[AUTH_ANSWER_MAX])
{
  auth_claim claim = { .kind = AUTH_PLAIN, .user = field("joe"), .proof = field("s3cret") };
  return auth_ask(instance, &claim, seconds, stop, reason);
}

static void ended(pid_t pid)
{
  kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
}

static void check_asking(void)
{
  char reason[AUTH_ANSWER_MAX];
  int s, stop[2], i, full[8];
  pid_t pid;
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  if (!mkdtemp(dir) || pipe(stop) == -1 || (instance = open(dir, O_RDONLY | O_DIRECTORY)) == -1
   || mkdirat(instance, "run", 0700) == -1) exit(111);
  CHECK("nobody there", asked(5, -1, reason) == AUTH_LATER && !strcmp(reason, "No such file or directory"));
  s = listens();
  pid = answers(s, "yes\n");
  CHECK("yes", asked(60, stop[0], reason) == AUTH_YES);
  ended(pid);
  pid = answers(s, "no\n");
  CHECK("no", asked(60, -1, reason) == AUTH_NO);
  ended(pid);
  pid = answers(s, "");
  CHECK("hung up", asked(60, -1, reason) == AUTH_LATER && !strcmp(reason, "no answer"));
  ended(pid);
  pid = answers(s, 0);
  CHECK("silent", asked(1, -1, reason) == AUTH_LATER && !strcmp(reason, "Connection timed out"));
  ended(pid);
  pid = answers(s, 0);
  if (write(stop[1], "", 1) != 1) exit(111);
  CHECK("told to stop", asked(600, stop[0], reason) == AUTH_LATER && !strcmp(reason, "Operation canceled"));
  ended(pid);
  snprintf(address.sun_path, sizeof address.sun_path, "%s/run/auth", dir);
  for (i = 0; i < 8; i++)
  {
    full[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(full[i], (struct sockaddr *)&address, sizeof address) == -1) break;
  }
  CHECK("full", i < 8 && asked(1, -1, reason) == AUTH_LATER);
  close(s);
  CHECK("gone", asked(5, -1, reason) == AUTH_LATER && !strcmp(reason, "Connection refused"));
  unlink(address.sun_path);
  unlinkat(instance, "run", AT_REMOVEDIR);
  rmdir(dir);
}

int main(void)
{
  check_requests();
  check_fit();
  check_nonsense();
  check_answers();
  check_proofs();
  check_same();
  check_asking();
  return CHECK_END();
}
