/* Message files: written and read back, damaged in every way, locked. */

#include "queue/message.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

char const *PROG = "message";

static message_writer writer = MESSAGE_WRITER_ZERO;
static message msg = MESSAGE_ZERO;

static int queue_make(void)
{
  static char const *const places[] = { "tmp", "new", "cur", "hold" };
  char const *tmp = getenv("TMPDIR");
  char path[300];
  size_t i;
  int queue;
  snprintf(path, sizeof path, "%s/message.XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp(path)) exit(111);
  queue = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (queue == -1) exit(111);
  for (i = 0; i < sizeof places / sizeof *places; i++)
    if (mkdirat(queue, places[i], 0700) == -1) exit(111);
  return queue;
}

static int count_one(char const *id, void *data)
{
  (void)id;
  ++*(unsigned int *)data;
  return 1;
}

static unsigned int count(int queue, enum queue_place place)
{
  unsigned int n = 0;
  if (queuedir_each(queue, place, &count_one, &n) == -1) exit(111);
  return n;
}

static int text_is(size_t offset, char const *s)
{
  return !strcmp(message_string(&msg, offset), s);
}

static int begin(int queue)
{
  return message_begin(&writer, queue, "bob@example.org", 15, "SIZE=4700 BODY=8BITMIME", "mail.example.org [192.0.2.7] ESMTP")
      && message_rcpt(&writer, "customer.tld", "Alice@Customer.TLD", 18, "NOTIFY=NEVER")
      && message_rcpt(&writer, "other.tld", "\"a <b>\"@other.tld", 17, "");
}

static int reopen(int queue, int flags)
{
  enum queue_place place;
  return queuedir_open_message(queue, writer.id, flags, &place);
}

/* --- there and back ------------------------------------------------------------------- */

static void small(int queue)
{
  static char const content[] = "Subject: x\r\n\r\n.body\r\n";
  char have[1000];
  struct stat st;
  ssize_t r;
  int fd;

  CHECK("begin", begin(queue));
  CHECK("one file in tmp", count(queue, QUEUE_TMP) == 1 && count(queue, QUEUE_NEW) == 0);
  CHECK("put", message_put(&writer, content, sizeof content - 1));
  writer.flags = JOB_DOT | JOB_8BIT;
  CHECK("commit", message_commit(&writer, 1));
  CHECK("one file in new", count(queue, QUEUE_TMP) == 0 && count(queue, QUEUE_NEW) == 1);
  message_abort(&writer);
  CHECK("abort after commit takes nothing", count(queue, QUEUE_NEW) == 1);
  fd = reopen(queue, O_RDONLY);
  CHECK("read", message_read(&msg, fd));
  CHECK("sender", text_is(msg.sender, "bob@example.org") && text_is(msg.parameters, "SIZE=4700 BODY=8BITMIME"));
  CHECK("client", text_is(msg.client, "mail.example.org [192.0.2.7] ESMTP"));
  CHECK("arrival", msg.arrival_us == writer.arrival_us && id_time(writer.id) == msg.arrival_us);
  CHECK("two recipients", message_rcpts(&msg) == 2 && message_owed(&msg) == 2);
  CHECK("first", text_is(message_rcptp(&msg, 0)->domain, "customer.tld")
    && text_is(message_rcptp(&msg, 0)->address, "Alice@Customer.TLD")
    && text_is(message_rcptp(&msg, 0)->parameters, "NOTIFY=NEVER"));
  CHECK("second, quoted", text_is(message_rcptp(&msg, 1)->address, "\"a <b>\"@other.tld")
    && text_is(message_rcptp(&msg, 1)->parameters, ""));
  CHECK("no attempts", !message_rcptp(&msg, 0)->attempts && text_is(message_rcptp(&msg, 0)->code, "")
    && text_is(message_rcptp(&msg, 0)->relay, "") && text_is(message_rcptp(&msg, 0)->reason, ""));
  CHECK("flags", msg.flags == (JOB_DOT | JOB_8BIT));
  CHECK("content length", msg.content_len == sizeof content - 1);
  r = pread(fd, have, sizeof have, (off_t)msg.content_offset);
  CHECK("content", r == sizeof content - 1 && !memcmp(have, content, sizeof content - 1));
  CHECK("size", fstat(fd, &st) == 0 && msg.size == (uint64_t)st.st_size);
  close(fd);
}

static void null_sender(int queue)
{
  int fd;
  CHECK("null sender", message_begin(&writer, queue, "", 0, "", "") && message_rcpt(&writer, "a.tld", "x@a.tld", 7, ""));
  CHECK("empty content", message_commit(&writer, 0));
  fd = reopen(queue, O_RDONLY);
  CHECK("read it", message_read(&msg, fd) && text_is(msg.sender, "") && text_is(msg.client, "") && msg.content_len == 0);
  close(fd);
}

/* Pieces of all sizes, until several buffers were written. */
static void large(int queue)
{
  static char piece[40000], have[sizeof piece];
  uint64_t total = 0, at;
  size_t i, n;
  int fd, same = 1;

  for (i = 0; i < sizeof piece; i++) piece[i] = (char)('a' + i % 23);
  CHECK("large, begin", begin(queue));
  for (i = 1, n = 1; n < sizeof piece; i++, n = n * 3 / 2 + i)
  {
    if (!message_put(&writer, piece, n)) exit(111);
    total += n;
  }
  CHECK("large, commit", message_commit(&writer, 0));
  fd = reopen(queue, O_RDONLY);
  CHECK("large, read", total > 1 && message_read(&msg, fd) && msg.content_len == total);
  for (i = 1, n = 1, at = msg.content_offset; n < sizeof piece; at += n, i++, n = n * 3 / 2 + i)
    if (pread(fd, have, n, (off_t)at) != (ssize_t)n || memcmp(have, piece, n)) same = 0;
  CHECK("large, content", same);
  close(fd);
}

static void boundaries(int queue)
{
  static size_t const sizes[] = { MESSAGE_BUFFER_LEN - 1, MESSAGE_BUFFER_LEN, MESSAGE_BUFFER_LEN + 1, 2 * MESSAGE_BUFFER_LEN };
  static char content[2 * MESSAGE_BUFFER_LEN];
  size_t i;
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++)
  {
    int fd;
    if (!begin(queue) || !message_put(&writer, content, sizes[i]) || !message_commit(&writer, 0)) exit(111);
    fd = reopen(queue, O_RDONLY);
    CHECK("around the buffer's length", message_read(&msg, fd) && msg.content_len == sizes[i]);
    close(fd);
  }
}

static void many_recipients(int queue)
{
  char address[64];
  unsigned int i, good = 1;
  int fd;
  if (!message_begin(&writer, queue, "", 0, "", "x")) exit(111);
  for (i = 0; i < 1000; i++)
  {
    snprintf(address, sizeof address, "user%u@customer.tld", i);
    if (!message_rcpt(&writer, "customer.tld", address, strlen(address), "NOTIFY=FAILURE")) exit(111);
  }
  CHECK("1,000 recipients", message_put(&writer, "x\r\n", 3) && message_commit(&writer, 0));
  fd = reopen(queue, O_RDONLY);
  CHECK("all are read", message_read(&msg, fd) && message_owed(&msg) == 1000);
  for (i = 0; i < 1000; i++)
  {
    snprintf(address, sizeof address, "user%u@customer.tld", i);
    if (!text_is(message_rcptp(&msg, i)->address, address)) good = 0;
  }
  CHECK("each is right", good);
  close(fd);
}

static void refused(int queue)
{
  static char parameters[70000];
  unsigned int before = count(queue, QUEUE_NEW), n = 0;

  CHECK("LF in the sender", !message_begin(&writer, queue, "a\nrcpt x", 8, "", "") && errno == EINVAL);
  CHECK("LF in the parameters", !message_begin(&writer, queue, "", 0, "A\nB", "") && errno == EINVAL);
  CHECK("ESC in the client", !message_begin(&writer, queue, "", 0, "", "a\033[2J") && errno == EINVAL);
  CHECK("no path", !message_begin(&writer, queue, "a>b", 3, "", "") && errno == EINVAL);
  CHECK("a quote that never ends", !message_begin(&writer, queue, "\"a", 2, "", "") && errno == EINVAL);
  CHECK("nothing is left", writer.fd == -1 && count(queue, QUEUE_TMP) == 0);
  CHECK("begin again", begin(queue));
  CHECK("zero octet in a recipient", !message_rcpt(&writer, "a.tld", "x\0@a.tld", 8, "") && errno == EINVAL);
  CHECK("no domain", !message_rcpt(&writer, "../a.tld", "x@a.tld", 7, "") && errno == EINVAL);
  memset(parameters, 'x', sizeof parameters - 1);
  while (message_rcpt(&writer, "a.tld", "x@a.tld", 7, parameters) && n < 1000) n++;
  CHECK("too much envelope", n < 1000 && errno == EMSGSIZE);
  CHECK("what was there stands", message_put(&writer, "x\r\n", 3) && message_commit(&writer, 0));
  {
    int fd = reopen(queue, O_RDONLY);
    CHECK("and can be read", message_read(&msg, fd) && message_rcpts(&msg) == 2 + n);
    close(fd);
  }
  CHECK("begin and abort", begin(queue) && message_put(&writer, parameters, sizeof parameters));
  message_abort(&writer);
  message_abort(&writer);
  CHECK("takes all away", count(queue, QUEUE_TMP) == 0 && count(queue, QUEUE_NEW) == before + 1);
}

/* A file that may not grow further is like a full disk. */
static void disk_full(int queue)
{
  static char content[300000];
  struct rlimit old, tight;
  unsigned int before = count(queue, QUEUE_NEW);
  int good;
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &old);
  tight = old;
  tight.rlim_cur = 100;
  setrlimit(RLIMIT_FSIZE, &tight);
  good = begin(queue) && message_put(&writer, "x\r\n", 3);
  CHECK("full at commit", good && !message_commit(&writer, 0) && errno == EFBIG);
  CHECK("small: nothing left", writer.fd == -1 && count(queue, QUEUE_TMP) == 0 && count(queue, QUEUE_NEW) == before);
  good = begin(queue);
  CHECK("full in the middle", good && !message_put(&writer, content, sizeof content) && errno == EFBIG);
  message_abort(&writer);
  CHECK("large: nothing left", count(queue, QUEUE_TMP) == 0 && count(queue, QUEUE_NEW) == before);
  setrlimit(RLIMIT_FSIZE, &old);
  good = begin(queue) && message_put(&writer, "x\r\n", 3) && message_commit(&writer, 0);
  CHECK("works again", good);
}

static void names(int queue)
{
  char id[ID_LEN + 1], path[QUEUE_PATH_MAX];
  int ordered = 1, i, fd;
  if (!begin(queue)) exit(111);
  for (i = 0; i < 100; i++)
  {
    memcpy(id, writer.id, sizeof id);
    message_abort(&writer);
    if (!begin(queue)) exit(111);
    if (strcmp(id, writer.id) >= 0) ordered = 0;
  }
  CHECK("every id is later", ordered);

  /* The clock is behind, and the next moments are taken by somebody with our salt. */
  message_abort(&writer);
  writer.arrival_us += 3600000000u;
  for (i = 1; i <= 3; i++)
  {
    id_format(id, writer.arrival_us + (unsigned int)i, (uint32_t)getpid());
    queuedir_path(path, QUEUE_TMP, id);
    close(openat(queue, path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  }
  CHECK("taken names are passed over", begin(queue) && id_time(writer.id) == id_time(id) + 1);
  queuedir_path(path, QUEUE_NEW, writer.id);
  fd = openat(queue, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  CHECK("new is never overwritten", !message_commit(&writer, 0) && errno == EEXIST);
  CHECK("nor removed then", unlinkat(queue, path, 0) == 0);
  close(fd);
  for (i = 0; i < 3; i++)
  {
    id_format(id, id_time(id) - (unsigned int)!!i, (uint32_t)getpid());
    queuedir_path(path, QUEUE_TMP, id);
    unlinkat(queue, path, 0);
  }
  CHECK("tmp is empty", count(queue, QUEUE_TMP) == 0);
  writer.arrival_us = 0;
}

/* --- the journal ------------------------------------------------------------------------ */

static job_field field(char const *s)
{
  job_field f = { .s = s, .len = strlen(s) };
  return f;
}

static int journal(int fd, uint64_t time_us, uint64_t n, enum job_status status, char const *text)
{
  job_result result =
  {
    .recipient = n, .status = status, .code = field("4.4.1"), .relay = field("mx.customer.tld[192.0.2.1]:25"),
    .text = field(text)
  };
  return message_journal(fd, time_us, &result);
}

static int notice(int fd, uint64_t recipient, enum job_event event)
{
  char line[JOB_LINE_MAX];
  job_notice told = { .recipient = recipient, .event = event, .id = { "01h8qc4v4g0000", 14 } };
  size_t len = job_notice_format(line, sizeof line, 1763711172000000u, &told);
  return len && message_journal_notices(fd, line, len);
}

static void append(int fd, char const *s, size_t len)
{
  if (write(fd, s, len) != (ssize_t)len) exit(111);
}

/* Each domain is met once, by the first recipient of it that is owed. */
static void firsts(int queue)
{
  int fd;
  if (!begin(queue) || !message_rcpt(&writer, "customer.tld", "b@customer.tld", 14, "")
   || !message_rcpt(&writer, "other.tld", "c@other.tld", 11, "")
   || !message_commit(&writer, 0)) exit(111);
  fd = reopen(queue, O_RDWR | O_APPEND);
  CHECK("firsts", message_read(&msg, fd)
    && message_rcpt_first(&msg, 0) && message_rcpt_first(&msg, 1));
  CHECK("the others", !message_rcpt_first(&msg, 2) && !message_rcpt_first(&msg, 3));
  CHECK("all wait", message_rcpt_owed(&msg, 2, "customer.tld")
    && !message_rcpt_owed(&msg, 2, "other.tld"));
  if (!journal(fd, 1763711160000001u, 0, JOB_SENT, "250 ok")) exit(111);
  CHECK("a first one less", message_read(&msg, fd) && !message_rcpt_first(&msg, 0));
  CHECK("then the second is", message_rcpt_first(&msg, 2) && message_owes(&msg, "customer.tld"));
  close(fd);
}

static void journals(int queue)
{
  static char const long_line[20000] = { 0 };
  message_recipient *r;
  int fd, i;

  if (!begin(queue) || !message_put(&writer, "x", 1) || !message_commit(&writer, 0)) exit(111);
  fd = reopen(queue, O_RDWR | O_APPEND);
  CHECK("deferred", journal(fd, 1763711160000001u, 0, JOB_DEFERRED, "450 try later") && message_read(&msg, fd));
  r = message_rcptp(&msg, 0);
  CHECK("attempt", r->attempts == 1 && !r->settled && r->status == JOB_DEFERRED && r->last_us == 1763711160000001u);
  CHECK("its words", text_is(r->code, "4.4.1") && text_is(r->relay, "mx.customer.tld[192.0.2.1]:25") && text_is(r->reason, "450 try later"));
  CHECK("the other is untouched", message_rcptp(&msg, 1)->attempts == 0 && message_owed(&msg) == 2);

  CHECK("sent", journal(fd, 1763711161000000u, 1, JOB_SENT, "250 ok") && message_read(&msg, fd));
  CHECK("owes the one", message_owes(&msg, "customer.tld")
    && message_rcpt_owed(&msg, 0, "customer.tld"));
  CHECK("and not the other", !message_owes(&msg, "other.tld")
    && !message_rcpt_owed(&msg, 1, "other.tld"));
  CHECK("not by part of its name", !message_owes(&msg, "customer") && !message_owes(&msg, "tld"));
  CHECK("one left", message_owed(&msg) == 1 && message_rcptp(&msg, 1)->settled && !message_any_untold(&msg));

  CHECK("nothing to mend", !msg.torn && message_mend(&msg, -1));
  append(fd, "1763711162.000000 0 sen", 23);
  CHECK("torn", message_read(&msg, fd) && msg.torn);
  CHECK("mended", message_mend(&msg, fd) && message_read(&msg, fd) && !msg.torn && message_owed(&msg) == 1);
  append(fd, "1763711162.000000 0 sen", 23);
  CHECK("torn line", message_read(&msg, fd) && message_owed(&msg) == 1 && message_rcptp(&msg, 0)->attempts == 1);
  CHECK("a line behind it", journal(fd, 1763711163000000u, 0, JOB_DEFERRED, "451 a much longer text than the one before") && message_read(&msg, fd));
  r = message_rcptp(&msg, 0);
  CHECK("counts", r->attempts == 2 && text_is(r->reason, "451 a much longer text than the one before"));
  CHECK("shorter text", journal(fd, 1763711164000000u, 0, JOB_DEFERRED, "452") && message_read(&msg, fd)
    && text_is(message_rcptp(&msg, 0)->reason, "452"));

  CHECK("recipient that is not there", journal(fd, 1763711165000000u, 2, JOB_FAILED, "x") && message_read(&msg, fd) && message_owed(&msg) == 1);
  CHECK("huge number", journal(fd, 1763711165000000u, UINT64_MAX, JOB_FAILED, "x") && message_read(&msg, fd) && message_owed(&msg) == 1);
  append(fd, "nonsense\n\n \n-1 0 sent\n99999999999999999999999.000000 0 sent 2.0.0 none x\n", 73);
  append(fd, long_line, sizeof long_line);
  append(fd, "\n", 1);
  CHECK("nonsense", message_read(&msg, fd) && message_owed(&msg) == 1 && message_rcptp(&msg, 0)->attempts == 3);

  for (i = 0; i < 1000; i++)
    if (!journal(fd, 1763711166000000u + (unsigned int)i, 0, JOB_DEFERRED, i % 2 ? "short" : "a long one, a long one, a long one")) exit(111);
  CHECK("1,000 attempts", message_read(&msg, fd) && message_rcptp(&msg, 0)->attempts == 1003);
  CHECK("in little memory", msg.text.len < 1000 && text_is(message_rcptp(&msg, 0)->reason, "short"));
  CHECK("failed", journal(fd, 1763711170000000u, 0, JOB_FAILED, "550 no") && message_read(&msg, fd));
  CHECK("nothing owed", message_owed(&msg) == 0 && message_any_untold(&msg));
  CHECK("delays are another matter", notice(fd, 0, JOB_EVENT_DELAYED) && message_read(&msg, fd) && message_any_untold(&msg));
  CHECK("and no attempt", message_rcptp(&msg, 0)->attempts == 1004);
  CHECK("told", notice(fd, 0, JOB_EVENT_FAILED) && message_read(&msg, fd) && !message_any_untold(&msg));
  CHECK("of both", message_rcptp(&msg, 0)->told == (1u << JOB_EVENT_DELAYED | 1u << JOB_EVENT_FAILED));
  CHECK("relayed", journal(fd, 1763711171000000u, 1, JOB_RELAYED, "250 ok") && message_read(&msg, fd));
  CHECK("nothing owed then either", message_owed(&msg) == 0 && message_untold(message_rcptp(&msg, 1)));
  CHECK("told of that", notice(fd, 1, JOB_EVENT_RELAYED) && message_read(&msg, fd) && !message_any_untold(&msg));
  close(fd);
}

/* --- damage ------------------------------------------------------------------------------- */

#define ENVELOPE "from <b@a.tld>\narrival 1763711153.123456\nclient x\nrcpt a.tld <x@a.tld>\n\n"

/* Is a file of these octets a message?  1, 0, or -1 for another error than EBADMSG. */
static int reads(int queue, char const *s, size_t len)
{
  int fd = openat(queue, "tmp/scratch", O_RDWR | O_CREAT | O_TRUNC, 0600), r;
  if (fd == -1 || write(fd, s, len) != (ssize_t)len) exit(111);
  r = message_read(&msg, fd);
  if (!r && errno != EBADMSG) r = -1;
  close(fd);
  return r;
}

static int envelope_reads(int queue, char const *envelope)
{
  char file[2000];
  int n = snprintf(file, sizeof file, "sluice-1 %010u %018u ----\n%sabc", (unsigned int)strlen(envelope), 3u, envelope);
  return reads(queue, file, (size_t)n);
}

static int head_reads(int queue, char const *head)
{
  char file[2000];
  int n = snprintf(file, sizeof file, "%s%sabc", head, ENVELOPE);
  return reads(queue, file, (size_t)n);
}

static void heads(int queue)
{
  char head[100];
  size_t i;
  unsigned int good = 0;
  snprintf(head, sizeof head, "sluice-1 %010u %018u ----\n", (unsigned int)sizeof ENVELOPE - 1, 3u);
  CHECK("a good head", head_reads(queue, head) == 1);
  for (i = 0; i < MESSAGE_HEAD_LEN; i++)
  {
    char c = head[i];
    head[i] = 'x';
    if (head_reads(queue, head)) good++;
    head[i] = '\0';
    if (reads(queue, head, MESSAGE_HEAD_LEN)) good++;
    head[i] = c;
  }
  CHECK("every octet counts", good == 0);
  CHECK("zeros", !head_reads(queue, "sluice-1 0000000000 000000000000000000 ----\n"));
  CHECK("huge envelope", !head_reads(queue, "sluice-1 9999999999 000000000000000003 ----\n"));
  CHECK("huge content", !head_reads(queue, "sluice-1 0000000073 999999999999999999 ----\n"));
  CHECK("over the limit by one", !head_reads(queue, "sluice-1 0004194305 000000000000000003 ----\n"));
  CHECK("minus", !head_reads(queue, "sluice-1 0000000073 -00000000000000001 ----\n"));
  CHECK("empty file", !reads(queue, "", 0));
}

static void envelopes(int queue)
{
  CHECK("a good envelope", envelope_reads(queue, ENVELOPE) == 1);
  CHECK("a domain is folded", envelope_reads(queue,
    "from <b@a.tld>\narrival 1763711153.123456\nclient x\nrcpt a.Tld <x@a.tld>\n\n") == 0);
  CHECK("without recipients", !envelope_reads(queue, "from <>\narrival 1763711153.123456\nclient x\n\n"));
  CHECK("without its end", !envelope_reads(queue, "from <>\narrival 1763711153.123456\nclient x\nrcpt a.tld <x@a.tld>\n"));
  CHECK("empty line inside", !envelope_reads(queue, "from <>\narrival 1763711153.123456\nclient x\nrcpt a.tld <x@a.tld>\n\nrcpt a.tld <y@a.tld>\n\n"));
  CHECK("lines out of order", !envelope_reads(queue, "arrival 1763711153.123456\nfrom <>\nclient x\nrcpt a.tld <x@a.tld>\n\n"));
  CHECK("no sender", !envelope_reads(queue, "from \narrival 1763711153.123456\nclient x\nrcpt a.tld <x@a.tld>\n\n"));
  CHECK("arrival is no number", !envelope_reads(queue, "from <>\narrival 17637111531123456\nclient x\nrcpt a.tld <x@a.tld>\n\n"));
  CHECK("arrival too long", !envelope_reads(queue, "from <>\narrival 1763711153.1234560\nclient x\nrcpt a.tld <x@a.tld>\n\n"));
  CHECK("recipient that never ends", !envelope_reads(queue, "from <>\narrival 1763711153.123456\nclient x\nrcpt a.tld <x@a.tld\n\n"));
  CHECK("recipient without domain", !envelope_reads(queue, "from <>\narrival 1763711153.123456\nclient x\nrcpt <x@a.tld>\n\n"));
  CHECK("domain that climbs", !envelope_reads(queue, "from <>\narrival 1763711153.123456\nclient x\nrcpt ../a <x@a.tld>\n\n"));
  CHECK("control character", !envelope_reads(queue, "from <>\narrival 1763711153.123456\nclient \033x\nrcpt a.tld <x@a.tld>\n\n"));
  CHECK("unknown line", !envelope_reads(queue, "from <>\narrival 1763711153.123456\nclient x\nword a.tld <x@a.tld>\n\n"));
  CHECK("envelope cut at nothing", !envelope_reads(queue, ""));
}

/* Cut after every octet; and every octet in turn made another: it reads or it does not, no more. */
static void cuts(int queue)
{
  static char const journal_line[] = "1763711160.000001 0 deferred 4.0.0 none later\n";
  char file[2000];
  size_t whole, len, i;
  unsigned int good = 0, crashed = 0;
  int n = snprintf(file, sizeof file, "sluice-1 %010u %018u ----\n%sabc%s", (unsigned int)sizeof ENVELOPE - 1, 3u, ENVELOPE, journal_line);
  len = (size_t)n;
  whole = len - (sizeof journal_line - 1);
  for (i = 0; i < whole; i++)
    if (reads(queue, file, i)) good++;
  CHECK("cut short is no message", good == 0);
  for (i = whole; i < len; i++)
    if (reads(queue, file, i) != 1 || message_rcptp(&msg, 0)->attempts) good++;
  CHECK("cut in the journal is one", good == 0);
  for (i = 0; i < len; i++)
  {
    char c = file[i];
    int octet;
    for (octet = 0; octet < 256; octet += octet < 64 ? 1 : 13)
    {
      file[i] = (char)octet;
      if (reads(queue, file, len) == -1) crashed++;
    }
    file[i] = c;
  }
  CHECK("any octet may be wrong", crashed == 0);
}

/* More than the first read holds, cut inside the content. */
static void cut_large(int queue)
{
  static char content[20000];
  uint64_t end;
  int fd;
  if (!begin(queue) || !message_put(&writer, content, sizeof content) || !message_commit(&writer, 0)) exit(111);
  fd = reopen(queue, O_RDWR);
  if (!message_read(&msg, fd)) exit(111);
  end = msg.content_offset + msg.content_len;
  CHECK("cut by one octet", ftruncate(fd, (off_t)end - 1) == 0 && !message_read(&msg, fd) && errno == EBADMSG);
  CHECK("cut to the envelope", ftruncate(fd, (off_t)msg.content_offset) == 0 && !message_read(&msg, fd) && errno == EBADMSG);
  CHECK("whole again", ftruncate(fd, (off_t)end) == 0 && message_read(&msg, fd));
  close(fd);
  CHECK("closed descriptor", !message_read(&msg, -1) && errno == EBADF);
}

/* --- locks ---------------------------------------------------------------------------------- */

static void locks(int queue)
{
  int a, b, c;
  if (!begin(queue) || !message_commit(&writer, 0)) exit(111);
  a = reopen(queue, O_RDWR | O_APPEND);
  b = reopen(queue, O_RDWR | O_APPEND);
  c = reopen(queue, O_RDONLY);
  CHECK("free", message_busy(c) == 0);
  CHECK("take one", message_lock_rcpt(a, 0) == 1 && message_busy(c) == 1 && message_busy(b) == 1);
  CHECK("not twice", message_lock_rcpt(b, 0) == 0);
  CHECK("the next is free", message_lock_rcpt(b, 1) == 1);
  CHECK("not all", message_lock_all(b) == 0);
  CHECK("unlock", message_unlock_rcpt(a, 0) == 1 && message_lock_all(b) == 1);
  CHECK("all is each", message_lock_rcpt(a, 999) == 0);
  if (fork() == 0) _exit(0); /* another process's end of the same descriptor changes nothing */
  wait(0);
  CHECK("still held", message_busy(c) == 1);
  close(b);
  CHECK("closed is free", message_busy(c) == 0 && message_lock_all(a) == 1);
  CHECK("no number", message_lock_rcpt(a, UINT64_MAX) == -1 && errno == EINVAL);
  CHECK("reading alone locks nothing", message_lock_rcpt(c, 5) == -1 && errno == EBADF);
  close(a);
  close(c);
}

int main(void)
{
  int queue;
  umask(007);
  queue = queue_make();
  message_abort(&writer);
  small(queue);
  null_sender(queue);
  large(queue);
  boundaries(queue);
  many_recipients(queue);
  refused(queue);
  disk_full(queue);
  names(queue);
  firsts(queue);
  journals(queue);
  heads(queue);
  envelopes(queue);
  cuts(queue);
  cut_large(queue);
  locks(queue);
  message_free(&msg);
  return CHECK_END();
}
