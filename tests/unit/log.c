/* What sluice-log reads: times in all their forms, the journal's objects, whose line it is; the order of what waits. */

#include "log/logentry.h"
#include "log/logjson.h"
#include "log/loglater.h"
#include "log/logsource.h"
#include "log/logstamp.h"
#include "log/logwords.h"

#include <string.h>
#include <time.h>
#include <unistd.h>
#include <skalibs/alloc.h>

#include "check.h"

/* 2025-11-21 07:45:53 UTC */
#define THEN UINT64_C(1763711153)

/* --- times --- */

static struct stamp_case
{
  char const *line;
  enum logstamp_kind kind;
  uint64_t us;
  size_t taken;
} const stamps[] =
{
  { "@40000000692018d610331a34 x", LOGSTAMP_LABEL, THEN * 1000000 + 271784, 26 },
  { "@40000000692018d610331A34 x", LOGSTAMP_LABEL, THEN * 1000000 + 271784, 26 },
  { "@40000000692018d6 x", LOGSTAMP_LABEL, THEN * 1000000, 18 },
  { "@40000000692018d610331a34", LOGSTAMP_LABEL, THEN * 1000000 + 271784, 25 },
  { "2025-11-21_07:45:53.27815 x", LOGSTAMP_DATE, THEN * 1000000 + 278150, 26 },
  { "2025-11-21T07:45:53.28132 x", LOGSTAMP_DATE, THEN * 1000000 + 281320, 26 },
  { "2025-11-21 05:45:53.266166697  x", LOGSTAMP_DATE, THEN * 1000000 + 266166, 31 },
  { "2025-11-21 05:45:53 x", LOGSTAMP_DATE, THEN * 1000000, 20 },
  { "2025-11-21T08:45:53+0100 x", LOGSTAMP_JOURNAL, THEN * 1000000, 25 },
  { "2025-11-21T03:15:53.5-04:30 x", LOGSTAMP_JOURNAL, THEN * 1000000 + 500000, 28 },
  { "2025-11-21T07:45:53Z x", LOGSTAMP_JOURNAL, THEN * 1000000, 21 },
  { "1763711153.266166 x", LOGSTAMP_JOURNAL, THEN * 1000000 + 266166, 18 },
  { "@40000000692018d61033 x", LOGSTAMP_NONE, 0, 0 },
  { "@40000000692018d610331a345 x", LOGSTAMP_NONE, 0, 0 },
  { "@40000000692018d63b9aca00 x", LOGSTAMP_NONE, 0, 0 },
  { "@00000000692018d610331a34 x", LOGSTAMP_NONE, 0, 0 },
  { "@ffffffffffffffff10331a34 x", LOGSTAMP_NONE, 0, 0 },
  { "@40000000000000000033 x", LOGSTAMP_NONE, 0, 0 },
  { "@40000000692018dg10331a34 x", LOGSTAMP_NONE, 0, 0 },
  { "2025-13-21 07:45:53 x", LOGSTAMP_NONE, 0, 0 },
  { "2025-11-32 07:45:53 x", LOGSTAMP_NONE, 0, 0 },
  { "2025-00-21 07:45:53 x", LOGSTAMP_NONE, 0, 0 },
  { "2025-11-21 24:45:53 x", LOGSTAMP_NONE, 0, 0 },
  { "1969-11-21 07:45:53 x", LOGSTAMP_NONE, 0, 0 },
  { "2025-11-21x07:45:53 x", LOGSTAMP_NONE, 0, 0 },
  { "2025-11-21 07:45 x", LOGSTAMP_NONE, 0, 0 },
  { "2025-11-21", LOGSTAMP_NONE, 0, 0 },
  { "1763711153 x", LOGSTAMP_NONE, 0, 0 },
  { "1.5 x", LOGSTAMP_NONE, 0, 0 },
  { "Nov 21 07:45:53 host x", LOGSTAMP_NONE, 0, 0 },
  { "@", LOGSTAMP_NONE, 0, 0 },
  { "", LOGSTAMP_NONE, 0, 0 }
};

static int stamp_ok(struct stamp_case const *c)
{
  uint64_t us = 0;
  size_t taken = 0;
  enum logstamp_kind kind = logstamp_scan(c->line, strlen(c->line), LOGSOURCE_AHEAD_LEAPS, &us, &taken);
  return kind == c->kind && (kind == LOGSTAMP_NONE || (us == c->us && taken == c->taken));
}

/* Cut anywhere it is another time or none; nothing behind the end is read. */
static int stamp_cut_ok(struct stamp_case const *c)
{
  size_t n, len = strlen(c->line), taken;
  uint64_t us;
  for (n = 0; n < len; n++)
  {
    char *cut = malloc(n ? n : 1);
    if (!cut) return 0;
    memcpy(cut, c->line, n);
    taken = 0;
    logstamp_scan(cut, n, LOGSOURCE_AHEAD_LEAPS, &us, &taken);
    free(cut);
    if (taken > n) return 0;
  }
  return 1;
}

/* --- lines --- */

static struct entry_case
{
  char const *line;
  char const *program;
  uint64_t pid;
  char const *text;
} const entries[] =
{
  { "@40000000692018d610331a34 qmgr: x: y", "qmgr", 0, "x: y" },
  { "@40000000692018d610331a34 smtpd-etrn[12]: x", "smtpd-etrn", 12, "x" },
  { "@40000000692018d610331a34 2025-11-21 05:45:53.266166697  qmgr: x", "qmgr", 0, "x" },
  { "@40000000692018d610331a34 no program", "", 0, "no program" },
  { "@40000000692018d610331a34 pid[x]: y", "", 0, "pid[x]: y" },
  { "@40000000692018d610331a34 : y", "", 0, ": y" },
  { "@40000000692018d610331a34 a:", "", 0, "a:" },
  { "@40000000692018d610331a34 ", "", 0, "" },
  { "1763711153.266166 mx smtpd-etrn[77]: smtpd-etrn[78]: x", "smtpd-etrn", 78, "x" },
  { "1763711153.266166 mx smtp-send[77]: smtp-send: x", "smtp-send", 77, "x" },
  { "1763711153.266166 mx smtp-send[77]: x", "smtp-send", 77, "x" },
  { "1763711153.266166 mx", "", 0, "mx" },
  { "2025-11-21T08:45:53+0100 mx sh[7]: qmgr: x", "qmgr", 7, "x" },
  { "{\"__REALTIME_TIMESTAMP\":\"1763711153266166\",\"_PID\":\"77\",\"SYSLOG_IDENTIFIER\":\"qmgr\",\"MESSAGE\":\"x\"}", "qmgr", 77, "x" },
  { "{ \"MESSAGE\" : \"qmgr: x\" , \"__REALTIME_TIMESTAMP\" : \"1763711153266166\" } ", "qmgr", 0, "x" }
};

static int entry_ok(struct entry_case const *c)
{
  static logentry e;
  return logentry_scan(&e, c->line, strlen(c->line), LOGSOURCE_AHEAD_LEAPS) && e.us / 1000000 == THEN
    && !strcmp(e.program, c->program) && e.pid == c->pid && e.len == strlen(c->text) && !memcmp(e.text, c->text, e.len);
}

/* --- objects --- */

static struct json_case
{
  char const *object;
  int ok;
  char const *m;
} const objects[] =
{
  { "{\"m\":\"x\"}", 1, "x" },
  { "{\"a\":\"b\",\"m\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", 1, "\"\\/\b\f\n\r\t" },
  { "{\"m\":\"\\u00fc\\u20ac\\uD83D\\uDE00\"}", 1, "\303\274\342\202\254\360\237\230\200" },
  { "{\"m\":[120,10,252]}", 1, "x\n\374" },
  { "{\"m\":[]}", 1, "" },
  { "{\"m\":null}", 1, "null" },
  { "{\"a\":1,\"b\":-2.5e3,\"c\":true,\"m\":\"x\"}", 1, "x" },
  { "{\"a\":[\"]\",[1],\"\\\"\"],\"m\":\"x\"}", 1, "x" },
  { "{\"a\":[[1,2],[3]],\"m\":\"x\"}", 1, "x" },
  { "{\"m\":[\"x\",\"y\"]}", 1, "" },
  { "{\"m\":\"0123456789012345678901234567890123456789\"}", 1, "01234567890123456789012345678901" },
  { "{\"m\":[256]}", 1, "" },
  { "{}", 0, 0 },
  { "{\"m\":\"x\"", 0, 0 },
  { "{\"m\":\"x}", 0, 0 },
  { "{\"m\":\"x\\", 0, 0 },
  { "{\"m\":\"\\x\"}", 0, 0 },
  { "{\"m\":\"\\u12\"}", 0, 0 },
  { "{\"m\":\"\\ud83d\\u12\"}", 0, 0 },
  { "{\"m\"}", 0, 0 },
  { "{\"m\":}", 0, 0 },
  { "{\"m\":[1,]}", 1, "" },
  { "{\"m\":[", 0, 0 },
  { "{\"m\":\"x\"} y", 0, 0 },
  { "{m:1}", 0, 0 },
  { "{", 0, 0 }
};

static int json_scan(char const *s, size_t len, char *out, size_t *outlen)
{
  logjson_field f = { "m", out, 32, 0 };
  int r = logjson_scan(s, len, &f, 1);
  *outlen = f.len;
  return r;
}

static int json_ok(struct json_case const *c)
{
  char m[32];
  size_t len;
  int r = json_scan(c->object, strlen(c->object), m, &len);
  return r == c->ok && (!r || (len == strlen(c->m) && !memcmp(m, c->m, len)));
}

/* No part of an object is one. */
static int json_cut_ok(struct json_case const *c)
{
  char m[32];
  size_t n, len = strlen(c->object), outlen;
  for (n = 0; c->ok && n < len; n++)
  {
    char *cut = malloc(n ? n : 1);
    int r;
    if (!cut) return 0;
    memcpy(cut, c->object, n);
    r = json_scan(cut, n, m, &outlen);
    free(cut);
    if (r) return 0;
  }
  return 1;
}

/* --- words --- */

#define ID "1h8qabcde00001"
#define ID_UPPER "1H8QABCDE00001"

static struct words_case
{
  char const *program;
  char const *text;
  char const *service;
  enum logwords_place place;
  char const *raised;
} const words[] =
{
  { "smtpd-etrn", "connect from unknown[192.0.2.7]", "smtpd", LOGWORDS_FIRST, 0 },
  { "smtpd-etrn", "disconnect from unknown[192.0.2.7] ehlo=1 commands=1", "smtpd", LOGWORDS_FIRST, 0 },
  { "smtpd-etrn", "connect from local[uid=0]", 0, LOGWORDS_FIRST, 0 },
  { "smtpd-etrn", "lost connection after DATA from unknown[192.0.2.7]", "smtpd", LOGWORDS_FIRST, 0 },
  { "smtpd-etrn", "SSL_accept error from unknown[192.0.2.7]: x", "smtpd", LOGWORDS_FIRST, 0 },
  { "smtpd-etrn", "Anonymous TLS connection established from unknown[192.0.2.7]: x", "smtpd", LOGWORDS_FIRST, 0 },
  { "smtpd-etrn", "improper command pipelining after STARTTLS from unknown[192.0.2.7]: x", "smtpd", LOGWORDS_FIRST, 0 },
  { "tls-io", "warning: x", "tlsproxy", LOGWORDS_BETWEEN, 0 },
  { "smtpd-etrn", "NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 x", "smtpd", LOGWORDS_FIRST, 0 },
  { "smtpd-etrn", ID ": client=unknown[192.0.2.7]", "smtpd", LOGWORDS_FIRST, ID_UPPER ": client=unknown[192.0.2.7]" },
  { "smtpd-etrn", ID ": uid=7 from=<a>", "pickup", LOGWORDS_FIRST, ID_UPPER ": uid=7 from=<a>" },
  { "smtpd-etrn", ID ": message-id=<" ID ">", "cleanup", LOGWORDS_FIRST, ID_UPPER ": message-id=<" ID ">" },
  { "smtpd-etrn", "flush a.tld asked for by unknown[192.0.2.7]: 0 waiting", 0, LOGWORDS_FIRST, 0 },
  { "smtpd-etrn", "fatal: x", "smtpd", LOGWORDS_FIRST, 0 },
  { "bounce-put", ID ": message-id=<x>", "cleanup", LOGWORDS_BETWEEN, ID_UPPER ": message-id=<x>" },
  { "bounce-put", ID ": sender non-delivery notification: " ID, "bounce", LOGWORDS_BETWEEN, ID_UPPER ": sender non-delivery notification: " ID_UPPER },
  { "bounce-put", ID ": sender delay notification: " ID " ", "bounce", LOGWORDS_BETWEEN, ID_UPPER ": sender delay notification: " ID " " },
  { "qmgr", ID ": from=<a>, size=1, nrcpt=1 (queue active)", "qmgr", LOGWORDS_EARLY, ID_UPPER ": from=<a>, size=1, nrcpt=1 (queue active)" },
  { "qmgr", ID ": removed", "qmgr", LOGWORDS_LAST, ID_UPPER ": removed" },
  { "qmgr", ID ": removed.", 0, LOGWORDS_BETWEEN, 0 },
  { "qmgr", ID ": placed on hold", "postsuper", LOGWORDS_BETWEEN, ID_UPPER ": placed on hold" },
  { "qmgr", ID ": to=<b>, relay=none, delay=1, dsn=5.4.7, status=expired (x)", 0, LOGWORDS_BETWEEN, 0 },
  { "qmgr", ID ": to=<b>, relay=none, delay=1, dsn=4.4.1, status=deferred (x)", "error", LOGWORDS_BETWEEN,
    ID_UPPER ": to=<b>, relay=none, delay=1, dsn=4.4.1, status=deferred (x)" },
  { "qmgr", "warning: " ID ": x", "qmgr", LOGWORDS_BETWEEN, 0 },
  { "qmgr", "site a: down, connect to a: x", 0, LOGWORDS_BETWEEN, 0 },
  { "smtp-send", ID ": to=<b>, relay=a[192.0.2.7]:25, delay=1, dsn=2.0.0, status=sent (250 , status=expired (x)", "smtp", LOGWORDS_BETWEEN,
    ID_UPPER ": to=<b>, relay=a[192.0.2.7]:25, delay=1, dsn=2.0.0, status=sent (250 , status=expired (x)" },
  { "smtp-send", "connect to a[192.0.2.7]:25: Connection refused", "smtp", LOGWORDS_BETWEEN, 0 },
  { "smtp-send", "SSL_connect error to a[192.0.2.7]:25: x", "smtp", LOGWORDS_BETWEEN, 0 },
  { "smtp-send", "Verified TLS connection established to a[192.0.2.7]:25: x", "smtp", LOGWORDS_BETWEEN, 0 },
  { "smtp-send", ID ": to=<b>, relay", "smtp", LOGWORDS_BETWEEN, ID_UPPER ": to=<b>, relay" },
  { "smtp-send", ID ": ", 0, LOGWORDS_BETWEEN, 0 },
  { "smtp-send", ID, 0, LOGWORDS_BETWEEN, 0 },
  { "sluice-serve", "warning: turned away 192.0.2.7, which has 51 of 100 connections", "master", LOGWORDS_BETWEEN, 0 },
  { "tcpserver", "fatal: x", 0, LOGWORDS_BETWEEN, 0 },
  { "tcpserver", ID ": removed", 0, LOGWORDS_BETWEEN, 0 },
  { "", "connect from unknown[192.0.2.7]", 0, LOGWORDS_BETWEEN, 0 },
  { "qmgr", "", 0, LOGWORDS_BETWEEN, 0 }
};

static int words_ok(struct words_case const *c)
{
  char text[256];
  logwords w;
  strcpy(text, c->text);
  logwords_scan(&w, c->program, text, strlen(text));
  if (!c->service != !w.service || (w.service && strcmp(c->service, w.service))) return 0;
  return w.place == c->place && !strcmp(text, c->raised ? c->raised : c->text);
}

static void test_total(void)
{
  char text[] = ID ": released from hold";
  logwords w;
  logwords_scan(&w, "qmgr", text, strlen(text));
  CHECK("postsuper's total", w.total && !strcmp(w.total, "Released from hold: 1 message"));
}

/* --- what waits --- */

#define LINES 1000

static void test_later(void)
{
  static loglater l;
  uint64_t last = 0, last_number = 0, seed = 1;
  unsigned int i, out = 0;
  int good = 1;
  loglater_line *line;
  for (i = 0; i < LINES; i++)
  {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    good &= loglater_put(&l, (seed >> 33) % 100, "xy", 2);
  }
  while ((line = loglater_take(&l, 49)))
  {
    good &= line->us >= last && (line->us > last || !out || line->number > last_number) && line->us < 50 && line->len == 2;
    last = line->us;
    last_number = line->number;
    out++;
    alloc_free(line);
  }
  CHECK("in order, those of one time as they came", good && out > LINES / 3 && out < LINES);
  while ((line = loglater_take(&l, UINT64_MAX)))
  {
    out++;
    alloc_free(line);
  }
  CHECK("all of them", out == LINES && !l.octets);
}

static void test_later_full(void)
{
  static loglater l;
  static char big[100000];
  loglater_line *line;
  unsigned int n = 0;
  while (!(line = loglater_take(&l, 5)) && n++ < 1000) loglater_put(&l, 1000 - n, big, sizeof big);
  CHECK("so much and no more is kept", line && n == LOGLATER_MAX / sizeof big + 1 && line->us == 1000 - n);
  for (; line; line = loglater_take(&l, UINT64_MAX)) alloc_free(line);
}

/* --- a file --- */

static char const *read_all(char const *text, size_t len, unsigned int *lines, uint64_t *lost)
{
  static logsource l;
  static char last[LOGENTRY_TEXT_MAX + 1];
  FILE *f = tmpfile();
  if (!f || fwrite(text, 1, len, f) != len || fflush(f)) return "";
  lseek(fileno(f), 0, SEEK_SET);
  logsource_init(&l, fileno(f), "test", 37);
  for (*lines = 0; logsource_next(&l) == 1; ++*lines)
  {
    memcpy(last, l.entry.text, l.entry.len);
    last[l.entry.len] = 0;
  }
  *lost = l.lost;
  fclose(f);
  return last;
}

static void test_source(void)
{
  static char text[10 * LOGSOURCE_LINE_MAX];
  static char const stamp[] = "@40000000692018d610331a34 a: ";
  size_t n = sizeof stamp - 1;
  unsigned int lines;
  uint64_t lost;
  CHECK("no file", (read_all("", 0, &lines, &lost), !lines && !lost));
  memcpy(text, stamp, n);
  memset(text + n, 'x', sizeof text - n);
  CHECK("a line without end is cut", strlen(read_all(text, sizeof text, &lines, &lost)) == LOGENTRY_TEXT_MAX && lines == 1 && !lost);
  memcpy(text + sizeof text - n - 2, "\n", 1);
  memcpy(text + sizeof text - n - 1, stamp, n);
  text[sizeof text - 1] = 'y';
  CHECK("the one behind it is whole", !strcmp(read_all(text, sizeof text, &lines, &lost), "y") && lines == 2 && !lost);
  CHECK("lost: lines without a time", (read_all("x\n\ny\n@4\n", 8, &lines, &lost), !lines && lost == 4));
}

int main(void)
{
  size_t i;
  setenv("TZ", "XXX+2", 1);
  tzset();
  for (i = 0; i < sizeof stamps / sizeof *stamps; i++)
    CHECK(stamps[i].line, stamp_ok(stamps + i) && stamp_cut_ok(stamps + i));
  for (i = 0; i < sizeof entries / sizeof *entries; i++) CHECK(entries[i].line, entry_ok(entries + i));
  for (i = 0; i < sizeof objects / sizeof *objects; i++)
    CHECK(objects[i].object, json_ok(objects + i) && json_cut_ok(objects + i));
  for (i = 0; i < sizeof words / sizeof *words; i++) CHECK(words[i].text, words_ok(words + i));
  test_total();
  test_later();
  test_later_full();
  test_source();
  return CHECK_END();
}
