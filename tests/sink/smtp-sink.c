/*
 * smtp-sink [-e EXTENSION]... [-r RULE]... [-d OCTETS] [-s OCTETS] [-w MS] ADDRESS:PORT DIRECTORY
 *
 * An SMTP server for tests that does what it is told, and is strict about the rest: a MAIL in
 * a transaction, a RCPT or DATA outside of one is 503, and BDAT's octets are always taken.
 *
 *   -e  EHLO offers this; without any, only HELO's services
 *   -r  "GLOB=>ACTION" or "N/GLOB=>ACTION": what to do at the events that match GLOB, or only
 *       at the Nth of a connection.  Events are CONNECT, each command line, and CONTENT (all of
 *       a message has come).  ACTION is a reply ("\n" parts its lines), "drop", or "mute"; "early REPLY" to BDAT comes
 *       a second before its octets are read.
 *   -d  drop the connection when so many octets of content have come
 *   -s  size of the socket's buffers
 *   -w  wait so long before each turn to read, as on a long link
 *
 * DIRECTORY/log has a line for each event: connect, "C command", "S reply", "early" (the client
 * did not wait where it must), "turn" (replies sent, now reading), end.  Each begins with the
 * connection's process id.  Messages are DIRECTORY/msg.PID.N, octet for octet.  The file
 * DIRECTORY/listening is made when it listens.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define RULES_MAX 16
#define LINE_LEN 8192

typedef struct rule
{
  unsigned int nth;
  unsigned int seen;
  char glob[256];
  char const *action;
} rule;

static struct
{
  char const *extensions[RULES_MAX];
  int extensions_len;
  rule rules[RULES_MAX];
  int rules_len;
  long drop_after;
  int buffers;
  int wait_ms;
} options = { .drop_after = -1 };

/* One connection's; each has a process of its own. */
static int fd;
static int log_fd;
static char in[65536];
static size_t in_pos, in_len;
static char out[1 << 20];
static size_t out_len;
static int in_mail, recipients, pipelining;
static int message_fd = -1, messages;
static long content_len;

static void die(char const *what)
{
  fprintf(stderr, "smtp-sink: fatal: unable to %s: %s\n", what, strerror(errno));
  exit(111);
}

static void logs(char const *event, char const *text)
{
  char line[LINE_LEN + 100];
  int n = snprintf(line, sizeof line, "%ld %s%s%s\n", (long)getpid(), event, *text ? " " : "", text);
  if (n >= (int)sizeof line) n = (int)sizeof line - 1;
  if (write(log_fd, line, (size_t)n) == -1) die("write the log");
}

static void finish(void)
{
  logs("end", "");
  _exit(0);
}

/* --- octets ------------------------------------------------------------------------- */

static void flush(void)
{
  size_t done = 0;
  while (done < out_len)
  {
    ssize_t n = write(fd, out + done, out_len - done);
    if (n <= 0) finish();
    done += (size_t)n;
  }
  out_len = 0;
}

static void refill(void)
{
  ssize_t n;
  if (out_len)
  {
    flush();
    logs("turn", "");
    if (options.wait_ms) poll(0, 0, options.wait_ms);
  }
  n = read(fd, in, sizeof in);
  if (n <= 0) finish();
  in_pos = 0;
  in_len = (size_t)n;
}

static int get(void)
{
  if (in_pos == in_len) refill();
  return (unsigned char)in[in_pos++];
}

static int more_has_come(void)
{
  struct pollfd p = { .fd = fd, .events = POLLIN };
  return in_pos < in_len || poll(&p, 1, 0) == 1;
}

static void reply(char const *text)
{
  for (;;)
  {
    char line[LINE_LEN];
    char const *end = strstr(text, "\\n");
    int n = snprintf(line, sizeof line, "%.*s", end ? (int)(end - text) : (int)strlen(text), text);
    logs("S", line);
    if (out_len + (size_t)n + 2 > sizeof out) flush();
    memcpy(out + out_len, line, (size_t)n);
    memcpy(out + out_len + n, "\r\n", 2);
    out_len += (size_t)n + 2;
    if (!end) return;
    text = end + 2;
  }
}

/* --- rules --------------------------------------------------------------------------- */

static void mute(void)
{
  char drain[65536];
  flush();
  logs("mute", "");
  while (read(fd, drain, sizeof drain) > 0);
  finish();
}

/* The reply to an event by the rules, else NULL. */
static char const *ruled(char const *event)
{
  int i;
  for (i = 0; i < options.rules_len; i++)
  {
    rule *r = &options.rules[i];
    if (fnmatch(r->glob, event, FNM_CASEFOLD)) continue;
    r->seen++;
    if (r->nth && r->seen != r->nth) continue;
    if (!strcmp(r->action, "drop"))
    {
      flush();
      finish();
    }
    if (!strcmp(r->action, "mute")) mute();
    return r->action;
  }
  return 0;
}

/* Reply by the rules, or else so.  Is it positive? */
static int answer(char const *event, char const *otherwise)
{
  char const *text = ruled(event);
  if (!text) text = otherwise;
  reply(text);
  return text[0] == '2' || text[0] == '3';
}

/* --- content ------------------------------------------------------------------------- */

static void message_open(void)
{
  char name[64];
  snprintf(name, sizeof name, "msg.%ld.%d", (long)getpid(), ++messages);
  message_fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  if (message_fd == -1) die("create a message");
}

static void message_put(char const *s, size_t n)
{
  content_len += (long)n;
  if (options.drop_after >= 0 && content_len >= options.drop_after) finish();
  if (message_fd != -1 && write(message_fd, s, n) != (ssize_t)n) die("write a message");
}

static void message_close(int keep)
{
  char name[64];
  close(message_fd);
  message_fd = -1;
  snprintf(name, sizeof name, "msg.%ld.%d", (long)getpid(), messages);
  if (!keep) unlink(name);
}

static void content_end(void)
{
  char text[64];
  int keep;
  snprintf(text, sizeof text, "%ld", content_len);
  logs("content", text);
  keep = answer("CONTENT", "250 2.0.0 ok");
  message_close(keep && recipients);
  in_mail = recipients = 0;
}

/* DATA's octets up to CRLF.CRLF, a line at a time. */
static void data_take(void)
{
  static char line[1 << 16];
  size_t n = 0;
  int begins = 1, last = 0;
  content_len = 0;
  message_open();
  for (;;)
  {
    int c = get();
    line[n++] = (char)c;
    if (!(last == '\r' && c == '\n') && n < sizeof line)
    {
      last = c;
      continue;
    }
    if (begins && n == 3 && line[0] == '.') break;
    if (begins && line[0] == '.') message_put(line + 1, n - 1);
    else message_put(line, n);
    begins = last == '\r' && c == '\n';
    last = c;
    n = 0;
  }
  content_end();
}

static void bdat(char const *line)
{
  long left = atol(line + 5);
  int last = strcasestr(line, " LAST") != 0;
  int good = in_mail && recipients;
  char const *text = ruled(line);
  int early = text && !strncmp(text, "early ", 6);
  content_len = 0;
  if (early) reply(text + 6);
  if (early) flush();
  if (early) poll(0, 0, 1000);
  if (good && !text) message_open();
  while (left > 0)
  {
    size_t n;
    if (in_pos == in_len) refill();
    n = in_len - in_pos < (size_t)left ? in_len - in_pos : (size_t)left;
    message_put(in + in_pos, n);
    in_pos += n;
    left -= (long)n;
  }
  if (early) return;
  if (text) reply(text);
  else if (!in_mail) reply("503 5.5.1 no MAIL");
  else if (!recipients) reply("554 5.5.1 no valid recipients");
  else if (last) content_end();
  else reply("250 2.0.0 chunk");
}

/* --- commands ------------------------------------------------------------------------ */

static void ehlo(char const *line)
{
  int i;
  char text[300];
  char const *by_rule = ruled(line);
  if (by_rule)
  {
    reply(by_rule);
    return;
  }
  in_mail = recipients = 0;
  reply(options.extensions_len ? "250-sink.example" : "250 sink.example");
  for (i = 0; i < options.extensions_len; i++)
  {
    snprintf(text, sizeof text, "250%c%s", i + 1 < options.extensions_len ? '-' : ' ', options.extensions[i]);
    reply(text);
    if (!strcmp(options.extensions[i], "PIPELINING")) pipelining = 1;
  }
}

static void data(char const *line)
{
  if (more_has_come()) logs("early", line);
  if (!in_mail) reply("503 5.5.1 no MAIL");
  else if (!recipients && !ruled(line)) reply("554 5.5.1 no valid recipients");
  else if (answer(line, "354 go on")) data_take();
}

static void mail(char const *line)
{
  if (in_mail) reply("503 5.5.1 nested MAIL");
  else if (answer(line, "250 2.1.0 ok")) in_mail = 1;
}

static void rcpt(char const *line)
{
  if (!in_mail) reply("503 5.5.1 no MAIL");
  else if (answer(line, "250 2.1.5 ok")) recipients++;
}

static void command(char const *line)
{
  logs("C", line);
  if (!strncasecmp(line, "BDAT ", 5))
  {
    bdat(line);
    return;
  }
  if (!pipelining && more_has_come()) logs("early", line);
  if (!strncasecmp(line, "EHLO ", 5)) ehlo(line);
  else if (!strncasecmp(line, "MAIL ", 5)) mail(line);
  else if (!strncasecmp(line, "RCPT ", 5)) rcpt(line);
  else if (!strcasecmp(line, "DATA")) data(line);
  else if (!strcasecmp(line, "RSET"))
  {
    in_mail = recipients = 0;
    answer(line, "250 2.0.0 ok");
  }
  else if (!strcasecmp(line, "QUIT"))
  {
    answer(line, "221 2.0.0 bye");
    flush();
    finish();
  }
  else answer(line, strncasecmp(line, "HELO ", 5) ? "502 5.5.2 what" : "250 sink.example");
}

static void serve(void)
{
  char line[LINE_LEN];
  logs("connect", "");
  answer("CONNECT", "220 sink.example ESMTP");
  for (;;)
  {
    size_t n = 0;
    int c;
    while ((c = get()) != '\n') if (n < sizeof line - 1) line[n++] = (char)c;
    if (n && line[n - 1] == '\r') n--;
    line[n] = 0;
    command(line);
  }
}

/* --- start --------------------------------------------------------------------------- */

static void rule_add(char *text)
{
  rule *r = &options.rules[options.rules_len++];
  char *arrow = strstr(text, "=>");
  char *rest;
  unsigned long nth = strtoul(text, &rest, 10);
  if (!arrow || options.rules_len == RULES_MAX) exit(100);
  if (nth && *rest == '/')
  {
    r->nth = (unsigned int)nth;
    text = rest + 1;
  }
  snprintf(r->glob, sizeof r->glob, "%.*s", (int)(arrow - text), text);
  r->action = arrow + 2;
}

static int listen_at(char const *where)
{
  struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
  struct sockaddr_in v4 = { .sin_family = AF_INET };
  char const *colon = strrchr(where, ':');
  char host[64];
  int one = 1, is4, s;
  if (!colon) exit(100);
  snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
  v4.sin_port = v6.sin6_port = htons((unsigned short)atoi(colon + 1));
  is4 = inet_pton(AF_INET, host, &v4.sin_addr) == 1;
  if (!is4 && inet_pton(AF_INET6, host, &v6.sin6_addr) != 1) exit(100);
  s = socket(is4 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (options.buffers)
  {
    setsockopt(s, SOL_SOCKET, SO_RCVBUF, &options.buffers, sizeof options.buffers);
    setsockopt(s, SOL_SOCKET, SO_SNDBUF, &options.buffers, sizeof options.buffers);
  }
  if (bind(s, is4 ? (void *)&v4 : (void *)&v6, is4 ? sizeof v4 : sizeof v6) == -1) die("bind");
  if (listen(s, 100) == -1) die("listen");
  return s;
}

static void options_read(int argc, char **argv)
{
  int c;
  while ((c = getopt(argc, argv, "e:r:d:s:w:")) != -1)
    switch (c)
    {
      case 'e': options.extensions[options.extensions_len++] = optarg; break;
      case 'r': rule_add(optarg); break;
      case 'd': options.drop_after = atol(optarg); break;
      case 's': options.buffers = atoi(optarg); break;
      case 'w': options.wait_ms = atoi(optarg); break;
      default: exit(100);
    }
  if (argc - optind != 2) exit(100);
}

int main(int argc, char **argv)
{
  int s;
  options_read(argc, argv);
  if (chdir(argv[optind + 1]) == -1) die("enter the directory");
  log_fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (log_fd == -1) die("open the log");
  signal(SIGCHLD, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  s = listen_at(argv[optind]);
  close(open("listening", O_WRONLY | O_CREAT, 0600));
  for (;;)
  {
    fd = accept(s, 0, 0);
    if (fd == -1) continue;
    if (!fork())
    {
      close(s);
      serve();
    }
    close(fd);
  }
}
