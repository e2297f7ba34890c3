#include "log/logwords.h"

#include <string.h>

#include "queue/id.h"

/* A program of ours, and the services of Postfix that write such lines. */
typedef struct program_known
{
  char const *ours;
  char const *service;
  char const *tries;      /* the service that logs the result of a recipient */
  enum logwords_place place;
} program_known;

static program_known const programs[] =
{
  { "smtpd-etrn", "smtpd", "smtpd", LOGWORDS_FIRST },
  { "smtp-send", "smtp", "smtp", LOGWORDS_BETWEEN },
  { "qmgr", "qmgr", "error", LOGWORDS_BETWEEN },
  { "bounce-put", "bounce", "bounce", LOGWORDS_BETWEEN },
  { "tls-io", "tlsproxy", "tlsproxy", LOGWORDS_BETWEEN },
  { "sluice-serve", "master", "master", LOGWORDS_BETWEEN }
};

static program_known const *program_find(char const *program)
{
  size_t i;
  for (i = 0; i < sizeof programs / sizeof *programs; i++)
    if (!strcmp(programs[i].ours, program)) return programs + i;
  return 0;
}

static int starts(char const *s, size_t len, char const *with)
{
  size_t n = strlen(with);
  return len >= n && !memcmp(s, with, n);
}

/* --- lines about a message: "ID: " and one of these --- */

typedef struct line_known
{
  char const *words;
  int whole;              /* the line ends behind the words */
  int notice;             /* the id of a notice follows */
  char const *service;    /* NULL: the program's, which has another one for results */
  enum logwords_place place;
  char const *total;
} line_known;

static line_known const lines[] =
{
  { "client=", 0, 0, "smtpd", LOGWORDS_BETWEEN, 0 },
  { "uid=", 0, 0, "pickup", LOGWORDS_BETWEEN, 0 },
  { "message-id=", 0, 0, "cleanup", LOGWORDS_BETWEEN, 0 },
  { "from=<", 0, 0, "qmgr", LOGWORDS_EARLY, 0 },
  { "to=<", 0, 0, 0, LOGWORDS_BETWEEN, 0 },
  { "reject: ", 0, 0, "smtpd", LOGWORDS_BETWEEN, 0 },
  { "sender non-delivery notification: ", 0, 1, "bounce", LOGWORDS_BETWEEN, 0 },
  { "sender delay notification: ", 0, 1, "bounce", LOGWORDS_BETWEEN, 0 },
  { "sender delivery status notification: ", 0, 1, "bounce", LOGWORDS_BETWEEN, 0 },
  { "removed", 1, 0, "qmgr", LOGWORDS_LAST, 0 },
  { "placed on hold", 1, 0, "postsuper", LOGWORDS_BETWEEN, "Placed on hold: 1 message" },
  { "released from hold", 1, 0, "postsuper", LOGWORDS_BETWEEN, "Released from hold: 1 message" },
  { "requeued", 1, 0, "postsuper", LOGWORDS_BETWEEN, "Requeued: 1 message" }
};

/* Postfix logs that a message expired, once; it has no such line for a recipient. */
static int recipient_expired(char const *s, size_t len)
{
  char const *relay = memmem(s, len, ">, relay=", strlen(">, relay="));
  char const *status = relay
    ? memmem(relay, len - (size_t)(relay - s), ", status=", strlen(", status=")) : 0;
  return status && starts(status, len - (size_t)(status - s), ", status=expired ");
}

static void id_raise(char *s)
{
  size_t i;
  for (i = 0; i < ID_LEN; i++)
    if (s[i] >= 'a' && s[i] <= 'z') s[i] = (char)(s[i] - 'a' + 'A');
}

static line_known const *line_find(char const *words, size_t len)
{
  size_t i;
  if (starts(words, len, "to=<") && recipient_expired(words, len)) return 0;
  for (i = 0; i < sizeof lines / sizeof *lines; i++)
    if (starts(words, len, lines[i].words) && (!lines[i].whole || len == strlen(lines[i].words)))
      return lines + i;
  return 0;
}

static void message_scan(logwords *w, program_known const *program, char *text, size_t len)
{
  char *words = text + ID_LEN + 2;
  size_t n = len - ID_LEN - 2, head;
  line_known const *line = line_find(words, n);
  if (!line) return;
  w->service = line->service ? line->service : program->tries;
  if (line->place != LOGWORDS_BETWEEN) w->place = line->place;
  w->total = line->total;
  id_raise(text);
  head = strlen(line->words);
  if (line->notice && n == head + ID_LEN && id_ok(words + head, ID_LEN)) id_raise(words + head);
}

/* --- other lines --- */

static struct
{
  char const *program;    /* NULL: of any program */
  char const *words;
} const others[] =
{
  { 0, "warning: " },
  { 0, "fatal: " },
  { "smtpd-etrn", "NOQUEUE: reject: " },
  { "smtpd-etrn", "connect from unknown[" },
  { "smtpd-etrn", "disconnect from unknown[" },
  { "smtpd-etrn", "lost connection after " },
  { "smtpd-etrn", "timeout after " },
  { "smtpd-etrn", "improper command pipelining after " },
  { "smtpd-etrn", "SSL_accept error from " },
  { "smtpd-etrn", "Anonymous TLS connection established from " },
  { "smtpd-etrn", "Untrusted TLS connection established from " },
  { "smtpd-etrn", "Trusted TLS connection established from " },
  { "smtpd-etrn", "too many errors after " },
  { "smtp-send", "connect to " },
  { "smtp-send", "SSL_connect error to " },
  { "smtp-send", "TLSA lookup error for " },
  { "smtp-send", "no host of the site's MTA-STS policy: " },
  { "smtp-send", "Anonymous TLS connection established to " },
  { "smtp-send", "Untrusted TLS connection established to " },
  { "smtp-send", "Trusted TLS connection established to " },
  { "smtp-send", "Verified TLS connection established to " }
};

static int other(char const *program, char const *text, size_t len)
{
  size_t i;
  for (i = 0; i < sizeof others / sizeof *others; i++)
    if (starts(text, len, others[i].words)
     && (!others[i].program || !strcmp(others[i].program, program))) return 1;
  return 0;
}

void logwords_scan(logwords *w, char const *program, char *text, size_t len)
{
  program_known const *known = program_find(program);
  *w = (logwords){ 0, 0, known ? known->place : LOGWORDS_BETWEEN };
  if (!known) return;
  if (len > ID_LEN + 2 && id_ok(text, ID_LEN) && starts(text + ID_LEN, 2, ": "))
    message_scan(w, known, text, len);
  else if (other(program, text, len)) w->service = known->service;
}
