/*
 * load [OPTION...] ADDRESS:PORT: many SMTP sessions that send as fast as the server answers.
 *
 *   -s SESSIONS   at the same time; default 1
 *   -n MESSAGES   in all; default 1
 *   -z OCTETS     of a message, header fields included; default 4096
 *   -t RECIPIENT  as often as wanted; %d in it is the message's number; default user%d@parked.example
 *   -1            a connection for each message; else each session keeps its own to the end
 *   -p            MAIL, RCPT and DATA in one packet (PIPELINING); else each waits for the last reply
 *   -T            inside TLS, by STARTTLS; no session is resumed
 *   -w SECONDS    gives up then; default 300
 *
 * Prints one line, words in pairs: messages taken, refused, connections, seconds from the first
 * connection to the last reply, and of one message's time, from MAIL (or, with -1, from the
 * connection) to the reply to its content, microseconds at 50 %, 99 % and the most.
 * Exits 1 when a message was not taken, 111 when it gave up.
 */

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream.h"

#define RECIPIENTS_MAX 64
#define REPLY_MAX 4096
#define COMMANDS_MAX 16384

enum step { GREETING, HELO, STARTTLS, HANDSHAKE, ENVELOPE, CONTENT, GOODBYE };

typedef struct session
{
  stream stream;
  enum step step;
  unsigned int command;  /* of the envelope: the next to be sent */
  unsigned int answers;  /* replies still expected in this step */
  int good;              /* all of the envelope was taken so far */
  unsigned long number;  /* the message */
  int64_t began_us;
  char in[REPLY_MAX];
  size_t in_len;
  char commands[COMMANDS_MAX];
  size_t ends[RECIPIENTS_MAX + 2]; /* of each command */
} session;

static struct
{
  unsigned int sessions;
  unsigned long messages;
  size_t octets;
  char const *recipients[RECIPIENTS_MAX];
  unsigned int recipients_len;
  int connection_each;
  int pipelining;
  SSL_CTX *tls;
  int give_up_s;
  struct sockaddr_in where;
} options = { .sessions = 1, .messages = 1, .octets = 4096, .give_up_s = 300 };

static int epoll;
static char *content;   /* of every message, the dot at its end included */
static size_t content_len, number_at;
static int32_t *times_us;
static unsigned long begun, taken, refused, connections;
static unsigned int open_sessions;

/* --- what is sent -------------------------------------------------------------------- */

static void content_make(void)
{
  static char const head[] =
    "Received: from desk.elsewhere.example ([192.0.2.7]) by out.elsewhere.example;\r\n"
    "\tFri, 21 Nov 2025 12:00:00 +0000\r\n"
    "From: Somebody <somebody@elsewhere.example>\r\n"
    "To: A Customer <customer@parked.example>\r\n"
    "Date: Fri, 21 Nov 2025 12:00:00 +0000\r\n"
    "Subject: a message of the load\r\n"
    "Message-ID: <000000000000.load@elsewhere.example>\r\n"
    "\r\n";
  size_t i;
  content = malloc(options.octets + sizeof head + 3);
  if (!content) die("have memory");
  memcpy(content, head, sizeof head - 1);
  number_at = (size_t)(strstr(head, "000000000000.load") - head);
  for (i = sizeof head - 1; i + 2 < options.octets; i++)
    content[i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : (char)('a' + i * 7 % 26);
  if (content[i - 1] == '\r') content[i - 1] = 'x';
  memcpy(content + i, "\r\n.\r\n", 5);
  content_len = i + 5;
}

static int put(session *s, char const *octets, size_t len)
{
  return stream_send(&s->stream, octets, len);
}

static int content_put(session *s)
{
  char number[13];
  snprintf(number, sizeof number, "%012lu", s->number);
  memcpy(content + number_at, number, 12);
  return put(s, content, content_len);
}

static void command_add(session *s, unsigned int i, char const *text)
{
  size_t at = i ? s->ends[i - 1] : 0;
  char const *mark = strstr(text, "%d");
  int n;
  if (i && mark) n = snprintf(s->commands + at, COMMANDS_MAX - at, "RCPT TO:<%.*s%lu%s>\r\n",
                              (int)(mark - text), text, s->number, mark + 2);
  else n = snprintf(s->commands + at, COMMANDS_MAX - at, i ? "RCPT TO:<%s>\r\n" : "%s\r\n", text);
  s->ends[i] = at + (size_t)n;
}

static unsigned int commands(void) { return options.recipients_len + 2; }

static void envelope_make(session *s)
{
  unsigned int i;
  command_add(s, 0, "MAIL FROM:<somebody@elsewhere.example>");
  for (i = 0; i < options.recipients_len; i++) command_add(s, i + 1, options.recipients[i]);
  memcpy(s->commands + s->ends[i], "DATA\r\n", 6);
  s->ends[i + 1] = s->ends[i] + 6;
}

/* The next command of the envelope, or all of them. */
static int envelope_put(session *s)
{
  unsigned int last = options.pipelining ? commands() - 1 : s->command;
  size_t from = s->command ? s->ends[s->command - 1] : 0;
  int sent = put(s, s->commands + from, s->ends[last] - from);
  s->answers = last + 1 - s->command;
  s->command = last + 1;
  return sent;
}

/* --- sessions ------------------------------------------------------------------------ */

static void begin(session *s)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };
  int one = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) die("make a socket");
  s->stream = (stream){ .fd = fd };
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  s->began_us = now_us();
  if (connect(fd, (struct sockaddr *)&options.where, sizeof options.where) == -1) die("connect");
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1) die("watch a socket");
  s->step = GREETING;
  s->answers = 1;
  s->in_len = 0;
  connections++;
  open_sessions++;
}

static void end(session *s)
{
  stream_close(&s->stream);
  open_sessions--;
  if (options.connection_each && connections < options.messages) begin(s);
}

static int goodbye(session *s)
{
  s->step = GOODBYE;
  s->answers = 1;
  return put(s, "QUIT\r\n", 6);
}

static int next_message(session *s)
{
  if (begun == options.messages) return goodbye(s);
  s->number = ++begun;
  if (!options.connection_each) s->began_us = now_us();
  s->step = ENVELOPE;
  s->command = 0;
  s->good = 1;
  envelope_make(s);
  return envelope_put(s);
}

static int message_end(session *s, int good)
{
  if (good) times_us[taken++] = (int32_t)(now_us() - s->began_us);
  else refused++;
  return options.connection_each ? goodbye(s) : next_message(s);
}

static int envelope_end(session *s)
{
  if (!s->good) return message_end(s, 0);
  s->step = CONTENT;
  s->answers = 1;
  return content_put(s);
}

static int hello(session *s)
{
  s->step = HELO;
  s->answers = 1;
  return put(s, "EHLO load.example\r\n", 19);
}

static int starttls(session *s)
{
  s->step = STARTTLS;
  s->answers = 1;
  return put(s, "STARTTLS\r\n", 10);
}

/* Hands are shaken, or there is more to come: 1.  0: the session is over. */
static int secured(session *s, int shaken)
{
  s->step = HANDSHAKE;
  return shaken < 1 ? shaken == 0 : hello(s);
}

/* A whole reply has come.  0: the session is over. */
static int reply(session *s, int code)
{
  if (s->step == ENVELOPE && code / 100 != 2 && code != 354) s->good = 0;
  if (--s->answers) return 1;
  switch (s->step)
  {
    case GREETING: return code == 220 && hello(s);
    case HELO: return options.tls && !s->stream.ssl ? starttls(s) : next_message(s);
    case STARTTLS: return code == 220 && secured(s, stream_secure(&s->stream, options.tls, 0));
    case HANDSHAKE: return 0;
    case ENVELOPE:
      if (!s->good) return message_end(s, 0);
      return s->command < commands() ? envelope_put(s) : envelope_end(s);
    case CONTENT: return message_end(s, code / 100 == 2);
    case GOODBYE: return 0;
  }
  return 0;
}

/* Each whole line that has come. */
static int lines(session *s)
{
  char *line = s->in;
  char *lf;
  int going = 1;
  while (going && (lf = memchr(line, '\n', s->in_len - (size_t)(line - s->in))))
  {
    int last = lf - line > 3 && line[3] != '-';
    if (last) going = reply(s, atoi(line));
    line = lf + 1;
  }
  s->in_len -= (size_t)(line - s->in);
  memmove(s->in, line, s->in_len);
  return going;
}

/* Takes what has come.  0: the session is over. */
static int take(session *s)
{
  ssize_t n;
  do
  {
    n = stream_receive(&s->stream, s->in + s->in_len, sizeof s->in - s->in_len);
    if (n > 0) s->in_len += (size_t)n;
    if (n > 0 && !lines(s)) return 0;
  } while (n > 0 && s->stream.ssl && !s->stream.shaking);
  if (!n && s->step != GOODBYE) refused++; /* the connection was lost */
  return n != 0;
}

static void turn(session *s)
{
  if (!(s->step == HANDSHAKE ? secured(s, stream_shake(&s->stream)) : take(s))) end(s);
}

static void run(int64_t until_us)
{
  struct epoll_event events[256];
  while (open_sessions)
  {
    int i, n = epoll_wait(epoll, events, 256, 1000);
    for (i = 0; i < n; i++) turn(events[i].data.ptr);
    if (now_us() > until_us) return;
  }
}

/* --- start and end ------------------------------------------------------------------- */

static int compare(void const *a, void const *b)
{
  int32_t x = *(int32_t const *)a, y = *(int32_t const *)b;
  return x < y ? -1 : x > y;
}

static long at(unsigned int percent)
{
  unsigned long i = taken * percent / 100;
  return taken ? times_us[i < taken ? i : taken - 1] : 0;
}

static int report(int64_t us)
{
  qsort(times_us, taken, sizeof *times_us, compare);
  printf("messages %lu refused %lu connections %lu seconds %.6f p50 %ld p99 %ld max %ld\n",
    taken, refused, connections, (double)us / 1e6, at(50), at(99), at(100));
  if (open_sessions) fprintf(stderr, "load: gave up after %d s\n", options.give_up_s);
  return open_sessions ? 111 : taken == options.messages ? 0 : 1;
}

static void options_read(int argc, char **argv)
{
  int c;
  while ((c = getopt(argc, argv, "s:n:z:t:1pTw:")) != -1)
    switch (c)
    {
      case 's': options.sessions = (unsigned int)atoi(optarg); break;
      case 'n': options.messages = strtoul(optarg, 0, 10); break;
      case 'z': options.octets = strtoul(optarg, 0, 10); break;
      case 't':
        if (options.recipients_len == RECIPIENTS_MAX) exit(100);
        options.recipients[options.recipients_len++] = optarg;
        break;
      case '1': options.connection_each = 1; break;
      case 'p': options.pipelining = 1; break;
      case 'T': options.tls = stream_client(); break;
      case 'w': options.give_up_s = atoi(optarg); break;
      default: exit(100);
    }
  if (argc - optind != 1 || !options.messages || options.octets < 512) exit(100);
  if (!options.recipients_len) options.recipients[options.recipients_len++] = "user%d@parked.example";
  if (options.sessions > options.messages) options.sessions = (unsigned int)options.messages;
  options.where = address_of(argv[optind]);
}

int main(int argc, char **argv)
{
  session *sessions;
  int64_t began;
  unsigned int i;
  options_read(argc, argv);
  content_make();
  times_us = malloc(options.messages * sizeof *times_us);
  sessions = calloc(options.sessions, sizeof *sessions);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (!times_us || !sessions || epoll == -1) die("begin");
  began = now_us();
  for (i = 0; i < options.sessions; i++) begin(sessions + i);
  run(began + (int64_t)options.give_up_s * 1000000);
  return report(now_us() - began);
}
