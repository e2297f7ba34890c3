/*
 * The lines between qmgr and an agent: each format there and back, what does not scan, what
 * is not written; and the socket that carries descriptors.
 */

#include "job/job.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

#define EACH(i, table) for (i = 0; i < sizeof table / sizeof *table; i++)

static job_field field(char const *s)
{
  job_field f = { s, strlen(s) };
  return f;
}

static int is(job_field const *f, char const *want)
{
  return job_field_is(f, want);
}

/* --- fields --- */

/* Fields as they come, written back with '|' behind each. */
static struct field_case
{
  char const *line;
  char const *list;
} const fields[] =
{
  { "", "" },
  { "a", "a|" },
  { "a b  c", "a|b||c|" },
  { "a ", "a|" },
  { "<a@b> X", "<a@b>|X|" },
  { "<\"a b\"@c> X", "<\"a b\"@c>|X|" },
  { "<\"a> b\"@c> X", "<\"a> b\"@c>|X|" },
  { "<\"a\\\"> b\"@c> X", "<\"a\\\"> b\"@c>|X|" },
  { "<\"a\\\\\"@c> X", "<\"a\\\\\"@c>|X|" },
  { "<a b> X", "<a b>|X|" },
  { "<a>b c", "<a>b|c|" },
  { "<a b", "<a|b|" },
  { "<\"a> b", "<\"a>|b|" },
  { "<\"a\\", "<\"a\\|" },
  { "a<b c>", "a<b|c>|" },
  { "<> <>", "<>|<>|" }
};

static void test_fields(void)
{
  char list[100];
  size_t i;
  EACH(i, fields)
  {
    char const *s = fields[i].line;
    size_t len = strlen(s);
    job_field f;
    *list = 0;
    while (job_field_next(&s, &len, &f))
    {
      strncat(list, f.s, f.len);
      strcat(list, "|");
    }
    CHECK(fields[i].line, !strcmp(list, fields[i].list));
  }
}

static struct number_case
{
  char const *text;
  int good;
  uint64_t number;
} const numbers[] =
{
  { "0", 1, 0 },
  { "007", 1, 7 },
  { "18446744073709551615", 1, UINT64_MAX },
  { "18446744073709551616", 0, 0 },
  { "99999999999999999999", 0, 0 },
  { "", 0, 0 },
  { "-1", 0, 0 },
  { "+1", 0, 0 },
  { "1x", 0, 0 },
  { " 1", 0, 0 },
  { "0x1", 0, 0 }
};

static struct path_case
{
  char const *text;
  char const *inside; /* NULL: refused */
} const paths[] =
{
  { "<>", "" },
  { "<a@b>", "a@b" },
  { "<\"a>b\"@c>", "\"a>b\"@c" },
  { "", 0 },
  { "<", 0 },
  { ">", 0 },
  { "a@b", 0 },
  { "<a@b", 0 },
  { "<a>b>", 0 },
  { "<a>b", 0 },
  { "<\"a>", 0 }
};

static void test_values(void)
{
  job_field f, inside;
  uint64_t number;
  size_t i;
  EACH(i, numbers)
  {
    int r;
    number = 0;
    f = field(numbers[i].text);
    r = job_field_number(&f, &number);
    CHECK(numbers[i].text, r == numbers[i].good && number == numbers[i].number);
  }
  EACH(i, paths)
  {
    int r;
    f = field(paths[i].text);
    r = job_field_path(&f, &inside);
    CHECK(paths[i].text, paths[i].inside ? r && is(&inside, paths[i].inside) : !r);
  }
}

static void test_flags(void)
{
  char out[JOB_FLAGS_MAX];
  unsigned int flags;
  for (flags = 0; flags < 16; flags++)
  {
    job_flags_format(out, flags);
    CHECK("flags there and back", job_flags_scan(out, sizeof out) == (int)flags);
  }
  job_flags_format(out, JOB_8BIT | JOB_DOT);
  CHECK("flags in text", !memcmp(out, "8-d-", 4));
  CHECK("no flags", job_flags_scan("-", 1) == 0);
  CHECK("some flags", job_flags_scan("ud", 2) == (JOB_UTF8 | JOB_DOT));
  CHECK("unknown flag", job_flags_scan("8x", 2) == -1);
  CHECK("no flags at all", job_flags_scan("", 0) == -1);
  CHECK("too many flags", job_flags_scan("8ude-", 5) == -1);
  CHECK("NUL for a flag", job_flags_scan("8\0", 2) == -1);
}

/* --- whole lines, there and back --- */

/* Lines as they are written.  Those that are good come back from scan and format as they were. */
typedef struct line_case
{
  char const *line;
  int good;
} line_case;

static line_case const mails[] =
{
  { "mail 1h8qabcde00001 1763711153000000 120 4711 8ude <bob@example.org>\n", 1 },
  { "mail a 0 0 0 ---- <>\n", 1 },
  { "mail a 0 0 0 ---- <\"a b> c\"@d> SIZE=1 ENVID=x RET=HDRS\n", 1 },
  { "mail A1 18446744073709551615 18446744073709551615 18446744073709551615 -u-- <a\303\274@b> X\n", 1 },
  { "mail 12345678901234567890123456789012 0 0 0 ---- <>\n", 1 },
  { "mail 123456789012345678901234567890123 0 0 0 ---- <>\n", 0 },
  { "mail  0 0 0 ---- <>\n", 0 },
  { "mail ../a 0 0 0 ---- <>\n", 0 },
  { "mail a.b 0 0 0 ---- <>\n", 0 },
  { "mail a 0 0 0 ---- \n", 0 },
  { "mail a 0 0 0 ---- a@b\n", 0 },
  { "mail a 0 0 0 ---- <a@b\n", 0 },
  { "mail a 0 0 0 z <>\n", 0 },
  { "mail a 0 0 -1 ---- <>\n", 0 },
  { "mail a 0 0 ---- <>\n", 0 },
  { "mail a 0 0 0  <>\n", 0 },
  { "mail a 0 0 0 ---- <a\rb>\n", 0 },
  { "mail a 0 0 0 ---- <> X=\1\n", 0 },
  { "mail \n", 0 }
};

static line_case const rcpts[] =
{
  { "rcpt 0 <alice@customer.tld>\n", 1 },
  { "rcpt 999 <\"a b\\\">\"@c> NOTIFY=NEVER ORCPT=rfc822;a@b\n", 1 },
  { "rcpt 1 <postmaster>\n", 1 },
  { "rcpt 1 <>\n", 0 },
  { "rcpt 1\n", 0 },
  { "rcpt x <a@b>\n", 0 },
  { "rcpt 1 <a@b>X\n", 0 },
  { "rcpt 1 <a@b> \177\n", 0 },
  { "rcpt \n", 0 }
};

static line_case const results[] =
{
  { "0 sent 2.0.0 mailhost.customer.tld[192.0.2.1]:25 250 2.0.0 ok", 1 },
  { "12 deferred 4.4.1 none connect to [127.0.0.1]:2525: Connection refused", 1 },
  { "3 failed 5.1.1 a[IPv6:::1]:25 550 5.1.1 <\"a b\"@c>: unknown  user ", 1 },
  { "3 failed 5.1.1 none", 1 },
  { "3 failed 5.1.1 none  two spaces", 1 },
  { "3 failed 5.1.1", 0 },
  { "3 failed", 0 },
  { "3 bounced 5.1.1 none x", 0 },
  { "3 Sent 2.0.0 none x", 0 },
  { "x sent 2.0.0 none x", 0 },
  { "3 sent  none x", 0 },
  { "3 sent 2.0.0  x", 0 },
  { "3 sent 2.0.0 <a b> x", 0 },
  { "3 sent 2.0.0 none a\tb", 0 },
  { "", 0 }
};

static line_case const journals[] =
{
  { "1763711153.000042 0 sent 2.0.0 none ok\n", 1 },
  { "0.000000 0 failed 5.4.7 none expired\n", 1 },
  { "18446744073709.551615 1 deferred 4.0.0 none x\n", 1 },
  { "18446744073709.551616 1 deferred 4.0.0 none x\n", 0 },
  { "18446744073710.000000 1 deferred 4.0.0 none x\n", 0 },
  { "1.00000 0 sent 2.0.0 none ok\n", 0 },
  { "1.0000000 0 sent 2.0.0 none ok\n", 0 },
  { "1.-00001 0 sent 2.0.0 none ok\n", 0 },
  { ".000000 0 sent 2.0.0 none ok\n", 0 },
  { "1 0 sent 2.0.0 none ok\n", 0 },
  { "1.000000 \n", 0 },
  { "\n", 0 }
};

/* What scan and format together make of a line; 0 where scan refuses. */
typedef size_t again_function(char *out, size_t max, char const *s, size_t len);

static size_t mail_again(char *out, size_t max, char const *s, size_t len)
{
  job_mail mail;
  return job_mail_scan(s + 5, len - 6, &mail) ? job_mail_format(out, max, &mail) : 0;
}

static size_t rcpt_again(char *out, size_t max, char const *s, size_t len)
{
  job_rcpt rcpt;
  return job_rcpt_scan(s + 5, len - 6, &rcpt) ? job_rcpt_format(out, max, &rcpt) : 0;
}

static size_t result_again(char *out, size_t max, char const *s, size_t len)
{
  job_result result;
  return job_result_scan(s, len, &result) ? job_result_format(out, max, &result) : 0;
}

static size_t journal_again(char *out, size_t max, char const *s, size_t len)
{
  job_result result;
  uint64_t time_us;
  return job_journal_scan(s, len - 1, &time_us, &result) ? job_journal_format(out, max, time_us, &result) : 0;
}

static int again_ok(line_case const *c, again_function *again)
{
  char out[JOB_LINE_MAX];
  size_t len = strlen(c->line), max;
  if (!c->good) return !again(out, sizeof out, c->line, len);
  for (max = 0; max < len; max++)
    if (again(out, max, c->line, len)) return 0; /* does not fit */
  return again(out, len, c->line, len) == len && !memcmp(out, c->line, len);
}

static void test_lines(void)
{
  size_t i;
  EACH(i, mails) CHECK(mails[i].line, again_ok(&mails[i], mail_again));
  EACH(i, rcpts) CHECK(rcpts[i].line, again_ok(&rcpts[i], rcpt_again));
  EACH(i, results) CHECK(results[i].line, again_ok(&results[i], result_again));
  EACH(i, journals) CHECK(journals[i].line, again_ok(&journals[i], journal_again));
}

static void test_mail(void)
{
  char const *line = "1h8qabcde00001 1763711153000042 120 4711 8-d- <\"a b\"@c> SIZE=1 RET=FULL";
  job_mail mail;
  CHECK("mail scans", job_mail_scan(line, strlen(line), &mail));
  CHECK("mail: id", is(&mail.id, "1h8qabcde00001"));
  CHECK("mail: arrival", mail.arrival_us == UINT64_C(1763711153000042));
  CHECK("mail: offset", mail.offset == 120);
  CHECK("mail: length", mail.length == 4711);
  CHECK("mail: flags", mail.flags == (JOB_8BIT | JOB_DOT));
  CHECK("mail: sender", is(&mail.sender, "\"a b\"@c"));
  CHECK("mail: parameters", is(&mail.parameters, "SIZE=1 RET=FULL"));
}

static void test_result(void)
{
  char const *line = "1763711153.000042 12 deferred 4.4.1 a[192.0.2.1]:25 450 later";
  job_result result;
  uint64_t time_us;
  CHECK("journal scans", job_journal_scan(line, strlen(line), &time_us, &result));
  CHECK("journal: time", time_us == UINT64_C(1763711153000042));
  CHECK("journal: recipient", result.recipient == 12);
  CHECK("journal: status", result.status == JOB_DEFERRED);
  CHECK("journal: code", is(&result.code, "4.4.1"));
  CHECK("journal: relay", is(&result.relay, "a[192.0.2.1]:25"));
  CHECK("journal: text", is(&result.text, "450 later"));
}

/* --- what would not come back is not written --- */

static size_t format_mail(char const *id, char const *sender, char const *parameters)
{
  char out[JOB_LINE_MAX];
  job_mail mail = { .flags = 0 };
  mail.id = field(id);
  mail.sender = field(sender);
  mail.parameters = field(parameters);
  return job_mail_format(out, sizeof out, &mail);
}

static size_t format_rcpt(char const *address, char const *parameters)
{
  char out[JOB_LINE_MAX];
  job_rcpt rcpt = { .number = 1 };
  rcpt.address = field(address);
  rcpt.parameters = field(parameters);
  return job_rcpt_format(out, sizeof out, &rcpt);
}

static size_t format_result(char const *code, char const *relay)
{
  char out[JOB_LINE_MAX];
  job_result result = { .status = JOB_SENT };
  result.code = field(code);
  result.relay = field(relay);
  result.text = field("ok");
  return job_result_format(out, sizeof out, &result);
}

static void test_refused(void)
{
  CHECK("good mail", format_mail("a", "b@c", "X"));
  CHECK("path in an id", !format_mail("../a", "b@c", ""));
  CHECK("no id", !format_mail("", "b@c", ""));
  CHECK("sender that closes", !format_mail("a", "b> SIZE=1", ""));
  CHECK("sender that never closes", !format_mail("a", "\"b", ""));
  CHECK("sender that ends in a backslash", !format_mail("a", "\"b\\", ""));
  CHECK("line feed in a sender", !format_mail("a", "b\nrcpt 0 <x>", ""));
  CHECK("line feed behind a backslash", !format_mail("a", "\"b\\\n\"", ""));
  CHECK("line feed in parameters", !format_mail("a", "b@c", "X\ngo"));
  CHECK("good rcpt", format_rcpt("b@c", "X"));
  CHECK("no address", !format_rcpt("", ""));
  CHECK("address that closes", !format_rcpt("b>", ""));
  CHECK("line feed in rcpt's parameters", !format_rcpt("b", "X\n"));
  CHECK("good result", format_result("2.0.0", "none"));
  CHECK("no code", !format_result("", "none"));
  CHECK("no relay", !format_result("2.0.0", ""));
  CHECK("space in a relay", !format_result("2.0.0", "a b"));
  CHECK("line feed in a relay", !format_result("2.0.0", "a\n"));
}

static void test_text(void)
{
  char text[2 * JOB_TEXT_MAX], out[JOB_LINE_MAX];
  job_result result = { .status = JOB_SENT }, back;
  size_t len;
  result.code = field("2.0.0");
  result.relay = field("none");

  memset(text, 'x', sizeof text);
  result.text.s = text;
  result.text.len = sizeof text;
  len = job_result_format(out, sizeof out, &result);
  CHECK("long text is cut", job_result_scan(out, len, &back) && back.text.len == JOB_TEXT_MAX);
  memcpy(text + JOB_TEXT_MAX - 2, "\342\202\254", 3);
  len = job_result_format(out, sizeof out, &result);
  CHECK("not within a character", job_result_scan(out, len, &back) && back.text.len == JOB_TEXT_MAX - 2);
  result.text = field("a\nb\t\177c");
  len = job_result_format(out, sizeof out, &result);
  CHECK("controls do not get into it", job_result_scan(out, len, &back) && is(&back.text, "a?b??c"));

  CHECK("sent", !strcmp(job_status_name(JOB_SENT), "sent"));
  CHECK("deferred", !strcmp(job_status_name(JOB_DEFERRED), "deferred"));
  CHECK("failed", !strcmp(job_status_name(JOB_FAILED), "failed"));
  CHECK("relayed", !strcmp(job_status_name(JOB_RELAYED), "relayed"));
}

static int notice_is(char const *line)
{
  job_notice notice;
  uint64_t time_us;
  return job_notice_scan(line, strlen(line), &time_us, &notice);
}

static void test_notices(void)
{
  char out[JOB_LINE_MAX];
  job_notice notice = { .recipient = 12, .event = JOB_EVENT_DELAYED, .id = { "01h8qc4v4g0000", 14 } }, back;
  uint64_t time_us = 0;
  job_result result;
  size_t len = job_notice_format(out, sizeof out, 1763711172000001u, &notice);
  CHECK("notice", len && !strncmp(out, "1763711172.000001 12 notice delayed 01h8qc4v4g0000\n", len));
  CHECK("and back", len && job_notice_scan(out, len - 1, &time_us, &back) && time_us == 1763711172000001u
        && back.recipient == 12 && back.event == JOB_EVENT_DELAYED && is(&back.id, "01h8qc4v4g0000"));
  CHECK("is no result", len && !job_journal_scan(out, len - 1, &time_us, &result));
  CHECK("does not fit", !job_notice_format(out, len - 1, 1763711172000001u, &notice));
  notice.id = field("../x");
  CHECK("no id", !job_notice_format(out, sizeof out, 1763711172000001u, &notice));
  CHECK("nobody", notice_is("1.000000 0 notice failed none"));
  CHECK("relayed", notice_is("1.000000 0 notice relayed none"));
  CHECK("no event", !notice_is("1.000000 0 notice lost none"));
  CHECK("no notice", !notice_is("1.000000 0 failed 5.0.0 none x"));
  CHECK("too much", !notice_is("1.000000 0 notice failed none x"));
  CHECK("too little", !notice_is("1.000000 0 notice failed"));
  CHECK("no time", !notice_is("1 0 notice failed none"));
  CHECK("control", !notice_is("1.000000 0 notice failed no\tne"));
}

/* --- the socket --- */

static int open_fds(void)
{
  int fd, n = 0;
  for (fd = 0; fd < 256; fd++) n += fcntl(fd, F_GETFD) != -1;
  return n;
}

/* As job_send(), but with more descriptors than that sends. */
static ssize_t send_many(int socket, int fd, size_t count)
{
  union { struct cmsghdr header; char octets[CMSG_SPACE(32 * sizeof(int))]; } control;
  struct iovec vector = { .iov_base = (char []){ 'x' }, .iov_len = 1 };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control };
  size_t i;
  memset(&control, 0, sizeof control);
  message.msg_controllen = CMSG_SPACE(count * sizeof fd);
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(count * sizeof fd);
  for (i = 0; i < count; i++) memcpy(CMSG_DATA(&control.header) + i * sizeof fd, &fd, sizeof fd);
  return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* The other end of a pipe says which descriptor it is that came. */
static int writes_to(int fd, int pipe_read)
{
  char c = 0;
  return write(fd, "!", 1) == 1 && read(pipe_read, &c, 1) == 1 && c == '!';
}

static int fds[JOB_FDS_MAX];
static size_t fds_len;

static void fds_close(void)
{
  while (fds_len) close(fds[--fds_len]);
}

static ssize_t receive(int socket, char *s, size_t max)
{
  return job_receive(socket, s, max, fds, &fds_len);
}

static void test_descriptors(int const *s, int const *p, int const *q)
{
  char buffer[64];
  CHECK("send without descriptor", job_send(s[0], "site x\n", 7, 0, 0) == 7);
  CHECK("receive without descriptor", receive(s[1], buffer, sizeof buffer) == 7 && !fds_len && !memcmp(buffer, "site x\n", 7));

  CHECK("send a descriptor", job_send(s[0], "mail a\n", 7, p + 1, 1) == 7);
  CHECK("and go on", job_send(s[0], "go\n", 3, 0, 0) == 3);
  CHECK("and another", job_send(s[0], "mail b\n", 7, q + 1, 1) == 7);
  CHECK("first octet brings the first", receive(s[1], buffer, 1) == 1 && fds_len == 1);
  CHECK("close-on-exec", fcntl(fds[0], F_GETFD) == FD_CLOEXEC);
  CHECK("it is the first", writes_to(fds[0], p[0]));
  fds_close();
  CHECK("the rest of that line brings none", receive(s[1], buffer, 6) == 6 && !fds_len);
  CHECK("octets of the second come with it at the latest",
        receive(s[1], buffer, sizeof buffer) == 3 ? !fds_len
        && receive(s[1], buffer, sizeof buffer) == 7 && fds_len == 1 : fds_len == 1);
  CHECK("it is the second", writes_to(fds[0], q[0]));
  fds_close();
}

/* Several at once, and what is sent next is not mixed up with them. */
static void test_batches(int const *s, int const *p, int const *q)
{
  int const first[] = { p[1], q[1], p[1] }, second[] = { q[1], p[1] };
  char buffer[64];
  CHECK("three at once", job_send(s[0], "mail a\nmail b\nmail c\n", 21, first, 3) == 21);
  CHECK("and two", job_send(s[0], "mail d\nmail e\n", 14, second, 2) == 14);
  CHECK("the first three alone", receive(s[1], buffer, sizeof buffer) == 21 && fds_len == 3);
  CHECK("in order", writes_to(fds[0], p[0]) && writes_to(fds[1], q[0]) && writes_to(fds[2], p[0]));
  CHECK("close-on-exec", fcntl(fds[2], F_GETFD) == FD_CLOEXEC);
  fds_close();
  CHECK("with their first octet", receive(s[1], buffer, 1) == 1 && fds_len == 2);
  CHECK("in order", writes_to(fds[0], q[0]) && writes_to(fds[1], p[0]));
  fds_close();
  CHECK("the rest", receive(s[1], buffer, sizeof buffer) == 13 && !fds_len);
}

/* Octets that are not all taken: the descriptors went with those that were. */
static void test_part(int const *s, int const *p)
{
  static char octets[1 << 20];
  int const both[] = { p[1], p[1] };
  ssize_t sent, got, all = 0;
  size_t came = 0;
  fcntl(s[0], F_SETFL, O_NONBLOCK);
  sent = job_send(s[0], octets, sizeof octets, both, 2);
  CHECK("a part is sent", sent > 0 && sent < (ssize_t)sizeof octets);
  CHECK("no more is", job_send(s[0], octets, 1, both, 1) == -1 && errno == EAGAIN);
  while (all < sent && (got = receive(s[1], octets, sizeof octets)) > 0)
  {
    all += got;
    came += fds_len;
    fds_close();
  }
  CHECK("the part, and both", all == sent && came == 2);
}

static void test_flood(int const *s, int const *p)
{
  int before = open_fds();
  int many[JOB_FDS_MAX];
  char c;
  size_t i;
  for (i = 0; i < JOB_FDS_MAX; i++) many[i] = p[1];
  CHECK("as many as may be: sent", job_send(s[0], "x", 1, many, JOB_FDS_MAX) == 1);
  CHECK("as many as may be: taken", receive(s[1], &c, 1) == 1 && fds_len == JOB_FDS_MAX);
  fds_close();
  CHECK("as many as may be: none left open", open_fds() == before);
  CHECK("thirty at once: sent", send_many(s[0], p[1], 30) == 1);
  CHECK("thirty at once: refused", receive(s[1], &c, 1) == -1 && errno == EPROTO && !fds_len);
  CHECK("thirty at once: none left open", open_fds() == before);
}

/* A process that may not open as many as come. */
static void test_few_descriptors(int const *s, int const *p)
{
  int before = open_fds(), next = dup(0);
  int many[4] = { p[1], p[1], p[1], p[1] };
  struct rlimit was, few;
  char c;
  getrlimit(RLIMIT_NOFILE, &was);
  few = was;
  few.rlim_cur = (rlim_t)next + 2;
  close(next);
  CHECK("four: sent", job_send(s[0], "x", 1, many, 4) == 1);
  CHECK("no room for four", setrlimit(RLIMIT_NOFILE, &few) == 0);
  CHECK("refused", receive(s[1], &c, 1) == -1 && errno == EPROTO && !fds_len);
  setrlimit(RLIMIT_NOFILE, &was);
  CHECK("none left open", open_fds() == before);
}

static void test_ends(int const *s)
{
  char c;
  fds_len = 7;
  CHECK("nothing there", fcntl(s[1], F_SETFL, O_NONBLOCK) == 0
        && receive(s[1], &c, 1) == -1 && errno == EAGAIN && !fds_len);
  close(s[0]);
  CHECK("end", receive(s[1], &c, 1) == 0 && !fds_len);
  CHECK("EPIPE, and no signal", job_send(s[1], "x", 1, 0, 0) == -1 && errno == EPIPE);
  close(s[1]);
}

static void test_socket(void)
{
  int s[2], p[2], q[2];
  int before = open_fds();
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) == -1 || pipe(p) == -1 || pipe(q) == -1)
  {
    CHECK("set-up", 0);
    return;
  }
  test_descriptors(s, p, q);
  test_batches(s, p, q);
  test_part(s, p);
  test_flood(s, p);
  test_few_descriptors(s, p);
  test_ends(s);
  close(p[0]);
  close(p[1]);
  close(q[0]);
  close(q[1]);
  CHECK("no descriptor left open", open_fds() == before);
}

/* The words are the agent's own: what a server says in them is no cut. */
static void test_cut(void)
{
  CHECK("lost", job_text_cut("lost connection with a.tld[192.0.2.1] while sending DATA command"));
  CHECK("silent", job_text_cut("conversation with a.tld[192.0.2.1] timed out while sending RCPT TO"));
  CHECK("421", job_text_cut("host a.tld[192.0.2.1] said: 421 4.7.0 later (in reply to end of DATA command)"));
  CHECK("nonsense", job_text_cut("host a.tld[192.0.2.1] does not speak SMTP: hello"));
  CHECK("refused for now", !job_text_cut("host a.tld[192.0.2.1] said: 451 4.7.1 421 (in reply to RCPT TO command)"));
  CHECK("not connected", !job_text_cut("connect to a.tld[192.0.2.1]:25: Connection refused"));
  CHECK("nothing", !job_text_cut(""));
}

static struct expire_case
{
  char const *why;
  char const *reason;
  char const *line;
} const expires[] =
{
  { JOB_TEXT_EXPIRED, "", "3 failed 5.4.7 none delivery time expired" },
  { JOB_TEXT_EXPIRED, "connect to a[1]:25: Connection refused",
    "3 failed 5.4.7 none delivery time expired; last: connect to a[1]:25: Connection refused" },
  { JOB_TEXT_GIVEN_UP, "", "3 failed 5.4.7 none message is administratively expired" },
  { JOB_TEXT_GIVEN_UP, "x", "3 failed 5.4.7 none message is administratively expired; last: x" }
};

/* A reason that would not fit whole is left out. */
static void test_expire_long(void)
{
  size_t const most = JOB_TEXT_MAX - sizeof JOB_TEXT_EXPIRED - (sizeof "; last: " - 1);
  char text[JOB_TEXT_MAX], reason[JOB_TEXT_MAX + 1];
  job_result result;
  memset(reason, 'r', sizeof reason);
  reason[most] = 0;
  job_result_expire(&result, 0, text, JOB_TEXT_EXPIRED, reason);
  CHECK("the longest reason", result.text.len == JOB_TEXT_MAX - 1 && text[JOB_TEXT_MAX - 1] == 0);
  reason[most] = 'r';
  reason[most + 1] = 0;
  job_result_expire(&result, 0, text, JOB_TEXT_EXPIRED, reason);
  CHECK("too long a reason", result.text.len == sizeof JOB_TEXT_EXPIRED - 1);
}

static void test_expire(void)
{
  char text[JOB_TEXT_MAX], line[JOB_LINE_MAX];
  size_t i;
  for (i = 0; i < sizeof expires / sizeof *expires; i++)
  {
    struct expire_case const *c = expires + i;
    job_result result;
    size_t len;
    job_result_expire(&result, 3, text, c->why, c->reason);
    len = job_result_format(line, sizeof line, &result);
    CHECK(c->line, len == strlen(c->line) && !memcmp(line, c->line, len));
  }
  test_expire_long();
}

int main(void)
{
  test_cut();
  test_fields();
  test_values();
  test_flags();
  test_lines();
  test_mail();
  test_result();
  test_refused();
  test_text();
  test_expire();
  test_notices();
  test_socket();
  return CHECK_END();
}
