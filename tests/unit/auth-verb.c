/* The verb AUTH as a client meets it inside TLS, with an auth-check of the test's own behind run/auth. */

#include "smtpd/auth.h"

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

#include "auth/ask.h"
#include "check.h"

char const *PROG = "auth-verb";

static char dir[] = "/tmp/auth-verb.XXXXXX";
static int instance, conf;
static session s;
static int client;

/* --- auth-check's part: joe, whose password is s3cret, and late, of whom nobody can tell now --- */

static enum auth_verdict judge(auth_claim const *claim)
{
  static auth_field const joe = { "joe", 3 }, late = { "late", 4 }, secret = { "s3 cret", 7 };
  if (claim->user.len == late.len && !memcmp(claim->user.s, late.s, late.len)) return AUTH_LATER;
  if (claim->kind == AUTH_CRAM) return AUTH_YES;
  if (claim->user.len != joe.len || memcmp(claim->user.s, joe.s, joe.len)) return AUTH_NO;
  return claim->proof.len == secret.len && !memcmp(claim->proof.s, secret.s, secret.len) ? AUTH_YES : AUTH_NO;
}

static void answer(int c)
{
  char question[AUTH_REQUEST_MAX], line[AUTH_ANSWER_MAX];
  size_t len = 0;
  ssize_t n;
  auth_claim claim;
  while ((n = read(c, question + len, sizeof question - len)) > 0) len += (size_t)n;
  if (!auth_request_scan(question, len, &claim)) _exit(101);
  len = auth_answer_format(line, judge(&claim), "so it is");
  if (write(c, line, len) < 0) _exit(111);
  close(c);
}

static pid_t serve(void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
  pid_t pid;
  snprintf(address.sun_path, sizeof address.sun_path, "%s/run/auth", dir);
  if (bind(socket_fd, (struct sockaddr *)&address, sizeof address) == -1 || listen(socket_fd, 5) == -1) exit(111);
  pid = fork();
  if (!pid) for (;;) answer(accept(socket_fd, 0, 0));
  close(socket_fd);
  return pid;
}

/* --- a session ---------------------------------------------------------------------------- */

static void begin(void)
{
  static session const fresh;
  static int none[2];
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1 || (!none[1] && pipe(none) == -1)) exit(111);
  stralloc_free(&s.me);
  stralloc_free(&s.sender);
  stralloc_free(&s.parameters);
  s = fresh;
  client = ends[1];
  s.stop = none[0];
  if (!wire_init(&s.wire, ends[0], ends[0], s.stop)) exit(111);
  s.instance = instance;
  s.conf = conf;
  s.queue = s.trigger = -1;
  s.writer.fd = -1;
  s.timeout[CONF_TIMEOUT_COMMAND] = s.timeout[CONF_TIMEOUT_AUTH] = 60;
  s.esmtp = 1;
  strcpy(s.secured, "TLSv1.3");
  s.policy = (policy){ .conf = conf, .socket = ends[0], .client = &s.client, .identity = &s.identity };
  strcpy(s.client.ip, "192.0.2.7");
  strcpy(s.who, "unknown[192.0.2.7]");
  if (!stralloc_copyb(&s.me, "me.example", 11) || !stralloc_0(&s.sender) || !stralloc_0(&s.parameters)) exit(111);
}

/* All the client says, each line a command or what a command of ours reads; all that it is told. */
static char *said(char const *lines)
{
  static char out[8192];
  smtp_command command;
  ssize_t n;
  if (write(client, lines, strlen(lines)) != (ssize_t)strlen(lines)) exit(111);
  shutdown(client, SHUT_WR);
  for (;;)
  {
    wire_step(&s.wire, 60);
    if (!wire_line_read(&s.wire, &s.line)) break;
    smtp_command_scan(s.line.s, s.line.len, &command);
    if (command.verb != SMTP_AUTH) session_reply(&s, "500 not AUTH");
    else if (!auth_verb(&s, &command)) break;
  }
  wire_flush(&s.wire);
  n = recv(client, out, sizeof out - 1, MSG_DONTWAIT);
  out[n < 0 ? 0 : n] = 0;
  close(client);
  close(s.wire.in_fd);
  return out;
}

static int holds(unsigned char const *where, size_t len, char const *text)
{
  return memmem(where, len, text, strlen(text)) != 0;
}

#define R334 "334 \r\n"
#define USERNAME "334 VXNlcm5hbWU6\r\n"
#define PASSWORD "334 UGFzc3dvcmQ6\r\n"
#define YES "235 2.7.0 Authentication successful\r\n"
#define LATER "454 4.7.0 Temporary authentication failure\r\n"
#define NOT_BASE64 "501 5.5.2 Error: not base64\r\n"
#define NOT_PLAIN "501 5.5.2 Error: not of the form of PLAIN\r\n"
#define LONG "500 5.5.6 Error: line too long\r\n"
/* [authzid] NUL joe NUL "s3 cret" */
#define JOE "AGpvZQBzMyBjcmV0"

static struct dialogue
{
  char const *lines;
  char const *replies;
} const dialogues[] =
{
  { "AUTH PLAIN " JOE "\r\n", YES },
  { "auth plain   " JOE "\r\n", YES },
  { "AUTH PLAIN\r\n" JOE "\r\n", R334 YES },
  { "AUTH PLAIN am9lAGpvZQBzMyBjcmV0\r\n", YES },
  { "AUTH LOGIN\r\nam9l\r\nczMgY3JldA==\r\n", USERNAME PASSWORD YES },
  { "AUTH LOGIN am9l\r\nczMgY3JldA==\r\n", PASSWORD YES },
  { "AUTH PLAIN " JOE "\r\nAUTH PLAIN " JOE "\r\n", YES "503 5.5.1 Error: already authenticated\r\n" },

  { "AUTH PLAIN AGxhdGUAeA==\r\n", LATER },
  { "AUTH LOGIN bGF0ZQ==\r\neA==\r\n", PASSWORD LATER },

  { "AUTH\r\n", "501 5.5.4 Syntax: AUTH mechanism [initial-response]\r\n" },
  { "AUTH PLAIN a b\r\n", "501 5.5.4 Syntax: AUTH mechanism [initial-response]\r\n" },
  { "AUTH DIGEST-MD5\r\n", "504 5.5.4 Error: no such authentication mechanism\r\n" },
  { "AUTH PLAIN" JOE "\r\n", "504 5.5.4 Error: no such authentication mechanism\r\n" },
  { "AUTH CRAM-MD5 am9l\r\n", "501 5.7.0 Error: CRAM-MD5 has no initial response\r\n" },

  { "AUTH PLAIN AGpvZQBzMyBjcmV\r\n", NOT_BASE64 },
  { "AUTH PLAIN *\r\n", NOT_BASE64 },
  { "AUTH PLAIN\r\nAGpv ZQ\r\n", R334 NOT_BASE64 },
  { "AUTH PLAIN\r\nAGpvZQ\nBzMyBjcmV0\r\n", R334 NOT_BASE64 },
  { "AUTH PLAIN\r\n*\r\n", R334 "501 5.7.0 Authentication cancelled\r\n" },
  { "AUTH LOGIN\r\nam9l\r\n*\r\n", USERNAME PASSWORD "501 5.7.0 Authentication cancelled\r\n" },
  { "AUTH PLAIN =\r\n", NOT_PLAIN },
  { "AUTH PLAIN\r\n\r\n", R334 NOT_PLAIN },
  { "AUTH PLAIN am9l\r\n", NOT_PLAIN },
  { "AUTH PLAIN AGpvZQ==\r\n", NOT_PLAIN },
  { "AUTH PLAIN AGpvZQBzMwBjcmV0\r\n", NOT_PLAIN },
  { "AUTH LOGIN agBv\r\nczMgY3JldA==\r\n", PASSWORD "501 5.5.2 Error: NUL in a response\r\n" },

  /* what the client said before it gave up is nobody's command */
  { "AUTH PLAIN\r\n*\r\nAUTH PLAIN " JOE "\r\n", R334 "501 5.7.0 Authentication cancelled\r\n" YES },
  { "AUTH PLAIN\r\n", R334 },
  { "AUTH LOGIN\r\nam9l\r\n", USERNAME PASSWORD }
};

static void check_dialogues(void)
{
  size_t i;
  for (i = 0; i < sizeof dialogues / sizeof *dialogues; i++)
  {
    begin();
    CHECK(dialogues[i].lines, !strcmp(said(dialogues[i].lines), dialogues[i].replies));
  }
}

static void check_known(void)
{
  begin();
  CHECK("known", !strcmp(said("AUTH LOGIN am9l\r\nczMgY3JldA==\r\n"), PASSWORD YES)
    && !strcmp(s.identity.method, "LOGIN") && !strcmp(s.identity.name, "joe"));
  CHECK("no password stays", !holds((unsigned char *)&s, sizeof s, "s3 cret")
    && !holds((unsigned char *)&s, sizeof s, "czMgY3JldA"));
  begin();
  CHECK("refused: unknown", !strcmp(said("AUTH FOO\r\nAUTH PLAIN =\r\n"),
    "504 5.5.4 Error: no such authentication mechanism\r\n" NOT_PLAIN) && !s.identity.method && s.errors == 2);
}

/* Refused, whatever was wrong; the third time it was the last one. */
static void check_refusals(void)
{
  static char const no[] = "535 5.7.8 Error: authentication failed\r\n";
  char twice[2 * sizeof no];
  stpcpy(stpcpy(twice, no), no);
  begin();
  CHECK("three proofs that are none", !strcmp(said("AUTH PLAIN AGpvZQBiYWQ=\r\n"
    /* joe as ann */
    "AUTH PLAIN YW5uAGpvZQBzMyBjcmV0\r\nAUTH LOGIN bm9ib2R5\r\nczMgY3JldA==\r\nAUTH PLAIN " JOE "\r\n"),
    "535 5.7.8 Error: authentication failed\r\n535 5.7.8 Error: authentication failed\r\n" PASSWORD));
  CHECK("the last one", s.end == SESSION_ERRORS && s.auth_refused == 3 && !s.identity.method);
}

static void check_long(void)
{
  static char line[6000] = "AUTH PLAIN\r\n", user[1000] = "AUTH LOGIN ";
  memset(line + strlen(line), 'A', 2046);
  strcat(line, "\r\n");
  begin();
  CHECK("2048 octets", !strcmp(said(line), R334 NOT_BASE64));
  strcpy(line, "AUTH PLAIN\r\n");
  memset(line + strlen(line), 0, 3000);
  memset(line + strlen(line), 'A', 2047);
  strcat(line, "\r\nAUTH PLAIN " JOE "\r\n");
  begin();
  CHECK("2049 octets", !strcmp(said(line), R334 LONG YES));
  /* 300 times the octet 'x', as no user is called */
  for (line[0] = 0; strlen(line) < 400;) strcat(line, "eHh4");
  strcat(user, line);
  strcat(user, "\r\nczMgY3JldA==\r\n");
  begin();
  CHECK("a long name", !strcmp(said(user), PASSWORD "535 5.7.8 Error: authentication failed\r\n"));
}

static void check_cram(void)
{
  char *replies;
  begin();
  replies = said("AUTH CRAM-MD5\r\nam9lIGIgMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\r\n");
  /* "<" */
  CHECK("a challenge", !strncmp(replies, "334 P", 5) && strlen(replies) > 60 && strstr(replies, YES));
  CHECK("a name of two words", s.identity.method && !strcmp(s.identity.name, "joe b"));
  begin();
  /* joe ABCD... */
  replies = said("AUTH CRAM-MD5\r\nam9lIDAxMjM0NTY3ODlBQkNERUYwMTIzNDU2Nzg5YWJjZGVm\r\n");
  CHECK("upper case", strstr(replies, "\r\n501 5.5.2 Error: not of the form of CRAM-MD5\r\n") != 0);
  begin();
  CHECK("no digest", strstr(said("AUTH CRAM-MD5\r\nam9l\r\n"), "\r\n501 5.5.2 ") != 0);
}

/* When and where it is for. */
static void check_offers(void)
{
  begin();
  *s.secured = 0;
  CHECK("in clear", !strcmp(said("AUTH PLAIN " JOE "\r\n"),
    "538 5.7.11 Error: encryption required for this mechanism\r\n"));
  begin();
  s.esmtp = 0;
  CHECK("before EHLO", !strcmp(said("AUTH PLAIN " JOE "\r\n"), "503 5.5.1 Error: send EHLO first\r\n"));
  begin();
  s.mail = 1;
  CHECK("in a transaction", !strcmp(said("AUTH PLAIN " JOE "\r\n"), "503 5.5.1 Error: MAIL transaction in progress\r\n"));
  CHECK("no password stays", !holds((unsigned char *)&s, sizeof s, JOE));
  begin();
  s.client.local = 1;
  CHECK("a local user", !strcmp(said("AUTH PLAIN " JOE "\r\n"), "502 5.5.1 Error: command not implemented\r\n"));
}

/* One who has the certificate of "joe b". */
static void begin_certified(void)
{
  begin();
  identity_certify(&s.identity, "joe b");
}

static void check_external(void)
{
  begin_certified();
  CHECK("by no name", !strcmp(said("AUTH EXTERNAL =\r\n"), YES)
    && !strcmp(s.identity.method, "EXTERNAL") && !strcmp(s.identity.name, "joe b"));
  begin_certified();
  CHECK("by the name", !strcmp(said("auth external am9lIGI=\r\n"), YES));
  begin_certified();
  CHECK("an empty response", !strcmp(said("AUTH EXTERNAL\r\n\r\n"), R334 YES));
  begin_certified();
  CHECK("another name", !strcmp(said("AUTH EXTERNAL YW5u\r\n"), "535 5.7.8 Error: authentication failed\r\n")
    && !s.identity.method && identity_known(&s.identity) && !strcmp(s.identity.name, "joe b"));
  begin_certified();
  CHECK("a NUL", !strcmp(said("AUTH EXTERNAL am9lIGIA\r\n"), "501 5.5.2 Error: NUL in a response\r\n"));
  begin_certified();
  CHECK("another mechanism, once", !strcmp(said("AUTH PLAIN " JOE "\r\nAUTH EXTERNAL =\r\n"),
    YES "503 5.5.1 Error: already authenticated\r\n") && !strcmp(s.identity.name, "joe"));
  begin();
  CHECK("without a certificate", !strcmp(said("AUTH EXTERNAL =\r\n"), "504 5.5.4 Error: no such authentication mechanism\r\n"));
}

static int announced(char const *line)
{
  char out[200];
  ssize_t n;
  int r;
  begin();
  r = auth_announce(&s) && wire_flush(&s.wire);
  n = recv(client, out, sizeof out - 1, MSG_DONTWAIT);
  out[n < 0 ? 0 : n] = 0;
  return r && !strcmp(out, line) && s.auth_offered == !!*line;
}

static void put(char const *name)
{
  close(openat(conf, name, O_WRONLY | O_CREAT, 0600));
}

static void check_announced(void)
{
  begin_certified();
  CHECK("a certificate", auth_announce(&s) && s.auth_offered);
  CHECK("with secrets", announced("250-AUTH PLAIN LOGIN CRAM-MD5\r\n"));
  put("checkpassword");
  CHECK("with both", announced("250-AUTH PLAIN LOGIN CRAM-MD5\r\n"));
  unlinkat(conf, "authsecrets", 0);
  CHECK("with a checkpassword", announced("250-AUTH PLAIN LOGIN\r\n"));
  begin();
  CHECK("no CRAM-MD5 then", !strcmp(said("AUTH CRAM-MD5\r\n"), "504 5.5.4 Error: no such authentication mechanism\r\n"));
  unlinkat(conf, "checkpassword", 0);
  CHECK("with neither", announced(""));
  begin();
  CHECK("nor any AUTH", !strcmp(said("AUTH PLAIN " JOE "\r\n"), "502 5.5.1 Error: command not implemented\r\n"));
}

int main(void)
{
  char path[64];
  pid_t pid;
  signal(SIGPIPE, SIG_IGN);
  if (!mkdtemp(dir) || (instance = open(dir, O_RDONLY | O_DIRECTORY)) == -1 || mkdirat(instance, "conf", 0700) == -1
   || mkdirat(instance, "run", 0700) == -1 || (conf = openat(instance, "conf", O_RDONLY | O_DIRECTORY)) == -1) exit(111);
  put("authsecrets");
  pid = serve();
  check_dialogues();
  check_known();
  check_refusals();
  check_long();
  check_cram();
  check_offers();
  check_external();
  check_announced();
  kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  snprintf(path, sizeof path, "%s/run/auth", dir);
  unlink(path);
  unlinkat(instance, "run", AT_REMOVEDIR);
  unlinkat(instance, "conf", AT_REMOVEDIR);
  rmdir(dir);
  return CHECK_END();
}
